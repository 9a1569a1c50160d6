"""Pages of pending events: each frame is read once, and a page ends where a frame ends.

A frame may carry thousands of events. A page that gave it with every row would take the
memory of the machine, and one that cut it would have it read and decoded again and again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, TypeAlias

from actors.ports.journal import Pending, PendingRows
from actors.values import Frame
from gateway.journal.rows import Statement, Value, text
from gateway.journal.schema import Flag
from gateway.journal.sqlite.following import frame_of

PAGE_BYTES: Final = 1 << 20
"""Bytes of frames at which a page ends; the frame that reaches them is whole."""

_Row: TypeAlias = tuple[int, int, int, int, int, int, str | bytes]
"""``lane_seq, raw_id, idx, attempts, crashes, flags, event_id``."""

# status numbers are schema.Status; SQL and Status are held together by a test
_ROWS: Final = (
    "SELECT lane_seq, raw_id, idx, attempts, crashes, flags, event_id FROM event "
    "WHERE account=? AND status=0 AND lane_seq>? ORDER BY lane_seq"
)
_ROWS_IN: Final = _ROWS.replace("AND status=0", "AND coalesce(lane, '')=? AND status=0")
_FRAMES: Final = Statement(
    "SELECT raw_id, kind, received_at, raw FROM inbox WHERE raw_id IN (", "?", ")"
)


def read(
    connection: sqlite3.Connection, account: str, after: int, limit: int, lane: Value
) -> PendingRows:
    """Read a page of one lane, or of all if ``lane`` is None.

    Raises:
        sqlite3.Error: The file cannot be read.
    """
    asked = (
        connection.execute(_ROWS, (account, after))
        if lane is None
        else connection.execute(_ROWS_IN, (account, lane, after))
    )
    rows, more = cut(asked, limit)
    asked.close()
    frames, unread = _frames(connection, [row[1] for row in rows])
    page = PendingRows(more=more)
    for number, raw_id, index, attempts, crashes, flags, event_id in rows:
        if raw_id in unread:
            page.more = True
            break
        page.through = number
        if raw_id not in frames:
            page.unreadable.append(number)
            continue
        frame, received_at_ms = frames[raw_id]
        page.append(
            Pending(
                frame=frame,
                event_id=text(event_id),
                raw_id=raw_id,
                index=index,
                lane_seq=number,
                received_at_ms=received_at_ms,
                attempts=attempts,
                crashes=crashes,
                own=bool(flags & Flag.OWN),
                replayed=bool(flags & Flag.REPLAYED),
                late=bool(flags & Flag.LATE),
            )
        )
    return page


def cut(rows: Iterable[_Row], limit: int) -> tuple[list[_Row], bool]:
    """Take ``limit`` rows, and what follows of their frames; say whether there are more."""
    taken: list[_Row] = []
    begun: set[int] = set()
    for row in rows:
        if len(taken) >= limit and row[1] not in begun:
            return taken, True
        taken.append(row)
        begun.add(row[1])
    return taken, False


def _frames(
    connection: sqlite3.Connection, wanted: Sequence[int]
) -> tuple[dict[int, tuple[Frame, int]], set[int]]:
    """Read frames, and when they came, until they fill a page; give also which were not read.

    The first is always read. One that is neither given nor unread cannot be read.
    """
    numbers: list[Value] = list(dict.fromkeys(wanted))
    unread = set(wanted)
    frames: dict[int, tuple[Frame, int]] = {}
    size = 0
    for query, part in chain(_FRAMES.parts(numbers[:1]), _FRAMES.parts(numbers[1:])):
        for raw_id, kind, received_at_ms, raw in connection.execute(query, part):
            unread.discard(raw_id)
            frame = frame_of(raw, kind)
            if frame is None:
                continue
            frames[raw_id] = frame, received_at_ms
            size += len(frame)
            if size >= PAGE_BYTES:
                return frames, unread
        unread.difference_update(part)
    return frames, unread
