"""Every command and event that crosses a mailbox.

Commands are imperative and have one receiver; events are past tense. Whatever comes
from a socket, a dial or a timer carries the ``generation`` of the connection it belongs
to, so that a stale one is dropped in one place. Nothing here knows a platform, a disk
or a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from actors.state import Cause, ConnectionState
from actors.values import (
    AccountId,
    Delivery,
    Event,
    Failure,
    Frame,
    Generation,
    Phase,
    Position,
    Recovered,
    Reply,
    Signal,
    Tries,
)


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything that is told to an actor."""

    control: ClassVar[bool] = False
    """True: overtakes the ordinary mail of the receiver's inbox."""


class Control(Message, frozen=True, kw_only=True, gc=False):
    """Base of messages that overtake ordinary mail: verdicts, stops, results of dials."""

    control: ClassVar[bool] = True


# --- poller, dialer and timers tell ---------------------------------------------------


class FramesReceived(Message, frozen=True, kw_only=True, gc=False):
    """One gulp of a link, oldest first. The decoder hears it."""

    generation: Generation
    frames: Sequence[Frame]
    received_at_ms: int
    size_bytes: int = 0


class LinkLost(Control, frozen=True, kw_only=True, gc=False):
    """The socket of a generation is gone; told once, by the poller."""

    generation: Generation
    failure: Failure


class ActorDied(Control, frozen=True, kw_only=True, gc=False):
    """A supervised actor ended other than by being stopped.

    Attributes:
        name: Role in its account, e.g. ``decoder``.
        urn: Which incarnation.
        error: Type and place of what killed it; ``hung`` if it was abandoned.
    """

    name: str
    urn: str
    error: str


# --- journal writer tells -------------------------------------------------------------


class WriteAcks(Message, frozen=True, kw_only=True, gc=False):
    """Everything these frames carried is stored: acknowledge them, in order.

    ``point`` is how far the platform's stream is stored with them; 0: they do not say.
    """

    generation: Generation
    acks: Sequence[Frame]
    point: int = 0


class EventsStored(Message, frozen=True, kw_only=True, gc=False):
    """New events, in the order they were stored. Duplicates are not among them."""

    events: Sequence[Event]


# --- connection -----------------------------------------------------------------------


class Open(Control, frozen=True, kw_only=True, gc=False):
    """Start an attempt. The supervisor tells it, first and after each delay.

    Attributes:
        stretch: Factors on the deadlines of phases that timed out before.
        urgent: Somebody waits for this account: before others at the gate.
    """

    stretch: Mapping[Phase, float]
    urgent: bool = False


class Introduce(Control, frozen=True, kw_only=True, gc=False):
    """Tell a restarted heartbeat or outbox of the link that is up."""

    name: str


class Shut(Control, frozen=True, kw_only=True, gc=False):
    """Close the link in order and stay away: paused, or stopped for good."""

    for_good: bool


class GiveUp(Control, frozen=True, kw_only=True, gc=False):
    """The supervisor's verdict: FAILED, until somebody resets the account.

    Attributes:
        failure: The last one.
        why: Constant in snake_case, as in :class:`actors.policy.retries.GiveUp`, or
            ``crash_loop``.
        budget_exceeded: Our own actors crash too often; no fault of the link.
    """

    failure: Failure
    why: str
    budget_exceeded: bool = False


class Withdraw(Control, frozen=True, kw_only=True, gc=False):
    """Leave the link at once, without a closing handshake: nothing can be stored."""

    failure: Failure


class Reset(Control, frozen=True, kw_only=True, gc=False):
    """Forget failures; a FAILED account may try again."""


class DialStarted(Control, frozen=True, kw_only=True, gc=False):
    """The connect gate let the attempt through; its deadline runs from now."""

    generation: Generation


class DialBarred(Control, frozen=True, kw_only=True, gc=False):
    """The endpoint's circuit is open: the attempt waits in line, and is not counted."""

    generation: Generation


class DialAllowed(Control, frozen=True, kw_only=True, gc=False):
    """The circuit lets a barred account through; its supervisor opens it again."""

    generation: Generation


class EndpointFailed(Message, frozen=True, kw_only=True, gc=False):
    """An open link ended by a fault of its endpoint (``reliability.md`` 2.5)."""

    endpoint: str
    failure: Failure


class DialFailed(Control, frozen=True, kw_only=True, gc=False):
    """The attempt ended before there was a link."""

    generation: Generation
    failure: Failure


class AttemptExpired(Control, frozen=True, kw_only=True, gc=False):
    """The deadline of a whole attempt, or of its registration, passed."""

    generation: Generation
    phase: Phase


class Flush(Message, frozen=True, kw_only=True, gc=False):
    """Say when everything received so far is stored; the link is about to be closed."""

    generation: Generation


class Flushed(Message, frozen=True, kw_only=True, gc=False):
    """Everything received before the :class:`Flush` is stored and its acks are written."""

    generation: Generation


