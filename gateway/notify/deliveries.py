"""When messages to one target are tried, and when the target counts as failing. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_WAITING: Final = 256
"""Messages that wait for one target; beyond, the oldest is left out."""

PAUSES_MS: Final = (60_000, 180_000)
"""Pauses after the first tries of a message: with the last try of them, four minutes later, its
target counts as failing."""

RETRY_MS: Final = 300_000
"""Pause between further tries."""

MOST_TRIES: Final = 15
"""Tries of a message, for about an hour; then it is left out, for it may be the message's fault."""


class _Waiting(Generic[T]):
    __slots__ = ("due_ms", "message", "tries")

    def __init__(self, message: T, due_ms: int) -> None:
        self.message = message
        self.due_ms = due_ms
        self.tries = 0


class Deliveries(Generic[T]):
    """The messages to one target, the oldest first.

    Attributes:
        failing: The target took nothing at the last tries.
        left_out: Messages that it did not get, and will not.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Waiting[T]] = deque()
        self.failing = False
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: T, now_ms: int) -> T | None:
        """Have a message delivered; return the one that had to make room for it."""
        pushed = None
        if len(self._waiting) >= MOST_WAITING:
            pushed = self._waiting.popleft().message
            self.left_out += 1
        self._waiting.append(_Waiting(message, now_ms))
        return pushed

    def next(self, now_ms: int) -> T | None:
        """Return the message to be tried now; None: there is none."""
        due_ms = self.due_ms(now_ms)
        return None if due_ms is None or due_ms > now_ms else self._waiting[0].message

    def due_ms(self, now_ms: int) -> int | None:
        """Return when the next one is to be tried; None: none waits."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        # At most a pause away, for the clock of the machine may be set back.
        first.due_ms = min(first.due_ms, now_ms + RETRY_MS)
        return first.due_ms

    def went(self) -> bool:
        """Note that the first one was taken; return whether the target had been failing."""
        self._waiting.popleft()
        before, self.failing = self.failing, False
        return before

    def failed(self, now_ms: int) -> T | None:
        """Note that the first one was not taken; return it if it is not tried again."""
        first = self._waiting[0]
        first.tries += 1
        tried = first.tries - 1
        pause_ms = PAUSES_MS[tried] if tried < len(PAUSES_MS) else RETRY_MS
        self.failing = self.failing or tried >= len(PAUSES_MS)
        if first.tries < MOST_TRIES:
            first.due_ms = now_ms + pause_ms
            return None
        self.left_out += 1
        given_up = self._waiting.popleft().message
        if self._waiting:
            self._waiting[0].due_ms = max(self._waiting[0].due_ms, now_ms + RETRY_MS)
        return given_up
