"""Setting rows aside: a copy in ``log_meta``, and the row out of its table."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.journal.schema import Status
from gateway.journal.unreadable.finding import Unreadable, keys_of
from gateway.journal.unreadable.reading import NotText, lenient
from gateway.journal.upkeep.retention import Transaction

KEPT: Final = "unreadable/"
"""Begin of the keys of ``log_meta`` that hold copies."""

_COUNTED: Final = frozenset({"event", "tally", "account_state", "inbox", "log_meta"})
"""Tables whose rows the counters are made of."""


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
    keys = keys_of(connection, table)
    where = " AND ".join(
        f"{name}=CAST(? AS TEXT)" if isinstance(value, NotText) else f"{name}=?"
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
    """Delete the copies: they are written elsewhere by now."""
    connection.execute("DELETE FROM log_meta WHERE key LIKE ? || '%'", (KEPT,))


def _kept(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value
