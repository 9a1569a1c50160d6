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
    """How one event ended, with the replies and notes that leave with it.

    Attributes:
        event: Which.
        outcome: RETRY ends a try only: the event is pending again, and nothing leaves.
        attempts: Tries that ended, this one included.
        crashes: For RETRY, as :class:`BeginEvent` had it before this try.
        begun: A :class:`BeginEvent` with ``park`` came before.
    """

    event: Event
    outcome: Outcome
    attempts: int = 1
    crashes: int = 0
    begun: bool = False


class SettleEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Mark events settled, keep their notes, put replies into the outbox. Answer: the replies."""

    account: AccountId
    settlements: Sequence[Settlement]


class BeginEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Note that handlers are about to get an event. Answer: False, if it is not pending.

    Attributes:
        event: Which.
        crashes: Tries that ended with the process, this one included until it ends otherwise.
        park: It is *running* from now on; without an end it is parked at the next start
            (``reliability.md`` I9), not handled again.
    """

    event: Event
    crashes: int
    park: bool


class ParkEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Park those of these events that are running: nobody hears their end. Answer: how many."""

    account: AccountId
    lane_seqs: Sequence[int]


class ReplayEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Make a dead or parked event pending again, as if never tried. Answer: False, if none is.

    Attributes:
        event_id: Which.
        lane_seq: Its new number, the end of its lane.
    """

    event_id: str
    lane_seq: int


class DropEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Count a dead or parked event as ignored, and list it no more. Answer: False, if none is."""

    event_id: str


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


JournalCommand: TypeAlias = (
    StoreFrames
    | SettleEvents
    | BeginEvent
    | ParkEvents
    | ReplayEvent
    | DropEvent
    | StoreDelivery
    | MarkDelivery
)


JournalAnswer: TypeAlias = Sequence[Event] | Sequence[Delivery] | Delivery | int | None


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was stored and not settled.

    Attributes:
        frame: The frame it came in.
        index: Which of the frame's events.
        lane_seq: Its number, kept for ever.
        received_at_ms: When it came.
        attempts: How often handlers failed.
        crashes: Tries that were noted before they began and never ended.
        replayed: Somebody put it back: handlers have seen it.
    """

    frame: Frame
    index: int
    lane_seq: int
    received_at_ms: int
    attempts: int
    crashes: int = 0
    replayed: bool = False


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that waits for a person: dead or parked (``reliability.md`` I9, I11).

    Attributes:
        event_id: Which.
        account: Whose.
        conversation_id: Its lane; None: it has none.
        lane_seq: Its number.
        status: ``dead``: it failed, or a handler refused it. ``parked``: its handlers began,
            and nobody knows what they did.
        reason: Why; exception type and place, or a constant such as ``crash_loop``,
            ``handler_timed_out`` or ``unknown_effect``.
        attempts: How often handlers failed.
        at_ms: Our Unix time when it was put there.
        received_at_ms: Our Unix time when it came.
        frame: The frame it came in; None in a list.
        index: Which of the frame's events.
    """

    event_id: str
    account: AccountId
    conversation_id: str | None
    lane_seq: int
    status: str
    reason: str | None
    attempts: int
    at_ms: int
    received_at_ms: int
    frame: Frame | None = None
    index: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of everything an account received, over the life of its journal.

    The accounting identity (``reliability.md`` I12): ``received`` is the sum of the others.

    Attributes:
        received: Events the platform sent, copies included.
        duplicates: Copies of what was known.
        done: Handled.
        dead: Dead letters.
        ignored: No handler wanted them, or a person dropped them.
        parked: Nobody knows what their handlers did.
        expired: Too old to be handled.
        pending: Stored and not ended.
    """

    received: int = 0
    duplicates: int = 0
    done: int = 0
    dead: int = 0
    ignored: int = 0
    parked: int = 0
    expired: int = 0
    pending: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether nothing was lost and nothing counted twice; anything else is a bug."""
        ended = self.done + self.dead + self.ignored + self.parked + self.expired
        return self.received == self.duplicates + ended + self.pending and self.pending >= 0


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

    def letters(self, account: AccountId | None, limit: int) -> Sequence[Letter]:
        """Give dead and parked events, the newest first, of one account or of all."""

    def letter(self, event_id: str) -> Letter | None:
        """Give one of them with its frame; None if it is not among them."""

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Give what handlers noted last; an empty ``conversation_id`` is the account itself."""

    def tally(self, account: AccountId) -> Tally:
        """Give an account's counters as of the last commit. Any thread."""

    def close(self) -> None:
        """Flush, checkpoint and release the file. Idempotent."""
