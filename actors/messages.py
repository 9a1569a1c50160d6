"""Every command and event that crosses a mailbox, and the values they carry.

Commands are imperative and have one receiver; events are past tense. Whatever comes
from a socket, a dial or a timer carries the ``generation`` of the connection it belongs
to, so that a stale one is dropped in one place. Nothing here knows a platform, a disk
or a thread.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import msgspec

from actors.state import Cause, ConnectionState

AccountId: TypeAlias = str
"""Name of an account in the configuration; unique in a process."""

Generation: TypeAlias = int
"""Number of a connection attempt of one account; grows by one an attempt, from 1."""

Frame: TypeAlias = str | bytes
"""One WebSocket message: text as ``str`` (valid UTF-8), binary as ``bytes``."""


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything that is told to an actor."""

    control: ClassVar[bool] = False
    """True: overtakes the ordinary mail of the receiver's inbox."""


class Control(Message, frozen=True, kw_only=True, gc=False):
    """Base of messages that overtake ordinary mail: verdicts, stops, results of dials."""

    control: ClassVar[bool] = True


# --- values ---------------------------------------------------------------------------


class ErrorClass(enum.Enum):
    """What went wrong with a link, as far as the policy cares (design 5)."""

    UNEXPECTED_CLOSE = "unexpected_close"
    NETWORK = "network"
    PROTOCOL = "protocol"
    OTHER = "other"
    SERVER_RESTART = "server_restart"
    SERVER_OVERLOAD = "server_overload"
    AUTH = "auth"
    KICKED = "kicked"
    NEEDS_HUMAN = "needs_human"
    TLS_TRUST = "tls_trust"
    CONFIG = "config"


class Phase(enum.Enum):
    """Step of an attempt; the one a failure happened in decides its class and deadline."""

    CREDENTIALS = "credentials"
    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    UPGRADE = "upgrade"
    REGISTER = "register"
    OPEN = "open"


class Failure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a link could not be made, or was lost; safe to log and to show.

    Attributes:
        error_class: Decides what happens next; never taken from message text.
        reason: Constant in snake_case, e.g. ``connection_refused`` or ``close_1001``.
        detail: One sentence for a person: what, where, and the next step. No secret.
        phase: Where it happened.
        timed_out: The phase's deadline passed; the next deadline grows (design 5).
        retry_after_s: A floor the server asked for, in seconds.
        close_code: WebSocket close code, if the peer sent one.
        http_status: Status of the refused upgrade, if there was one.
    """

    error_class: ErrorClass
    reason: str
    detail: str = ""
    phase: Phase = Phase.OPEN
    timed_out: bool = False
    retry_after_s: float | None = None
    close_code: int | None = None
    http_status: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened on an account; a platform adds what it knows in a subclass.

    Attributes:
        account: Account that received it.
        event_id: Identity, unique over all accounts and stable over redelivery.
        conversation_id: The lane; None where the thing belongs to no conversation.
        lane_seq: Position in the journal; grows within a lane, gaps are normal.
            None on an event that never passed a journal.
        occurred_at_ms: The peer's Unix time; None if it gave none.
        received_at_ms: Our Unix time.
        own: The account itself caused it (an echo of its own message).
        weak_id: The peer gave no identity; ``event_id`` is a hash of the content.
        redelivered: A handler may have seen it before a crash.
        recovered: Read from history, not pushed.
        late: A newer event of the lane was handled before.
        raw: The entry as it arrived, for replay and for handlers that know better.
    """

    kind: ClassVar[str] = "unknown"

    account: AccountId = ""
    event_id: str = ""
    conversation_id: str | None = None
    lane_seq: int | None = None
    occurred_at_ms: int | None = None
    received_at_ms: int = 0
    own: bool = False
    weak_id: bool = False
    redelivered: bool = False
    recovered: bool = False
    late: bool = False
    raw: str | bytes = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Answer of the platform to one of our requests.

    Attributes:
        mid: Key of the request as :class:`Request` gave it.
        code: The platform's status code; 200 is fine, the body decides the rest.
        headers: As received, JSON text.
        body: As received, JSON text; empty if there was none.
    """

    mid: str
    code: int
    headers: bytes = b""
    body: bytes = b""


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A frame we send that the platform answers under ``mid``."""

    mid: str
    payload: Frame


class SignalKind(enum.Enum):
    """What a platform tells about the session itself."""

    READY = "ready"
    BACKLOG_CUT = "backlog_cut"
    GAP = "gap"
    KICKED = "kicked"
    SESSION_REMOVED = "session_removed"
    AUTH_EXPIRED = "auth_expired"


class Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A :class:`SignalKind` with a detail safe to log."""

    kind: SignalKind
    detail: str = ""


class Decoded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one frame means. A frame is a push, a reply, or a fault.

    Attributes:
        raw: The frame.
        events: One an entry of the push, in the order of the push; an entry that can not
            be decoded is an event too.
        ack: Payload of the acknowledgement; to be written once everything in ``events``
            is stored. None where the platform wants none.
        reply: Set if the frame answers a request.
        signal: Set if the frame says something about the session.
        fault: Set if the frame is none of the platform's; why, in words safe to log.
            Such a frame is counted, kept and not acknowledged.
    """

    raw: Frame
    events: Sequence[Event] = ()
    ack: Frame | None = None
    reply: Reply | None = None
    signal: Signal | None = None
    fault: str | None = None


class SendOutcome(enum.Enum):
    """The honest result of a send. A successful socket write is none of them."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


class SendResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a send.

    Attributes:
        outcome: One of four.
        message_id: The platform's id if it accepted.
        reason: The platform's or our own reason otherwise; safe to log.
    """

    outcome: SendOutcome
    message_id: str | None = None
    reason: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a send carries: a text, or an image that is already uploaded.

    Attributes:
        text: The text; None for an image.
        image_url: Where the image lies; None for a text.
        width: Image width in pixels.
        height: Image height in pixels.
    """

    text: str | None = None
    image_url: str | None = None
    width: int = 0
    height: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message on its way out; a row of the outbox.

    Attributes:
        outbox_id: Our id, unique for ever; what ``send()`` returns.
        uuid: The client id the platform sees; the same in each attempt.
        account: Sending account.
        conversation_id: Lane it leaves on.
        to: The other user's id, where the platform wants it.
        content: What to say.
        expires_at_ms: Our Unix time after which it is not sent any more.
        event_id: The event it answers, if any.
    """

    outbox_id: str
    uuid: str
    account: AccountId
    conversation_id: str
    to: str | None
    content: Content
    expires_at_ms: int
    event_id: str | None = None


class Disposition(enum.Enum):
    """How the handling of one event ended."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    IGNORED = "ignored"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What handling one event led to.

    Attributes:
        disposition: DONE: settle it. RETRY: a handler failed, the dispatcher decides.
            DEAD: never again. IGNORED: no handler wanted it.
        replies: Sends that leave with the settlement, in order.
        reason: Why not DONE; exception type and place, no payload.
    """

    disposition: Disposition = Disposition.DONE
    replies: Sequence[Delivery] = ()
    reason: str | None = None


DONE = Outcome()
"""The commonest outcome, made once."""


# --- poller, dialer and timers tell ---------------------------------------------------


class FramesReceived(Message, frozen=True, kw_only=True, gc=False):
    """One gulp of a link, oldest first. The decoder hears it."""

    generation: Generation
    frames: Sequence[Frame]
    received_at_ms: int


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
    """Everything these frames carried is stored: acknowledge them, in order."""

    generation: Generation
    acks: Sequence[Frame]


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
    """The supervisor's verdict: FAILED, until somebody resets the account."""

    failure: Failure
    budget_exceeded: bool = False


class Reset(Control, frozen=True, kw_only=True, gc=False):
    """Forget failures; a FAILED account may try again."""


class DialStarted(Control, frozen=True, kw_only=True, gc=False):
    """The connect gate let the attempt through; its deadline runs from now."""

    generation: Generation


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
    """

    account: AccountId
    old: ConnectionState
    new: ConnectionState
    cause: Cause
    generation: Generation
    failure: Failure | None = None
    at_ms: int = 0


# --- heartbeat ------------------------------------------------------------------------


class BeatAnswered(Message, frozen=True, kw_only=True, gc=False):
    """The peer answered heartbeat ``number``."""

    generation: Generation
    number: int


class BeatDue(Message, frozen=True, kw_only=True, gc=False):
    """The time the heartbeat asked to look again at."""

    generation: Generation


class LinkDown(Control, frozen=True, kw_only=True, gc=False):
    """The connection left this generation. Heartbeat and outbox hear it."""

    generation: Generation


# --- dispatcher -----------------------------------------------------------------------


class EventsRestored(Message, frozen=True, kw_only=True, gc=False):
    """Events read back from the journal, in its order; ``more`` of them lie there."""

    events: Sequence[Event]
    more: bool


class LaneRested(Message, frozen=True, kw_only=True, gc=False):
    """The pause before a lane's next try is over."""

    lane: str


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


class OutboxDue(Message, frozen=True, kw_only=True, gc=False):
    """A rate pause, an answer's deadline or an expiry has come."""


# --- supervisor -----------------------------------------------------------------------


class Start(Control, frozen=True, kw_only=True, gc=False):
    """Bring the account up."""


class Pause(Control, frozen=True, kw_only=True, gc=False):
    """Take the account off the platform until it is resumed."""


class Stop(Control, frozen=True, kw_only=True, gc=False):
    """Take the account down for good."""


class RetryDue(Control, frozen=True, kw_only=True, gc=False):
    """The delay before attempt ``number`` is over."""

    number: int


class StabilityReached(Control, frozen=True, kw_only=True, gc=False):
    """A generation has been CONNECTED long enough to be trusted."""

    generation: Generation


class RestartDue(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a dead actor's next life is over."""

    name: str
