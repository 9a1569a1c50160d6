"""Sliding windows: how often protocol errors, overloads and restarts may happen.

Pure: time is an argument.
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 5.0


class SlidingWindow:
    """The last times something happened, and whether they are too many.

    Args:
        limit: How many within the window are too many, at least 1; no more are remembered.
        window_s: Seconds, above 0. An occurrence counts while its age is below this.

    Attributes:
        limit: As given.
    """

    __slots__ = ("_at", "_window_s", "limit")

    def __init__(self, *, limit: int, window_s: float) -> None:
        if limit < 1 or window_s <= 0:
            raise ValueError(f"limit={limit} must be at least 1 and window_s={window_s} above 0")
        self._window_s = window_s
        self.limit = limit
        self._at: tuple[float, ...] = ()  # no account pays for an empty one; a deque is 0.6 KB

    def add(self, now: float) -> bool:
        """Note an occurrence; return True if it is the ``limit``-th within the window.

        Args:
            now: Monotonic seconds, never less than the time before.
        """
        self._at = (*self._at, now)[-self.limit :]
        return self.full(now)

    def count(self, now: float) -> int:
        """Return how many are within the window, at most ``limit``."""
        return sum(now - at < self._window_s for at in self._at)

    def full(self, now: float) -> bool:
        """Return whether ``limit`` are within the window."""
        return self.count(now) >= self.limit

    def ages_s(self, now: float) -> tuple[float, ...]:
        """Return how long ago each of those remembered was, oldest first."""
        return tuple(now - at for at in self._at)

    def clear(self) -> None:
        """Forget all."""
        self._at = ()


class RestartBudget:
    """At most ``limit`` restarts in any ``window_s`` seconds, each after a longer wait.

    One budget a child, never shared: what is right for a handful of siblings is wrong for a
    thousand accounts (``contract.md`` 2.8).

    Args:
        limit: Restarts that are fine, at least 1.
        window_s: The window, above 0.
    """

    __slots__ = ("_window",)

    def __init__(self, *, limit: int, window_s: float) -> None:
        self._window = SlidingWindow(limit=limit, window_s=window_s)

    def restart(self, now: float) -> float | None:
        """Note a death.

        Args:
            now: Monotonic seconds.

        Returns:
            Seconds to wait before the restart: 0.2, doubled by each restart in the window,
            at most 5; None if the budget is spent.
        """
        restarts = self._window.count(now)
        if restarts >= self._window.limit:
            return None
        self._window.add(now)
        return min(FIRST_DELAY_S * 2.0 ** min(restarts, 10), LONGEST_DELAY_S)
