"""Reading a journal that another thread writes: by number, each row once. Never writes.

Numbers of events are drawn before they are stored, and accounts store at their own pace: a higher
number may be there sooner than a lower one. So who follows looks again at what is young.
"""

from __future__ import annotations

import contextlib
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
from gateway.journal.unreadable.sound import HIGHEST

_ROWS: Final = (
    "SELECT lane_seq, raw_id, idx, account, flags FROM event WHERE lane_seq BETWEEN ? AND ? "
    "ORDER BY lane_seq LIMIT ?"
)
_FRAMES = Statement("SELECT raw_id, kind, received_at, raw FROM inbox WHERE raw_id IN (", "?", ")")
_SENDS: Final = (
    "SELECT position, outbox_id, account, lane, accepted_at, body, state, reason, "
    "server_message_id, event_id, ended_at FROM outbox WHERE position"
)
_AFTER: Final = f"{_SENDS}>? ORDER BY position LIMIT ?"
_THESE = Statement(f"{_SENDS} IN (", "?", ")")
_STATES = Statement("SELECT position, outbox_id, state FROM outbox WHERE position IN (", "?", ")")
_NEWEST: Final = (
    f"SELECT max((SELECT coalesce(max(lane_seq), 0) FROM event WHERE lane_seq<={HIGHEST}),"  # noqa: S608  # ours
    f" (SELECT coalesce(max(value), 0) FROM log_meta WHERE key='numbers' AND value<={HIGHEST}))"
)


class EventRow(NamedTuple):
    """Where an event stands.

    Attributes:
        number: Its ``lane_seq``.
        raw_id: Its frame; 0 where the row cannot be read.
        place: Which of the frame's events it is.
        own: The account said it, as was known when it came.
    """

    number: int
    raw_id: int
    place: int
    account: str
    late: bool
    own: bool


class SendRow(NamedTuple):
    """A send as it stands now.

    Attributes:
        position: Its place; one that was deleted may be given again.
    """

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
    # A damaged text costs its own row, not the page of rows it came with.
    connection.text_factory = lambda content: content.decode("utf-8", "backslashreplace")
    return connection


def identity(connection: sqlite3.Connection) -> str:
    """Return what tells this journal from any other."""
    found = dict(
        connection.execute("SELECT key, value FROM log_meta WHERE key IN ('created_at', 'epoch')")
    )
    return f"{found.get('created_at')}/{found.get('epoch')}"


def newest(connection: sqlite3.Connection) -> int:
    """Return the highest number an event has, or had until it was deleted; 0 without any."""
    (found,) = connection.execute(_NEWEST).fetchone()
    return int(found)


def events(
    connection: sqlite3.Connection, first: int, last: int = HIGHEST, *, limit: int
) -> list[EventRow]:
    """Return events with a number from the first to the last, the lowest first."""
    return [_event(row) for row in connection.execute(_ROWS, (first, last, limit))]


def _event(row: Sequence[Any]) -> EventRow:
    number, raw_id, index, account, flags = row
    whole = all(isinstance(each, int) for each in (raw_id, index, flags))
    if not whole or not isinstance(account, str) or index < 0:
        return EventRow(number, 0, 0, "", late=False, own=False)
    late, own = bool(flags & Flag.LATE), bool(flags & Flag.OWN)
    return EventRow(number, raw_id, index, account, late=late, own=own)


def frames(
    connection: sqlite3.Connection, wanted: Iterable[int]
) -> dict[int, tuple[Frame | None, int]]:
    """Return frames and when they came; None: what is stored is none."""
    found: dict[int, tuple[Frame | None, int]] = {}
    for query, part in _FRAMES.parts(list(dict.fromkeys(wanted))):
        for raw_id, kind, at_ms, raw in connection.execute(query, part):
            found[raw_id] = frame_of(raw, kind), at_ms if isinstance(at_ms, int) else 0
    return found


def sends(
    connection: sqlite3.Connection, after: int, limit: int
) -> tuple[list[SendRow], tuple[int, str] | None]:
    """Return sends above a position, the lowest first, and the last one's position and id.

    One that cannot be read is left out; None: there is none above.
    """
    rows = connection.execute(_AFTER, (after, limit)).fetchall()
    return _read(rows), (rows[-1][0], _id(rows[-1][1])) if rows else None


def send_states(
    connection: sqlite3.Connection, positions: Sequence[int]
) -> dict[int, tuple[str, str]]:
    """Return id and state of the sends at these positions; without those that are not there."""
    found = {}
    for query, part in _STATES.parts(list(positions)):
        for position, outbox_id, state in connection.execute(query, part):
            with contextlib.suppress(ValueError):
                found[position] = _id(outbox_id), shown(Stored(state)).value
    return found


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


def _id(value: object) -> str:
    return text(value) if isinstance(value, str | bytes) else str(value)


def _send(row: Sequence[Any]) -> SendRow:
    position, outbox_id, account, lane, at, body, state, reason, message_id, event_id, ended = row
    names, times = (account, "" if reason is None else reason), (at, 0 if ended is None else ended)
    if not all(isinstance(each, str) for each in names) or not all(
        isinstance(each, int) for each in times
    ):
        raise ValueError("a column has a value of another type")
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
