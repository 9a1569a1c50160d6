"""What is not established about the platform's web side, and what goes wrong there, as data.

Actions of a connection (``Reset``, ``Drop``, ``Stall``, ``Delay``, ``Drip``, ``Cut``, ``Refuse``)
are those of :mod:`gateway.testing.faults`; here are those that only HTTP knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.testing.faults.actions import Action, Cut, Delay, Drip, Drop, Refuse, Reset, Stall

__all__ = [
    "AnyWebAction", "Held", "Ret", "Spoil", "WebBehaviour", "WebBook", "WebRule", "WrongUnb",
    "html", "illegal_access", "login_over", "login_over_with_punish", "nth", "redirect",
    "risk_control", "sign_again", "throttled",
]  # fmt: skip


class WebBehaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What a test chooses about the web side; the defaults are its mildest reading.

    Attributes:
        token_life_s: How long a token is good for ``/reg``.
        told_life_s: What the answer claims; None: the truth.
        h5_life_s: How long an ``_m_h5_tk`` is good; 0: it is over before it can be used.
        rotation: Which cookies change: ``none``, ``each`` answer brings new session cookies,
            ``scopes`` also lets ``_m_h5_tk`` change between two scopes, the other one deleted.
        new_token_mutes_old_link: A session of an older token is answered and pushed nothing.
        one_registration_per_token: A second ``/reg`` with a token is refused.
        captcha_for: So many calls of each account are answered with risk control at first.
        login_over: Logins are over from the start, until they are renewed.
        long_login: ``silentHasLogin`` gives a login that is over back.
        clock_offset_s: The server's clock is ahead by this; if it is not 0, a ``t`` that is more
            than 15 minutes off is refused.
        per_hour: Token calls of an account in an hour; more are a breach. None: any number.
        per_day: The same in a day.
        register_within_s: A token that was handed out must be registered with in this time.
    """

    token_life_s: float = 86_400.0
    told_life_s: float | None = None
    h5_life_s: float = 7_200.0
    rotation: Literal["none", "each", "scopes"] = "none"
    new_token_mutes_old_link: bool = False
    one_registration_per_token: bool = False
    captcha_for: int = 0
    login_over: bool = False
    long_login: bool = True
    clock_offset_s: float = 0.0
    per_hour: int | None = 6
    per_day: int | None = 24
    register_within_s: float | None = 60.0


class Ret(Action, frozen=True, kw_only=True):
    """An mtop answer with these codes, e.g. ``FAIL_SYS_TRAFFIC_LIMIT``, and nothing done.

    Attributes:
        codes: With or without ``::`` and a text.
        data: Of the answer.
        cookies: It brings a new ``_m_h5_tk`` and what rotates.
    """

    codes: Sequence[str]
    data: Mapping[str, object] = {}
    cookies: bool = True


class WrongUnb(Action, frozen=True, kw_only=True):
    """The usual answer, and the cookie ``unb`` of somebody else."""

    user_id: str


class Held(Action, frozen=True, kw_only=True):
    """Nothing is done or said until :meth:`FakeWeb.release`; then the usual."""


class Spoil(Action, frozen=True, kw_only=True):
    """The usual head, and a body that is none.

    Attributes:
        how: ``drip`` (a byte at a time, for ever), ``endless`` (as fast as it is read, for
            ever), ``claim`` (1 GiB is announced, a little comes, then silence).
        every_s: Between two bytes of a drip.
    """

    how: Literal["drip", "endless", "claim"] = "drip"
    every_s: float = 0.02


AnyWebAction: TypeAlias = (
    Ret | WrongUnb | Held | Spoil | Reset | Drop | Stall | Delay | Drip | Cut | Refuse
)


class WebRule(msgspec.Struct, frozen=True, kw_only=True):
    """When something goes wrong, and what.

    Attributes:
        do: The action.
        api: Name of the mtop api, or the last part of the path (``query.do``,
            ``upload.api``); a ``*`` at the end matches any rest; None: each.
        account: User id; None: any, also one that is not signed in.
        after: This many matches pass unharmed first.
        times: This many then fire; None: all.
    """

    do: AnyWebAction
    api: str | None = None
    account: str | None = None
    after: int = 0
    times: int | None = None

    def fits(self, api: str, account: str | None) -> bool:
        """Return whether it is about this call; counts nothing."""
        if self.account is not None and self.account != account:
            return False
        if self.api is None or not self.api.endswith("*"):
            return self.api in (None, api)
        return api.startswith(self.api[:-1])