class ClosingExpired(Control, frozen=True, kw_only=True, gc=False):
    """The peer did not finish the closing handshake in time."""

    generation: Generation


class RepliesReceived(Message, frozen=True, kw_only=True, gc=False):
    """Answers to our requests, in the order they came."""

    generation: Generation
    replies: Sequence[Reply]


class SignalsReceived(Message, frozen=True, kw_only=True, gc=False):
    """What the platform said about the session."""

    generation: Generation
    signals: Sequence[Signal]


class FramesRejected(Message, frozen=True, kw_only=True, gc=False):
    """Frames that are none of the platform's: counted, not acknowledged."""

    generation: Generation
    faults: Sequence[str]


class SendBeat(Message, frozen=True, kw_only=True, gc=False):
    """Write a heartbeat; its answer comes back under ``number``."""

    generation: Generation
    number: int


class LinkCondemned(Control, frozen=True, kw_only=True, gc=False):
    """The heartbeat's verdict, or a restarted sibling's: this link can not be trusted."""

    generation: Generation
    failure: Failure


class Transmit(Message, frozen=True, kw_only=True, gc=False):
    """Write an outbox message's request, or its bare frame where nothing answers."""

    generation: Generation
    outbox_id: str
    payload: Frame
    mid: str | None = None


class StateChanged(Control, frozen=True, kw_only=True, gc=False):
    """The connection moved; told to the supervisor and to the account's observers.

    Attributes:
        account: Whose connection.
        old: State before.
        new: State now.
        cause: Why, a row of the table in :mod:`actors.state`.
        generation: Of the attempt or link it concerns.
        failure: What went wrong, where the cause is a failure.
        at_ms: Our Unix time.
        why: Why it was given up, on the way to FAILED; as in :class:`GiveUp`.
    """

    account: AccountId
    old: ConnectionState
    new: ConnectionState
    cause: Cause
    generation: Generation
    failure: Failure | None = None
    at_ms: int = 0
    why: str | None = None


# --- heartbeat ------------------------------------------------------------------------


class PongReceived(Message, frozen=True, kw_only=True, gc=False):
    """The peer answered a WebSocket ping with its payload; the poller tells."""

    generation: Generation
    payload: bytes


class BeatAnswered(Message, frozen=True, kw_only=True, gc=False):
    """The peer answered heartbeat ``number``."""

    generation: Generation
    number: int


class BeatDue(Message, frozen=True, kw_only=True, gc=False):
    """The time the heartbeat asked to look again at."""

    generation: Generation


class LinkDown(Control, frozen=True, kw_only=True, gc=False):
    """The connection left this generation. Heartbeat, outbox and recovery hear it.

    Attributes:
        generation: Which.
        failure: How the link ended; None: we left it.
        blame: How much that speaks against what was just written: 2 for the peer's close frame,
            1 for a link that broke, 0 for an end of our own making.
    """

    generation: Generation
    failure: Failure | None = None
    blame: int = 0


# --- dispatcher -----------------------------------------------------------------------


class EventsRestored(Message, frozen=True, kw_only=True, gc=False):
    """Events read back from the journal, in its order; ``more`` of them lie there.

    Attributes:
        events: As they are.
        more: There are more.
        through: The journal was read up to this ``lane_seq``; events that could not be made
            again are among it.
        undecodable: Events that nothing could be made of but their identity.
        number: Of the page that was asked for; any other one is stale.
        lane: It is a page of this lane only; None: of all.
        tries: What the journal knows of tries, by ``event_id``; of most: nothing.
    """

    events: Sequence[Event]
    more: bool
    through: int = 0
    undecodable: Sequence[Event] = ()
    number: int
    lane: str | None = None
    tries: Mapping[str, Tries] = {}


class PageDue(Message, frozen=True, kw_only=True, gc=False):
    """A page of the journal is awaited for long: is anybody still working on it?"""

    number: int


class EventsReplayed(Message, frozen=True, kw_only=True, gc=False):
    """Somebody put events back; they are in the journal, behind everything told before."""


