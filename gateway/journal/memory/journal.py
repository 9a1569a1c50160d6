"""The journal that keeps nothing: same answers as on disk, until the process ends."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from actors.policy.alerts import Alert, letters_wait
from actors.ports import Clock
from actors.ports.commands import (
    BeginEvent,
    CloseHold,
    DropEvent,
    HoldClosed,
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    NoteTime,
    OpenHold,
    ParkEvents,
    Past,
    ReplayEvent,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
    StorePast,
    StorePaused,
)
from actors.ports.journal import (
    Letter,
    Pending,
    PendingRows,
    RecoveryRecord,
    SendQuery,
    SendRecord,
    Tally,
)
from actors.runtime.clock import SystemClock
from actors.values import AccountId, Delivery, Disposition, Event, Frame, Position
from gateway.journal.memory.outbox import MemorySends
from gateway.journal.order import arrange, in_order, merge
from gateway.journal.schema import UNKNOWN_EFFECT

LETTERS: Final = 10_000
"""Dead and parked events that are kept; beyond them the oldest are only counted."""


class _Account:
    """What is kept of one account: open events, and counters."""

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
        self.pending: dict[int, tuple[Frame, int, int]] = {}  # frame, index, received_at_ms
        self.running: dict[int, tuple[Event, tuple[Frame, int, int]]] = {}
        self.tried: dict[int, tuple[int, int, bool]] = {}  # attempts, crashes, replayed
        self.stored = self.duplicates = self.done = 0
        self.ended: Counter[str] = Counter()  # the rarer ends
        self.late: dict[int, None] = {}
        self.cursor: Position | None = None
        self.held_from: int | None = None
        self.first_ms: int | None = None
        self.held: dict[int, Event] | None = None  # what was stored while the hold is open


class MemoryJournal:
    """A :class:`actors.ports.journal.Journal` without a disk; a commit costs half a microsecond.

    Args:
        dedup_limit: How many identities are remembered at most; at least half as many of the
            newest always are.
        clock: For the times of letters and sends; None: the system's.
    """

    durable = False

    def __init__(self, *, dedup_limit: int = 200_000, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._generation_size = max(1, dedup_limit // 2)
        self._recent: set[str] = set()
        self._older: set[str] = set()
        self._numbers = itertools.count(1)
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._notes: dict[tuple[str, str, str], str] = {}  # by account, conversation and key
        self._sends = MemorySends(self._clock.unix_ms)
        self._letters: dict[str, Letter] = {}
        self._letters_changed = False
        self._concerns: tuple[Alert, ...] = ()
        self._pasts: dict[AccountId, Past] = {}
        self._paused: set[AccountId] = set()

    def numbers(self) -> Iterator[int]:
        """Return the source of ``lane_seq``; safe to draw from any thread."""
        return self._numbers

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do the commands in order; rules as in :mod:`gateway.journal.sqlite.journal`."""
        return [self._one(command) for command in commands]

    def pending(
        self, account: AccountId, after: int, limit: int, *, lane: str | None = None
    ) -> PendingRows:
        """Return unsettled events with ``lane_seq`` above ``after``, in its order, of all lanes."""
        del lane
        kept = self._accounts[account]
        events = kept.pending
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
            attempts, crashes, replayed = kept.tried.get(number, (0, 0, False))
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
                    late=number in kept.late,
                )
            )
        return page

    def pasts(self) -> dict[AccountId, Past]:
        """Return what former lives left of each account that failed and was not stable since."""
        return dict(self._pasts)

    def paused(self) -> frozenset[AccountId]:
        """Return the accounts that a person paused and nobody resumed since."""
        return frozenset(self._paused)

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return sends in the order they were accepted; of ended ones, the last 10,000."""
        return self._sends.find(query)

    def letters(self, account: AccountId | None, limit: int) -> Sequence[Letter]:
        """Return dead and parked events, the newest first."""
        found = [
            msgspec.structs.replace(letter, frame=None)
            for letter in reversed(self._letters.values())
            if account in (None, letter.account)
        ]
        return found[:limit]

    def letter(self, event_id: str) -> Letter | None:
        """Return one of them with its frame."""
        return self._letters.get(event_id)

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Return what handlers noted last."""
        return self._notes.get((account, conversation_id, key))

    def concerns(self) -> Sequence[Alert]:
        """Return who has dead letters: there is no file to fill."""
        if self._letters_changed:
            self._letters_changed = False
            found = Counter((each.account, each.status) for each in list(self._letters.values()))
            names = sorted({account for account, _ in found})
            counts = ((name, found[name, "dead"], found[name, "parked"]) for name in names)
            self._concerns = letters_wait(counts)
        return self._concerns

    def tally(self, account: AccountId) -> Tally:
        """Return the counters of an account."""
        kept = self._accounts[account]
        return Tally(
            received=kept.stored + kept.duplicates,
            duplicates=kept.duplicates,
            done=kept.done,
            pending=len(kept.pending) + len(kept.running),
            **kept.ended,
        )

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Return the account's cursor and its hold."""
        kept = self._accounts[account]
        return RecoveryRecord(cursor=kept.cursor, held_from=kept.held_from, first_ms=kept.first_ms)

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Return which of these events are stored; True: it may have reached a handler."""
        held = {event.event_id for event in (self._accounts[account].held or {}).values()}
        return {
            each: each not in held
            for each in event_ids
            if each in self._recent or each in self._older
        }

    def close(self) -> None:
        """Do nothing: there is nothing to flush."""

    def _one(self, command: JournalCommand) -> JournalAnswer:
        if isinstance(command, StoreFrames):
            return self._store(command)
        if isinstance(command, SettleEvents):
            return self._settle(command)
        if isinstance(command, StoreDelivery):
            self._sends.accept(command.delivery)
            return command.delivery
        if isinstance(command, MarkDelivery):
            return self._sends.mark(command)
        if isinstance(command, OpenHold | CloseHold | StorePast | NoteTime | StorePaused):
            return self._keep(command)
        return self._single(command)

    def _keep(
        self, command: OpenHold | CloseHold | StorePast | NoteTime | StorePaused
    ) -> int | HoldClosed | None:
        if isinstance(command, StorePaused):
            (self._paused.add if command.paused else self._paused.discard)(command.account)
            return None
        if isinstance(command, CloseHold):
            return self._close_hold(command)
        if isinstance(command, StorePast):
            if command.past is None:
                self._pasts.pop(command.account, None)
            else:
                self._pasts[command.account] = command.past
            return None
        kept = self._accounts[command.account]
        if isinstance(command, NoteTime):
            if kept.first_ms is None:
                kept.first_ms = command.first_ms
            return kept.first_ms
        if kept.held_from is None:
            kept.held_from = command.held_from
        return kept.held_from

    def _close_hold(self, command: CloseHold) -> HoldClosed:
        events = self._store(command)
        kept = self._accounts[command.account]
        held_from, kept.held_from = kept.held_from, None
        held, kept.held = kept.held or {}, None
        waiting = [
            (number, event.conversation_id, event.occurred_at_ms)
            for number, event in sorted(held.items(), key=_number)
            if number in kept.pending
        ]
        late_ids = set(command.late)
        kept.late |= {
            number: None
            for number, event in held.items()
            if number in kept.pending and event.event_id in late_ids
        }
        moved = merge(waiting)
        origins = {new: kept.pending.pop(old) for old, new in moved}
        kept.pending.update(origins)
        tried = {new: kept.tried.pop(old) for old, new in moved if old in kept.tried}
        kept.tried.update(tried)
        late = {new: kept.late.pop(old) for old, new in moved if old in kept.late}
        kept.late |= late
        if command.cursor is not None:
            kept.cursor = command.cursor
        return HoldClosed(events=events, held_from=held_from)

    def _store(self, command: StoreFrames | CloseHold) -> list[Event]:
        recent, older, at = self._recent, self._older, command.received_at_ms
        events: list[Event] = []
        origins: list[tuple[Frame, int, int]] = []
        received = 0
        for decoded in command.frames:
            index = 0
            for event in decoded.events:
                identity = event.event_id
                if identity not in recent and identity not in older:
                    recent.add(identity)
                    events.append(event)
                    origins.append((decoded.raw, index, at))
                index += 1  # enumerate() costs a tenth of all this
            received += index
        if len(recent) >= self._generation_size:
            self._older, self._recent = recent, set()
        if events and not in_order(events):
            events, origins = arrange(events, origins, self._numbers)
        kept = self._accounts[command.account]
        pending = kept.pending
        for event, origin in zip(events, origins, strict=True):
            assert event.lane_seq is not None
            pending[event.lane_seq] = origin
            if event.late:
                kept.late[event.lane_seq] = None
        if kept.held_from is not None:
            kept.held = kept.held or {}
            kept.held.update((event.lane_seq or 0, event) for event in events)
        kept.stored += len(events)
        kept.duplicates += received - len(events)
        return events

    def _settle(self, command: SettleEvents) -> list[Delivery]:
        kept = self._accounts[command.account]
        pending, tried = kept.pending, kept.tried
        replies: list[Delivery] = []
        before = len(pending)
        for event in command.done:
            pending.pop(event.lane_seq or 0, None)
            if tried or kept.late:
                tried.pop(event.lane_seq or 0, None)
                kept.late.pop(event.lane_seq or 0, None)
        kept.done += before - len(pending)
        for settlement in command.settlements:
            number, outcome = settlement.event.lane_seq, settlement.outcome
            if number is None:
                continue
            if settlement.begun and number in kept.running:
                pending[number] = kept.running.pop(number)[1]
            if number not in pending:
                continue
            disposition = outcome.disposition
            if disposition is Disposition.RETRY:
                replayed = number in tried and tried[number][2]
                tried[number] = (settlement.attempts, settlement.crashes, replayed)
                continue
            origin = pending.pop(number)
            if tried:
                tried.pop(number, None)
            if kept.late:
                kept.late.pop(number, None)
            if disposition is Disposition.DONE:
                kept.done += 1
            else:
                self._end_otherwise(kept, settlement, origin)
            if outcome.replies:
                replies += outcome.replies
            for note in outcome.notes:
                name = (command.account, note.conversation_id, note.key)
                if note.value is None:
                    self._notes.pop(name, None)
                else:
                    self._notes[name] = note.value
        for reply in replies:
            self._sends.accept(reply)
        return replies

    def _end_otherwise(
        self, kept: _Account, settlement: Settlement, origin: tuple[Frame, int, int]
    ) -> None:
        event, outcome = settlement.event, settlement.outcome
        kept.ended[outcome.disposition.value] += 1
        if outcome.disposition in (Disposition.DEAD, Disposition.PARKED):
            self._put(event, outcome.disposition, outcome.reason, settlement.attempts, origin)

    def _put(
        self,
        event: Event,
        disposition: Disposition,
        reason: str | None,
        attempts: int,
        origin: tuple[Frame, int, int],
    ) -> None:
        frame, index, received_at_ms = origin
        if len(self._letters) >= LETTERS:
            del self._letters[next(iter(self._letters))]
        self._letters_changed = True
        self._letters[event.event_id] = Letter(
            event_id=event.event_id,
            account=event.account,
            conversation_id=event.conversation_id,
            lane_seq=event.lane_seq or 0,
            status=disposition.value,
            reason=reason,
            attempts=attempts,
            at_ms=self._clock.unix_ms(),
            received_at_ms=received_at_ms,
            frame=frame,
            index=index,
        )

    def _single(self, command: BeginEvent | ParkEvents | ReplayEvent | DropEvent) -> int:
        """Do one of the commands about single events; give its answer."""
        match command:
            case BeginEvent():
                return self._begin(command)
            case ParkEvents():
                kept = self._accounts[command.account]
                found = [number for number in command.lane_seqs if number in kept.running]
                for number in found:
                    event, origin = kept.running.pop(number)
                    kept.ended["parked"] += 1
                    self._put(event, Disposition.PARKED, UNKNOWN_EFFECT, 1, origin)
                return len(found)
            case ReplayEvent() | DropEvent():
                letter = self._letters.pop(command.event_id, None)
                self._letters_changed = True
                if letter is None:
                    return False
                kept = self._accounts[letter.account]
                kept.ended[letter.status] -= 1
                if isinstance(command, DropEvent):
                    kept.ended["ignored"] += 1
                else:
                    assert letter.frame is not None
                    number = command.lane_seq
                    kept.pending[number] = (letter.frame, letter.index, letter.received_at_ms)
                    kept.tried[number] = (0, 0, True)
                return True

    def _begin(self, command: BeginEvent) -> bool:
        event = command.event
        kept, number = self._accounts[event.account], event.lane_seq
        if number is None or number not in kept.pending:
            return False
        attempts, _, replayed = kept.tried.get(number, (0, 0, False))
        kept.tried[number] = (attempts, command.crashes, replayed)
        if command.park:
            kept.running[number] = (event, kept.pending.pop(number))
        return True


def _number(held: tuple[int, Event]) -> int:
    return held[0]