class WebBook:
    """Which rules are armed and how often each fired. First armed, first served."""

    def __init__(self) -> None:
        self._armed: list[tuple[WebRule, list[int]]] = []

    def arm(self, rules: Iterable[WebRule]) -> None:
        """Add rules; each counts from now."""
        self._armed += [(rule, [0, 0]) for rule in rules]

    def heal(self, rules: Iterable[WebRule] | None = None) -> None:
        """Take rules away; None: all."""
        gone = None if rules is None else list(rules)
        self._armed = [one for one in self._armed if gone is not None and one[0] not in gone]

    def fired(self, rule: WebRule) -> int:
        """Return how often a rule fired since it was armed."""
        return sum(counts[1] for armed, counts in self._armed if armed == rule)

    def match(self, api: str, account: str | None) -> AnyWebAction | None:
        """Return the action of the first rule that fires for a call."""
        for rule, counts in self._armed:
            if not rule.fits(api, account):
                continue
            counts[0] += 1
            if counts[0] <= rule.after or (rule.times is not None and counts[1] >= rule.times):
                continue
            counts[1] += 1
            return rule.do
        return None


# --- with a name ----------------------------------------------------------------------

TOKEN_API: Final = "mtop.taobao.idlemessage.pc.login.token"  # noqa: S105  # its name
"""The call that gives tokens."""

_PUNISH: Final = (
    "https://h5api.m.goofish.com:443//h5/mtop.taobao.idlemessage.pc.login.token/1.0/_____tmd_____"
    "/punish?x5secdata=xcDEMO0000&x5step=2&action=captcha&pureCaptcha="
)
RISK: Final = Ret(
    codes=("FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::哎哟喂,被挤爆啦,请稍后重试"),
    data={"url": _PUNISH},
)
"""The answer of risk control."""


def nth(number: int, do: AnyWebAction, api: str = TOKEN_API, account: str | None = None) -> WebRule:
    """Let something happen to the nth call from now, counted from 1."""
    return WebRule(do=do, api=api, account=account, after=number - 1, times=1)


def risk_control(
    api: str = TOKEN_API, *, account: str | None = None, times: int | None = None
) -> WebRule:
    """A person must prove to be one."""
    return WebRule(do=RISK, api=api, account=account, times=times)


def sign_again(
    *, cookies: bool = True, account: str | None = None, times: int | None = None
) -> WebRule:
    """The ``_m_h5_tk`` is not taken, if wanted without a new one."""
    do = Ret(codes=("FAIL_SYS_TOKEN_EXOIRED",), cookies=cookies)
    return WebRule(do=do, api=TOKEN_API, account=account, times=times)


def login_over(*, account: str | None = None, times: int | None = None) -> WebRule:
    """The token call says that the login is over, whatever is true."""
    do = Ret(codes=("FAIL_SYS_SESSION_EXPIRED",))
    return WebRule(do=do, api=TOKEN_API, account=account, times=times)


def login_over_with_punish(*, account: str | None = None, times: int | None = None) -> WebRule:
    """The login is over, and a page of risk control is named beside it."""
    do = Ret(codes=("FAIL_SYS_SESSION_EXPIRED", *RISK.codes), data=RISK.data)
    return WebRule(do=do, api=TOKEN_API, account=account, times=times)


def throttled(*, account: str | None = None, times: int | None = None) -> WebRule:
    """Too many calls, it says."""
    do = Ret(codes=("FAIL_SYS_TRAFFIC_LIMIT",))
    return WebRule(do=do, api=TOKEN_API, account=account, times=times)


def illegal_access(*, account: str | None = None, times: int | None = None) -> WebRule:
    """Sign and cookies do not fit, it says."""
    do = Ret(codes=("FAIL_SYS_ILLEGAL_ACCESS",))
    return WebRule(do=do, api=TOKEN_API, account=account, times=times)


def html(
    api: str = TOKEN_API, *, status: int = 200, account: str | None = None, times: int | None = None
) -> WebRule:
    """A page in place of an answer."""
    do = Refuse(
        status=status, headers={"Content-Type": "text/html"}, body="<html><body>…</body></html>"
    )
    return WebRule(do=do, api=api, account=account, times=times)


def redirect(
    location: str, api: str = TOKEN_API, *, account: str | None = None, times: int | None = None
) -> WebRule:
    """302 to another place."""
    do = Refuse(status=302, headers={"Location": location})
    return WebRule(do=do, api=api, account=account, times=times)
