"""What the web side saw, call by call, and which promises were broken. Lock held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.testing.platform.logbook import Breach
from gateway.testing.web.logins import Given, Login, Logins
from gateway.testing.web.rules import TOKEN_API, WebBehaviour

_BREACHES_KEPT: Final = 200
_HOUR_MS: Final = 3_600_000
_BESIDE: Final = frozenset({"upload.api"})
"""Calls that may go beside another one of the account."""


class WebCall(msgspec.Struct, kw_only=True, eq=False):
    """One call; it holds no value of a cookie, a query or a body.

    Attributes:
        number: Among all calls, from 1.
        api: Name of the mtop api, or the last part of the path.
        account: User id, if it is known whose call it is.
        at_ms: When it was whole, by the server's clock.
        cookies: Names of the cookies it carried, in order.
        status: Of the answer; None: there was none yet.
        ret: Codes in the answer.
        ended: It is over.
        whole: The whole answer left.
    """

    number: int
    api: str
    account: str | None
    at_ms: int
    cookies: tuple[str, ...] = ()
    status: int | None = None
    ret: tuple[str, ...] = ()
    ended: bool = False
    whole: bool = False


class Grant(msgspec.Struct, kw_only=True, eq=False):
    """A token that was given.

    Attributes:
        account: User id.
        device_id: The one it was asked for.
        given_ms: When.
        until_ms: When it is over.
        handed: The whole answer left.
        registered_ms: When it was registered with first; None: never.
        uses: How often.
    """

    account: str
    device_id: str
    given_ms: int
    until_ms: int
    handed: bool = False
    registered_ms: int | None = None
    uses: int = 0

    def __repr__(self) -> str:
        """Show whose it is and how often it was used."""
        return f"Grant({self.account}, uses={self.uses})"


class Records:
    """All calls, grants and breaches."""

    def __init__(self, behaviour: WebBehaviour, logins: Logins, now_ms: Callable[[], int]) -> None:
        self.calls: list[WebCall] = []
        self.grants: list[Grant] = []
        self.person_asked: set[str] = set()
        self._behaviour = behaviour
        self._logins = logins
        self._now_ms = now_ms
        self._breaches: deque[Breach] = deque(maxlen=_BREACHES_KEPT)
        self._devices: dict[str, str] = {}
        self._under_way: dict[str, list[WebCall]] = {}
        self._whose: dict[int, str] = {}
        self._asked_ms: dict[str, deque[int]] = {}

    def breach(self, call: WebCall, rule: str, detail: str) -> None:
        """Note a broken promise."""
        broken = Breach(rule=rule, account=call.account, connection=call.number, detail=detail)
        self._breaches.append(broken)

    def begin(self, call: WebCall, login: Login, cookies: list[Given]) -> None:
        """Take a call in, and judge what can be judged before it is answered."""
        account = call.account
        self.calls.append(call)
        self._judge_cookies(call, login, cookies)
        if account is None:
            return
        if call.api not in _BESIDE:
            under_way = self._under_way.setdefault(account, [])
            if under_way:
                detail = f"call {under_way[0].number} is under way"
                self.breach(call, "two_calls_at_once", detail)
            under_way.append(call)
            self._whose[call.number] = account
            if account in self.person_asked:
                detail = "a person was asked for, and none has acted"
                self.breach(call, "call_after_person", detail)
        if call.api == TOKEN_API:
            self._judge_budget(call, account)

    def device(self, call: WebCall, device_id: str) -> None:
        """Judge the device id that a token is asked for."""
        known = self._devices.setdefault(call.account or "", device_id)
        if known != device_id:
            self.breach(call, "device_changed", "a token was asked for with another device id")

    def end(self, call: WebCall, given: list[Given], *, whole: bool) -> None:
        """Note how a call ended; what left whole was handed out."""
        call.ended, call.whole = True, whole
        account = self._whose.pop(call.number, None)
        if account is not None:
            self._under_way[account].remove(call)
        if whole:
            for one in given:
                key = (one.name, one.scope)
                one.login.handed[key] = max(one.index, one.login.handed.get(key, 0))

    def verdict(self) -> list[Breach]:
        """Return every broken promise, tokens that nobody registered with included."""
        found = list(self._breaches)
        within_s = self._behaviour.register_within_s
        if within_s is None:
            return found
        for number, grant in enumerate(self.grants, 1):
            used_ms = self._now_ms() if grant.registered_ms is None else grant.registered_ms
            if grant.handed and used_ms - grant.given_ms > within_s * 1000:
                detail = f"token {number} was not registered with within {within_s:g} s"
                found.append(
                    Breach(
                        rule="token_unused", account=grant.account, connection=number, detail=detail
                    )
                )
        return found

    def _judge_cookies(self, call: WebCall, login: Login, cookies: list[Given]) -> None:
        owners = {one.login.user_id for one in cookies} - {None, call.account}
        for owner in owners:
            self.breach(call, "foreign_cookie", f"it carries a cookie of {owner}")
        stale = sorted({one.name for one in cookies if one.login.is_stale(one)})
        if stale:
            self.breach(call, "stale_cookie", f"newer ones were handed out: {', '.join(stale)}")
        if not self._logins.seen(login):
            self.breach(call, "stale_cookie", "it is of a login before the one that was used last")

    def _judge_budget(self, call: WebCall, account: str) -> None:
        mine = self._asked_ms.setdefault(account, deque(maxlen=1000))
        mine.append(call.at_ms)
        bounds = (("an hour", 1, self._behaviour.per_hour), ("a day", 24, self._behaviour.per_day))
        for name, hours, most in bounds:
            lately = sum(at > call.at_ms - hours * _HOUR_MS for at in mine)
            if most is not None and lately > most:
                detail = f"{lately} token calls in {name}, {most} are allowed"
                self.breach(call, "over_budget", detail)
