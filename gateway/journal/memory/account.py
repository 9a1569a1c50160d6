"""What the journal in memory keeps of one account: open events, its hold, and counters."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from actors.ports.commands import BeginEvent, CloseHold, NoteTime
from actors.ports.journal import Pending, PendingRows, Standing, Tally
from actors.values import Event, Frame, Position
from gateway.journal.order import merge

Origin: TypeAlias = tuple[Frame, int, int]
"""Where an event comes from: its frame, its place in it, and when it came (Unix ms)."""


class MemoryAccount:
    """Of one account. The journal changes fields itself to store and settle: it saves calls.

    Attributes:
        pending: Events nobody has settled, by number.
        running: Events that were begun and are parked if they do not end.
        tried: Attempts, crashes, and whether it was replayed, of events with one of these.
        late: Numbers of events that came after a newer one of their lane was handled.
        stored: New events.
        duplicates: Repetitions.
        done: Events that were handled.
        ended: Counters of the rarer ends.
        cursor: How far the account is read.
        first_ms: The first contact.
        held_from: Number from which on events wait; None: no hold is open.
        held: What was stored while the hold is open.
    """

    __slots__ = (
        "cursor",
        "done",
        "duplicates",
        "ended",
        "first_ms",
        "held",
        "held_from",
        "late",
        "pending",
        "running",
        "stored",
        "tried",
    )

    def __init__(self) -> None:
        self.pending: dict[int, Origin] = {}
        self.running: dict[int, tuple[Event, Origin]] = {}
        self.tried: dict[int, tuple[int, int, bool]] = {}
        self.stored = self.duplicates = self.done = 0
        self.ended: Counter[str] = Counter()
        self.late: dict[int, None] = {}
        self.cursor: Position | None = None
        self.held_from: int | None = None
        self.first_ms: int | None = None
        self.held: dict[int, Event] | None = None

    def page(self, after: int, limit: int) -> PendingRows:
        """Return pending events with numbers above ``after``; a page ends where a frame ends."""
        events = self.pending
        numbers = sorted(events)
        page = PendingRows()
        begun: dict[int, tuple[int, set[int]]] = {}  # by text: number of its frame, events read
        for number in numbers[bisect.bisect_right(numbers, after) :]:
            frame, index, received_at_ms = events[number]
            raw_id, indices = begun.get(id(frame), (number, set()))
            if index in indices:  # short texts that are equal are one object
                raw_id, indices = number, set()
            if len(page) >= limit and not indices:
                page.more = True
                break
            indices.add(index)
            begun[id(frame)] = raw_id, indices
            attempts, crashes, replayed = self.tried.get(number, (0, 0, False))
            page.through = number
            page.append(
                Pending(
                    frame=frame,
                    raw_id=raw_id,
                    index=index,
                    lane_seq=number,
                    received_at_ms=received_at_ms,
                    attempts=attempts,
                    crashes=crashes,
                    replayed=replayed,
                    late=number in self.late,
                )
            )
        return page

    def tally(self) -> Tally:
        """Return the counters."""
        return Tally(
            received=self.stored + self.duplicates,
            duplicates=self.duplicates,
            done=self.done,
            pending=len(self.pending) + len(self.running),
            **self.ended,
        )

    def standing(self) -> Standing:
        """Return what waits. Any thread."""
        ended = self.ended
        pending = len(self.pending) + len(self.running)
        return Standing(pending, ended["dead"], ended["parked"])

    def oldest_ms(self) -> int | None:
        """Return our Unix time when the first pending event came. Any thread."""
        try:
            return next(iter(self.pending.values()), ("", 0, None))[2]
        except RuntimeError:  # it was settled between the two; the next look sees it
            return None

    def note_time(self, command: NoteTime) -> int | None:
        """Note the first contact; return the one that counts."""
        if self.first_ms is None:
            self.first_ms = command.first_ms
        return self.first_ms

    def begin(self, command: BeginEvent) -> bool:
        """Note that an event is handled now; return False if it is not pending."""
        event, number = command.event, command.event.lane_seq
        if number is None or number not in self.pending:
            return False
        attempts, _, replayed = self.tried.get(number, (0, 0, False))
        self.tried[number] = (attempts, command.crashes, replayed)
        if command.park:
            self.running[number] = (event, self.pending.pop(number))
        return True

    def park(self, numbers: Sequence[int]) -> list[tuple[Event, Origin]]:
        """Count running events as parked; return them."""
        parked = [self.running.pop(number) for number in numbers if number in self.running]
        self.ended["parked"] += len(parked)
        return parked

    def open_hold(self, held_from: int) -> int:
        """Note from which number on events wait; return that of the hold that is open now."""
        if self.held_from is None:
            self.held_from = held_from
        return self.held_from

    def close_hold(self, command: CloseHold) -> int | None:
        """End the hold, lanes in order, and move the cursor; return from where it held."""
        pending = self.pending
        held_from, self.held_from = self.held_from, None
        held, self.held = self.held or {}, None
        waiting = [
            (number, event.conversation_id, event.occurred_at_ms)
            for number, event in sorted(held.items(), key=_number)
            if number in pending
        ]
        late_ids = set(command.late)
        self.late |= {
            number: None
            for number, event in held.items()
            if number in pending and event.event_id in late_ids
        }
        moved = merge(waiting)
        origins = {new: pending.pop(old) for old, new in moved}
        pending.update(origins)
        tried = {new: self.tried.pop(old) for old, new in moved if old in self.tried}
        self.tried.update(tried)
        late = {new: self.late.pop(old) for old, new in moved if old in self.late}
        self.late |= late
        if command.cursor is not None:
            self.cursor = command.cursor
        return held_from


def _number(held: tuple[int, Event]) -> int:
    return held[0]
