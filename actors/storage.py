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
    """Note an attempt or the end of a send. Answer: None.

    Attributes:
        mid: Set when an attempt begins; the row is then ``sending``.
        result: Set when the send ended; UNKNOWN leaves the row open for reconciling.
    """

    outbox_id: str
    generation: int
    mid: str | None = None
    result: SendResult | None = None


JournalCommand: TypeAlias = StoreFrames | SettleEvents | StoreDelivery | MarkDelivery


JournalAnswer: TypeAlias = Sequence[Event] | Sequence[Delivery] | Delivery | None


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


class JournalError(Exception):
    """The journal could not do it; nothing of the command was kept."""


class JournalFullError(JournalError):
    """There is no room for more. What adds no message (settlements, marks) is still taken."""


class Journal(Protocol):
    """Where messages live. All methods on one thread at a time (the writer's)."""

    durable: bool
    """False: commits cost nothing, so the writer needs no thread."""

    def numbers(self) -> Iterator[int]:
        """Give the source of ``lane_seq``: unique, growing, safe to draw from any thread."""

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do all commands in one transaction; on return they survive a power cut.

        With none it is the writer's word that it is idle, and time for house-keeping.

        Returns:
            One answer a command, in order. To the word: anything if there is more to keep.

        Raises:
            JournalError: Nothing was done; names file, cause and next step.
        """

    def pending(self, account: AccountId, after: int, limit: int) -> Sequence[Pending]:
        """Give unsettled events with ``lane_seq`` above ``after``, in its order."""

    def unsent(self, account: AccountId) -> Sequence[tuple[Delivery, SendOutcome | None]]:
        """Give open sends in the order they were accepted; UNKNOWN if one was tried."""

    def close(self) -> None:
        """Flush, checkpoint and release the file. Idempotent."""
