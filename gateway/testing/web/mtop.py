"""The fake's mtop face: the token call, the look at the login, and the upload.

It checks signs by itself and shares no code with the client that makes them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.testing.platform.accounts import Account
from gateway.testing.platform.answers import EXPIRED, WRONG_DEVICE
from gateway.testing.web.http import Reply, html_reply, json_reply
from gateway.testing.web.logins import SIGN
from gateway.testing.web.records import Grant
from gateway.testing.web.rules import RISK, TOKEN_API, Ret
from gateway.testing.web.turns import Turn, World

USER_API: Final = "mtop.taobao.idlemessage.pc.loginuser.get"
"""The look whether somebody is signed in."""

INDEX_API: Final = "mtop.gaia.nodejs.gaia.idle.data.gw.v2.index.get"
"""What a visitor calls for its first cookies."""

_APP_KEY: Final = "34839810"
_CHANNEL_KEY: Final = "444e9908a51d1cb236a27862abc769c9"
_CLOCK_MS: Final = 900_000
_TEXTS: Final[Mapping[str, str]] = {
    "SUCCESS": "调用成功",
    "FAIL_SYS_TOKEN_EMPTY": "令牌为空",
    "FAIL_SYS_TOKEN_EXOIRED": "令牌过期",
    "FAIL_SYS_TOKEN_ILLEGAL": "非法令牌",
    "FAIL_SYS_SESSION_EXPIRED": "Session过期",
    "FAIL_SYS_ILLEGAL_ACCESS": "非法请求",
    "FAIL_SYS_TRAFFIC_LIMIT": "哎哟喂,被挤爆啦,请稍后重试",
    "FAIL_SYS_REQUEST_EXPIRED": "请求过期",
    "FAIL_SYS_API_NOT_FOUNDED": "请求API不存在",
}
_BARE: Final = frozenset({"FAIL_SYS_USER_VALIDATE"})
_IS_SIGN = re.compile(r"[0-9a-f]{32}").fullmatch
_IS_MS = re.compile(r"\d{13}").fullmatch
_IS_DEVICE = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}-(\d+)").fullmatch
_QUERY: Final[Mapping[str, str]] = {
    "appKey": _APP_KEY,
    "v": "1.0",
    "type": "originaljson",
    "dataType": "json",
    "accountSite": "xianyu",
}


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    """What a token is asked for with."""

    appKey: str  # noqa: N815  # the platform's name
    deviceId: str  # noqa: N815


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was taken.

    Attributes:
        account: User id.
        digest: SHA-256 of it, in hex.
    """

    account: str
    file_name: str
    content_type: str
    size_bytes: int
    digest: str


