"""Rules that no type expresses: over several keys, URLs, names. Pure.

Each rule gives the place and what is wrong; one that concerns a pair of keys gives the
record they stand in.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterator

from actors.sections import ORDERED
from gateway.commands import page
from gateway.config import credential_rules, notifying, pasted, texts
from gateway.config.credential_rules import SHARED
from gateway.config.document import key_path
from gateway.config.findings import Finding, of_address
from gateway.config.problems import shown
from gateway.settings import (
    AccountSettings,
    HttpSettings,
    Record,
    Settings,
    addresses,
)
from gateway.settings.listen import MOST_PATH_BYTES, is_of_this_machine, parse_listen
from gateway.settings.paths import HOMELESS, is_homeless

_SECTIONS = [key.name for key in dataclasses.fields(AccountSettings)]
_LONGEST_ID = 64
_LONGEST_ADDRESS = 80
_BLANKS = frozenset({"Cc", "Zs"})

SHORTEST_TOKEN = 16
"""Fewest characters of ``http.token``: whoever guesses it reads every message and sends in your
name."""

_HANDSHAKE_HEADERS = re.compile(r"connection|upgrade|sec-websocket-.*", re.IGNORECASE)


def findings(
    settings: Settings, is_wrong: Callable[[str], bool] = lambda _: False
) -> Iterator[Finding]:
    """Yield everything that is wrong with settings whose types are right.

    Args:
        settings: What could be made of the file.
        is_wrong: Whether a key could not be read: what would follow from it is not told.
    """
    yield from _http(settings.http)
    if is_homeless(settings.data_dir):
        yield "data_dir", HOMELESS
    yield from _key_file(settings.credentials.key_file)
    if settings.log.file == "":
        yield "log.file", "is empty; name a file, or leave it out: then the lines go to stderr"
    if is_homeless(settings.log.file):
        yield "log.file", HOMELESS
    yield from notifying.findings(settings.notify)
    yield from _ids(settings.accounts)
    for index, account in enumerate(settings.accounts):
        yield from _account(account, key_path("accounts", index), is_wrong)
    # Last: what says more of a key comes first.
    yield from texts.unfit(settings)


def default_findings(given: object) -> Iterator[Finding]:
    """Yield what must not stand under ``defaults``, as read from the file."""
    if not isinstance(given, dict):
        return
    if "id" in given:
        yield "defaults.id", "belongs to one account; give each account its own"
    credentials = given.get("credentials")
    for key in credentials if isinstance(credentials, dict) else ():
        if key not in SHARED:
            where = key_path("defaults.credentials", key)
            yield where, "belongs to one account; a shared one would mix two accounts up"


def warnings(settings: Settings) -> Iterator[Finding]:
    """Yield what is allowed and hardly meant."""
    if not settings.accounts:
        yield "accounts", f"there is none yet; add one, see {page('config/example.yaml')}"
    users: dict[tuple[str, str], str] = {}
    for index, account in enumerate(settings.accounts):
        path = key_path("accounts", index)
        if not account.tls.verify:
            yield f"{path}.tls.verify", "is off: anybody on the way can read and write"
        user_id, cookie = account.credentials.user_id, account.credentials.cookie
        # Of kind goofish it may be pasted in any form; its account says what is wrong with it.
        kept = account.platform == "goofish" and account.credentials.kind == "static"
        if kept and cookie and not pasted.users_of(cookie):
            told = "there is no unb in it, so it is not of a user who is logged in"
            yield f"{path}.credentials.cookie", f"{told}; copy it from a page after the login"
        if user_id:
            first = users.setdefault((account.platform, user_id), path)
            if first != path:
                yield (
                    f"{path}.credentials.user_id",
                    f"is that of {first}, too; two links of one user throw each other out",
                )


def _http(http: HttpSettings) -> Iterator[Finding]:
    yield from _token("http.token", http.token or "")
    lesser = {"metrics_token": http.metrics_token, "viewer_token": http.viewer_token}
    for name, token in lesser.items():
        yield from _token(f"http.{name}", token or "")
        if token and not http.token:
            told = "protects nothing while anybody may ask without http.token"
            yield f"http.{name}", f"{told}; set that, too"
        elif token and token == http.token:
            yield f"http.{name}", "is http.token, which opens everything; take another"
    if http.viewer_token and http.viewer_token == http.metrics_token:
        yield "http.viewer_token", "is http.metrics_token, which opens metrics only; take another"
    if http.listen is None:
        return
    parsed = parse_listen(http.listen)
    if parsed is None:
        told = f"expected host:port, e.g. 127.0.0.1:8760, or unix:PATH (≤ {MOST_PATH_BYTES} bytes)"
        yield "http.listen", f"{told}, got {shown(http.listen)}"
    elif not http.token and not is_of_this_machine(parsed):
        listen = http.listen[-_LONGEST_ADDRESS:]
        told = f"is missing, and {listen} can be reached from other machines"
        yield "http.token", f"{told}; set a token of your own or listen on 127.0.0.1"


def _token(key: str, token: str) -> Iterator[Finding]:
    if token and len(token) < SHORTEST_TOKEN:
        told = f"has {len(token)} characters and can be guessed; at least {SHORTEST_TOKEN}"
        yield key, f"{told}, e.g. of: python3 -c 'import secrets; print(secrets.token_hex())'"
    elif not is_bearer(token):
        yield key, "holds blanks or letters that no header can carry; use a-z, A-Z, 0-9"


def is_bearer(token: str) -> bool:
    """Return whether a token can stand in a header: visible ASCII."""
    return all("!" <= each <= "~" for each in token)


def _key_file(path: str | None) -> Iterator[Finding]:
    if path == "":
        told = "is empty, and nothing would be sealed"
        yield "credentials.key_file", f"{told}; name the file of the key, or leave it out"
    if is_homeless(path):
        yield "credentials.key_file", HOMELESS


def _ids(accounts: tuple[AccountSettings, ...]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, account in enumerate(accounts):
        where = f"accounts[{index}].id"
        if account.id in first:
            told = f"{shown(account.id)} is the id of accounts[{first[account.id]}] already"
            yield where, f"{told}; each account needs its own"
        first.setdefault(account.id, index)
        if not 0 < len(account.id) <= _LONGEST_ID or _is_blank(account.id):
            yield where, f"expected 1 to {_LONGEST_ID} characters without spaces"
        elif unseen := pasted.unseen_in(account.id):
            told = f"there is a character in it that nobody sees ({unseen})"
            yield where, f"{told}; it stands in logs, so write it without"


def _is_blank(text: str) -> bool:
    """Return whether there is a space in a text, of any width, or a control character."""
    return " " in text or (
        not text.isprintable() and any(unicodedata.category(each) in _BLANKS for each in text)
    )


def _account(
    account: AccountSettings, path: str, is_wrong: Callable[[str], bool]
) -> Iterator[Finding]:
    if is_homeless(account.tls.ca_file):
        yield f"{path}.tls.ca_file", HOMELESS
    yield from of_address(addresses.parse_target, account.url, f"{path}.url")
    if account.proxy is not None:
        yield from of_address(addresses.parse_proxy, account.proxy, f"{path}.proxy")
    yield from _headers(account, path)
    if not credential_rules.is_unknown(account.credentials, path, is_wrong):
        yield from credential_rules.findings(account, f"{path}.credentials")
    for name in _SECTIONS:
        record: Record = getattr(account, name)
        for low, high in ORDERED.get(type(record), ()):
            if getattr(record, low) > getattr(record, high):
                yield (
                    f"{path}.{name}",
                    f"{low} ({getattr(record, low):g}) is above {high} ({getattr(record, high):g})",
                )


def _headers(account: AccountSettings, path: str) -> Iterator[Finding]:
    if pasted.BREAK.search(account.user_agent or ""):
        yield f"{path}.user_agent", "holds a line break; write it on one line"
    for name, value in account.headers.items():
        where = key_path(f"{path}.headers", name)
        if not addresses.is_header_name(name):
            yield where, "is no name of a header"
        elif _HANDSHAKE_HEADERS.fullmatch(name):
            yield where, "is written by the handshake itself; leave it out"
        elif name.lower() == "cookie":
            yield where, "belongs into credentials.cookie of the account"
        elif pasted.BREAK.search(value):
            yield where, "holds a line break; write it on one line"
