"""How often a child may be restarted, and how long each restart waits.

One budget a child, never shared: what is right for a handful of siblings is wrong for a
thousand accounts (``contract.md`` 2.8). Pure: time is an argument.
"""

from __future__ import annotations

from collections import deque
from typing import Final

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 5.0


class RestartBudget:
    """At most ``limit`` restarts in any ``window_s`` seconds.

    Args:
        limit: Restarts that are fine, at least 1.
        window_s: The window, above 0.
    """

    __slots__ = ("_at", "_limit", "_window_s")

    def __init__(self, *, limit: int, window_s: float) -> None:
        if limit < 1 or window_s <= 0:
            raise ValueError(f"limit={limit} must be at least 1 and window_s={window_s} above 0")
        self._limit = limit
        self._window_s = window_s
        self._at: deque[float] = deque(maxlen=limit)

    def restart(self, now: float) -> float | None:
        """Note a death.

        Args:
            now: Monotonic seconds.

        Returns:
            Seconds to wait before the restart: 0.2, doubled by each restart in the window,
            at most 5; None if the budget is spent.
        """
        at = self._at
        while at and at[0] <= now - self._window_s:
            at.popleft()
        if len(at) >= self._limit:
            return None
        delay_s = min(FIRST_DELAY_S * 2.0 ** min(len(at), 10), LONGEST_DELAY_S)
        at.append(now)
        return delay_s
