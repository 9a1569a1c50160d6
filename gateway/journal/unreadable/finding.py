"""Looking through the tables of a journal for rows that cannot be read."""

from __future__ import annotations

import enum
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.journal.schema import Status
from gateway.journal.unreadable.reading import NotText, lenient
from gateway.journal.unreadable.sound import META, SOUND, VALUES

_ENDED: Final = f"status IN ({Status.DONE},{Status.IGNORED},{Status.EXPIRED})"
_START: Final = {
    "inbox": "0",  # a page of a frame may be damaged; who asks for that frame will know
    "event": f"NOT {_ENDED}",
    "outbox": "state<3 OR typeof(state)<>'integer'",
}
"""Rows of a large file that are read after its start; others nobody reads until they go."""

_FRAMELESS: Final = (
    f"SELECT lane_seq FROM event WHERE status={Status.PENDING} "  # noqa: S608  # ours
    "AND typeof(raw_id)='integer' AND raw_id NOT IN (SELECT raw_id FROM inbox)"
)

_LONG: Final = frozenset({"raw", "body"})
"""Columns that only who needs them reads."""


class Depth(enum.Enum):
    """How much is read: what a start reads, all columns of all rows, or their content, too."""

    START = 0
    TYPES = 1
    CONTENT = 2


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        table: Where it is.
        key: Its rowid, or its primary key.
        why: Which column, and what it holds.
    """

    table: str
    key: tuple[Any, ...]
    why: str

    def __str__(self) -> str:
        return f"{self.table} row {self.name}: {self.why}"

    @property
    def name(self) -> str:
        """Return the key in words."""
        return "/".join(_shown(each) for each in self.key)


def find(connection: sqlite3.Connection, depth: Depth) -> list[Unreadable]:
    """Look through the tables of a journal of any version for rows that cannot be read."""
    found: list[Unreadable] = []
    connection.text_factory = lenient
    try:
        for table, columns in SOUND.items():
            there = {row[1] for row in _table_info(connection, table)}
            sound = {name: rule for name, rule in columns.items() if name in there}
            if sound:
                found += _find_in(connection, table, sound, keys_of(connection, table), depth)
        if depth is not Depth.START:  # that reads pages of frames
            found += [
                Unreadable(table="event", key=key, why="its frame is missing")
                for key in connection.execute(_FRAMELESS)
            ]
    finally:
        connection.text_factory = str
    return found


def _find_in(
    connection: sqlite3.Connection,
    table: str,
    sound: Mapping[str, str],
    keys: Sequence[str],
    depth: Depth,
) -> Iterator[Unreadable]:
    names = list(sound)
    rules = [f"coalesce({rule.format(name)},0)" for name, rule in sound.items()]
    read_on = [name for name in names if (table, name) in VALUES]
    start = _START.get(table, "1") if depth is Depth.START else "1"
    which = f"NOT ({' AND '.join(rules)})"
    which += "".join(f" OR typeof({name})='blob'" for name in read_on)
    spelled = [name for name in names if "text" in sound[name] and name not in _LONG]
    whole = depth is Depth.CONTENT or table in {"account_state", "log_meta"}
    if whole or not _is_utf8(connection, table, spelled, start):
        which = "1"
    elif table == "outbox":
        which += " OR state<3"
    columns = ",".join([*keys, *rules, *names])
    query = f"SELECT {columns} FROM {table} WHERE ({start}) AND ({which})"  # noqa: S608  # our own
    for row in connection.execute(query):
        key = row[: len(keys)]
        told = row[len(keys) : len(keys) + len(names)]
        values = dict(zip(names, row[len(keys) + len(names) :], strict=True))
        why = next((_why(n, values[n]) for n, ok in zip(names, told, strict=True) if not ok), None)
        why = why or _why_not_read(table, values)
        if why is not None:
            yield Unreadable(table=table, key=key, why=why)


def _is_utf8(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], which: str
) -> bool:
    """Return whether the binding can read all text of some columns; it does so in C."""
    connection.text_factory = str
    query = f"SELECT {','.join(columns)} FROM {table} WHERE {which}"  # noqa: S608  # our own names
    try:
        deque(connection.execute(query), maxlen=0)
    except sqlite3.OperationalError as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
        return False
    finally:
        connection.text_factory = lenient
    return True


def _why(column: str, value: object) -> str:
    shown = f" {value}" if isinstance(value, int | float) else ""
    kind = {type(None): "null", bytes: "a blob", str: "text"}.get(type(value), "the number")
    return f"{column} is {kind}{shown}"


def _why_not_read(table: str, values: Mapping[str, Any]) -> str | None:
    for name, value in values.items():
        if isinstance(value, NotText):
            return f"{name} is no UTF-8"
        read = VALUES.get((table, name))
        if read is None or value is None:
            continue
        try:
            read(value)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            return f"{name} cannot be read ({type(error).__name__})"
    if table == "log_meta" and values["key"] in META:
        try:
            META[values["key"]](values["value"])
        except (ValueError, TypeError) as error:
            return f"value cannot be read ({type(error).__name__})"
    return None


def _shown(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes) else str(value)


def keys_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns that name a row of a table."""
    if not _rowless(connection, table):
        return ["rowid"]
    return [row[1] for row in _table_info(connection, table) if row[5]]


def _table_info(connection: sqlite3.Connection, table: str) -> list[Any]:
    return connection.execute(f"PRAGMA table_info({table})").fetchall()


def _rowless(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type='table' AND name=?"
    row = connection.execute(query, (table,)).fetchone()
    return bool(row and row[0])