class FakeMtop:
    """``h5api`` and ``stream-upload``. Made by :class:`FakeWeb`, as its ``mtop``."""

    def __init__(self, world: World, lock: threading.Condition, url: Callable[[], str]) -> None:
        self._world = world
        self._lock = lock
        self._url = url
        self._uploads: list[Upload] = []

    @property
    def url(self) -> str:
        """What stands for ``https://h5api.m.goofish.com`` if names are not resolved here."""
        return self._url()

    @property
    def uploads(self) -> list[Upload]:
        """The pictures that were taken, oldest first."""
        with self._lock:
            return list(self._uploads)

    @property
    def grants(self) -> list[Grant]:
        """The tokens that were given, oldest first, without themselves."""
        with self._lock:
            return list(self._world.records.grants)

    # --- lock held ----------------------------------------------------------------

    def answer(self, turn: Turn) -> Reply:
        """Answer a call of mtop."""
        turn.greet()
        turn.rotate()
        refused = self._refused(turn)
        if refused is not None:
            return self.said(turn, refused)
        if self._world.behaviour.rotation == "scopes":
            turn.renew_sign()
        match turn.asked.api:
            case name if name == TOKEN_API:
                return self._token(turn)
            case name if name in (USER_API, INDEX_API):
                return self.said(turn, Ret(codes=("SUCCESS",)))
            case _:
                return self.said(turn, Ret(codes=("FAIL_SYS_API_NOT_FOUNDED",)))

    def said(self, turn: Turn, ret: Ret) -> Reply:
        """Return an answer of these codes, with the cookies a refusal of the sign brings."""
        names = tuple(code.partition("::")[0] for code in ret.codes)
        if ret.cookies and any(name.startswith("FAIL_SYS_TOKEN_") for name in names):
            turn.renew_sign()
        if not ret.cookies:
            turn.lines.clear()
        body: dict[str, object] = {"api": turn.asked.api, "v": turn.asked.version or "1.0"}
        if names == ("SUCCESS",):
            digest = hashlib.sha256(f"trace/{turn.call.number}".encode()).hexdigest()
            body["traceId"] = digest[:30]
        body |= {"ret": [_told(code) for code in ret.codes], "data": ret.data}
        reply = json_reply(body, ret=names)
        reply.asks_person = "FAIL_SYS_USER_VALIDATE" in names or "RGV587_ERROR" in names
        return reply

    def upload(self, turn: Turn) -> Reply:
        """Take a picture; a login page is what somebody gets who is not signed in."""
        member = turn.member
        turn.rotate()
        if member is None or turn.login.over:
            return html_reply("<html><title>登录</title><body>passport</body></html>")
        files = [part for part in turn.asked.parts() if part.name == "file" and part.data]
        if len(files) != 1 or not files[0].content_type.startswith("image/"):
            self._bad(turn, "one part `file` with a type image/… is wanted")
            return json_reply({"success": False, "status": 400, "message": "file is empty"})
        data = files[0].data
        digest = hashlib.sha256(data).hexdigest()
        self._uploads.append(
            Upload(
                account=member.user_id,
                file_name=files[0].file_name,
                content_type=files[0].content_type,
                size_bytes=len(data),
                digest=digest,
            )
        )
        stored = {
            "url": f"https://img.example.invalid/imgextra/i1/{digest[:12]}.jpg",
            "pix": "1080x1440",
            "size": f"{len(data)}",
            "fileId": "0",
        }
        return json_reply({"object": stored, "success": True, "status": 200})

    # --- tokens at the registration -----------------------------------------------

    def judge(self, token: str, device_id: str, now_ms: int) -> Account | str | None:
        """Say whose token it is, or why it is not taken; None: it is none of these."""
        grant = self._world.granted.get(token)
        if grant is None:
            return None
        spent = grant.uses and self._world.behaviour.one_registration_per_token
        if spent or now_ms >= grant.until_ms:
            return EXPIRED
        if grant.device_id != device_id:
            return WRONG_DEVICE
        return self._world.members[grant.account].account

    def registered(self, token: str, now_ms: int) -> None:
        """Note that a token was registered with."""
        grant = self._world.granted.get(token)
        if grant is not None:
            grant.uses += 1
            if grant.registered_ms is None:
                grant.registered_ms = now_ms

    # --- inside -------------------------------------------------------------------

    def _bad(self, turn: Turn, detail: str) -> None:
        self._world.records.breach(turn.call, "bad_request", detail)

    def _refused(self, turn: Turn) -> Ret | None:
        """Return what stands in the way of a call, if anything does."""
        code = self._call_refused(turn)
        if code is not None:
            return Ret(codes=(code,))
        if turn.asked.api not in (TOKEN_API, USER_API):
            return None
        member = turn.member
        if member is None or turn.login.over or not turn.carried("cookie2"):
            return Ret(codes=("FAIL_SYS_SESSION_EXPIRED",))
        if member.captchas:
            member.captchas -= 1
            return RISK
        return None

    def _call_refused(self, turn: Turn) -> str | None:
        """Return the code for a call that is not made, timed or signed as it must be."""
        asked = turn.asked
        wrong = [name for name, value in _QUERY.items() if asked.query.get(name) != value]
        wrong += ["api"] * (asked.query.get("api") != asked.api)
        wrong += ["sign"] * (_IS_SIGN(asked.query.get("sign", "")) is None)
        wrong += ["t"] * (_IS_MS(asked.query.get("t", "")) is None)
        wrong += ["data"] * ("data" not in asked.form)
        if asked.method != "POST" or wrong:
            self._bad(turn, f"{asked.method}, wrong or missing: {', '.join(wrong) or 'nothing'}")
            return "FAIL_SYS_ILLEGAL_ACCESS"
        off_ms = abs(int(asked.query["t"]) - turn.now_ms)
        if self._world.behaviour.clock_offset_s and off_ms > _CLOCK_MS:
            return "FAIL_SYS_REQUEST_EXPIRED"
        return self._sign_refused(turn)

    def _sign_refused(self, turn: Turn) -> str | None:
        asked = turn.asked
        if not any(name == SIGN[0] for name, _ in asked.cookies):
            return "FAIL_SYS_TOKEN_EMPTY"
        carried = turn.carried(SIGN[0])
        if not carried or turn.now_ms >= turn.login.h5_until_ms:
            return "FAIL_SYS_TOKEN_EXOIRED"
        if not turn.carried(SIGN[1]):
            self._bad(turn, f"{SIGN[0]} came without its {SIGN[1]}")
            return "FAIL_SYS_TOKEN_ILLEGAL"
        right = [
            sign(value.partition("_")[0], asked.query["t"], asked.form["data"]) for value in carried
        ]
        if not any(hmac.compare_digest(one, asked.query["sign"]) for one in right):
            self._world.records.breach(turn.call, "bad_sign", "the sign is not that of the data")
            return "FAIL_SYS_ILLEGAL_ACCESS"
        return None

    def _token(self, turn: Turn) -> Reply:
        member, behaviour = turn.member, self._world.behaviour
        assert member is not None
        try:
            data = msgspec.json.decode(turn.asked.form["data"], type=_Data)
        except msgspec.MsgspecError:
            self._bad(turn, "data is not {appKey, deviceId}")
            return self.said(turn, Ret(codes=("FAIL_BIZ_PARAM_INVALID::参数错误",)))
        device = _IS_DEVICE(data.deviceId)
        if data.appKey != _CHANNEL_KEY or device is None or device[2] != member.user_id:
            self._bad(turn, "appKey or deviceId is not what the message channel wants")
        self._world.records.device(turn.call, data.deviceId)
        life_ms = round(behaviour.token_life_s * 1000)
        grant = turn.grant = Grant(
            account=member.user_id,
            device_id=data.deviceId,
            given_ms=turn.now_ms,
            until_ms=turn.now_ms + life_ms,
        )
        self._world.records.grants.append(grant)
        number = len(self._world.records.grants)
        digest = hashlib.sha256(f"token/{member.user_id}/{number}".encode()).hexdigest()
        # The page decodes it once before it registers; a client may, or not.
        for joint in ("%2B", "+"):
            self._world.granted[f"Zm9v{digest[:20]}{joint}{number:04d}AAAA"] = grant
        if behaviour.new_token_mutes_old_link:
            for session in member.account.sessions:
                session.muted = True
        told_s = behaviour.told_life_s
        answered = {
            "accessToken": f"Zm9v{digest[:20]}%2B{number:04d}AAAA",
            "refreshToken": f"cmVm{digest[20:40]}",
            "accessTokenExpiredTime": f"{life_ms if told_s is None else round(told_s * 1000)}",
        }
        return self.said(turn, Ret(codes=("SUCCESS",), data=answered))


def sign(token: str, t: str, data: str) -> str:
    """Return the sign of a call, in hex."""
    text = f"{token}&{t}&{_APP_KEY}&{data}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _told(code: str) -> str:
    if "::" in code or code in _BARE:
        return code
    return f"{code}::{_TEXTS.get(code, '系统错误')}"
