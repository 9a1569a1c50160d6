"""When an account's credentials are renewed, and what an attempt may use meanwhile.

A small mutable object without clock or dice; the credentials actor owns one an account. How a
renewal is made is the source's business (:class:`actors.ports.credentials.CredentialSource`).
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from actors.identity import Grant, Why
from actors.policy import budget, failures
from actors.policy.budget import DAY_S
from actors.sections import RenewalSettings
from actors.values import ErrorClass, Failure

SHORTEST_S: Final = 600.0
"""A shorter life that is told counts as this: a platform that tells less means something else."""

LATE_SPREAD: Final = 0.05
"""Share of a life by which planned renewals of many accounts part."""

ILLEGAL_LIMIT: Final = 3
"""Renewals in a row refused as illegal after which only a person helps."""

CALLS_A_FLIGHT: Final = 4
"""Calls one renewal may take: the token, signed again, the login renewed, the token."""

_WAITS: Final = {
    "sign_refused": (300.0, 3_600.0),
    "illegal_access": (900.0, 3_600.0),
    "throttled": (600.0, 7_200.0),
    "clock_is_wrong": (900.0, 900.0),
}
"""Seconds to wait after the first failure of a kind, and at most."""

_CLASS_WAITS: Final = {
    ErrorClass.NETWORK: (10.0, 300.0),
    ErrorClass.TLS_TRUST: (60.0, 600.0),
    ErrorClass.AUTH: (60.0, 600.0),
}
_OTHER_WAIT: Final = (60.0, 1_800.0)


class Now(msgspec.Struct, frozen=True, gc=False):
    """One moment on both clocks.

    A wall clock can be set; a monotonic one may stand still while the machine sleeps. Waits count
    on the monotonic clock, ages on whichever says more.
    """

    monotonic_s: float
    wall_ms: int


class Ready(msgspec.Struct, frozen=True, gc=False):
    """An attempt may use this grant."""

    grant: Grant


class Wait(msgspec.Struct, frozen=True, gc=False):
    """An attempt waits for a renewal.

    Attributes:
        at_s: Monotonic seconds of the next renewal; None: one is under way.
        failure: Why the last renewal failed; None: it did not.
    """

    at_s: float | None
    failure: Failure | None


class Stuck(msgspec.Struct, frozen=True, gc=False):
    """No attempt can succeed until a person acts."""

    failure: Failure


Ask: TypeAlias = Ready | Wait | Stuck


class Flight(msgspec.Struct, frozen=True, gc=False):
    """A renewal that begins now.

    Attributes:
        number: Of the account; an answer to an older one changes nothing.
        why: What it is for.
        calls: How many the budget allows it.
    """

    number: int
    why: Why
    calls: int


class Standing(enum.Enum):
    """What a person is shown of an account's credentials."""

    READY = "ready"
    DUE = "due"
    RENEWING = "renewing"
    WAITING = "waiting"
    NEEDS_HUMAN = "needs_human"
    NONE = "none"


