"""A follower of a real gateway's journal, and waits for what it writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from market import WAIT_S, Log, Market

from actors.runtime.clock import SystemClock
from gateway.reading import schema
from gateway.reading.asking import CopyUnreadableError
from gateway.reading.following import Follower
from gateway.reading.overview import Overview
from gateway.reading.queries import Queries
from gateway.settings import ReadingSettings

T = TypeVar("T")


class Following:
    """A follower of a market's journal."""

    def __init__(self, market: Market, directory: Path, **keys: Any) -> None:
        self.path = directory / schema.FILE
        self.log = Log()
        self._changed = threading.Condition()
        self.looks = 0
        self.follower = Follower(
            directory / "journal.sqlite3",
            self.path,
            ReadingSettings(),
            reader=keys.pop("reader", market.gateway.accounts.reader),
            again_s=0.05,
            clock=SystemClock(),
            log=self.log,
            heard=self._heard,
            **keys,
        )
        market.gateway.on_state(self.follower.moved)
        self.queries = Queries(self.path)
        self.overview = Overview(self.path)

    def _heard(self) -> None:
        with self._changed:
            self.looks += 1
            self._changed.notify_all()

    def until(self, read: Callable[[], T], right: Callable[[T], bool]) -> T:
        """Ask again, each time something new was written, until the answer is right."""
        ends = time.monotonic() + WAIT_S
        found: T | None
        while True:
            with self._changed:
                seen = self.looks
            try:
                found = read()
            except CopyUnreadableError:
                found = None  # there is none yet
            if found is not None and right(found):
                return found
            with self._changed:
                left_s = ends - time.monotonic()
                assert left_s > 0, (found, self.follower.state, self.log.lines)
                self._changed.wait_for(lambda: self.looks > seen, left_s)  # noqa: B023


@contextmanager
def followed(market: Market, directory: Path, **keys: Any) -> Iterator[Following]:
    """Follow a market's journal while a block runs."""
    following = Following(market, directory, **keys)
    following.follower.start()
    try:
        yield following
    finally:
        assert following.follower.stop(WAIT_S) == []
