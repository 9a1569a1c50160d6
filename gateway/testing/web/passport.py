"""The fake's passport face: QR sign-in, and the renewal of a login without a person."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.testing.platform.shop import WAIT_S
from gateway.testing.web.http import Reply, html_reply, json_reply
from gateway.testing.web.logins import LONG, MEMBER, XSRF, Login
from gateway.testing.web.scans import Code, Scan, Status
from gateway.testing.web.turns import Turn, World

_FINISHED: Final = 100
_CODE_LENGTH: Final = 126
_CODE_HEAD: Final = "https://passport.goofish.com/qrcodeCheck.htm?lgToken="
_CODE_TAIL: Final = "&_from=havana"
_CHECK_URL: Final = "https://passport.goofish.com/iv/mini/normal_validate.htm?htoken=demo0000"


class FakePassport:
    """``passport.goofish.com``. Made by :class:`FakeWeb`, as its ``passport``."""

    def __init__(self, world: World, lock: threading.Condition, url: Callable[[], str]) -> None:
        self._world = world
        self._lock = lock
        self._url = url
        self._codes: dict[str, Code] = {}
        self._expected: list[Scan] = []
        self._settings: set[int] = set()
        self._answers: dict[str, Callable[[Turn], Reply]] = {
            "mini_login.htm": self._mini_login,
            "eg.js": self._tracker,
            "generate.do": self._generate,
            "query.do": self._query,
            "login.do": self._login,
            "setLoginSettings.do": self._set_login_settings,
            "hasLogin.do": self._has_login,
            "silentHasLogin.do": self._silent_has_login,
        }

    @property
    def url(self) -> str:
        """What stands for ``https://passport.goofish.com`` if names are not resolved here."""
        return self._url()

    def scan(
        self,
        user_id: str,
        statuses: Sequence[Status] = ("NEW", "SCANED", "CONFIRMED"),
        *,
        automatic: bool = False,
    ) -> Scan:
        """Say what becomes of the next code, or of the one that waits for a word.

        Args:
            user_id: Who scans it; an account of :meth:`FakeWeb.seller`.
            statuses: What ``query.do`` answers, one after the other; the last stays.
            automatic: Each answer moves on; otherwise :meth:`Scan.next` does.

        Raises:
            LookupError: There is no such account.
        """
        with self._lock:
            if user_id not in self._world.members:
                raise LookupError(f"{user_id} is no account of the web side; seller() makes it one")
            scan = Scan(self._lock, user_id, statuses, automatic=automatic)
            waiting = [code for code in self._codes.values() if code.scan is None]
            if waiting:
                waiting[-1].scan = scan
            else:
                self._expected.append(scan)
            return scan

    def wait_code(self, number: int = 1, timeout_s: float = WAIT_S) -> None:
        """Wait until so many codes were made.

        Raises:
            TimeoutError: They were not.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._codes) >= number, timeout_s):
                raise TimeoutError(f"{len(self._codes)} codes were made, not {number}")

    # --- lock held ----------------------------------------------------------------

    def answer(self, turn: Turn) -> Reply:
        """Answer a call of the passport."""
        turn.rotate()
        answer = self._answers.get(turn.asked.api)
        return html_reply("<html>404</html>", status=404) if answer is None else answer(turn)

    def _mini_login(self, turn: Turn) -> Reply:
        turn.greet()
        turn.bring((XSRF,))
        fields = {
            "appName": "xianyu",
            "appEntrance": "web",
            "_csrf_token": _newest(turn.login, XSRF),
            "umidToken": _hex("umid", turn.call.number),
            "hsiz": _newest(turn.login, "cookie2"),
            "bizParams": "",
            "mainPage": False,
            "isMobile": False,
            "lang": "zh_CN",
            "returnUrl": "",
            "fromSite": 77,
            "umidTag": "SERVER",
        }
        data = msgspec.json.encode({"loginFormData": fields}).decode()
        return html_reply(
            f"<!doctype html><html><body><script>window.viewData = {data};</script></body></html>"
        )

    def _tracker(self, turn: Turn) -> Reply:
        if not turn.login.current("cna"):
            turn.bring(("cna",))
        return Reply(headers=[("Content-Type", "application/javascript")], body=b"/**/")

    def _generate(self, turn: Turn) -> Reply:
        query = turn.asked.query
        right = {"_csrf_token": XSRF, "hsiz": "cookie2"}
        wrong = [key for key, name in right.items() if query.get(key) != _newest(turn.login, name)]
        wrong += ["appName"] * (query.get("appName") != "xianyu")
        if wrong:
            detail = f"generate.do: wrong or missing: {', '.join(wrong)}"
            self._world.records.breach(turn.call, "bad_request", detail)
            return _error()
        code = Code(
            t=f"{turn.now_ms}",
            ck=_hex("ck", turn.call.number),
            login=turn.login,
            scan=self._expected.pop(0) if self._expected else None,
        )
        self._codes[code.ck] = code
        room = _CODE_LENGTH - len(_CODE_HEAD) - len(_CODE_TAIL)
        token = (_hex("lg", turn.call.number) * 2)[:room]
        return _content(
            {
                "t": turn.now_ms,
                "ck": code.ck,
                "codeContent": f"{_CODE_HEAD}{token}{_CODE_TAIL}",
                "resultCode": _FINISHED,
                "processFinished": True,
            }
        )

    def _query(self, turn: Turn) -> Reply:
        form = turn.asked.form
        code = self._codes.get(form.get("ck", ""))
        if code is None or form.get("t") != code.t or code.login is not turn.login:
            self._world.records.breach(turn.call, "bad_request", "query.do: t or ck is no code's")
            return _error()
        return self._status(turn, code, "NEW" if code.scan is None else code.scan.polled())

    def _status(self, turn: Turn, code: Code, status: Status) -> Reply:
        if status == "CONFIRMED" and code.scan is not None:
            turn.sign_in(code.scan.user_id, long=False)
        if status == "CONFIRMED_TOKEN":
            code.token = _hex("token", turn.call.number)
        if status == "HAS_ERROR":
            return _error()
        if status == "CHECK":
            # As it was seen: neither a result nor a status beside it.
            asked = {
                "qrCodeStatus": "CONFIRMED",
                "iframeRedirect": True,
                "iframeRedirectUrl": _CHECK_URL,
            }
            return json_reply({"content": {"data": asked, "success": True}, "hasError": False})
        finished = status in ("CONFIRMED", "CONFIRMED_TOKEN")
        data: dict[str, object] = {"qrCodeStatus": "CONFIRMED" if finished else status}
        if status == "BLANK":
            data.clear()
        if status == "CONFIRMED_TOKEN":
            data["token"] = code.token
        data |= {"resultCode": _FINISHED, "processFinished": finished}
        return _content(data)

    def _login(self, turn: Turn) -> Reply:
        token = turn.asked.query.get("token", "")
        for code in self._codes.values():
            if token and code.token == token and code.scan is not None:
                turn.sign_in(code.scan.user_id, long=False)
                return _content({"processFinished": True, "resultCode": _FINISHED})
        return _error()

    def _set_login_settings(self, turn: Turn) -> Reply:
        member = turn.member
        if member is None:
            return _error()
        if member.long_login:
            turn.bring(LONG)
        return json_reply({"content": {"success": True}, "hasError": False})

    def _has_login(self, turn: Turn) -> Reply:
        if turn.member is None:
            return _error()
        turn.bring(MEMBER)  # also of a login that is over: success here promises no token
        return _content({"processFinished": True, "resultCode": _FINISHED})

    def _silent_has_login(self, turn: Turn) -> Reply:
        member = turn.member
        if member is None or not member.long_login or not turn.carried(LONG[0]):
            return json_reply(
                {
                    "content": {"data": {"processFinished": False, "resultCode": 0}},
                    "hasError": False,
                }
            )
        turn.login.over = False
        turn.bring(("cookie2", *MEMBER))
        return _content({"processFinished": True, "resultCode": _FINISHED})


def _newest(login: Login, name: str) -> str:
    return next(iter(login.current(name)), "")


def _hex(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind}/{number}".encode()).hexdigest()[:32]


def _content(data: dict[str, object]) -> Reply:
    return json_reply({"content": {"data": data, "status": 0, "success": True}, "hasError": False})


def _error() -> Reply:
    return json_reply({"content": {}, "hasError": True})
