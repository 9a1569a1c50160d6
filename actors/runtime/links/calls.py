"""Requests over one link, and the receiver of each answer."""

from __future__ import annotations

import threading
from typing import Final

from actors.messages import Answered
from actors.ports import Clock, Mailbox
from actors.runtime.links.link import Link
from actors.values import Frame, Request

LIMIT: Final = 2048
"""Most requests that wait for an answer; beyond, the oldest is forgotten (its asker has a
deadline)."""


_LOCKS: Final = tuple(threading.Lock() for _ in range(64))
"""Calls share them: each is held for less than a microsecond."""


class Calls:
    """Writes requests, and keeps whom their answers go to. Any thread.

    Attributes:
        link: What they are written to.
    """

    __slots__ = ("_clock", "_closed", "_lock", "_waiting", "link")

    def __init__(self, link: Link, clock: Clock) -> None:
        self.link = link
        self._clock = clock
        self._lock = _LOCKS[id(link) // 64 % len(_LOCKS)]
        self._waiting: dict[str, tuple[Mailbox[Answered], float]] = {}
        self._closed = False

    def ask(self, request: Request, reply_to: Mailbox[Answered]) -> bool:
        """Write a request; its answer is told to ``reply_to``.

        Returns:
            False if the link takes nothing any more: no answer will come. True promises none
            either; whoever asks has a deadline.
        """
        with self._lock:
            if self._closed:
                return False
            if len(self._waiting) >= LIMIT:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[request.mid] = reply_to, self._clock.monotonic()
        return self.link.write_frames((request.payload,))

    def say(self, payload: Frame) -> bool:
        """Write what is not answered; False if the link takes nothing any more."""
        return not self._closed and self.link.write_frames((payload,))

    def take(self, mid: str) -> tuple[Mailbox[Answered], float] | None:
        """Return who asked under this id and the monotonic second of it, once; None: nobody."""
        with self._lock:
            return self._waiting.pop(mid, None)

    def close(self) -> None:
        """Write nothing any more, and forget who waits."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
