"""The journal that keeps nothing: same answers as on disk, until the process ends."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from actors.storage import (
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    Past,
    Pending,
    SettleEvents,
    StoreDelivery,
    StoreFrames,
    StorePast,
)
from actors.values import AccountId, Delivery, Disposition, Event, Frame, SendOutcome
from gateway.journal.order import arrange, in_order


class _Account:
    """What is kept of one account: open events, and counters."""

    __slots__ = ("attempts", "dead", "done", "duplicates", "ignored", "pending", "stored")

    def __init__(self) -> None:
        self.pending: dict[int, tuple[Frame, int, int]] = {}  # frame, index, received_at_ms
        self.attempts: dict[int, int] = {}  # only of those tried before
        self.stored = self.duplicates = 0
        self.done = self.dead = self.ignored = 0


class MemoryJournal:
    """A :class:`actors.storage.Journal` without a disk; commits cost about half a microsecond.

    Args:
        dedup_limit: How many identities are remembered at most; at least half as many of the
            newest always are.
    """

    durable = False

    def __init__(self, *, dedup_limit: int = 200_000) -> None:
        self._generation_size = max(1, dedup_limit // 2)
        self._recent: set[str] = set()
        self._older: set[str] = set()
        self._numbers = itertools.count(1)
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._pasts: dict[AccountId, Past] = {}
        self._open: dict[str, tuple[Delivery, SendOutcome | None]] = {}

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
            )
            for number in numbers[begin : begin + limit]
        ]

    def unsent(self, account: AccountId) -> Sequence[tuple[Delivery, SendOutcome | None]]:
        """Give open sends in the order they were accepted; UNKNOWN if one was tried."""
        return [entry for entry in self._open.values() if entry[0].account == account]

    def pasts(self) -> dict[AccountId, Past]:
        """Give what former lives left of each account that failed and was not stable since."""
        return dict(self._pasts)

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

    def close(self) -> None:
        """Do nothing: there is nothing to flush."""

    def _one(self, command: JournalCommand) -> JournalAnswer:
        if isinstance(command, StoreFrames):
            return self._store(command)
        if isinstance(command, SettleEvents):
            return self._settle(command)
        if isinstance(command, StoreDelivery):
            self._open.setdefault(command.delivery.outbox_id, (command.delivery, None))
            return command.delivery
        if isinstance(command, StorePast):
            if command.past is None:
                self._pasts.pop(command.account, None)
            else:
                self._pasts[command.account] = command.past
            return None
        self._mark(command)
        return None

    def _store(self, command: StoreFrames) -> list[Event]:
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
            self._open.setdefault(reply.outbox_id, (reply, None))
        return replies

    def _mark(self, mark: MarkDelivery) -> None:
        entry = self._open.get(mark.outbox_id)
        if entry is None:
            return
        if mark.mid is not None:
            self._open[mark.outbox_id] = (entry[0], SendOutcome.UNKNOWN)
        if mark.result is not None:
            if mark.result.outcome is SendOutcome.UNKNOWN:
                self._open[mark.outbox_id] = (entry[0], SendOutcome.UNKNOWN)
            else:
                del self._open[mark.outbox_id]
