"""The last events, for clients that watch. Costs nothing while none does.

The first look begins to keep events; a minute without a look ends it. A watcher says how
far it has read with an opaque cursor, and hears if something was in between.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from actors.values import Event
from gateway.events import as_dict
from gateway.web.problems import bad_request

TURN_S = 0.25
"""Longest wait between two looks whether the watcher is there."""

MOST_LINES = 1000
MOST_BYTES = 4 << 20
"""What is kept for watchers; the oldest goes first."""

LEASE_S = 60.0
"""Seconds after the last look for which events are kept."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher has not seen yet.

    Attributes:
        events: As in a ``jsonl`` sink, oldest first.
        next: Cursor for the next look.
        missed: There were events between the cursor and these that are not kept any more.
    """

    events: list[msgspec.Raw]
    next: str
    missed: bool


class Tail:
    """Keeps events for watchers. All methods on any thread.

    Args:
        tap: Called with the receiver of events, and with None when no client watches any more.
        redact: Masks secrets in what is kept.
        monotonic: Seconds.
    """

    def __init__(
        self,
        tap: Callable[[Callable[[Event], None] | None], None],
        redact: Callable[[Any], Any],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tap = tap
        self._redact = redact
        self._monotonic = monotonic
        self._news = threading.Condition()
        self._lines: deque[tuple[int, str, bytes]] = deque()
        self._bytes = 0
        self._number = 0
        self._life: str | None = None
        self._watched_until = 0.0
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Keep an event; never raises into a handler's thread."""
        if self._monotonic() > self._watched_until:
            self._forget()
            return
        line = msgspec.json.encode(self._redact(as_dict(event)))
        with self._news:
            self._number += 1
            self._lines.append((self._number, event.account, line))
            self._bytes += len(line)
            while len(self._lines) > MOST_LINES or self._bytes > MOST_BYTES:
                self._bytes -= len(self._lines.popleft()[2])
            self._news.notify_all()

    def read(
        self,
        after: str | None,
        *,
        account: str | None = None,
        limit: int = 100,
        wait_s: float = 0.0,
        gone: Callable[[], bool] = lambda: False,
    ) -> Page:
        """Return what came after a cursor; waits until there is something.

        Args:
            after: ``next`` of the last page; None: from now on.
            account: Only this account's.
            limit: Events at most.
            wait_s: Seconds to wait for the first.
            gone: Tells whether the watcher has gone away; looked at every quarter second.

        Raises:
            Problem: 400; the cursor is none.
        """
        with self._news:
            life = self._watch()
            known, number = _cursor(after) if after else (life, self._number)
            missed = known != life or number > self._number
            number = 0 if missed else number

            def found() -> list[tuple[int, bytes]]:
                return [
                    (at, line)
                    for at, owner, line in self._lines
                    if at > number and account in (None, owner)
                ]

            deadline_s = self._monotonic() + wait_s
            while not (self._closed or found() or gone()):
                left_s = deadline_s - self._monotonic()
                if left_s <= 0:
                    break
                self._news.wait(min(left_s, TURN_S))
            self._watch()
            lines = found()[:limit]
            oldest = self._lines[0][0] if self._lines else self._number + 1
            missed = missed or number < oldest - 1
            last = lines[-1][0] if len(lines) == limit else self._number
        events = [msgspec.Raw(line) for _, line in lines]
        return Page(events=events, next=f"{life}.{last}", missed=missed)

    def close(self) -> None:
        """Send every watcher home. Idempotent."""
        self._tap(None)
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _watch(self) -> str:
        self._watched_until = self._monotonic() + LEASE_S
        if self._life is None:
            self._life = secrets.token_hex(4)
            self._tap(self)
        return self._life

    def _forget(self) -> None:
        with self._news:
            if self._monotonic() > self._watched_until:
                self._tap(None)
                self._life = None
                self._lines.clear()
                self._bytes = self._number = 0


def _cursor(text: str) -> tuple[str, int]:
    life, _, number = text.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise bad_request("after is no cursor", "give `next` of the last page, or leave it out")
    return life, int(number)
