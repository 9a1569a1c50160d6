"""Rules: which action takes effect at which moment, and the book that decides it.

Performing an action is the engine's business. No sockets, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from gateway.testing.faults import actions
from gateway.testing.faults.actions import Action, AnyAction

__all__ = ["KINDS", "FaultBook", "Moment", "Rule"]

Moment = Literal["accept", "upgrade", "request", "reply", "ready", "push", "ping"]
"""Where a rule can bite.

``accept``: TCP (or TLS) begins. ``upgrade``: the HTTP request was read. ``request``: a
request arrived, the platform has not looked at it. ``reply``: the platform has done it, the
answer is about to leave. ``ready``: one of the two pushes after a registration. ``push``: any
other push. ``ping``: a WebSocket ping arrived.
"""


_ANYWHERE = (actions.Reset, actions.Drop, actions.Stall, actions.StopReading)
_OPEN = (
    *_ANYWHERE, actions.Close, actions.SendBytes, actions.Lose, actions.Delay, actions.Kick,
    actions.RemoveSession,
)  # fmt: skip
_FRAME = (actions.Duplicate, actions.Fragment, actions.Oversize, actions.Cut, actions.Drip)
_PUSH = (*_OPEN, *_FRAME, actions.Swap, actions.Corrupt, actions.TooLong, actions.Flood)
_UPGRADE = (
    actions.SendBytes, actions.Delay, actions.Refuse, actions.BadAccept, actions.Headers,
    actions.Drip,
)  # fmt: skip
_FITTING: Mapping[Moment, tuple[type[Action], ...]] = {
    "accept": (*_ANYWHERE, actions.SendBytes),
    "upgrade": (*_ANYWHERE, *_UPGRADE),
    "request": (*_OPEN, actions.Answer),
    "reply": (*_OPEN, *_FRAME, actions.Answer),
    "ready": _PUSH,
    "push": _PUSH,
    "ping": (*_ANYWHERE, actions.Lose, actions.Delay, actions.Close),
}
KINDS = frozenset(kind for fitting in _FITTING.values() for kind in fitting)
"""Every action there is."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault: the moment, the action, and what narrows it.

    Attributes:
        on: The moment.
        do: The action; not every one fits every moment.
        account: User id; None: any. Before the registration it is known from the URL
            (:attr:`Shop.url`) or the ``unb`` cookie.
        connection: Which connection of that account (of the platform, if ``account`` is
            None), from 1; None: each.
        lwp: Path of the request, of the answered request, or of the push; a ``*`` at the
            end matches any rest; None: each.
        after: This many matches pass unharmed first.
        times: This many then fire; None: all.

    Raises:
        ValueError: The action does not fit the moment, or the moment has no such match.
    """

    on: Moment
    do: AnyAction
    account: str | None = None
    connection: int | None = None
    lwp: str | None = None
    after: int = 0
    times: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never fire."""
        if not isinstance(self.do, _FITTING[self.on]):
            fitting = ", ".join(kind.__name__ for kind in _FITTING[self.on])
            raise ValueError(  # noqa: TRY004  # the pair is wrong, no type is
                f"{type(self.do).__name__} cannot happen on {self.on!r}; fitting: {fitting}"
            )
        if self.on == "accept" and self.account is not None:
            raise ValueError("on 'accept' the account is not known yet; use connection=")
        if self.on in ("accept", "upgrade", "ping") and self.lwp is not None:
            raise ValueError(f"on {self.on!r} there is no lwp; leave it out")

    def fits(self, account: str | None, connection: int, lwp: str | None) -> bool:
        """Return whether it is about this; counts nothing."""
        if self.account is not None and self.account != account:
            return False
        if self.connection is not None and self.connection != connection:
            return False
        wanted = self.lwp
        if wanted is None:
            return True
        if wanted.endswith("*"):
            return lwp is not None and lwp.startswith(wanted[:-1])
        return wanted == lwp


class _Armed:
    __slots__ = ("fired", "rule", "seen")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = 0
        self.fired = 0


class FaultBook:
    """Which rules are armed and how often each fired. First armed, first served."""

    def __init__(self) -> None:
        self._armed: dict[Moment, list[_Armed]] = {}

    @property
    def armed(self) -> bool:
        """Whether there is any rule."""
        return bool(self._armed)

    def arm(self, rules: Iterable[Rule]) -> None:
        """Add rules; each counts from now."""
        for rule in rules:
            self._armed.setdefault(rule.on, []).append(_Armed(rule))

    def heal(self, rules: Iterable[Rule] | None = None) -> None:
        """Take rules away; None: all."""
        if rules is None:
            self._armed.clear()
            return
        gone = list(rules)
        for moment, armed in self._armed.items():
            self._armed[moment] = [one for one in armed if one.rule not in gone]
        self._armed = {moment: armed for moment, armed in self._armed.items() if armed}

    def fired(self, rule: Rule) -> int:
        """Return how often a rule fired since it was armed."""
        return sum(one.fired for one in self._armed.get(rule.on, ()) if one.rule == rule)

    def match(
        self,
        moment: Moment,
        account: str | None,
        *,
        of_account: int,
        of_platform: int,
        lwp: str | None = None,
    ) -> AnyAction | None:
        """Return the action of the first rule that fires now.

        Args:
            moment: What is happening.
            account: Whose connection it is, if known.
            of_account: Number of the connection among those of the account.
            of_platform: Number of the connection among all.
            lwp: Path, where there is one.
        """
        for armed in self._armed.get(moment, ()):
            rule = armed.rule
            number = of_platform if rule.account is None else of_account
            if not rule.fits(account, number, lwp):
                continue
            armed.seen += 1
            if armed.seen <= rule.after:
                continue
            if rule.times is not None and armed.fired >= rule.times:
                continue
            armed.fired += 1
            return rule.do
        return None
