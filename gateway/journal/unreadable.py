"""Rows nobody can read: found by what their columns hold, set aside with a copy, one by one.

SQLite keeps whatever it is given, and files are edited by people. One such row must not cost
more than itself: it is copied to ``log_meta`` under :data:`KEPT` and taken out, so that nothing
that reads the file meets it again; ``journal repair`` moves the copies to a file beside it.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from actors.ports.commands import Past
from actors.ports.journal import JournalError
from actors.values import Content
from gateway.journal.rows import text
from gateway.journal.schema import SendState, Status
from gateway.journal.upkeep.retention import Transaction

T = TypeVar("T")

ERRORS: Final = (JournalError, ValueError, TypeError, AttributeError, LookupError)
"""What reading a row raises that holds something else than it should."""

KEPT: Final = "unreadable/"
"""Begin of the keys of ``log_meta`` that hold copies."""

HIGHEST: Final = (1 << 62) - 1
"""Highest number a key or a counter may have: what counts on from it must have room."""

_WHOLE: Final = "typeof({0})='integer'"
_COUNT: Final = f"{_WHOLE} AND {{0}} BETWEEN 0 AND {HIGHEST}"
_WHOLE_OR_NONE: Final = "typeof({0}) IN ('integer','null')"
_NAME: Final = "typeof({0})='text'"
_TEXT: Final = "typeof({0}) IN ('text','blob')"
_TEXT_OR_NONE: Final = "typeof({0}) IN ('text','blob','null')"
_WORD: Final = "typeof({0}) IN ('text','null')"
_STATUS: Final = f"{{0}} IN ({','.join(str(each.value) for each in Status)})"
_STATE: Final = f"{{0}} IN ({','.join(str(each.value) for each in SendState)})"

SOUND: Final[dict[str, dict[str, str]]] = {
    "inbox": {
        **dict.fromkeys(("raw_id", "gen"), _COUNT),
        "received_at": _WHOLE,
        "account": _NAME,
        "kind": "{0} IN (0,1,2)",
        "raw": _TEXT,
    },
    "event": {
        **dict.fromkeys(("lane_seq", "raw_id", "source", "attempts", "crashes"), _COUNT),
        "flags": _WHOLE,
        "event_id": _TEXT,
        "idx": _COUNT,
        "account": _NAME,
        "lane": _TEXT_OR_NONE,
        "server_time": _WHOLE_OR_NONE,
        "status": _STATUS,
    },
    "dead_letter": {
        "lane_seq": _COUNT,
        "account": _NAME,
        "event_id": _TEXT,
        "reason": _WORD,
        "at": _WHOLE,
    },
    "outbox": {
        "position": _COUNT,
        **dict.fromkeys(("outbox_id", "uuid", "lane", "body"), _TEXT),
        **dict.fromkeys(("recipient", "event_id", "server_message_id", "reason"), _TEXT_OR_NONE),
        "account": _NAME,
        "expires_at": _WHOLE,
        "accepted_at": _WHOLE,
        "state": _STATE,
        "ended_at": _WHOLE_OR_NONE,
    },
    "attempt": {
        **dict.fromkeys(("mid", "outbox_id"), _TEXT),
        "gen": _COUNT,
        "epoch": _COUNT,
        "started_at": _WHOLE,
        "result": _WORD,
        "platform_at": _WHOLE_OR_NONE,
    },
    "cursor": {  # one that names no position is none: history is read again
        "account": _NAME,
        "stream_marker": _TEXT_OR_NONE,
        "at": _WHOLE,
        "position": "typeof({0}) IN ('integer','text','null')",
    },
    "account_state": {
        "account": _NAME,
        "desired": _WORD,
        "failed_reason": _WORD,
        "n": _COUNT,
        "not_before": _WHOLE_OR_NONE,
        "history": _WORD,
        "duplicates": _COUNT,
    },
    "note": {"account": _NAME, "lane": _TEXT, "key": _TEXT, "value": _TEXT_OR_NONE, "at": _WHOLE},
    "tally": {"account": _NAME, "name": _NAME, "count": _COUNT},
    "log_meta": {
        "key": _NAME,
        "value": "CASE WHEN key IN ('counts','salvaged') OR key LIKE 'unreadable/%' "
        f"THEN {_NAME} WHEN key LIKE 'hold/%' OR key IN ('numbers','epoch') THEN {_COUNT} "
        "WHEN key LIKE 'first/%' OR key IN "
        "('created_at','clean_shutdown','synced_at','checked_at','platform_ms') "
        f"THEN {_WHOLE} ELSE 1 END",
    },
}
"""What each column of each table must hold to be read, as SQL of the column."""

_COUNTED: Final = frozenset({"event", "tally", "account_state", "inbox", "log_meta"})
"""Tables whose rows the counters are made of."""


def _readable_text(value: Any) -> None:
    text(value)


_COUNTS: Final = msgspec.json.Decoder(dict[str, dict[str, int]])
_VALUES: Final[dict[tuple[str, str], Callable[[Any], object]]] = {
    ("account_state", "history"): msgspec.json.Decoder(Past).decode,
    **{
        (table, column): _readable_text
        for table, columns in SOUND.items()
        for column, rule in columns.items()
        if rule in (_TEXT, _TEXT_OR_NONE) and (table, column) != ("inbox", "raw")
    },
    ("outbox", "body"): msgspec.json.Decoder(Content).decode,
}
"""Columns whose content is read on, and how."""

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
                found += _find_in(connection, table, sound, _keys(connection, table), depth)
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
    read_on = [name for name in names if (table, name) in _VALUES]
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
        if isinstance(value, _NotText):
            return f"{name} is no UTF-8"
        read = _VALUES.get((table, name))
        if read is None or value is None:
            continue
        try:
            read(value)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            return f"{name} cannot be read ({type(error).__name__})"
    if table == "log_meta" and values["key"] in _META:
        try:
            _META[values["key"]](values["value"])
        except (ValueError, TypeError) as error:
            return f"value cannot be read ({type(error).__name__})"
    return None


_META: Final[dict[str, Callable[[Any], object]]] = {
    "counts": _COUNTS.decode,
    "salvaged": msgspec.json.Decoder(dict[str, Any]).decode,
}


def each(read: Callable[[Any], T], rows: Sequence[Any]) -> Iterator[T]:
    """Read rows one by one, without those that cannot be read."""
    for row in rows:
        with contextlib.suppress(*ERRORS):
            yield read(row)


def is_no_text(error: JournalError) -> bool:
    """Return whether a column of text held no UTF-8, which is no error of SQLite's own."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and not hasattr(cause, "sqlite_errorcode")


