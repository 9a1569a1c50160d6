"""So many in a while is too many: protocol errors, unanswered requests.

Pure: time is an argument.
"""

from __future__ import annotations


class Strikes:
    """Counts up to ``limit`` strikes within ``window_s`` seconds.

    Args:
        limit: The strike that is too many, at least 1.
        window_s: The window, above 0.
    """

    __slots__ = ("_at", "_limit", "_window_s")

    def __init__(self, *, limit: int, window_s: float) -> None:
        if limit < 1 or window_s <= 0:
            raise ValueError(f"limit={limit} must be at least 1 and window_s={window_s} above 0")
        self._window_s = window_s
        self._limit = limit
        self._at: list[float] = []  # a deque would cost each account 0.6 KB

    def strike(self, now: float) -> bool:
        """Note one; say whether it is the ``limit``-th within the window.

        Args:
            now: Monotonic seconds.
        """
        self._at = [*self._at, now][-self._limit :]
        return len(self._at) == self._limit and now - self._at[0] < self._window_s

    def clear(self) -> None:
        """Forget all; a new link begins."""
        self._at.clear()
