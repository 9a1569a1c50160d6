"""The pulse of a process: do its timers fire, and does its poller turn?

A process whose timers or poller stand still answers nobody, however alive it looks from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

ALIVE_S: Final = 10.0
"""Seconds without a beat, or without a turn of the poller, after which it counts as hung."""

ROUSE_S: Final = 2.0
"""Seconds between two times that an idle poller is made to turn."""


class Turning(Protocol):
    """As much of a poller as is looked at."""

    turns: int

    def rouse(self) -> None:
        """Have it turn."""


class Pulse:
    """Beaten by the timers' thread; any thread asks.

    Args:
        poller: Made to turn now and then.
        monotonic: The real clock: threads do not stand still because a test moves time.
    """

    __slots__ = ("_beaten_at", "_monotonic", "_poller", "_roused_at", "_turned_at", "_turns")

    def __init__(self, poller: Turning, monotonic: Callable[[], float]) -> None:
        self._poller = poller
        self._monotonic = monotonic
        now = monotonic()
        self._beaten_at = self._turned_at = self._roused_at = now
        self._turns = poller.turns

    def beat(self) -> None:
        """Note that the timers fire, and whether the poller has turned since."""
        now = self._beaten_at = self._monotonic()
        if self._poller.turns != self._turns:
            self._turns, self._turned_at = self._poller.turns, now
        if now - self._roused_at >= ROUSE_S:
            self._roused_at = now
            self._poller.rouse()

    def fault(self) -> str | None:
        """Return what stands still, for a person; None: nothing does."""
        now = self._monotonic()
        if now - self._beaten_at > ALIVE_S:
            return f"the timers have not fired for {now - self._beaten_at:.0f} s"
        if self._beaten_at - self._turned_at > ALIVE_S:
            return f"the poller has not turned for {now - self._turned_at:.0f} s"
        return None