class _NotText(bytes):
    """Text that is no UTF-8; the binding itself would raise."""


def lenient(raw: bytes) -> str | _NotText:
    """Return text; what is no UTF-8 comes as bytes, and fails whoever reads it on."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _NotText(raw)


# --- setting aside --------------------------------------------------------------------


def set_aside(
    connection: sqlite3.Connection, found: Sequence[Unreadable], now_ms: int
) -> list[Unreadable]:
    """Copy rows to ``log_meta`` and take them out, with what hangs on them; return all of them.

    In a transaction of its own. What was counted is counted anew at the next start.

    Raises:
        sqlite3.Error: Nothing was done.
    """
    taken: list[Unreadable] = []
    connection.text_factory = lenient
    try:
        with Transaction(connection):
            for each in found:
                _take(connection, each, now_ms, taken)
            if any(each.table in _COUNTED for each in taken):
                connection.execute("DELETE FROM log_meta WHERE key='counts'")
    finally:
        connection.text_factory = str
    return taken


def _take(
    connection: sqlite3.Connection, each: Unreadable, now_ms: int, taken: list[Unreadable]
) -> None:
    table = each.table
    keys = _keys(connection, table)
    where = " AND ".join(
        f"{name}=CAST(? AS TEXT)" if isinstance(value, _NotText) else f"{name}=?"
        for name, value in zip(keys, each.key, strict=True)
    )
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {where}", each.key)  # noqa: S608  # ours
    row = cursor.fetchone()
    if row is None:  # it hung on another
        return
    names = [column[0] for column in cursor.description]
    values = dict(zip(names, row, strict=True))
    copy = {"table": table, "key": each.name, "why": each.why, "at_ms": now_ms}
    copy |= {"row": {name: _kept(value) for name, value in values.items()}}
    connection.execute(
        "INSERT OR REPLACE INTO log_meta VALUES(?,?)",
        (f"{KEPT}{table}/{each.name}", msgspec.json.encode(copy).decode()),
    )
    connection.execute(f"DELETE FROM {table} WHERE {where}", each.key)  # noqa: S608  # ours
    taken.append(each)
    hanging = {
        "inbox": ("event", "raw_id=?", "raw_id", "its frame cannot be read"),
        "event": ("dead_letter", "lane_seq=?", "lane_seq", "its event cannot be read"),
        "outbox": ("attempt", "outbox_id=?", "outbox_id", "its send cannot be read"),
    }.get(table)
    if hanging is not None:
        other, which, column, why = hanging
        if table == "inbox":
            which += f" AND status NOT IN ({Status.DONE},{Status.IGNORED},{Status.EXPIRED})"
        query = f"SELECT rowid FROM {other} WHERE {which}"  # noqa: S608  # ours
        for key in connection.execute(query, (values[column],)).fetchall():
            _take(connection, Unreadable(table=other, key=key, why=why), now_ms, taken)
    if table == "inbox":  # the identities that are left are pruned with a frame
        connection.execute(
            "INSERT INTO inbox SELECT raw_id,min(account),0,?,0,'' FROM event WHERE raw_id=? "
            "GROUP BY raw_id",
            (now_ms, values["raw_id"]),
        )
    elif table == "attempt" and each.why != "its send cannot be read":
        connection.execute(  # bytes may have left: that is still known, as of the earliest moment
            "INSERT OR IGNORE INTO attempt(mid,outbox_id,gen,epoch,started_at) "
            "SELECT 'unreadable',outbox_id,0,1,accepted_at "
            "FROM outbox WHERE outbox_id=? AND state IN (1,2)",
            (values["outbox_id"],),
        )


def kept(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the copies of what was set aside, the oldest first."""
    query = "SELECT value FROM log_meta WHERE key LIKE ? || '%'"
    rows = connection.execute(query, (KEPT,)).fetchall()
    copies = [msgspec.json.decode(value) for (value,) in rows]
    return sorted(copies, key=lambda copy: (copy["at_ms"], copy["table"], copy["key"]))


def forget_kept(connection: sqlite3.Connection) -> None:
    """Let the copies go; somebody has written them elsewhere."""
    connection.execute("DELETE FROM log_meta WHERE key LIKE ? || '%'", (KEPT,))


def _kept(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _shown(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes) else str(value)


def _keys(connection: sqlite3.Connection, table: str) -> list[str]:
    if not _rowless(connection, table):
        return ["rowid"]
    return [row[1] for row in _table_info(connection, table) if row[5]]


def _table_info(connection: sqlite3.Connection, table: str) -> list[Any]:
    return connection.execute(f"PRAGMA table_info({table})").fetchall()


def _rowless(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type='table' AND name=?"
    row = connection.execute(query, (table,)).fetchone()
    return bool(row and row[0])
