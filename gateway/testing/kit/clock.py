"""Time a test moves: for a whole gateway, and for actors driven by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from actors.runtime.pool.manual import UNIX_MS, ManualTimers
from actors.runtime.pool.manual import ManualClock as StandingClock

__all__ = ["ManualClock", "ManualTimers"]

_LOOK_S: Final = 0.003


class ManualClock(StandingClock):
    """A clock that stands still until the test moves it; ``Gateway(settings, clock=clock)``.

    Heartbeats, retries, deadlines and expiries of that gateway follow it; sockets and threads
    stay real, so what time set off is still to be waited for.
    """

    def __init__(self, now: float = 0.0, unix_ms: int = UNIX_MS) -> None:
        super().__init__(now, unix_ms)
        self._moving = threading.Lock()
        self._released_at: float | None = None

    def monotonic(self) -> float:
        """Return the seconds it was moved to."""
        return self.now + self._since_release_s()

    def unix_ms(self) -> int:
        """Return the wall time it was moved to."""
        return self.wall_ms + round(self._since_release_s() * 1000)

    def advance(self, seconds: float) -> None:
        """Let time pass. Any thread."""
        with self._moving:
            super().advance(seconds)

    def advance_until(
        self,
        until: Callable[[], object],
        *,
        limit_s: float = 600.0,
        step_s: float = 0.5,
    ) -> float:
        """Let time pass in steps until something has happened.

        Between two steps the gateway's threads get a few milliseconds, so that a timer which is
        armed only now is not passed by.

        Args:
            until: What has to become true.
            limit_s: Most seconds to let pass.
            step_s: How many at once; well below the deadlines that must hold meanwhile.

        Returns:
            How many seconds passed.

        Raises:
            TimeoutError: It did not happen within ``limit_s``.
        """
        pause = threading.Event()
        passed_s = 0.0
        while True:
            pause.wait(_LOOK_S)
            if until():
                return passed_s
            if passed_s >= limit_s:
                raise TimeoutError(f"it did not happen within {limit_s:g} s of manual time")
            self.advance(step_s)
            passed_s += step_s

    def release(self) -> None:
        """Let time run by itself from here on; for the end of a test."""
        if self._released_at is None:
            self._released_at = time.monotonic()
            self.advance(0.0)

    def _since_release_s(self) -> float:
        since = self._released_at
        return 0.0 if since is None else time.monotonic() - since
