"""Time moved by hand, for tests of actors: no thread, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from actors.ports import Mailbox
from actors.runtime.pool.timers import OVER, Timers, fire

UNIX_MS = 1_700_000_000_000
"""Wall time a manual clock begins at unless told otherwise: November 2023."""


class ManualClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, now: float = 0.0, unix_ms: int = UNIX_MS) -> None:
        self.now = now
        self.wall_ms = unix_ms
        self._looks: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        """Return the seconds it was set to."""
        return self.now

    def unix_ms(self) -> int:
        """Return the wall time it was set to."""
        return self.wall_ms

    def on_move(self, look: Callable[[], None]) -> None:
        """Have a function called after each move; whoever waits for a deadline looks again."""
        self._looks.append(look)

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        self.now += seconds
        self.wall_ms += round(seconds * 1000)
        for look in self._looks:
            look()


class ManualTimers(Timers):
    """Timers that fire when the test says so: ``clock.advance(15); timers.fire_due()``."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)

    def start(self) -> None:
        """Do nothing: there is no thread."""

    def pending(self) -> list[tuple[float, Mailbox[Never] | None, object]]:
        """Return due time, mailbox and message of what is armed, earliest first.

        A function armed with ``call_after`` stands as ``(due, None, function)``.
        """
        with self._changed:
            entries = sorted(self._heap)
            return [
                (timer.due, timer.mailbox, timer.what)
                for timer in entries
                if timer.what is not OVER
            ]

    def fire_due(self) -> int:
        """Fire everything due by the clock, also what that arms; gives how many fired.

        Exceptions of callbacks come out here.
        """
        fired = 0
        while True:
            with self._changed:
                due = self._take_due(self._clock.monotonic())
            if not due:
                return fired
            for held in due:
                fire(held)
            fired += len(due)
