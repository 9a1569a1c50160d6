"""What the kernel is given by a journal: its commands, its answers, its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

import msgspec

from actors.values import (
    AccountId,
    Decoded,
    Delivery,
    Event,
    Frame,
    Outcome,
    SendOutcome,
    SendResult,
    SendState,
)


class StoreFrames(msgspec.Struct, frozen=True, kw_only=True):
    """Store what frames carried; all of a frame or none. Answer: the new events."""

    account: AccountId
    generation: int
    received_at_ms: int
    frames: Sequence[Decoded]


class Settlement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one event ended: DONE, DEAD or IGNORED, with the replies that leave with it."""

    event: Event
    outcome: Outcome
    attempts: int = 1


class SettleEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Mark events settled and put their replies into the outbox. Answer: the replies."""

    account: AccountId
    settlements: Sequence[Settlement]


class StoreDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Put a send into the outbox. Answer: the delivery."""

    delivery: Delivery


class MarkDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Note an attempt of a send, its end, or that it waits again. Answer: whether it held.

    An attempt begins, and EXPIRED and CANCELLED end, only what is queued: so whoever comes
    first wins, and a send that was cancelled is never written.

    Attributes:
        mid: Set when an attempt begins; the row is then ``sending``. With ``requeued``: the
            attempt that is meant.
        result: Set when the send ended; UNKNOWN leaves the row open for reconciling.
        requeued: Set when it waits again, with why: ``UNWRITTEN`` or ``ABSENT`` of
            :mod:`actors.policy.sends`.
        by_hand: A person says so, of a send that is UNKNOWN.
    """

    outbox_id: str
    generation: int
    mid: str | None = None
    result: SendResult | None = None
    requeued: str | None = None
    by_hand: bool = False


JournalCommand: TypeAlias = StoreFrames | SettleEvents | StoreDelivery | MarkDelivery


JournalAnswer: TypeAlias = Sequence[Event] | Sequence[Delivery] | Delivery | bool | None


class SendRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A send as the journal has it.

    Attributes:
        delivery: What, to whom, until when.
        state: Where it stands.
        reason: The platform's or our own; ``needs_review``: only a person can tell.
        message_id: The platform's id of it.
        attempts: Those of which bytes may have left.
        first_attempt_ms: Our Unix time of the first of them.
        accepted_at_ms: When it came in, in our Unix time.
        ended_at_ms: When it ended; None while it is open.
    """

    delivery: Delivery
    state: SendState
    reason: str | None = None
    message_id: str | None = None
    attempts: int = 0
    first_attempt_ms: int | None = None
    accepted_at_ms: int = 0
    ended_at_ms: int | None = None


class SendQuery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which sends; every condition that is given must hold.

    Attributes:
        outbox_id: That one.
        account: Of that account.
        state: In that state.
        open_only: Not ended.
        ended_since_ms: Ended at or after that Unix time.
        among_last: Only among so many that were accepted last; bounds the search.
        newest_first: The other way round than they were accepted.
        limit: Most to give.
    """

    outbox_id: str | None = None
    account: AccountId | None = None
    state: SendState | None = None
    open_only: bool = False
    ended_since_ms: int | None = None
    among_last: int | None = None
    newest_first: bool = False
    limit: int = 100_000


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was stored and not settled.

    Attributes:
        frame: The frame it came in.
        index: Which of the frame's events.
        lane_seq: Its number, kept for ever.
        received_at_ms: When it came.
        attempts: How often handlers tried.
    """

    frame: Frame
    index: int
    lane_seq: int
    received_at_ms: int
    attempts: int


class OverloadedError(Exception):
    """Too much waits; nothing was accepted."""


class JournalError(Exception):
    """The journal could not do it; nothing of the command was kept."""


class Journal(Protocol):
    """Where messages live. All methods on one thread at a time (the writer's)."""

    durable: bool
    """False: commits cost nothing, so the writer needs no thread."""

    def numbers(self) -> Iterator[int]:
        """Give the source of ``lane_seq``: unique, growing, safe to draw from any thread."""

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do all commands in one transaction; on return they survive a power cut.

        Returns:
            One answer a command, in order.

        Raises:
            JournalError: Nothing was done; names file, cause and next step.
        """

    def pending(self, account: AccountId, after: int, limit: int) -> Sequence[Pending]:
        """Give unsettled events with ``lane_seq`` above ``after``, in its order."""

    def unsent(self, account: AccountId) -> Sequence[tuple[Delivery, SendOutcome | None]]:
        """Give open sends in the order they were accepted; UNKNOWN if one was tried."""

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Give sends in the order they were accepted."""

    def close(self) -> None:
        """Flush, checkpoint and release the file. Idempotent."""
