"""The outbox of the journal in memory: the same answers as :mod:`gateway.journal.sqlite.outbox`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Final

import msgspec

from actors.policy.reasons import UNCONFIRMED, UNWRITTEN
from actors.ports.commands import MarkDelivery
from actors.ports.journal import SendQuery, SendRecord
from actors.values import Delivery, SendOutcome, SendState

KEPT: Final = 10_000
"""Ended sends that are kept for queries."""

_OPEN: Final = frozenset({SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN})
_NEVER_LEFT: Final = frozenset({SendOutcome.EXPIRED, SendOutcome.CANCELLED})


class MemorySends:
    """Sends by id, in the order they were accepted.

    Args:
        unix_ms: For the times noted.
    """

    def __init__(self, unix_ms: Callable[[], int]) -> None:
        self._now = unix_ms
        self._records: dict[str, SendRecord] = {}
        self._ended: deque[str] = deque()
        self._mids: dict[str, dict[str, tuple[int, int | None]]] = {}

    def accept(self, delivery: Delivery) -> None:
        """Keep a send; one that is there already stays as it is."""
        record = SendRecord(delivery=delivery, state=SendState.QUEUED, accepted_at_ms=self._now())
        self._records.setdefault(delivery.outbox_id, record)

    def mark(self, note: MarkDelivery) -> bool:
        """Note an attempt, a result, or both; False if the send did not allow it."""
        record = self._records.get(note.outbox_id)
        if record is None or not _is_open(record):
            return False
        if note.requeued is not None and note.mid is not None:
            return self._requeue(record, note.mid, note.requeued)
        if note.mid is not None:
            if record.state is not SendState.QUEUED:
                return False
            mids = self._mids.setdefault(note.outbox_id, {})
            mids[note.mid] = self._now(), note.platform_ms
            record = self._change(record, state=SendState.SENDING, reason=None)
        return note.result is None or self._end(record, note)

    def find(self, query: SendQuery) -> list[SendRecord]:
        """Return the sends that are asked for."""
        records: Iterable[SendRecord] = (
            self._records.values()
            if query.outbox_id is None
            else [each for each in (self._records.get(query.outbox_id),) if each is not None]
        )
        if query.before is not None:
            until = query.before
            records = takewhile(lambda each: each.delivery.outbox_id != until, records)
        found = [each for each in records if _fits(each, query)]
        if query.newest_first:
            found.reverse()
        return found[: query.limit]

    def _requeue(self, record: SendRecord, mid: str, why: str) -> bool:
        if record.state is SendState.QUEUED:
            return False
        if why == UNWRITTEN:
            self._mids.get(record.delivery.outbox_id, {}).pop(mid, None)
        self._change(record, state=SendState.QUEUED, reason=why)
        return True

    def _end(self, record: SendRecord, note: MarkDelivery) -> bool:
        result = note.result
        assert result is not None
        never_left = result.outcome in _NEVER_LEFT
        if never_left and record.state is not SendState.QUEUED:
            return False
        if note.by_hand and not never_left and record.state is not SendState.UNKNOWN:
            return False
        final = result.outcome is not SendOutcome.UNKNOWN or result.reason == UNCONFIRMED
        ended = self._change(
            record,
            state=SendState(result.outcome.value),
            reason=result.reason,
            message_id=result.message_id,
            ended_at_ms=self._now() if final else None,
        )
        if final:
            self._mids.pop(ended.delivery.outbox_id, None)
            self._ended.append(ended.delivery.outbox_id)
            if len(self._ended) > KEPT:
                self._records.pop(self._ended.popleft(), None)
        return True

    def _change(self, record: SendRecord, **fields: object) -> SendRecord:
        outbox_id = record.delivery.outbox_id
        mids = self._mids.get(outbox_id, {})
        first_ms, platform_ms = next(iter(mids.values()), (None, None))
        changed: SendRecord = msgspec.structs.replace(
            record,
            attempts=len(mids),
            first_attempt_ms=first_ms,
            first_platform_ms=platform_ms,
            **fields,
        )
        self._records[outbox_id] = changed
        return changed


def _is_open(record: SendRecord) -> bool:
    return record.state in _OPEN and record.ended_at_ms is None


def _fits(record: SendRecord, query: SendQuery) -> bool:
    return (
        query.account in (None, record.delivery.account)
        and query.conversation_id in (None, record.delivery.conversation_id)
        and query.state in (None, record.state)
        and query.reason in (None, record.reason)
        and (not query.open_only or _is_open(record))
    )
