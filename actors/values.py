"""What messages carry: events, failures, sends and their results.

Nothing here knows a platform, a disk or a thread.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import msgspec

AccountId: TypeAlias = str
"""Name of an account in the configuration; unique in a process."""


Generation: TypeAlias = int
"""Number of a connection attempt of one account; grows by one an attempt, from 1."""


Frame: TypeAlias = str | bytes
"""One WebSocket message: text as ``str`` (valid UTF-8), binary as ``bytes``."""


class ErrorClass(enum.Enum):
    """What went wrong with a link, as far as the policy cares (``contract.md`` 2.5)."""

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
    """A step of an attempt to connect. The step of a failure decides its class and deadline."""

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
        timed_out: The phase's deadline passed; the next deadline grows (``contract.md`` 2.6).
        retry_after_s: A floor the server asked for, in seconds.
        close_code: WebSocket close code, if the peer sent one.
        close_reason: The peer's words beside it, on one line and without long tokens.
        http_status: Status of the refused upgrade, if there was one.
    """

    error_class: ErrorClass
    reason: str
    detail: str = ""
    phase: Phase = Phase.OPEN
    timed_out: bool = False
    retry_after_s: float | None = None
    close_code: int | None = None
    close_reason: str = ""
    http_status: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened on an account; a platform adds what it knows in a subclass.

    Attributes:
        notice: It is no message of a person, so it may be dropped once stale; set per class.
        said: Somebody said it; set per class.
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
        taken_over: A person answers the conversation himself; as of when handlers and sinks got it.
        raw: The entry as it arrived, for replay and for handlers that know better.
    """

    kind: ClassVar[str] = "unknown"
    notice: ClassVar[bool] = False
    said: ClassVar[bool] = False

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
    taken_over: bool = False
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


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far a platform's stream of an account has come (``protocol.md`` 6.2).

    Attributes:
        marker: Names the stream; positions of different markers cannot be compared.
        point: Grows with what happens on the account.
        at_ms: The platform's Unix time at which it stood there.
    """

    marker: str
    point: int
    at_ms: int


class Recovered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of re-reading an account's history (``contract.md`` I10).

    Attributes:
        account: Whose.
        recovered: True: all of the interval that the platform keeps is in the journal.
            False: there may be a gap; it is tried again.
        from_ms: Begin of the interval, the platform's Unix time; None: not known yet.
        to_ms: Its end.
        found: Events that were not in the journal.
        reason: What began it (``registered``, ``gap``, ``probe``, …), or why it failed.
    """

    account: AccountId
    recovered: bool
    from_ms: int | None
    to_ms: int | None
    found: int
    reason: str


class Decoded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one frame means. A frame is a push, a reply, or a fault.

    Attributes:
        raw: The frame.
        events: One an entry of the push, in the order of the push; an entry that cannot
            be decoded is an event too.
        ack: Payload of the acknowledgement; to be written once everything in ``events``
            is stored. None where the platform wants none.
        reply: Set if the frame answers a request.
        signal: Set if the frame says something about the session.
        fault: Set if the frame is none of the platform's; why, in words safe to log.
            Such a frame is counted, kept and not acknowledged.
        point: How far the account's stream is with it; 0: it does not say.
        mentions: Event ids of messages it speaks of without carrying them.
        strange: Words of the platform about an order that its codec does not know.
    """

    raw: Frame
    events: Sequence[Event] = ()
    ack: Frame | None = None
    reply: Reply | None = None
    signal: Signal | None = None
    fault: str | None = None
    point: int = 0
    mentions: Sequence[str] = ()
    strange: Sequence[str] = ()


class SendOutcome(enum.Enum):
    """The honest result of a send. A successful socket write is none of them."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class SendState(enum.Enum):
    """Where a send stands (``contract.md`` O2); below ACCEPTED it is open.

    Only QUEUED, EXPIRED and CANCELLED say that no attempt of it is under way.
    """

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class SendResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a send.

    Attributes:
        outcome: One of five.
        message_id: The platform's id if it accepted.
        reason: The platform's or our own reason otherwise; safe to log.
        throttled: The refusal means "too fast" (``contract.md`` O8).
    """

    outcome: SendOutcome
    message_id: str | None = None
    reason: str | None = None
    throttled: bool = False


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
    PARKED = "parked"
    EXPIRED = "expired"


class Attempts(msgspec.Struct, frozen=True, gc=False):
    """What is known of the attempts to handle one event.

    Attributes:
        failures: Attempts that raised.
        crashes: Attempts that were noted when they began and ended with the process.
        replayed: A person put it back, to be handled whatever is known of it.
    """

    failures: int = 0
    crashes: int = 0
    replayed: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A value a handler keeps; the last one of its key counts.

    Attributes:
        conversation_id: Whose; empty: the account's.
        key: Its name.
        value: What to keep; None forgets it.
    """

    conversation_id: str
    key: str
    value: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What handling one event led to.

    Attributes:
        disposition: DONE: settle it. RETRY: a handler failed, the dispatcher decides.
            DEAD: never again. IGNORED: no handler wanted it. PARKED: nobody knows what its
            handlers did, or whether they had it. EXPIRED: it was too old to be handled.
        replies: Sends that leave with the settlement, in order.
        notes: Values that are kept with the settlement, in order.
        reason: Why not DONE; exception type and place, no payload.
    """

    disposition: Disposition = Disposition.DONE
    replies: Sequence[Delivery] = ()
    notes: Sequence[Note] = ()
    reason: str | None = None


DONE = Outcome()
"""The commonest outcome, made once."""
