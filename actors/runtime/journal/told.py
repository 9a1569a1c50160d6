"""When the journal must store what a platform's clock told."""

from __future__ import annotations

import threading
from typing import Final

NEWS_MS: Final = 600_000
"""A time is stored again if it differs from the stored one by this much."""

PAUSE_S: Final = 1.0
"""Shortest time between two stored times: platforms may disagree."""


class ToldTime:
    """What was noted last, for all accounts of a process. Any thread."""

    __slots__ = ("_at", "_lock", "_told_ms")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told_ms = 0
        self._at = float("-inf")

    def is_news(self, told_ms: int, now: float) -> bool:
        """Return whether to note it; then it counts as noted."""
        if abs(told_ms - self._told_ms) < NEWS_MS:
            return False
        with self._lock:
            if abs(told_ms - self._told_ms) < NEWS_MS or now < self._at + PAUSE_S:
                return False
            self._told_ms, self._at = told_ms, now
            return True
