"""Requests of the platform's passport: sign-in by a code, and renewal. Pure.

The requests go to ``endpoints.passport``; their cookies, and those of the answers, belong to
:data:`URL`, which is the platform's own address.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from gateway.http_messages import HttpRequest
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import (
    FORM,
    PASSPORT,
    SITE,
    Endpoints,
    browser_headers,
    platform_of,
    with_cookie,
)
from gateway.platforms.goofish.passport_answers import Code
from gateway.platforms.goofish.requests import BROWSER

URL = f"{PASSPORT}/newlogin/"
"""The platform's own address, by which the cookies are kept."""

_NAMES = {"appName": "xianyu", "fromSite": "77"}
_USUAL = {
    **_NAMES,
    "appEntrance": "web",
    "umidToken": "",
    "bizParams": "",
    "mainPage": "false",
    "isMobile": "false",
    "lang": "zh_CN",
    "returnUrl": "",
}
_JSON = "application/json, text/plain, */*"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, from what browser, and where.

    Attributes:
        jar: Cookies sent along.
        endpoints: Where requests go.
        now_ms: Unix time.
        user_agent: None: the one the messages use.
    """

    jar: Jar
    endpoints: Endpoints
    now_ms: int
    user_agent: str | None = None

    def cookie(self, name: str) -> str:
        """Return the value of a cookie that would be sent; empty: none would."""
        return self.jar.value(name, URL, self.now_ms) or ""

    def headers(self, **differing: str) -> dict[str, str]:
        """Return the headers of a script on the sign-in page, but for some."""
        usual = {"accept": _JSON, "referer": f"{PASSPORT}/mini_login.htm", "site": "same-origin"}
        headers = browser_headers(self.user_agent, **(usual | differing))
        return with_cookie(headers, self.jar.header(URL, self.now_ms))


def page_request(caller: Caller, draw: float) -> HttpRequest:
    """Return the request of the sign-in page; ``draw`` is a random number from 0 to 1."""
    query = {
        "lang": "zh_cn",
        "appName": "xianyu",
        "appEntrance": "web",
        "styleType": "vertical",
        "bizParams": "",
        "notLoadSsoView": "false",
        "notKeepLogin": "false",
        "isMobile": "false",
        "qrCodeFirst": "false",
        "stie": "77",
        "rnd": f"{draw}",
    }
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    headers = caller.headers(accept=accept, referer=f"{SITE}/", site="same-site")
    # A page that is shown is asked for without an origin.
    del headers["origin"]
    return HttpRequest(
        method="GET",
        url=f"{caller.endpoints.passport}/mini_login.htm?{urlencode(query)}",
        headers=headers | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    )


def generate_request(caller: Caller, form: Mapping[str, str]) -> HttpRequest:
    """Return the request of a code; ``form`` is what the sign-in page holds."""
    query = urlencode(_fields(caller, form))
    return HttpRequest(
        method="GET",
        url=f"{caller.endpoints.passport}/newlogin/qrcode/generate.do?{query}",
        headers=caller.headers(),
    )


def query_request(caller: Caller, form: Mapping[str, str], code: Code) -> HttpRequest:
    """Return the request that looks what became of a code."""
    fields = _asked(caller, form, "qrcode") | {"t": code.t, "ck": code.ck}
    return _post(caller, "/newlogin/qrcode/query.do", _NAMES, fields)


def claim_request(caller: Caller, token: str) -> HttpRequest:
    """Return the request that takes the login a confirmed code gives a token for."""
    query = {
        "token": token,
        "subFlow": "DIALOG_CHECK_LOGIN_RPC",
        "nextCode": "0018",
        "bizScene": "qrcode",
        "confirm": "true",
    }
    return _post(caller, "/login_token/login.do", query, {"deviceId": caller.cookie("cna")})


def settings_request(caller: Caller) -> HttpRequest:
    """Return the request that asks to stay signed in."""
    query = {**_NAMES, "bizEntrance": "web"}
    return _post(caller, "/ac/account/setLoginSettings.do", query, {"status": "0"})


def has_login_request(caller: Caller) -> HttpRequest:
    """Return the request that renews the cookies of a session that still holds."""
    login = {"hid": caller.jar.user_id or "", "ltl": "true"}
    fields = _asked(caller, {}, "hasLogin") | login
    return _post(caller, "/newlogin/hasLogin.do", _NAMES, fields)


def silent_request(caller: Caller, *, has_long_login: bool) -> HttpRequest:
    """Return the request of a session out of the long login, without a person."""
    mode = {"ltl": "true"} if has_long_login else {"skipSessionFilter": "true", "c2r": "true"}
    query = {
        "documentReferer": f"{SITE}/im",
        "appName": "xianyu",
        "appEntrance": "xianyu_sdkSilent",
        "fromSite": "0",
        **mode,
    }
    return HttpRequest(
        method="POST",
        url=f"{caller.endpoints.passport}/newlogin/silentHasLogin.do?{urlencode(query)}",
        headers=caller.headers(referer=f"{SITE}/im", site="same-site"),
        body=b"",
    )


def _fields(caller: Caller, form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that each call of the sign-in has, those of its page among them."""
    mine = {"umidTag": "SERVER"}
    for field, cookie in (("_csrf_token", "XSRF-TOKEN"), ("hsiz", "cookie2")):
        mine[field] = caller.cookie(cookie) or form.get(field, "")
    return {**_USUAL, **form, **mine}


def _asked(caller: Caller, form: Mapping[str, str], view: str) -> dict[str, str]:
    """Return the fields of a call by the page's script in one of its views."""
    agent = caller.user_agent or BROWSER
    return _fields(caller, form) | {
        "navlanguage": "zh-CN",
        "navUserAgent": agent,
        "navPlatform": platform_of(agent),
        "isIframe": "true",
        "documentReferer": f"{SITE}/",
        "defaultView": view,
        "deviceId": caller.cookie("cna"),
    }


def _post(
    caller: Caller, path: str, query: Mapping[str, str], fields: Mapping[str, str]
) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=f"{caller.endpoints.passport}{path}?{urlencode(query)}",
        headers=caller.headers() | {"content-type": FORM},
        body=urlencode(fields).encode(),
    )
