"""One look at the journal: what is new is written into the copy. One thread; no clock of its own.

What is young is looked at again (see :mod:`gateway.journal.sqlite.following`): all numbers up to
the *floor* were seen, of those above it which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

import msgspec

from actors.ports.platform import Reader
from actors.values import AccountId, Event, Frame
from gateway.journal.sqlite import following
from gateway.journal.sqlite.following import EventRow, SendRow
from gateway.reading.messages import Said, legible, said
from gateway.reading.writing import Sent, write_said, write_sent

SETTLED_MS: Final = 60_000
"""An event that came so long ago has no lower neighbour that is still to be stored: where nothing
can be stored for 10 s, the gateway closes all links."""

BATCH: Final = 500
"""Events of one transaction."""

MOST_OPEN: Final = 2_000
"""Sends that are looked at again in one step; the others have their turn in the next."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did.

    Attributes:
        events: Events that were read.
        more: There are more of them now.
        new: Lines that were not there before.
    """

    events: int
    more: bool
    new: int


class Copying:
    """Copies one journal into one copy.

    Args:
        journal: A connection that only reads.
        copy: A connection that writes.
        reader: Returns what reads the frames of an account; None: nobody can.
    """

    def __init__(
        self,
        journal: sqlite3.Connection,
        copy: sqlite3.Connection,
        reader: Callable[[AccountId], Reader | None],
    ) -> None:
        self._journal = journal
        self._copy = copy
        self._reader = reader
        self._floor = self._kept("floor")
        self._position = self._kept("position")
        self._came: dict[int, int] = {}  # of the numbers above the floor that were seen
        self._turn = 0

    def step(self, now_ms: int) -> Copied:
        """Copy what is new, a batch at most, in one transaction.

        Raises:
            sqlite3.Error: One of the files cannot be read or written; nothing was done.
        """
        found = following.events(self._journal, self._floor, len(self._came) + BATCH + 1)
        fresh = [row for row in found if row.number not in self._came]
        batch = fresh[:BATCH]
        frames = following.frames(self._journal, (row.raw_id for row in batch))
        lines = self._lines(batch, frames)
        sends = following.sends(self._journal, self._position, BATCH)
        sends += self._open_sends()
        came = {row.number: frames.get(row.raw_id, (None, 0))[1] for row in batch}
        floor = self._settled({**self._came, **came}, now_ms)
        position = max([self._position, *(row.position for row in sends)])
        if not batch and not sends and floor == self._floor:
            return Copied(events=0, more=False, new=0)
        self._copy.execute("BEGIN IMMEDIATE")
        try:
            new = write_said(self._copy, lines)
            write_sent(self._copy, [_sent(row) for row in sends])
            self._keep("floor", floor)
            self._keep("position", position)
            self._copy.execute("COMMIT")
        except BaseException:
            self._copy.rollback()
            raise
        self._floor, self._position = floor, position
        self._came = {number: at for number, at in {**self._came, **came}.items() if number > floor}
        return Copied(events=len(batch), more=len(fresh) > BATCH, new=new)

    def _settled(self, came: dict[int, int], now_ms: int) -> int:
        """Return the number up to which everything that will ever come is there."""
        floor = self._floor
        for number in sorted(came):
            if came[number] > now_ms - SETTLED_MS:
                break
            floor = number
        return floor

    def _lines(
        self, rows: Sequence[EventRow], frames: dict[int, tuple[Frame | None, int]]
    ) -> list[Said]:
        read: dict[tuple[AccountId, int], Sequence[Event]] = {}
        lines = []
        for row in rows:
            key = row.account, row.raw_id
            if key not in read:
                read[key] = self._decoded(row, *frames.get(row.raw_id, (None, 0)))
            if row.place < len(read[key]):
                event = msgspec.structs.replace(read[key][row.place], lane_seq=row.number)
                line = said(event, late=row.late)
                if line is not None:
                    lines.append(line)
        return lines

    def _decoded(self, row: EventRow, frame: Frame | None, received_at_ms: int) -> Sequence[Event]:
        reader = self._reader(row.account)
        if reader is None or frame is None:
            return ()
        try:
            numbers = count(row.raw_id)
            return reader.decode(frame, received_at_ms=received_at_ms, numbers=numbers).events
        except Exception:  # noqa: BLE001  # a platform of a stranger's; a row costs itself alone
            return ()

    def _open_sends(self) -> list[SendRow]:
        """Return sends that were worked on when they were seen last, so many each time."""
        query = "SELECT position FROM sent WHERE ended=0 AND position>? ORDER BY position LIMIT ?"
        open_ = [each for (each,) in self._copy.execute(query, (self._turn, MOST_OPEN))]
        self._turn = open_[-1] if len(open_) == MOST_OPEN else 0
        known = (
            dict(self._copy.execute("SELECT position, state FROM sent WHERE ended=0").fetchall())
            if open_
            else {}
        )
        return [
            row
            for row in following.sends_at(self._journal, open_)
            if row.ended_at_ms is not None or known.get(row.position) != row.state.value
        ]

    def _kept(self, key: str) -> int:
        row = self._copy.execute("SELECT value FROM about WHERE key=?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _keep(self, key: str, value: int) -> None:
        self._copy.execute("INSERT OR REPLACE INTO about VALUES(?,?)", (key, value))


def _sent(row: SendRow) -> Sent:
    said_ = row.content.text if row.content.text is not None else row.content.image_url
    return Sent(
        position=row.position,
        outbox_id=row.outbox_id,
        account=row.account,
        lane=legible(row.conversation),
        at_ms=row.accepted_at_ms,
        text=None if said_ is None else legible(said_),
        state=row.state.value,
        reason=row.reason,
        message_id=row.message_id,
        event_id=None if row.event_id is None else legible(row.event_id),
        ended_ms=row.ended_at_ms,
    )
