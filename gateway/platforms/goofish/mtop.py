"""Signed calls of the platform's HTTP gateway: the request of one, and its answer judged. Pure.

The request goes to ``endpoints.mtop``; its cookies, and those of the answer, belong to
:func:`url_of` the call, which is the platform's own address.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import verdicts
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import FORM, MTOP, Endpoints, browser_headers, with_cookie
from gateway.platforms.goofish.signing import MESSAGE_KEY, MTOP_KEY, sign, sign_token
from gateway.platforms.goofish.verdicts import Judged, Verdict

__all__ = [
    "Call",
    "Endpoints",
    "Judged",
    "Verdict",
    "judge",
    "login_user_call",
    "request",
    "signed_with",
    "token_call",
    "url_of",
    "visit_call",
]

SIGN_COOKIE = "_m_h5_tk"
_encode = msgspec.json.Encoder().encode


class Call(msgspec.Struct, frozen=True):
    """A call. ``repr`` shows its name only: the data may hold a device id.

    Attributes:
        api: Name of the api.
        version: Of the api, such as ``1.0``.
        data: Compact JSON, signed and sent byte for byte.
        needs_token: It asks for a token; an answer without one is no success.
    """

    api: str
    version: str
    data: str
    needs_token: bool = False

    def __repr__(self) -> str:
        """Show the name only."""
        return f"Call({self.api} {self.version})"

    __str__ = __repr__


def token_call(device_id: str) -> Call:
    """Return the call for an access token; ``device_id`` is the one that registers with it."""
    data = _encode({"appKey": MESSAGE_KEY, "deviceId": device_id}).decode()
    return Call("mtop.taobao.idlemessage.pc.login.token", "1.0", data, needs_token=True)


def login_user_call() -> Call:
    """Return the call that looks who is signed in; its answers renew cookies."""
    return Call("mtop.taobao.idlemessage.pc.loginuser.get", "1.0", "{}")


def visit_call() -> Call:
    """Return the call of a visitor's first page; its answers bring the first cookies."""
    return Call("mtop.gaia.nodejs.gaia.idle.data.gw.v2.index.get", "1.0", '{"bizScene":"home"}')


def url_of(call: Call) -> str:
    """Return the platform's own address of a call, by which its cookies are kept."""
    return f"{MTOP}{_path(call)}"


def signed_with(call: Call, jar: Jar, now_ms: int) -> str:
    """Return what a call is signed with; to sign again is of use only if it has changed."""
    return sign_token(jar.value(SIGN_COOKIE, url_of(call), now_ms))


def request(
    call: Call, jar: Jar, endpoints: Endpoints, now_ms: int, user_agent: str | None
) -> HttpRequest:
    """Return the request of a call.

    Args:
        call: What is asked.
        jar: Cookies of the account.
        endpoints: Where it goes.
        now_ms: Unix time as the platform has it, which is ours unless it refused ours.
        user_agent: None: the one the messages use.
    """
    query = {
        "jsv": "2.7.2",
        "appKey": MTOP_KEY,
        "t": f"{now_ms}",
        "sign": sign(signed_with(call, jar, now_ms), now_ms, MTOP_KEY, call.data),
        "v": call.version,
        "type": "originaljson",
        "accountSite": "xianyu",
        "dataType": "json",
        "timeout": "20000",
        "api": call.api,
        "sessionOption": "AutoLoginOnly",
        "spm_cnt": "a21ybx.im.0.0",
    }
    headers = browser_headers(user_agent, accept="application/json") | {"content-type": FORM}
    return HttpRequest(
        method="POST",
        url=f"{endpoints.mtop}{_path(call)}?{urlencode(query)}",
        headers=with_cookie(headers, jar.header(url_of(call), now_ms)),
        body=f"data={quote(call.data, safe='')}".encode(),
    )


def judge(answer: HttpAnswer, call: Call) -> Judged:
    """Return what an answer means; it reads any bytes and never raises."""
    return verdicts.judge(answer, needs_token=call.needs_token)


def _path(call: Call) -> str:
    return f"/h5/{call.api}/{call.version}/"
