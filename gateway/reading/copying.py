"""One look at the journal: what is new is written into the copy. One thread; no clock of its own.

Numbers of events are drawn before they are stored, and accounts store at their own pace. So a
number that is missing among those that are there may still come; it is looked for again for a
while. All numbers up to the *floor* were seen, or will not come any more.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Final, NamedTuple

import msgspec

from actors.ports.platform import Reader
from actors.values import AccountId, Event, Frame
from gateway.journal.sqlite import following
from gateway.journal.sqlite.following import EventRow, SendRow
from gateway.reading import schema
from gateway.reading.messages import Said, legible, said
from gateway.reading.writing import Batch, Moved, Sent

SETTLED_S: Final = 60.0
"""A missing number does not come any more after so long: where nothing can be stored for 10 s, the
gateway closes all links."""

BATCH: Final = 500
"""Events, and sends, of one transaction."""

MOST_GAPS: Final = 20_000
"""Runs of missing numbers that are looked for; beyond, the oldest is given up."""

GAPS_A_LOOK: Final = 500
MOST_OPEN: Final = 2_000
"""Sends that are looked at again in one step; the others have their turn in the next."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did.

    Attributes:
        read: Events and sends that were read.
        more: There are more of them now.
        behind: Events that are still to be read, at most.
        written: Lines, sends and changes of state that are new or other than before.
    """

    read: int
    more: bool
    behind: int
    written: int


class _Gap(NamedTuple):
    first: int
    last: int
    until_s: float


class Copying:
    """Copies one journal into one copy.

    Args:
        journal: A connection that only reads.
        copy: A connection that writes.
        reader: Returns what reads the frames of an account; None: nobody can.

    Raises:
        DamagedError: The copy is damaged.
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
        about = schema.kept(copy)
        self._floor = self._high = int(about.get("floor", 0))
        self._sent = int(about.get("position", 0)), str(about.get("outbox_id", ""))
        self._gaps: deque[_Gap] = deque(maxlen=MOST_GAPS)
        self._turn = 0

    def step(self, now_ms: int, now_s: float, moves: Sequence[Moved] = ()) -> Copied:
        """Copy what is new, a batch at most, in one transaction.

        Args:
            now_ms: Our Unix time.
            now_s: Monotonic time.
            moves: Changes of state, to be written with it.

        Raises:
            DamagedError: The copy is damaged; nothing was done.
            sqlite3.Error: One of the files cannot be read or written; nothing was done.
        """
        fresh = following.events(self._journal, self._high + 1, limit=BATCH)
        gaps, found = self._look_again(now_s)
        rows = found + fresh
        frames = following.frames(self._journal, (row.raw_id for row in rows))
        lines = self._lines(rows, frames)
        for row in fresh:
            _, came_ms = frames.get(row.raw_id, (None, 0))
            until_s = now_s + SETTLED_S
            if row.number > gaps.high + 1 and came_ms > now_ms - SETTLED_S * 1000:
                gaps.open.append(_Gap(gaps.high + 1, row.number - 1, until_s))
            gaps.high = row.number
        sends, sent = self._new_sends()
        again = self._open_sends()
        floor = min((gap.first for gap in gaps.open), default=gaps.high + 1) - 1
        batch = Batch(self._copy)
        if lines or sends or again or moves or (floor, sent) != (self._floor, self._sent):
            with schema.transaction(self._copy):
                batch.say(lines)
                batch.send(map(_sent, (*sends, *again)))
                batch.move(moves)
                batch.end()
                schema.keep(
                    self._copy, floor=floor, high=gaps.high, position=sent[0], outbox_id=sent[1]
                )
        self._floor, self._high, self._gaps, self._sent = floor, gaps.high, gaps.open, sent
        behind = max(0, following.newest(self._journal) - self._high)
        more = len(fresh) == BATCH or len(sends) == BATCH
        read = len(rows) + len(sends)
        return Copied(read=read, more=more, behind=behind if more else 0, written=batch.written)

    def _look_again(self, now_s: float) -> tuple[_Gaps, list[EventRow]]:
        """Look for numbers that were missing; return what is missing now, and what came."""
        open_ = self._gaps.copy()
        found: list[EventRow] = []
        for _ in range(min(len(open_), GAPS_A_LOOK)):
            if len(found) >= BATCH:
                break
            gap = open_.popleft()
            came = following.events(self._journal, gap.first, gap.last, limit=BATCH)
            found += came
            if gap.until_s > now_s or len(came) == BATCH:
                open_.extend(_without(gap, came))
        return _Gaps(open_, self._high), found

    def _new_sends(self) -> tuple[list[SendRow], tuple[int, str]]:
        """Return sends that were not seen, and the last one of them.

        Where the last one that was seen has gone, so have all before it, and positions may be
        given again: all that are there are read.
        """
        position, outbox_id = self._sent
        if position and not self._is_there(position, outbox_id):
            position, outbox_id = 0, ""
        rows, last = following.sends(self._journal, position, BATCH)
        return rows, last or (position, outbox_id)

    def _is_there(self, position: int, outbox_id: str) -> bool:
        return following.send_states(self._journal, [position]).get(position, ("",))[0] == outbox_id

    def _lines(
        self, rows: Sequence[EventRow], frames: dict[int, tuple[Frame | None, int]]
    ) -> list[Said]:
        read: dict[tuple[AccountId, int], Sequence[Event]] = {}
        readers: dict[AccountId, Reader | None] = {}
        lines = []
        for row in rows:
            key = row.account, row.raw_id
            with contextlib.suppress(Exception):  # a stranger's platform; a row costs itself alone
                if row.account not in readers:
                    readers[row.account] = None
                    readers[row.account] = self._reader(row.account)
                if key not in read:
                    read[key] = ()
                    frame, came_ms = frames.get(row.raw_id, (None, 0))
                    read[key] = _decoded(readers[row.account], frame, row.raw_id, came_ms)
                if row.place < len(read[key]):
                    event = read[key][row.place]
                    # Who an account is may be known from its login only, which no reader has.
                    own = event.own or row.own
                    event = msgspec.structs.replace(event, lane_seq=row.number, own=own)
                    line = said(event, late=row.late)
                    if line is not None:
                        lines.append(line)
        return lines

    def _open_sends(self) -> list[SendRow]:
        """Return sends that are otherwise than when they were seen last."""
        query = (
            "SELECT position, outbox_id, state FROM sent WHERE ended=0 AND position>? "
            "ORDER BY position LIMIT ?"
        )
        with schema.guarded():
            known = self._copy.execute(query, (self._turn, MOST_OPEN)).fetchall()
        self._turn = known[-1][0] if len(known) == MOST_OPEN else 0
        states = following.send_states(self._journal, [position for position, _, _ in known])
        moved, gone = [], []
        for position, *seen in known:
            now = states.get(position, (None, None))
            if now[0] != seen[0]:
                gone.append(seen[0])
            elif now[1] != seen[1]:
                moved.append(position)
        if gone:  # nobody knows what became of them
            with schema.transaction(self._copy):
                ended = "UPDATE sent SET ended=1 WHERE outbox_id=?"
                self._copy.executemany(ended, [(outbox_id,) for outbox_id in gone])
        return following.sends_at(self._journal, moved)


