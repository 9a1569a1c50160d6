"""One open transaction: its connection, and what changes if it commits."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from gateway.journal.rows import Statement, Value, storable


class SettledBeforeError(Exception):
    """Some events were settled already: roll back, and do it again knowing which."""


class Work:
    """An open transaction. Begun and ended by :mod:`gateway.journal.sqlite.journal`.

    Attributes:
        numbers: Source of ``lane_seq`` and ``raw_id``.
        faults: Kept frames without meaning, by account; outlives the transaction.
        now_ms: Our Unix time.
        careful: Look which events are open before settling them.
        changes: How much each counter of each account grows if this is committed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        numbers: Iterator[int],
        faults: Counter[str],
        *,
        now_ms: int,
        careful: bool,
    ) -> None:
        self._connection = connection
        self.numbers = numbers
        self.faults = faults
        self.now_ms = now_ms
        self.careful = careful
        self.changes: defaultdict[tuple[str, str], int] = defaultdict(int)

    def many(self, statement: Statement, values: list[Value]) -> int:
        """Run it over all rows; give how many rows it changed."""
        return sum([self.one(text, part).rowcount for text, part in statement.parts(values)])

    def fetch(self, statement: Statement, values: list[Value]) -> list[tuple[Value, ...]]:
        """Run a query over all values; give the rows of all parts."""
        return [
            row for text, part in statement.parts(values) for row in self.one(text, part).fetchall()
        ]

    def one(self, text: str, values: Sequence[Value]) -> sqlite3.Cursor:
        """Run one statement; values SQLite refuses are replaced by the nearest it takes."""
        try:
            return self._connection.execute(text, values)
        except (UnicodeEncodeError, OverflowError):
            return self._connection.execute(text, [storable(value) for value in values])
