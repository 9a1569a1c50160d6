"""Events a person must see: dead letters and parked events, listed, put back or dropped.

And the mark that makes an event *running* before its handlers begin: it lies among the
letters, so that the next start finds what was running without reading the whole file.

Whoever lists, shows or drops asks a journal for it; :func:`replay` numbers the event besides.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from actors.policy.reasons import UNKNOWN_EFFECT
from actors.ports.commands import BeginEvent, DropEvent, ParkEvents, ReplayEvent
from actors.ports.journal import Journal, Letter
from actors.values import AccountId, Frame
from gateway.journal.rows import Statement, Value, storable, text
from gateway.journal.schema import Flag, FrameKind, Status
from gateway.journal.work import Work

RUNNING: Final = "running"
"""``dead_letter.reason`` of an event that is in a handler, neither dead nor parked."""

NEVER: Final = (1 << 63) - 1
"""A time after all others."""

PUT = Statement(
    "INSERT OR REPLACE INTO dead_letter(lane_seq,account,event_id,reason,at) VALUES", "(?,?,?,?,?)"
)
TAKE_AWAY = Statement("DELETE FROM dead_letter WHERE lane_seq IN (", "?", ")")

# status numbers are schema.Status; SQL and Status are held together by a test
_BEGIN: Final = "UPDATE event SET status=?, crashes=? WHERE lane_seq=? AND status=0"
_PARK = Statement("UPDATE event SET status=4 WHERE status=6 AND lane_seq IN (", "?", ")")
_PARKED = Statement(
    f"UPDATE dead_letter SET reason='{UNKNOWN_EFFECT}' WHERE reason='{RUNNING}' AND lane_seq IN (",  # noqa: S608  # ours
    "?",
    ")",
)
_FIND: Final = (
    "SELECT lane_seq, event.account, status FROM dead_letter JOIN event USING(lane_seq) "
    "WHERE dead_letter.event_id=? AND status IN (3,4)"
)
_AGAIN: Final = (
    "UPDATE event SET lane_seq=?, status=0, attempts=0, crashes=0, flags=flags|? WHERE lane_seq=?"
)
_IGNORED: Final = "UPDATE event SET status=2 WHERE lane_seq=?"

_LETTER: Final = (
    "SELECT d.event_id, d.account, event.lane, lane_seq, event.status, d.reason, event.attempts, "
    "d.at, inbox.received_at, event.idx, inbox.kind, {raw} "
    "FROM dead_letter AS d JOIN event USING(lane_seq) JOIN inbox USING(raw_id) "
    "WHERE event.status IN (3,4) AND {which}"
)
# Those that are wanted are chosen among narrow rows; only these are looked up.
LIST: Final = _LETTER.format(
    raw="CASE WHEN ?>0 AND length(inbox.raw)<=? THEN inbox.raw END",
    which=f"lane_seq IN (SELECT lane_seq FROM dead_letter WHERE reason IS NOT '{RUNNING}' "  # noqa: S608  # ours
    "AND (? OR account=?) AND (at,lane_seq)<(?,?) ORDER BY at DESC, lane_seq DESC LIMIT ?) "
    "ORDER BY d.at DESC, lane_seq DESC",
)
SHOW: Final = _LETTER.format(raw="inbox.raw", which="d.event_id=?")
"""Queries that :func:`letter_row` reads."""


# --- on a journal that nobody else has open --------------------------------------------


def replay(journal: Journal, event_id: str) -> bool:
    """Make it pending again at the end of its lane; False if it is neither dead nor parked.

    Raises:
        JournalError: The journal cannot be written; nothing was done.
    """
    number = next(journal.numbers())
    return bool(journal.commit([ReplayEvent(event_id=event_id, lane_seq=number)])[0])


# --- within a transaction --------------------------------------------------------------


def do(work: Work, command: BeginEvent | ParkEvents | ReplayEvent | DropEvent) -> int:
    """Do one of the commands about single events; give its answer."""
    if isinstance(command, BeginEvent):
        return _begin(work, command)
    if isinstance(command, ParkEvents):
        numbers: list[Value] = list(command.lane_seqs)
        parked = work.many(_PARK, numbers)
        work.changes[command.account, "parked"] += parked
        work.many(_PARKED, numbers)
        return parked
    row = work.one(_FIND, (storable(command.event_id),)).fetchone()
    if row is None:
        return False
    number, account, status = row
    work.many(TAKE_AWAY, [number])
    work.changes[account, Status(status).name.lower()] -= 1
    if isinstance(command, ReplayEvent):
        work.one(_AGAIN, (command.lane_seq, Flag.REPLAYED.value, number))
    else:
        work.one(_IGNORED, (number,))
        work.changes[account, "ignored"] += 1
    return True


def _begin(work: Work, command: BeginEvent) -> bool:
    event = command.event
    status = Status.RUNNING if command.park else Status.PENDING
    if not work.one(_BEGIN, (status.value, command.crashes, event.lane_seq)).rowcount:
        return False
    if command.park:
        work.many(PUT, [event.lane_seq, event.account, event.event_id, RUNNING, work.now_ms])
    return True


def left_running(connection: sqlite3.Connection) -> list[ParkEvents]:
    """Return the commands that park what was running when the last process ended."""
    query = f"SELECT account, lane_seq FROM dead_letter WHERE reason='{RUNNING}'"  # noqa: S608  # ours
    numbers: defaultdict[AccountId, list[int]] = defaultdict(list)
    for account, number in connection.execute(query):
        numbers[account].append(number)
    return [ParkEvents(account=account, lane_seqs=each) for account, each in numbers.items()]


def letter_row(row: Sequence[Any]) -> Letter:
    """Read a row of :data:`LIST` or of :data:`SHOW`."""
    event_id, account, lane, number, status, reason, attempts, at, came, index, kind, raw = row
    frame: Frame | None = raw if raw is None or kind != FrameKind.TEXT else text(raw)
    return Letter(
        event_id=text(event_id),
        account=account,
        conversation_id=None if lane is None else text(lane),
        lane_seq=number,
        status=Status(status).name.lower(),
        reason=reason,
        attempts=attempts,
        at_ms=at,
        received_at_ms=came,
        frame=frame,
        index=index,
    )