class LaneRested(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a lane's next try is over. Control: lost, it would hold its lane."""

    lane: str


class LanesHeld(Message, frozen=True, kw_only=True, gc=False):
    """A hold is open in the journal: events from this number on wait for a recovery.

    This and :class:`LanesReleased` go the way of :class:`EventsStored`, in the journal's
    order: so the dispatcher never has an event in a lane that the journal may move.
    """

    held_from: int


class LanesReleased(Message, frozen=True, kw_only=True, gc=False):
    """The journal has ended this hold; what waited is there, in order."""

    held_from: int


class Drain(Control, frozen=True, kw_only=True, gc=False):
    """Begin no event any more, settle those in a handler, then say :class:`Drained`."""


class Drained(Control, frozen=True, kw_only=True, gc=False):
    """No event of the account is in a handler; what was handled is with the journal."""


class HoldExpired(Message, frozen=True, kw_only=True, gc=False):
    """A hold has lasted as long as it may."""

    held_from: int


# --- recovery -------------------------------------------------------------------------


class SendRequest(Message, frozen=True, kw_only=True, gc=False):
    """Write a request of the recovery; its answer comes back as :class:`RequestAnswered`."""

    generation: Generation
    mid: str
    payload: Frame


class RequestAnswered(Message, frozen=True, kw_only=True, gc=False):
    """The platform answered a request of the recovery."""

    reply: Reply


class RecoveryDue(Message, frozen=True, kw_only=True, gc=False):
    """A rate pause, a retry's pause or an answer's deadline is over."""

    number: int


class RecordRead(Message, frozen=True, kw_only=True, gc=False):
    """How far the journal says the account was read, and its first contact; None: never yet."""

    cursor: Position | None
    first_ms: int | None = None


class KnownRead(Message, frozen=True, kw_only=True, gc=False):
    """Which of the events asked for the journal has; True: a handler may have seen it.

    ``held``: the rest of their conversations waits for the recovery.
    """

    known: Mapping[str, bool]
    held: bool


class HistoryStored(Message, frozen=True, kw_only=True, gc=False):
    """What a :class:`~actors.account.HistoryFound` held is in the journal.

    Attributes:
        found: How many of the events were new.
        foreign: How many of those the account did not write itself.
    """

    found: int
    foreign: int


class HistoryRefused(Message, frozen=True, kw_only=True, gc=False):
    """The journal can never store what a :class:`~actors.account.HistoryFound` held."""


class RecoveryEnded(Message, frozen=True, kw_only=True, gc=False):
    """A recovery is over. Connection and supervisor hear it.

    Attributes:
        generation: Of the link it ran on.
        outcome: What became of it.
        position: Where the stream is read to; None if it failed.
        foreign: New events that the account did not write itself.
    """

    generation: Generation
    outcome: Recovered
    position: Position | None = None
    foreign: int = 0


class CatchUpDue(Message, frozen=True, kw_only=True, gc=False):
    """The connection is to look whether the platform is ahead of us."""

    generation: Generation


class MessagesMentioned(Message, frozen=True, kw_only=True, gc=False):
    """Pushes spoke of messages that they did not carry; their event ids."""

    generation: Generation
    event_ids: Sequence[str]


class MentionsRead(Message, frozen=True, kw_only=True, gc=False):
    """So many mentioned messages the journal does not have."""

    generation: Generation
    unknown: int


# --- outbox ---------------------------------------------------------------------------


class DeliveriesStored(Message, frozen=True, kw_only=True, gc=False):
    """Sends that are durable and may leave, in the order they were accepted."""

    deliveries: Sequence[Delivery]


class AttemptStored(Message, frozen=True, kw_only=True, gc=False):
    """The attempt is in the journal; its bytes may be written."""

    generation: Generation
    outbox_id: str
    mid: str


class Transmitted(Message, frozen=True, kw_only=True, gc=False):
    """Bytes went to the socket (``written``) or the link would not take them."""

    generation: Generation
    outbox_id: str
    written: bool


class SendAnswered(Message, frozen=True, kw_only=True, gc=False):
    """The platform answered an attempt."""

    mid: str
    reply: Reply


class OwnStored(Message, frozen=True, kw_only=True, gc=False):
    """The account itself said something, through us or elsewhere; it is stored."""

    events: Sequence[Event]


class SendDropped(Message, frozen=True, kw_only=True, gc=False):
    """A send was ended elsewhere: cancelled, or resolved by hand."""

    outbox_id: str


class OutboxDue(Message, frozen=True, kw_only=True, gc=False):
    """A rate pause, an answer's deadline or an expiry has come."""


# --- supervisor -----------------------------------------------------------------------


class Start(Control, frozen=True, kw_only=True, gc=False):
    """Bring the account up."""


class Pause(Control, frozen=True, kw_only=True, gc=False):
    """Take the account off the platform until it is resumed."""


class Stop(Control, frozen=True, kw_only=True, gc=False):
    """Take the account down for good."""


class AccountEnded(Control, frozen=True, kw_only=True, gc=False):
    """An account was taken down: its link is closed, its handlers are through."""


class JournalFailed(Control, frozen=True, kw_only=True, gc=False):
    """Nothing can be stored any more; a hint, ``services.health`` is the truth."""


class JournalRecovered(Control, frozen=True, kw_only=True, gc=False):
    """Commits hold again; a hint like its opposite."""


class RetryDue(Control, frozen=True, kw_only=True, gc=False):
    """The delay before attempt ``number`` is over."""

    number: int


class StabilityReached(Control, frozen=True, kw_only=True, gc=False):
    """A generation has been CONNECTED long enough to be trusted."""

    generation: Generation


class RestartDue(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a dead actor's next life is over."""

    name: str
