"""The journal that keeps nothing: same answers as on disk, until the process ends."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from actors.policy.alerts import Alert
from actors.policy.reasons import UNKNOWN_EFFECT
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
    StoreKept,
    StorePast,
    StorePaused,
)
from actors.ports.journal import (
    Letter,
    PendingRows,
    RecoveryRecord,
    SendQuery,
    SendRecord,
    Standing,
    Tally,
)
from actors.runtime.clock import SystemClock
from actors.values import AccountId, Delivery, Disposition, Event
from gateway.journal.memory.account import MemoryAccount, Origin
from gateway.journal.memory.letters import MemoryLetters
from gateway.journal.memory.outbox import MemorySends
from gateway.journal.order import arrange, in_order

_Keeping: TypeAlias = OpenHold | CloseHold | StorePast | NoteTime | StorePaused | StoreKept


class MemoryJournal:
    """A :class:`actors.ports.journal.Journal` without a disk; a commit costs half a microsecond.

    Args:
        dedup_limit: How many identities are remembered at most; at least half as many of the
            newest always are.
        clock: For the times of letters and sends; None: the system's.
    """

    durable = False

    def __init__(self, *, dedup_limit: int = 200_000, clock: Clock | None = None) -> None:
        now = (clock or SystemClock()).unix_ms
        self._generation_size = max(1, dedup_limit // 2)
        self._recent, self._older = set[str](), set[str]()
        self._numbers = itertools.count(1)
        self._accounts: defaultdict[str, MemoryAccount] = defaultdict(MemoryAccount)
        self._notes: dict[tuple[str, str, str], str] = {}  # by account, conversation and key
        self._sends = MemorySends(now)
        self._letters = MemoryLetters(now)
        self._pasts: dict[AccountId, Past] = {}
        self._paused: set[AccountId] = set()
        self._kept: dict[str, str] = {}

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
        return self._accounts[account].page(after, limit)

    def pasts(self) -> dict[AccountId, Past]:
        """Return what former lives left of each account that failed and was not stable since."""
        return dict(self._pasts)

    def paused(self) -> frozenset[AccountId]:
        """Return the accounts that a person paused and nobody resumed since."""
        return frozenset(self._paused)

    def kept_texts(self, prefix: str) -> dict[str, str]:
        """Return the texts whose names begin so, by name."""
        return {name: text for name, text in self._kept.items() if name.startswith(prefix)}

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return sends in the order they were accepted; of ended ones, the last 10,000."""
        return self._sends.find(query)

    def letters(
        self,
        account: AccountId | None,
        limit: int,
        *,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        """Return dead and parked events, the newest first."""
        return self._letters.newest(account, limit, before, frames)

    def letter(self, event_id: str) -> Letter | None:
        """Return one of them with its frame."""
        return self._letters.get(event_id)

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Return what handlers noted last."""
        return self._notes.get((account, conversation_id, key))

    def concerns(self) -> Sequence[Alert]:
        """Return who has dead letters: there is no file to fill."""
        return self._letters.alerts()

    def tally(self, account: AccountId) -> Tally:
        """Return the counters of an account."""
        return self._accounts[account].tally()

    def standings(self) -> dict[AccountId, Standing]:
        """Return what waits, by account. Any thread, beside a commit."""
        return {account: each.standing() for account, each in dict(self._accounts).items()}

    def oldest_ms(self) -> int | None:
        """Return our Unix time when the oldest pending event came."""
        times = [each.oldest_ms() for each in dict(self._accounts).values() if each.pending]
        return min([each for each in times if each is not None], default=None)

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
        if isinstance(command, _Keeping):
            return self._keep(command)
        return self._single(command)

    def _keep(self, command: _Keeping) -> int | HoldClosed | None:
        if isinstance(command, StoreKept):
            self._kept.pop(command.name, None)
            if command.text is not None:
                self._kept[command.name] = command.text
            return None
        if isinstance(command, StorePaused):
            (self._paused.add if command.paused else self._paused.discard)(command.account)
            return None
        if isinstance(command, CloseHold):
            events = self._store(command)
            held_from = self._accounts[command.account].close_hold(command)
            return HoldClosed(events=events, held_from=held_from)
        if isinstance(command, StorePast):
            self._pasts.pop(command.account, None)
            if command.past is not None:
                self._pasts[command.account] = command.past
            return None
        kept = self._accounts[command.account]
        if isinstance(command, NoteTime):
            return kept.note_time(command)
        return kept.open_hold(command.held_from)

    def _store(self, command: StoreFrames | CloseHold) -> list[Event]:
        recent, older, at = self._recent, self._older, command.received_at_ms
        events: list[Event] = []
        origins: list[Origin] = []
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

    def _end_otherwise(self, kept: MemoryAccount, settlement: Settlement, origin: Origin) -> None:
        event, outcome = settlement.event, settlement.outcome
        kept.ended[outcome.disposition.value] += 1
        if outcome.disposition in (Disposition.DEAD, Disposition.PARKED):
            self._letters.put(
                event, outcome.disposition, outcome.reason, settlement.attempts, origin
            )

    def _single(self, command: BeginEvent | ParkEvents | ReplayEvent | DropEvent) -> int:
        """Do one of the commands about single events; return its answer."""
        match command:
            case BeginEvent():
                return self._accounts[command.event.account].begin(command)
            case ParkEvents():
                parked = self._accounts[command.account].park(command.lane_seqs)
                for event, origin in parked:
                    self._letters.put(event, Disposition.PARKED, UNKNOWN_EFFECT, 1, origin)
                return len(parked)
            case ReplayEvent() | DropEvent():
                letter = self._letters.take(command.event_id)
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
