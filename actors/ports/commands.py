"""What the journal is told, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from actors.policy.retries import GiveUp, History
from actors.values import (
    AccountId,
    Decoded,
    Delivery,
    Event,
    Outcome,
    Position,
    SendResult,
)

CLOSED: Final = "the journal is closed"
"""Why a command is refused that could be stored, in another life."""


class StoreFrames(msgspec.Struct, frozen=True, kw_only=True):
    """Store what frames carried; all of a frame or none. Answer: the new events."""

    account: AccountId
    generation: int
    received_at_ms: int
    frames: Sequence[Decoded]


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """How one event ended, with the replies and notes that leave with it.

    Attributes:
        event: Which.
        outcome: RETRY ends a try only: the event is pending again, and nothing leaves.
        attempts: Attempts that ended, this one included.
        crashes: For RETRY, as :class:`BeginEvent` had it before this try.
        begun: A :class:`BeginEvent` with ``park`` came before.
    """

    event: Event
    outcome: Outcome
    attempts: int = 1
    crashes: int = 0
    begun: bool = False


class SettleEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Mark events settled, keep their notes, put replies into the outbox. Answer: the replies.

    Attributes:
        account: Whose they are.
        settlements: One for each event that ended, or whose try did.
        done: Events that ended as nearly all do: handled at the first try, and nothing left.
    """

    account: AccountId
    settlements: Sequence[Settlement] = ()
    done: Sequence[Event] = ()


class BeginEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Note that handlers are about to get an event. Answer: False, if it is not pending.

    Attributes:
        event: Which.
        crashes: Attempts that ended with the process, this one included until it ends otherwise.
        park: It is *running* from now on; without an end it is parked at the next start
            (``contract.md`` I9), not handled again.
    """

    event: Event
    crashes: int
    park: bool


class ParkEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Park the running ones of these events: no actor hears their end. Answer: how many."""

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
    """Note an attempt of a send, its end, or that it waits again. Answer: whether it held.

    An attempt begins, and EXPIRED and CANCELLED end, only what is queued: so whoever comes
    first wins, and a send that was cancelled is never written.

    Attributes:
        mid: Set when an attempt begins; the row is then ``sending``. With ``requeued``: the
            attempt that is meant.
        result: Set when the send ended; UNKNOWN leaves the row open for reconciling.
        requeued: Set when it waits again, with why: ``UNWRITTEN`` or ``ABSENT`` of
            :mod:`actors.policy.reasons`.
        by_hand: A person says so, of a send that is UNKNOWN.
        platform_ms: The platform's Unix time when an attempt begins; None: it is not known.
    """

    outbox_id: str
    generation: int
    mid: str | None = None
    result: SendResult | None = None
    requeued: str | None = None
    by_hand: bool = False
    platform_ms: int | None = None


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What a later life of an account must know of the failures of this one.

    Attributes:
        at_ms: Our Unix time when it was noted.
        history: The failures.
        given_up: The verdict that holds until a person resets the account.
        credentials: Fingerprint of the credentials it was about; None: an earlier version noted it.
    """

    at_ms: int
    history: History
    given_up: GiveUp | None = None
    credentials: str | None = None


class StorePast(msgspec.Struct, frozen=True, kw_only=True):
    """Note an account's past; None: there is nothing to know any more. Answer: None."""

    account: AccountId
    past: Past | None


class NoteTime(msgspec.Struct, frozen=True, kw_only=True):
    """Note what the platform's clock said. Answer: the account's first contact; None: unknown.

    Attributes:
        told_ms: The platform's Unix time.
        first_ms: The account's first contact, if there was none before: what the platform made
            earlier is its past. Zero: it has none.
    """

    account: AccountId
    told_ms: int
    first_ms: int | None = None


class StorePaused(msgspec.Struct, frozen=True, kw_only=True):
    """Note that a person paused an account, or resumed it. Answer: None."""

    account: AccountId
    paused: bool


class StoreKept(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a text of ours under a name, in place of the one before; None: none. Answer: None."""

    name: str
    text: str | None


class OpenHold(msgspec.Struct, frozen=True, kw_only=True):
    """Note that events from a number on wait for a recovery. Answer: the hold that is open.

    One that is open already, perhaps since before a restart, stays as it is.
    """

    account: AccountId
    held_from: int


class CloseHold(msgspec.Struct, frozen=True, kw_only=True):
    """End a hold, if one is open. Answer: the new events, and which hold was ended.

    In one transaction: what ``frames`` carry is stored; what waited is put in order of time,
    lane by lane, from the hold's number on (``contract.md`` I7); the cursor moves, if one
    is given.

    Attributes:
        late: Ids of events that are older than what may have been handled; those of them
            that waited are marked so.
    """

    account: AccountId
    generation: int = 0
    received_at_ms: int = 0
    frames: Sequence[Decoded] = ()
    cursor: Position | None = None
    late: Sequence[str] = ()


JournalCommand: TypeAlias = (
    StoreFrames
    | SettleEvents
    | BeginEvent
    | ParkEvents
    | ReplayEvent
    | DropEvent
    | StoreDelivery
    | MarkDelivery
    | OpenHold
    | CloseHold
    | StorePast
    | NoteTime
    | StorePaused
    | StoreKept
)


class HoldClosed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Answer to :class:`CloseHold`.

    Attributes:
        events: What was new; with an open hold their numbers may have changed since.
        held_from: The hold that was open; None: none was.
    """

    events: Sequence[Event]
    held_from: int | None


JournalAnswer: TypeAlias = (
    Sequence[Event] | Sequence[Delivery] | Delivery | int | HoldClosed | bool | None
)