class _Gaps:
    """Missing numbers, and the highest that was seen."""

    def __init__(self, open_: deque[_Gap], high: int) -> None:
        self.open = open_
        self.high = high


def _without(gap: _Gap, came: Sequence[EventRow]) -> Iterable[_Gap]:
    """Return what is left of a gap."""
    first = gap.first
    for row in came:
        if row.number > first:
            yield gap._replace(first=first, last=row.number - 1)
        first = row.number + 1
    if first <= gap.last:
        yield gap._replace(first=first)


def _decoded(
    reader: Reader | None, frame: Frame | None, raw_id: int, received_at_ms: int
) -> Sequence[Event]:
    if reader is None or frame is None:
        return ()
    numbers = count(raw_id)
    return reader.decode(frame, received_at_ms=received_at_ms, numbers=numbers).events


def _sent(row: SendRow) -> Sent:
    said_ = row.content.text if row.content.text is not None else row.content.image_url
    return Sent(
        position=row.position,
        outbox_id=legible(row.outbox_id),
        account=row.account,
        lane=legible(row.conversation),
        at_ms=row.accepted_at_ms,
        text=None if said_ is None else legible(said_),
        state=row.state.value,
        reason=None if row.reason is None else legible(row.reason),
        message_id=None if row.message_id is None else legible(row.message_id),
        event_id=None if row.event_id is None else legible(row.event_id),
        ended_ms=row.ended_at_ms,
    )
