"""The journal that keeps nothing: same answers as on disk, until the process ends."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from actors.runtime.clock import SystemClock
from actors.storage import (
    CloseHold,
    HoldClosed,
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    OpenHold,
    Pending,
    RecoveryRecord,
    SendQuery,
    SendRecord,
    SettleEvents,
    StoreDelivery,
    StoreFrames,
)
from actors.values import AccountId, Delivery, Disposition, Event, Frame, Position, SendOutcome
from gateway.journal.memory_sends import MemorySends
from gateway.journal.order import arrange, in_order, merge


class _Account:
    """What is kept of one account: open events, and counters."""

    __slots__ = (
        "attempts", "cursor", "dead", "done", "duplicates", "held", "held_from", "ignored", "late",
        "pending", "stored",
    )  # fmt: skip

    def __init__(self) -> None:
        self.pending: dict[int, tuple[Frame, int, int]] = {}  # frame, index, received_at_ms
        self.attempts: dict[int, int] = {}  # only of those tried before
        self.stored = self.duplicates = 0
        self.done = self.dead = self.ignored = 0
        self.late: set[int] = set()
        self.cursor: Position | None = None
        self.held_from: int | None = None
        self.held: dict[int, Event] = {}  # what was stored while the hold was open


class MemoryJournal:
    """A :class:`actors.storage.Journal` without a disk; commits cost about half a microsecond.

    Args:
        dedup_limit: How many identities are remembered at most; at least half as many of the
            newest always are.
        unix_ms: For the times of sends; None: the wall clock.
    """

    durable = False

    def __init__(
        self, *, dedup_limit: int = 200_000, unix_ms: Callable[[], int] | None = None
    ) -> None:
        self._generation_size = max(1, dedup_limit // 2)
        self._recent: set[str] = set()
        self._older: set[str] = set()
        self._numbers = itertools.count(1)
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._sends = MemorySends(unix_ms or SystemClock().unix_ms)

    def numbers(self) -> Iterator[int]:
        """Give the source of ``lane_seq``; safe to draw from any thread."""
        return self._numbers

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do the commands in order; rules as in :mod:`gateway.journal.sqlite`."""
        return [self._one(command) for command in commands]

    def pending(self, account: AccountId, after: int, limit: int) -> Sequence[Pending]:
        """Give unsettled events with ``lane_seq`` above ``after``, in its order."""
        kept = self._accounts[account]
        events = kept.pending
        numbers = sorted(events)
        begin = bisect.bisect_right(numbers, after)
        return [
            Pending(
                frame=events[number][0],
                index=events[number][1],
                lane_seq=number,
                received_at_ms=events[number][2],
                attempts=kept.attempts.get(number, 0),
                late=number in kept.late,
            )
            for number in numbers[begin : begin + limit]
        ]

    def unsent(self, account: AccountId) -> Sequence[tuple[Delivery, SendOutcome | None]]:
        """Give open sends in the order they were accepted; UNKNOWN if one was tried."""
        return self._sends.unsent(account)

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Give sends in the order they were accepted; of ended ones, the last 10,000."""
        return self._sends.find(query)

    def counts(self, account: AccountId) -> dict[str, int]:
        """Give the accounting identity of an account; keys as on disk."""
        kept = self._accounts[account]
        return {
            "received": kept.stored + kept.duplicates,
            "duplicates": kept.duplicates,
            "done": kept.done,
            "ignored": kept.ignored,
            "dead": kept.dead,
            "parked": 0,
            "stale": 0,
            "pending": len(kept.pending),
        }

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Give the account's cursor and its hold."""
        kept = self._accounts[account]
        return RecoveryRecord(cursor=kept.cursor, held_from=kept.held_from)

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Say which of these events are stored; True: it may have reached a handler."""
        held = {event.event_id for event in self._accounts[account].held.values()}
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
        if isinstance(command, OpenHold):
            kept = self._accounts[command.account]
            if kept.held_from is None:
                kept.held_from = command.held_from
            return kept.held_from
        return self._close_hold(command)

    def _close_hold(self, command: CloseHold) -> HoldClosed:
        events = self._store(command)
        kept = self._accounts[command.account]
        held_from, kept.held_from = kept.held_from, None
        held, kept.held = kept.held, {}
        waiting = [
            (number, event.conversation_id, event.occurred_at_ms, event.recovered)
            for number, event in sorted(held.items(), key=_number)
            if number in kept.pending
        ]
        moved = merge(waiting)
        origins = {new: kept.pending.pop(old) for old, new in moved}
        kept.pending.update(origins)
        late = {new for old, new in moved if old in kept.late}
        kept.late.difference_update([old for old, _ in moved])
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
            raw = decoded.raw
            for index, event in enumerate(decoded.events):
                identity = event.event_id
                if identity not in recent and identity not in older:
                    recent.add(identity)
                    events.append(event)
                    origins.append((raw, index, at))
            received += len(decoded.events)
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
                kept.late.add(event.lane_seq)
        if kept.held_from is not None:
            kept.held.update((event.lane_seq or 0, event) for event in events)
        kept.stored += len(events)
        kept.duplicates += received - len(events)
        return events

    def _settle(self, command: SettleEvents) -> list[Delivery]:
        kept = self._accounts[command.account]
        pending, attempts = kept.pending, kept.attempts
        replies: list[Delivery] = []
        for settlement in command.settlements:
            number, outcome = settlement.event.lane_seq, settlement.outcome
            if number is None or number not in pending:
                continue
            disposition = outcome.disposition
            if disposition is Disposition.RETRY:
                attempts[number] = settlement.attempts
                continue
            del pending[number]
            if kept.late:
                kept.late.discard(number)
            if attempts:
                attempts.pop(number, None)
            if disposition is Disposition.DONE:
                kept.done += 1
            elif disposition is Disposition.DEAD:
                kept.dead += 1
            else:
                kept.ignored += 1
            if outcome.replies:
                replies += outcome.replies
        for reply in replies:
            self._sends.accept(reply)
        return replies


def _number(held: tuple[int, Event]) -> int:
    return held[0]
