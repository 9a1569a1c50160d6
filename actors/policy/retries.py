"""The failures of one account: when to try again, and when to give up.

A small mutable object without clock or dice; the account's supervisor owns it.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import msgspec

from actors.policy.backoff import delay_s, longest_s
from actors.policy.failures import SESSION_REMOVED
from actors.policy.windows import SlidingWindow
from actors.sections import ReconnectSettings
from actors.values import ErrorClass, Failure, Phase

AUTH_LIMIT: Final = 3
CONFIG_LIMIT: Final = 5
KICK_WINDOW_S: Final = 300.0
"""A kick this soon after we came back is the second of a fight for the session."""
FLAPPING_LINKS: Final = 5
SHORT_LINK_S: Final = 30.0
FLAPPING_WINDOW_S: Final = math.nextafter(300.0, math.inf)
"""Window in which this many short links count as flapping, its last moment included."""

_ORDER: Final = {phase: place for place, phase in enumerate(Phase)}
_LIMITS: Final = {ErrorClass.AUTH: AUTH_LIMIT, ErrorClass.CONFIG: CONFIG_LIMIT}


class Retry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Try again.

    Attributes:
        delay_s: Seconds to wait first.
        attempt: Number of that try since the last stable connection, from 1.
        flapping: The wait is long because links die young; worth an alert.
        nth: Number of failures of this class in a row, from 1.
    """

    delay_s: float
    attempt: int
    flapping: bool = False
    nth: int = 1


class GiveUp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Do not try again; a person must look.

    Attributes:
        failure: The last one.
        why: Constant in snake_case: ``needs_human``, ``session_removed``, ``kicked``,
            ``auth``, ``config``, ``max_attempts`` or ``crash_loop``.
        budget_exceeded: Our own actors crash too often; no fault of the link.
    """

    failure: Failure
    why: str
    budget_exceeded: bool = False


Verdict: TypeAlias = Retry | GiveUp


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a restart must not forget; plain values, ages instead of times.

    Attributes:
        failures: Failures in a row.
        attempts: Those of them that were attempts which led to no stable connection.
        by_class: How many of each class, by its value.
        kicked: A kick was answered by a reclaim and the peace is still young.
        short_links_ago_s: How long ago links died young, oldest first.
        wait_s: Seconds until the next attempt was due.
        error_class: Of the failure that is waited for, by its value; None: nothing is, or an
            earlier version noted it.
        reason: Of that failure.
    """

    failures: int = 0
    attempts: int = 0
    by_class: dict[str, int] = {}
    kicked: bool = False
    short_links_ago_s: tuple[float, ...] = ()
    wait_s: float = 0.0
    error_class: str | None = None
    reason: str | None = None


