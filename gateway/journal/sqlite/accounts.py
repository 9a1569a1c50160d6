"""The recovery state of an account: its cursor, its hold, and which events are stored.

A hold is an entry of ``log_meta`` with the number from which on events wait; while it is
there no handler has seen any of them, so they may be put in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.ports.commands import CloseHold, HoldClosed, JournalAnswer, NoteTime, OpenHold
from actors.ports.journal import RecoveryRecord
from actors.values import Event, Position
from gateway.journal.order import merge
from gateway.journal.rows import Statement, Value, storable, text
from gateway.journal.schema import TOLD, Flag
from gateway.journal.sqlite.frames import local_id
from gateway.journal.work import Work

RECORD: Final = (
    "SELECT stream_marker, position, at, (SELECT value FROM log_meta WHERE key=?), "
    "(SELECT value FROM log_meta WHERE key=?) FROM (SELECT 1) LEFT JOIN cursor ON account=?"
)
"""Query that :func:`record` reads; its values are :func:`record_key`."""

KNOWN = Statement(
    "SELECT event_id, lane_seq, status FROM event WHERE (event_id, account) IN (VALUES",
    "(?,?)",
    ")",
)
"""Query that says which events are stored."""


_TOLD: Final = "INSERT OR REPLACE INTO log_meta(key,value) VALUES(?,?)"
_CONTACT: Final = (
    "INSERT INTO log_meta(key,value) "
    "VALUES(?, CASE WHEN EXISTS(SELECT 1 FROM cursor WHERE account=?) THEN 0 ELSE ? END) "
    "ON CONFLICT DO NOTHING"
)
_OPEN: Final = "INSERT INTO log_meta(key,value) VALUES(?,?) ON CONFLICT DO NOTHING"
_HELD: Final = "DELETE FROM log_meta WHERE key=? RETURNING value"
_MOVE_CURSOR: Final = (
    "INSERT INTO cursor(account,stream_marker,position,at) VALUES(?,?,?,?) ON CONFLICT DO UPDATE "
    "SET stream_marker=excluded.stream_marker, position=excluded.position, at=excluded.at"
)
_WAITING: Final = (
    "SELECT lane_seq, lane, server_time FROM event "
    "WHERE account=? AND status=0 AND lane_seq>=? ORDER BY lane_seq"
)
_MARK_LATE: Final = (
    f"UPDATE event SET flags=flags|{Flag.LATE.value} "  # noqa: S608  # a number of ours
    "WHERE event_id=? AND account=? AND status=0 AND lane_seq>=?"
)
# Two steps, for numbers are unique: out of the way below zero, then to their places.
_SET_ASIDE: Final = "UPDATE event SET lane_seq=? WHERE lane_seq=?"
_PUT_BACK: Final = "UPDATE event SET lane_seq=-lane_seq WHERE lane_seq<0"


def record_key(account: str) -> tuple[str, str, str]:
    """Return the values of :data:`RECORD`."""
    return _key(account), _first(account), account


def record(row: Sequence[Value]) -> RecoveryRecord:
    """Read a row of :data:`RECORD`."""
    marker, point, at_ms, held_from, first_ms = row
    cursor = None
    if isinstance(marker, str | bytes) and isinstance(point, int) and isinstance(at_ms, int):
        cursor = Position(marker=text(marker), point=point, at_ms=at_ms)
    return RecoveryRecord(
        cursor=cursor,
        held_from=held_from if isinstance(held_from, int) else None,
        first_ms=first_ms if isinstance(first_ms, int) else None,
    )


def note_time(work: Work, command: NoteTime) -> int | None:
    """Note the platform's time, and the first contact; give the one that counts.

    Who was read before there was such a note has no past that nobody looked at.
    """
    work.one(_TOLD, (TOLD, command.told_ms))
    key, account = _first(command.account), command.account
    if command.first_ms is not None:
        work.one(_CONTACT, (key, account, command.first_ms))
    row = work.one("SELECT value FROM log_meta WHERE key=?", (key,)).fetchone()
    return None if row is None else int(row[0])


def open_hold(work: Work, command: OpenHold) -> int:
    """Note from which number on events wait; give that of the hold that is open now."""
    key = _key(command.account)
    work.one(_OPEN, (key, command.held_from))
    (held_from,) = work.one("SELECT value FROM log_meta WHERE key=?", (key,)).fetchone()
    return int(held_from)


def close_hold(work: Work, command: CloseHold, stored: JournalAnswer) -> HoldClosed:
    """End the hold, lanes in order; move the cursor.

    Args:
        work: The transaction; it holds the command's frames already.
        command: What to do.
        stored: The new events among the frames.
    """
    account = command.account
    held = work.one(_HELD, (_key(account),)).fetchone()
    if held is not None:
        for event_id in command.late:
            identity = storable(local_id(event_id, account + "/"))
            work.one(_MARK_LATE, (identity, account, held[0]))
        moved = merge(work.one(_WAITING, (account, held[0])).fetchall())
        for old, new in moved:
            work.one(_SET_ASIDE, (-new, old))
        if moved:
            work.one(_PUT_BACK, ())
    cursor = command.cursor
    if cursor is not None:
        work.one(_MOVE_CURSOR, (account, cursor.marker, cursor.point, cursor.at_ms))
    events: Sequence[Event] = stored or ()  # type: ignore[assignment]  # StoreFrames' answer
    return HoldClosed(events=events, held_from=None if held is None else held[0])


def _first(account: str) -> str:
    return f"first/{account}"


def _key(account: str) -> str:
    return f"hold/{account}"
