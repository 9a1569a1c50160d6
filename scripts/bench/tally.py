"""The handler all clients share: proves each message handled once, in order, and how late.

A conversation's messages carry 0, 1, 2, …; a number other than the expected one is a loss,
a duplicate or a wrong order. The work is the same few dictionary steps for every client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Tally:
    """Counts what was handled; :meth:`handle` may be called from several threads.

    Only one thread at a time may handle messages of one conversation: that is what is
    being checked.
    """

    def __init__(
        self, *, lanes: int, per_lane: int, timed: bool, finished: Callable[[], None]
    ) -> None:
        self.wrong = 0
        self.finished_ns = 0
        self.delays_ns: list[int] = []
        self._next: dict[str | None, int] = {}
        self._last = per_lane - 1
        self._lanes_left = lanes
        self._timed = timed
        self._finished = finished
        self._lock = threading.Lock()

    @property
    def handled(self) -> int:
        """Messages handled in order so far."""
        return sum(self._next.values())

    def handle(self, conversation: str | None, text: str | None) -> None:
        """Take one message; ``text`` as :func:`scripts.bench.feed.entry` made it."""
        if self._timed:
            self.delays_ns.append(time.monotonic_ns() - int((text or "")[6:26]))
        number = int((text or "")[:6])
        if self._next.get(conversation, 0) != number:
            self.wrong += 1
        self._next[conversation] = number + 1
        if number == self._last:
            self._lane_finished()

    def _lane_finished(self) -> None:
        with self._lock:
            self._lanes_left -= 1
            if self._lanes_left:
                return
        self.finished_ns = time.monotonic_ns()
        self._finished()