class Credentials:
    """The credentials of one account.

    Args:
        rules: The settings.

    Attributes:
        grant: The newest one; None: none was ever given.
        stuck: Why only a person helps; None: it renews itself.
        failure: Why the last renewal failed; None: it did not.
        flight: The renewal under way.
    """

    __slots__ = (
        "_born",
        "_calls",
        "_late_s",
        "_lineage",
        "_not_before",
        "_numbers",
        "_refused",
        "_rules",
        "_streak",
        "failure",
        "flight",
        "grant",
        "stuck",
    )

    def __init__(self, rules: RenewalSettings) -> None:
        self._rules = rules
        self.grant: Grant | None = None
        self.stuck: Failure | None = None
        self.failure: Failure | None = None
        self.flight: Flight | None = None
        self._born = Now(0.0, 0)
        self._late_s = math.inf
        self._lineage = 0
        self._refused: Why | None = None
        self._not_before = -math.inf
        self._streak = 0
        self._numbers = 0
        self._calls: deque[float] = deque()

    # --- what is asked ----------------------------------------------------------------

    def ask(self, now: Now) -> Ask:
        """Return what an attempt may use now; see :meth:`due` for what is to be done about it."""
        if self._fresh(now):
            assert self.grant is not None
            return Ready(self.grant)
        if self.flight is not None:
            return Wait(None, self.failure)
        usable = self.grant if self._usable(now) else None
        if usable is not None and (self.stuck or now.monotonic_s < self._earliest(now)):
            return Ready(usable)
        if self.stuck is not None:
            return Stuck(self.stuck)
        return Wait(self._earliest(now), self.failure)

    def due(self, now: Now, *, asked: bool, linked: bool) -> Flight | None:
        """Begin a renewal if one is due; None: none is.

        Args:
            now: The moment.
            asked: An attempt waits for a grant.
            linked: The account has a link, so a planned renewal makes sense.
        """
        if self.flight is not None or self.stuck is not None:
            return None
        why = self._why(now, asked=asked, linked=linked)
        if why is None or now.monotonic_s < self._earliest(now):
            return None
        return self._begin(why, now)

    def renew(self, now: Now) -> Flight | None:
        """Begin a renewal because a person wants one, whatever failed before.

        Returns:
            None if one is under way, or if no call is left: the budget bounds a person, too.
        """
        if self.flight is not None or not self._left(now):
            return None
        self.stuck = None
        return self._begin(Why.PERSON, now)

    def next_at(self, now: Now, *, asked: bool, linked: bool) -> float | None:
        """Return the monotonic seconds of the next renewal; None: nothing is waited for."""
        if self.flight is not None or self.stuck is not None:
            return None
        earliest = self._earliest(now)
        if self._why(now, asked=asked, linked=linked) is not None:
            return max(earliest, now.monotonic_s)
        if linked and self.grant is not None:
            left_s = self._late_s - self._age_s(now)
            return max(earliest, now.monotonic_s + left_s)
        return None

    def standing(self, now: Now) -> Standing:
        """Return what a person is shown."""
        if self.stuck is not None:
            return Standing.NEEDS_HUMAN
        if self.flight is not None:
            return Standing.RENEWING
        if self._fresh(now):
            return Standing.READY
        if now.monotonic_s < self._earliest(now):
            return Standing.WAITING
        return Standing.NONE if self.grant is None else Standing.DUE

    def free_at(self, now: Now) -> float:
        """Return the monotonic seconds from which on the budget has a call; past: it has one."""
        while self._calls and self._calls[0] <= now.monotonic_s - DAY_S:
            self._calls.popleft()
        return budget.free_at_s(self._calls, self._rules)

    def left_s(self, now: Now) -> float | None:
        """Return the seconds the grant is good for; None without one."""
        if self.grant is None:
            return None
        return max(0.0, self._life_s(self.grant) - self._age_s(now))

    # --- what happens -----------------------------------------------------------------

    def restore(
        self,
        now: Now,
        *,
        grant: Grant | None,
        lineage: int,
        stuck: Failure | None,
        calls_ms: Sequence[int],
        draw: float,
    ) -> None:
        """Go on where the store says an earlier life left off, or where a person began anew.

        A renewal under way counts as made, and what it brings of an older lineage is dropped.

        Args:
            now: The moment.
            grant: The newest one; None: none.
            lineage: Of the sign-in it comes from.
            stuck: Why only a person helps.
            calls_ms: Wall Unix milliseconds of the calls of the last day, oldest first.
            draw: A number in [0, 1).
        """
        if lineage > self._lineage:
            self.flight = None
            self.failure = None
            self._refused = None
            self._streak = 0
            self._not_before = -math.inf
        self._lineage = max(self._lineage, lineage)
        self.stuck = stuck
        ages_s = [max(0.0, (now.wall_ms - at_ms) / 1000) for at_ms in calls_ms]
        self._calls = deque(now.monotonic_s - age_s for age_s in ages_s if age_s < DAY_S)
        if grant is not None and (self.grant is None or grant.version > self.grant.version):
            self._take(grant, now, draw)

    def ended(
        self,
        number: int,
        result: Grant | Failure,
        now: Now,
        *,
        calls: int,
        lineage: int | None,
        draw: float,
    ) -> bool:
        """Take the end of a renewal.

        Args:
            number: Of the flight.
            result: What it brought.
            now: The moment.
            calls: How many calls it made.
            lineage: Of the sign-in it worked with; None: of whichever is the newest.
            draw: A number in [0, 1).

        Returns:
            False if the answer is stale: a newer renewal or a person was before it.
        """
        self._calls.extend([now.monotonic_s] * calls)
        mine = self.flight is not None and self.flight.number == number
        lineage = self._lineage if lineage is None else lineage
        if not mine or lineage < self._lineage:
            return False
        self.flight = None
        self._lineage = lineage
        if isinstance(result, Grant):
            self._succeed(result, now, draw)
        else:
            self._fail(result, now, draw)
        return True

    def late(self, result: Grant | Failure, now: Now, *, lineage: int | None, draw: float) -> bool:
        """Take the token of a renewal that was given up; its calls were counted then.

        Its source brings none after its deadline: here the answer waited to be heard.

        Returns:
            False if it brings none, or a newer renewal or a person was before it.
        """
        older = lineage is not None and lineage < self._lineage
        if self.flight is not None or older or not isinstance(result, Grant):
            return False
        if self.grant is not None and result.version <= self.grant.version:
            return False
        self._succeed(result, now, draw)
        return True

    def refused(self, version: int, *, suspect: bool = False) -> None:
        """Hear that the platform refused a grant, or that its link proved to be a zombie.

        News of a version that is not the newest is none.
        """
        if self.grant is not None and version >= self.grant.version and self._refused is None:
            self._refused = Why.SUSPECT if suspect else Why.REFUSED

    # --- inside -----------------------------------------------------------------------

    def _succeed(self, grant: Grant, now: Now, draw: float) -> None:
        self._take(grant, now, draw)
        self.failure = None
        self._streak = 0
        self._not_before = -math.inf

    def _take(self, grant: Grant, now: Now, draw: float) -> None:
        self.grant, self._refused = grant, None
        age_s = max(0.0, (now.wall_ms - grant.obtained_at_ms) / 1000)
        self._born = Now(now.monotonic_s - age_s, grant.obtained_at_ms)
        spread = LATE_SPREAD * (2.0 * draw - 1.0)
        self._late_s = self._life_s(grant) * (self._rules.late_share + spread)

    def _fail(self, failure: Failure, now: Now, draw: float) -> None:
        same = self.failure is not None and self.failure.reason == failure.reason
        self._streak = self._streak + 1 if same else 1
        self.failure = failure
        if failure.error_class in failures.FINAL:
            self.stuck = failure
        elif failure.reason == "illegal_access" and self._streak >= ILLEGAL_LIMIT:
            self.stuck = msgspec.structs.replace(failure, error_class=ErrorClass.NEEDS_HUMAN)
        else:
            first_s, cap_s = _WAITS.get(
                failure.reason, _CLASS_WAITS.get(failure.error_class, _OTHER_WAIT)
            )
            wait_s = min(cap_s, first_s * 2.0 ** min(self._streak - 1, 20))
            wait_s = max(wait_s * (1.0 + draw / 10), failure.retry_after_s or 0.0)
            self._not_before = now.monotonic_s + wait_s

    def _begin(self, why: Why, now: Now) -> Flight:
        self._numbers += 1
        self.flight = Flight(self._numbers, why, min(CALLS_A_FLIGHT, self._left(now)))
        return self.flight

    def _why(self, now: Now, *, asked: bool, linked: bool) -> Why | None:
        if not (asked or linked):
            return None
        if self.grant is None:
            return Why.START  # a link without one registered with other credentials
        if self._refused is not None:
            return self._refused
        share_s = self._rules.early_share * self._life_s(self.grant)
        from_s = share_s if asked else self._late_s
        return Why.EXPIRING if self._age_s(now) >= from_s else None

    def _fresh(self, now: Now) -> bool:
        """Return whether the grant is so young that nobody thinks of renewing it."""
        grant = self.grant
        if grant is None or self._refused is not None:
            return False
        return self._age_s(now) < self._rules.early_share * self._life_s(grant)

    def _usable(self, now: Now) -> bool:
        grant = self.grant
        if grant is None or self._refused is Why.REFUSED:
            return False
        return self._age_s(now) < self._life_s(grant)

    def _age_s(self, now: Now) -> float:
        born = self._born
        return max(now.monotonic_s - born.monotonic_s, (now.wall_ms - born.wall_ms) / 1000)

    def _life_s(self, grant: Grant) -> float:
        if grant.expires_at_ms is None:
            return self._rules.fallback_life_s
        told_s = (grant.expires_at_ms - grant.obtained_at_ms) / 1000
        return min(max(told_s, SHORTEST_S), DAY_S)

    def _earliest(self, now: Now) -> float:
        """Return the monotonic seconds before which no call may be made."""
        at = max(self._not_before, self.free_at(now))
        return max(at, self._calls[-1] + self._rules.min_gap_s) if self._calls else at

    def _left(self, now: Now) -> int:
        """Return how many calls the budget allows now."""
        return budget.left(self._calls, now.monotonic_s, self._rules)
