"""Hints that something changed, for pages that are open. Any thread.

A hint says what to look at again, never what it is; one that is lost costs a page the time to its
next look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

KINDS: Final = ("accounts", "alerts", "chats", "waiting")
"""What may have changed."""

MOST_STREAMS: Final = 16
"""Open streams; each holds a thread of the server."""

LIFE_S: Final = 100.0
"""Seconds after which a stream ends, and the page opens another."""

COMMENT_S: Final = 15.0
"""Seconds of silence after which a comment keeps proxies awake."""

LEAST_S: Final = 0.25
"""Seconds between two hints of a stream."""

_TURN_S: Final = 1.0


class Hints:
    """Tells open streams what changed.

    Args:
        closing: Set when the server stops.
        monotonic: Seconds.
    """

    def __init__(
        self, closing: threading.Event, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._closing = closing
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._pending: dict[object, set[str]] = {}

    def hint(self, *kinds: str) -> None:
        """Say that something changed; costs next to nothing while no page is open."""
        if not self._pending:
            return
        with self._changed:
            for pending in self._pending.values():
                pending.update(kinds)
            self._changed.notify_all()

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._pending)

    def stream(self, gone: Callable[[], bool]) -> Iterator[bytes] | None:
        """Open a stream; None: all places are taken.

        Args:
            gone: Returns True if the page went away; looked at once a second.
        """
        key = object()
        with self._changed:
            if len(self._pending) >= MOST_STREAMS:
                return None
            self._pending[key] = set()
        return Stream(self._lines(key, gone), lambda: self._close(key))

    def _close(self, key: object) -> None:
        with self._changed:
            self._pending.pop(key, None)

    def _lines(self, key: object, gone: Callable[[], bool]) -> Iterator[bytes]:
        ends_s = self._monotonic() + LIFE_S
        said_s = self._monotonic()
        yield b"retry: 1000\ndata: open\n\n"
        while not (self._closing.is_set() or gone() or self._monotonic() >= ends_s):
            kinds = self._next(key, said_s + LEAST_S)
            now_s = self._monotonic()
            if kinds:
                yield f"data: {' '.join(kinds)}\n\n".encode()
            elif now_s - said_s >= COMMENT_S:
                yield b": still here\n\n"
            else:
                continue
            said_s = now_s

    def _next(self, key: object, not_before_s: float) -> list[str]:
        with self._changed:
            # Those that come soon after one another are one hint.
            pending = self._pending[key]
            self._changed.wait_for(lambda: bool(pending) or self._closing.is_set(), _TURN_S)
            while pending and (left_s := not_before_s - self._monotonic()) > 0:
                self._changed.wait(left_s)
            kinds = sorted(pending)
            pending.clear()
        return kinds


class Stream:
    """The lines of a stream; closed by the server, whether they were read or not."""

    def __init__(self, lines: Iterator[bytes], on_close: Callable[[], None]) -> None:
        self._lines = lines
        self._on_close = on_close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._lines)

    def close(self) -> None:
        """Give the place back. Idempotent."""
        self._on_close()