class Retries:
    """The failures of one account since its last stable connection.

    Args:
        reconnect: The settings. The loss of a stable connection is no failed attempt, whatever
            ``max_attempts`` says.

    Attributes:
        stable_s: Seconds CONNECTED after which failures are forgotten; the supervisor arms
            a timer with it and then calls :meth:`stable`.
    """

    __slots__ = (
        "_attempts",
        "_by_class",
        "_connected_at",
        "_delays",
        "_due_at",
        "_failures",
        "_kicked",
        "_settled",
        "_short_links",
        "_stretch",
        "_waits_for",
        "stable_s",
    )

    def __init__(self, reconnect: ReconnectSettings) -> None:
        self.stable_s = reconnect.stable_s
        self._delays = reconnect
        self._connected_at: float | None = None
        self._due_at: float | None = None
        self._waits_for: tuple[str | None, str | None] = (None, None)
        self._settled = False
        self._stretch: dict[Phase, float] = {}
        self._short_links = SlidingWindow(limit=FLAPPING_LINKS, window_s=FLAPPING_WINDOW_S)
        self._by_class: dict[ErrorClass, int] = {}
        self._forget()
        self._kicked = False

    def _forget(self) -> None:
        self._failures = 0
        self._attempts = 0
        self._by_class.clear()
        self._short_links.clear()

    def failed(self, failure: Failure, now_s: float, draw: float) -> Verdict:
        """Note the end of an attempt or of a link and say what follows.

        Args:
            failure: How it ended.
            now_s: Monotonic seconds.
            draw: A number in [0, 1).
        """
        fought = self._end_link(now_s)
        self._note_phases(failure)
        self._failures += 1
        if self._settled:
            self._settled = False
        else:
            self._attempts += 1
        nth = self._by_class.get(failure.error_class, 0) + 1
        self._by_class[failure.error_class] = nth
        why = self._verdict(failure, nth, fought=fought)
        if why is not None:
            self._due_at = None
            return GiveUp(failure=failure, why=why)
        wait_s = delay_s(self._delays, failure, self._failures, draw, nth_of_class=nth)
        flapping = self._flaps(now_s)
        if flapping:
            spread = self._delays.flapping_spread * (2.0 * draw - 1.0)
            wait_s = max(wait_s, self._delays.flapping_wait_s * (1.0 + spread))
        self._due_at = now_s + wait_s
        self._waits_for = (failure.error_class.value, failure.reason)
        return Retry(delay_s=wait_s, attempt=self._failures, flapping=flapping, nth=nth)

    def connected(self, now_s: float) -> None:
        """Note that the registration was confirmed; every phase has its deadline back."""
        self._connected_at = now_s
        self._due_at = None
        self._settled = False
        self._stretch.clear()

    def stable(self, now_s: float) -> None:
        """Note that the link was CONNECTED for ``stable_s``: its failures are forgotten.

        Early or late calls, and those for a link that is gone, change nothing.
        """
        if self._connected_at is not None and now_s - self._connected_at >= self.stable_s:
            self._settled = True
            self._forget()

    def reset(self) -> None:
        """Forget every failure; an operator or new credentials said so."""
        self._forget()
        self._kicked = False
        self._due_at = None
        self._stretch.clear()

    def stretch(self, phase: Phase) -> float:
        """Return the factor on a phase's deadline, from 1 up to the cap. Any thread."""
        return self._stretch.get(phase, 1.0)

    def snapshot(self, now_s: float) -> History:
        """Return what a restart has to know."""
        wait_s = self.left_s(now_s)
        error_class, reason = self._waits_for if wait_s > 0 else (None, None)
        return History(
            failures=self._failures,
            attempts=self._attempts,
            by_class={error_class.value: n for error_class, n in self._by_class.items()},
            kicked=self._kicked,
            short_links_ago_s=self._short_links.ages_s(now_s),
            wait_s=wait_s,
            error_class=error_class,
            reason=reason,
        )

    def left_s(self, now_s: float) -> float:
        """Return the seconds until the next attempt is due; 0 if nothing is waited for."""
        return 0.0 if self._due_at is None else max(0.0, self._due_at - now_s)

    def restore(
        self, history: History, now_s: float, *, away_s: float = 0.0, reread: bool = False
    ) -> float:
        """Go on where a snapshot left off, so that a crash cannot bypass a wait.

        Args:
            history: The snapshot.
            now_s: Monotonic seconds of this process.
            away_s: Wall seconds since the snapshot; a clock that went back counts as 0.
            reread: The configuration was read again since: what it was waited for may be mended.

        Returns:
            Seconds to wait before the first attempt, never above the longest wait there is.
        """
        away_s = max(0.0, away_s)
        self.reset()
        self._failures = history.failures
        self._attempts = history.attempts
        for error_class in ErrorClass:
            if error_class.value in history.by_class:
                self._by_class[error_class] = history.by_class[error_class.value]
        self._kicked = history.kicked
        for ago_s in history.short_links_ago_s:
            self._short_links.add(now_s - away_s - ago_s)
        wait_s = min(max(0.0, history.wait_s - away_s), longest_s(self._delays))
        if reread and history.error_class == ErrorClass.CONFIG.value:
            wait_s = 0.0
        self._waits_for = (history.error_class, history.reason)
        self._due_at = now_s + wait_s
        return wait_s

    def _end_link(self, now_s: float) -> bool:
        """Close the book on the link, if there was one.

        Returns:
            True if we were kicked before and have had no peace since.
        """
        if self._connected_at is None:
            return self._kicked
        lived_s = now_s - self._connected_at
        self.stable(now_s)  # its timer may be late
        self._connected_at = None
        if lived_s < SHORT_LINK_S:
            self._short_links.add(now_s)
        if lived_s > KICK_WINDOW_S:
            self._kicked = False
        return self._kicked

    def _note_phases(self, failure: Failure) -> None:
        place = _ORDER[failure.phase]
        for phase in [phase for phase in self._stretch if _ORDER[phase] < place]:
            del self._stretch[phase]
        if failure.timed_out:
            delays = self._delays
            self._stretch[failure.phase] = min(
                self.stretch(failure.phase) * delays.stretch_factor, delays.stretch_cap
            )

    def _verdict(self, failure: Failure, nth: int, *, fought: bool) -> str | None:
        error_class = failure.error_class
        why: str = error_class.value
        if error_class is ErrorClass.NEEDS_HUMAN:
            return why
        if error_class is ErrorClass.KICKED:
            self._kicked = True
            if failure.reason == SESSION_REMOVED:
                return SESSION_REMOVED
            if fought:
                return why
        if nth >= _LIMITS.get(error_class, nth + 1):
            return why
        most = self._delays.max_attempts
        if most is not None and self._attempts >= most:
            return "max_attempts"
        return None

    def _flaps(self, now_s: float) -> bool:
        flapping = self._short_links.full(now_s)
        if flapping:
            self._short_links.clear()
        return flapping
