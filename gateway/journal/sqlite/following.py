"""Reading a journal that another thread writes: by number, each row once. Never writes.

Numbers of events are drawn before they are stored, and accounts store at their own pace: a higher
number may be there sooner than a lower one. So who follows looks again at what is young.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from actors.ports.journal import JournalError
from actors.values import Content, Frame, SendState
from gateway.journal.rows import Statement, text
from gateway.journal.schema import APPLICATION_ID, Flag, FrameKind
from gateway.journal.schema import SendState as Stored
from gateway.journal.sqlite.outbox import shown

_ROWS: Final = (
    "SELECT lane_seq, raw_id, idx, account, flags FROM event WHERE lane_seq>? "
    "ORDER BY lane_seq LIMIT ?"
)
_FRAMES = Statement("SELECT raw_id, kind, received_at, raw FROM inbox WHERE raw_id IN (", "?", ")")
_SENDS: Final = (
    "SELECT position, outbox_id, account, lane, accepted_at, body, state, reason, "
    "server_message_id, event_id, ended_at FROM outbox WHERE position"
)
_AFTER: Final = f"{_SENDS}>? ORDER BY position LIMIT ?"
_THESE = Statement(f"{_SENDS} IN (", "?", ")")


class EventRow(NamedTuple):
    """Where an event stands.

    Attributes:
        number: Its ``lane_seq``.
        raw_id: Its frame.
        place: Which of the frame's events it is.
    """

    number: int
    raw_id: int
    place: int
    account: str
    late: bool


class SendRow(NamedTuple):
    """A send as it stands now."""

    position: int
    outbox_id: str
    account: str
    conversation: str
    accepted_at_ms: int
    content: Content
    state: SendState
    reason: str | None
    message_id: str | None
    event_id: str | None
    ended_at_ms: int | None


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal that another connection has open, to read.

    Raises:
        JournalError: It is no journal.
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=1.0
    )
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    if found != APPLICATION_ID:
        connection.close()
        raise JournalError(f"{path} is no journal")
    return connection


def identity(connection: sqlite3.Connection) -> str:
    """Return what tells this journal from any other."""
    found = dict(
        connection.execute("SELECT key, value FROM log_meta WHERE key IN ('created_at', 'epoch')")
    )
    return f"{found.get('created_at')}/{found.get('epoch')}"


def newest(connection: sqlite3.Connection) -> int:
    """Return the highest number of an event; 0 without any."""
    (found,) = connection.execute("SELECT coalesce(max(lane_seq), 0) FROM event").fetchone()
    return int(found)


def events(connection: sqlite3.Connection, after: int, limit: int) -> list[EventRow]:
    """Return events above a number, the lowest first."""
    return [
        EventRow(number, raw_id, index, account, bool(flags & Flag.LATE))
        for number, raw_id, index, account, flags in connection.execute(_ROWS, (after, limit))
    ]


def frames(
    connection: sqlite3.Connection, wanted: Iterable[int]
) -> dict[int, tuple[Frame | None, int]]:
    """Return frames and when they came; None: what is stored is none."""
    found: dict[int, tuple[Frame | None, int]] = {}
    for query, part in _FRAMES.parts(list(dict.fromkeys(wanted))):
        for raw_id, kind, received_at_ms, raw in connection.execute(query, part):
            found[raw_id] = frame_of(raw, kind), received_at_ms
    return found


def sends(connection: sqlite3.Connection, after: int, limit: int) -> list[SendRow]:
    """Return sends above a position, the lowest first; one that cannot be read is left out."""
    return _read(connection.execute(_AFTER, (after, limit)))


def sends_at(connection: sqlite3.Connection, positions: Sequence[int]) -> list[SendRow]:
    """Return the sends at these positions that are there."""
    found: list[SendRow] = []
    for query, part in _THESE.parts(list(positions)):
        found += _read(connection.execute(query, part))
    return found


def _read(rows: Iterable[Sequence[Any]]) -> list[SendRow]:
    found = []
    for row in rows:
        try:
            found.append(_send(row))
        except (TypeError, ValueError):  # msgspec's and Unicode's are values, too
            continue
    return found


def _send(row: Sequence[Any]) -> SendRow:
    position, outbox_id, account, lane, at, body, state, reason, message_id, event_id, ended = row
    return SendRow(
        position=position,
        outbox_id=text(outbox_id),
        account=account,
        conversation=text(lane),
        accepted_at_ms=at,
        content=msgspec.json.decode(body, type=Content),
        state=shown(Stored(state)),
        reason=reason,
        message_id=None if message_id is None else text(message_id),
        event_id=None if event_id is None else text(event_id),
        ended_at_ms=ended,
    )


def frame_of(raw: object, kind: int) -> Frame | None:
    """Return a frame as it came; None if what is stored is none."""
    if not isinstance(raw, str | bytes):
        return None
    try:
        return raw if kind != FrameKind.TEXT else text(raw)
    except UnicodeDecodeError:
        return None
