"""Reading rows of an open journal; what cannot be read costs itself alone, and is set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from actors.ports import Clock
from actors.ports.journal import JournalError, PendingRows
from gateway.journal.files import opening
from gateway.journal.rows import Value
from gateway.journal.sqlite import paging
from gateway.journal.sqlite.counters import Counts
from gateway.journal.sqlite.handle import Handle
from gateway.journal.unreadable import aside, finding, reading
from gateway.journal.unreadable.finding import Depth, Unreadable
from gateway.journal.upkeep.upkeep import Upkeep

SEEK_S: Final = 60.0
"""Between two looks through the whole file for rows that cannot be read."""

T = TypeVar("T")


class Reader:
    """Of one journal, any one thread at a time.

    Args:
        handle: Its open file.
        counts: Its counters; they are taken anew when a row is set aside.
        upkeep: Is told which rows are set aside.
        clock: Time.
        log: A structlog logger.
    """

    def __init__(
        self, handle: Handle, counts: Counts, upkeep: Upkeep, clock: Clock, log: Any
    ) -> None:
        self._handle = handle
        self._counts = counts
        self._upkeep = upkeep
        self._clock = clock
        self._log = log
        self._sought_at = float("-inf")

    def fetch(self, query: str, values: Sequence[Value]) -> list[Any]:
        """Return the rows of a query as SQLite gives them.

        Raises:
            JournalError: The file cannot be read.
        """
        try:
            return self._handle.connected().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise opening.failure(self._handle.path, error) from error

    def rows(self, read: Callable[[Any], T], query: str, values: Sequence[Value]) -> list[T]:
        """Return what ``read`` makes of each row of a query, without those it cannot read.

        Raises:
            JournalError: The file cannot be read.
        """
        try:
            return [read(row) for row in self.fetch(query, values)]
        except reading.ERRORS as error:
            if isinstance(error, JournalError) and not reading.is_no_text(error):
                raise
            self._seek()
        connection = self._handle.connected()
        connection.text_factory = reading.lenient  # what is left of it fails alone
        try:
            return list(reading.each(read, self.fetch(query, values)))
        finally:
            connection.text_factory = str

    def page(self, account: str, after: int, limit: int, lane: Value) -> PendingRows:
        """Return a page of what is pending, of one lane, or of all if ``lane`` is None.

        Raises:
            JournalError: The file cannot be read.
        """
        try:
            page = self._page(account, after, limit, lane)
        except reading.ERRORS as error:
            if isinstance(error, JournalError) and not reading.is_no_text(error):
                raise
            self._seek()
            page = self._page(account, after, limit, lane)
        lost = [
            Unreadable(table="event", key=(number,), why="its frame cannot be read")
            for number in page.unreadable
        ]
        if lost:
            self._mend(lambda: self._take_out(lost))
            page.unreadable.clear()
        return page

    def set_aside(self, depth: Depth) -> bool:
        """Take out of the tables what cannot be read, and log each row.

        Returns:
            Whether there was any.

        Raises:
            sqlite3.Error: The file cannot be read, or not be written.
        """
        return self._take_out(finding.find(self._handle.connected(), depth))

    def _page(self, account: str, after: int, limit: int, lane: Value) -> PendingRows:
        try:
            return paging.read(self._handle.connected(), account, after, limit, lane)
        except sqlite3.Error as error:
            raise opening.failure(self._handle.path, error) from error

    def _seek(self) -> None:
        """Look through the whole file for what cannot be read, once in a while."""
        now = self._clock.monotonic()
        if now < self._sought_at + SEEK_S:
            return
        self._sought_at = now
        self._mend(lambda: self.set_aside(Depth.CONTENT))

    def _mend(self, take_out: Callable[[], bool]) -> None:
        try:
            if take_out():
                self._counts.recount(self._handle.connected())
        except sqlite3.Error as error:
            raise opening.failure(self._handle.path, error) from error

    def _take_out(self, found: Sequence[Unreadable]) -> bool:
        connection = self._handle.connected()
        taken = aside.set_aside(connection, found, self._clock.unix_ms()) if found else []
        for each in taken:
            self._log.warning(
                "journal.row_set_aside", table=each.table, row=each.name, why=each.why
            )
        self._upkeep.note_set_aside(aside.kept(connection))
        return bool(taken)
