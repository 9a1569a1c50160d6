"""The flat ``global_config.yml`` of older single-file clients, as today's keys. Pure.

Such a file holds one account in upper-case keys. What still means something is taken
over; for what does not, a note says what replaces it. Without a ``TOKEN`` the account is of
kind goofish, which asks for its token with the cookie, as the old clients did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.alike import nearest
from gateway.commands import command, page

MARKS = frozenset({
    "APP_CONFIG", "COOKIES", "HEARTBEAT_INTERVAL", "HEARTBEAT_TIMEOUT", "MESSAGE_EXPIRE_TIME",
    "TOKEN_REFRESH_INTERVAL", "TOKEN_RETRY_INTERVAL", "WEBSOCKET_HEADERS", "WEBSOCKET_URL",
})  # fmt: skip
"""Any of these at the top of a file makes it a flat one."""

ACCOUNT = "legacy"
DEFAULT_URL = "wss://wss-goofish.dingtalk.com/"

_ADDED = frozenset({"TOKEN", "DEVICE_ID", "USER_ID"})
_USER_COOKIE = "unb"
_OUR_HEADERS = frozenset({"connection", "upgrade", "host"})
_REPLACED = {
    "APP_CONFIG": "the application keys of the protocol are part of the platform",
    "TOKEN_REFRESH_INTERVAL": "renewal.early_share and late_share say when a token is renewed",
    "TOKEN_RETRY_INTERVAL": "a failed renewal waits as its reason asks, "
    f"see {page('docs/credentials.md')}",
}
_ELSEWHERE = {
    "API_ENDPOINTS": "no HTTP endpoint is called",
    "AUTO_REPLY": "replies are yours: @gw.on(ChatMessage), event.reply(…)",
    "DEFAULT_HEADERS": "they were for HTTP calls; the link has accounts[0].headers",
    "ITEM_DETAIL": "item details are yours to fetch, in a handler",
    "LOG_CONFIG": "log: {level, format}; lines go to stderr",
    "MANUAL_MODE": "gw.accounts.pause(…) and resume(…), or your handler decides",
}


def is_legacy(values: object) -> bool:
    """Return whether a file is a flat one."""
    return isinstance(values, Mapping) and not MARKS.isdisjoint(values)


def translate(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return today's mapping for a flat one.

    Returns:
        The mapping, with what is of the wrong type left for the reader to find, and notes
        for a person.
    """
    cookie = _cookie(values.get("COOKIES"))
    notes: list[str] = [
        f"a flat file of an older client; {command('check -c FILE')} shows it as today's"
    ]
    headers, user_agent = _headers(values, notes)
    token = values.get("TOKEN") or None
    credentials = {
        "kind": "static" if token else "goofish",
        "user_id": values.get("USER_ID") or _user_id(cookie),
        "device_id": values.get("DEVICE_ID") or None,
        "token": token,
        "cookie": cookie or None,
    }
    account: dict[str, Any] = {
        "id": ACCOUNT,
        "platform": "goofish",
        "enabled": bool(credentials["user_id"] and (token or cookie)),
        "url": values.get("WEBSOCKET_URL", DEFAULT_URL),
        "headers": headers,
        "user_agent": user_agent,
        "credentials": credentials,
        "heartbeat": _given(
            interval_s=values.get("HEARTBEAT_INTERVAL"),
            reply_timeout_s=values.get("HEARTBEAT_TIMEOUT"),
        ),
        "handlers": _given(expire_s=_seconds(values.get("MESSAGE_EXPIRE_TIME"), notes)),
    }
    notes += _missing(credentials)
    for key in values:
        if key in _REPLACED:
            notes.append(f"{key} is not needed any more: {_REPLACED[key]}")
        elif key in _ELSEWHERE:
            notes.append(f"{key} is not read: {_ELSEWHERE[key]}")
        elif key not in MARKS and key not in _ADDED:
            near = nearest(str(key), MARKS | _ADDED)
            notes.append(f"{key} is not known" + (f"; did you mean {near!r}?" if near else ""))
    return {"accounts": [account]}, notes


def _cookie(given: Any) -> Any:
    return given.get("value") if isinstance(given, Mapping) else given


def _user_id(cookie: Any) -> str | None:
    for part in str(cookie or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == _USER_COOKIE and value:
            return value
    return None


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _seconds(expire_ms: Any, notes: list[str]) -> Any:
    if not isinstance(expire_ms, (int, float)) or isinstance(expire_ms, bool):
        return expire_ms
    notes.append(
        "MESSAGE_EXPIRE_TIME became handlers.expire_s: an older message is stored and counted as "
        "expired, not handed to your handlers; send.expires_s does the same for replies"
    )
    try:
        return expire_ms / 1000
    except OverflowError:  # out of bounds either way; the reader says so
        return expire_ms


def _headers(values: Mapping[str, Any], notes: list[str]) -> tuple[Any, Any]:
    given = values.get("WEBSOCKET_HEADERS")
    if not isinstance(given, Mapping):
        return given, None
    headers: dict[str, Any] = {}
    user_agent = None
    for name, value in given.items():
        lower = str(name).lower()
        if lower == "user-agent":
            user_agent = value
        elif lower == "cookie":
            notes.append("the Cookie of WEBSOCKET_HEADERS is not read; put it into COOKIES.value")
        elif lower not in _OUR_HEADERS and not lower.startswith("sec-websocket-"):
            headers[str(name)] = value
        elif lower == "host" and value != _netloc(values.get("WEBSOCKET_URL")):
            notes.append("the Host of WEBSOCKET_HEADERS is not read; the URL's host is sent")
    return headers, user_agent


def _netloc(url: Any) -> str | None:
    try:
        return urlsplit(str(url)).netloc
    except ValueError:  # no URL at all; the reader says so
        return None


def _missing(credentials: Mapping[str, Any]) -> list[str]:
    notes = []
    if not credentials["token"]:
        notes.append(
            "no token: it is asked for with the cookie, and renewed, as the old client did (kind: "
            f"goofish, see {page('README.md')}, section `A real account`)"
        )
    if not credentials["user_id"]:
        notes.append(f"no user id: COOKIES.value has no {_USER_COOKIE}=…; add it or USER_ID")
    return notes
