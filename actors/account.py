"""What one account is made of: its plan, the services it shares, and who its actors are.

Here too: the messages that carry live things (a link, a session), which the message file
must not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import pykka

from actors.messages import Control, Message, StateChanged
from actors.policy.backoff import Delays
from actors.policy.health import JournalHealth
from actors.ports import Clock, Dialed, Dialer, Dice, Identity, Mailbox, Platform, Session
from actors.runtime.flow import Flow
from actors.runtime.handlers import HandlerPool
from actors.runtime.link import Link
from actors.runtime.poller import Poller
from actors.runtime.pool import Pool
from actors.runtime.supervised import post
from actors.runtime.timers import Timers
from actors.runtime.writer import JournalWriter
from actors.state import ConnectionState
from actors.storage import Pending
from actors.values import AccountId, Event, Failure, Generation, Phase, SendResult


class AccountPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the kernel needs to know about one account.

    Attributes:
        account: Its name.
        platform: Its codec.
        dialer: Opens its links.
        identity: Gives the credentials of the next attempt; called on a dial thread, may block.
        attempt_deadline_s: Seconds from the permit to the confirmed registration.
        register_timeout_s: Seconds the platform has to answer the registration.
        close_timeout_s: Seconds the peer has to finish a closing handshake.
        heartbeat_interval_s: Seconds between heartbeats.
        heartbeat_reply_s: Seconds until an answer is due.
        heartbeat_probe_s: Seconds the last probe waits.
        delays: Delays by error class.
        max_attempts: Failures in a row after which the account is FAILED; None: never.
        stable_s: Seconds CONNECTED after which failures are forgotten.
        handler_retry_s: Pauses before an event's 2nd, 3rd, … try; then it is a dead letter.
        flow_high: Work in hand (frames and events) at which reading pauses.
        flow_low: Work in hand at which it goes on.
        send_reply_s: Seconds the platform has to answer a send; then its outcome is UNKNOWN.
        send_rate_per_s: Sends a second.
        send_burst: Sends at once after a quiet time.
        send_limit: Most sends waiting; more are refused before they are accepted.
        send_buffer_bytes: Most bytes waiting for a peer that does not read.
        send_deadline_s: Longest such wait; then the link is lost.
        backpressure_limit_s: Longest time without reading; then the link is left.
    """

    account: AccountId
    platform: Platform
    dialer: Dialer
    identity: Callable[[], Identity]
    attempt_deadline_s: float = 20.0
    register_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    heartbeat_interval_s: float = 15.0
    heartbeat_reply_s: float = 10.0
    heartbeat_probe_s: float = 5.0
    delays: Delays = Delays()
    max_attempts: int | None = None
    stable_s: float = 60.0
    handler_retry_s: tuple[float, ...] = (1.0, 5.0, 25.0)
    flow_high: int = 256
    flow_low: int = 64
    send_reply_s: float = 10.0
    send_rate_per_s: float = 1.0
    send_burst: int = 3
    send_limit: int = 1000
    send_buffer_bytes: int = 1 << 20
    send_deadline_s: float = 5.0
    backpressure_limit_s: float = 20.0


class Log(Protocol):
    """A structlog logger; the kernel does not import the library."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Log a detail of a connection."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log a state change."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Log what will be retried or was refused."""

    def error(self, event: str, **fields: Any) -> Any:
        """Log what a person must read."""


class Observer(Protocol):
    """Who is told what became of things. Called on kernel threads; must not block."""

    def state_changed(self, change: StateChanged) -> None:
        """A connection moved."""

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """A send has its outcome."""

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """The next attempt is due in ``delay_s``."""

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """An event will not be tried again."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What all accounts of a process share."""

    pool: Pool
    timers: Timers
    poller: Poller
    handlers: HandlerPool
    writer: JournalWriter
    dialing: Mailbox[Any]
    clock: Clock
    dice: Dice
    log: Log
    observer: Observer
    health: JournalHealth = msgspec.field(default_factory=JournalHealth)


class Role:
    """The mailbox of a role; who plays it may change.

    A message to nobody, to the dead or to a full inbox is a lost hint: counted, and
    repaired by the supervisor, which cycles the link of an account that lost mail.
    """

    __slots__ = ("lost", "ref")

    def __init__(self) -> None:
        self.ref: pykka.ActorRef[Any] | Mailbox[Any] | None = None
        self.lost = 0

    def post(self, message: object) -> bool:
        """Leave a message with whoever plays the role now; False if it is lost."""
        ref = self.ref
        if ref is not None and post(ref, message):
            return True
        self.lost += 1
        return False

    def tell(self, message: object) -> None:
        """Leave a message; see :meth:`post`."""
        self.post(message)


class Peers:
    """The roles of one account. Actors hold this, never each other's refs."""

    __slots__ = ("connection", "decoder", "dispatcher", "heartbeat", "outbox", "supervisor")

    def __init__(self) -> None:
        self.connection = Role()
        self.heartbeat = Role()
        self.decoder = Role()
        self.dispatcher = Role()
        self.outbox = Role()
        self.supervisor = Role()


class Standing:
    """What a supervisor leaves to its next life; nobody else reads or writes it.

    Attributes:
        begun: There was a life before.
        state: Of the connection, as last heard.
        generation: Of the last attempt; numbers go on, or two links would share one.
        wanted: The account is to be connected.
        ending: The account is being stopped for good.
    """

    __slots__ = ("begun", "ending", "generation", "state", "wanted")

    def __init__(self) -> None:
        self.begun = self.wanted = self.ending = False
        self.state = ConnectionState.DISCONNECTED
        self.generation: Generation = 0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What each actor of an account is given."""

    plan: AccountPlan
    services: Services
    peers: Peers
    flow: Flow
    standing: Standing = msgspec.field(default_factory=Standing)

    @property
    def name(self) -> AccountId:
        """Give the account's name."""
        return self.plan.account


class RequestDial(Message, frozen=True, kw_only=True, gc=False):
    """Ask for a dial; the gate decides when."""

    account: Account
    generation: Generation
    stretch: Mapping[Phase, float]
    urgent: bool = False


class CancelDial(Control, frozen=True, kw_only=True, gc=False):
    """A dial that has not begun is not wanted any more."""

    account: AccountId
    generation: Generation


class LinkDialed(Control, frozen=True, kw_only=True, gc=False):
    """The link is open, not registered yet."""

    generation: Generation
    session: Session
    dialed: Dialed


class LinkEnded(Message, frozen=True, kw_only=True, gc=False):
    """A link is gone; goes the way of its frames, so that what they say is heard before."""

    generation: Generation
    failure: Failure


class SessionOpened(Control, frozen=True, kw_only=True, gc=False):
    """Frames of this generation are read with this codec."""

    generation: Generation
    session: Session


class PendingRead(Message, frozen=True, kw_only=True, gc=False):
    """A page of unsettled journal rows; the decoder makes events of them.

    Attributes:
        rows: In the order of ``lane_seq``.
        more: The journal holds more.
        redelivered_below: Rows with a smaller ``lane_seq`` may have reached a handler before.
    """

    rows: Sequence[Pending]
    more: bool
    redelivered_below: int


class LinkOpened(Control, frozen=True, kw_only=True, gc=False):
    """The platform confirmed the registration. Heartbeat and outbox hear it."""

    generation: Generation
    link: Link
    session: Session
