"""What the actors of one account share: services, roles and the carried state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

from actors.account.counts import AccountCounts
from actors.identity import CredentialsChanged, CredentialsSeen
from actors.messages import (
    ConnectionInbox,
    CredentialsInbox,
    DecoderInbox,
    DialingInbox,
    DispatcherInbox,
    HeartbeatInbox,
    OutboxInbox,
    RecoveryInbox,
    StateChanged,
    SupervisorCommand,
    SupervisorInbox,
)
from actors.plan import AccountPlan
from actors.policy.journal_health import JournalHealth
from actors.policy.platform_time import NOTHING_TOLD
from actors.policy.sizes import Sizes
from actors.ports import Clock, Dice, Mailbox, Session
from actors.ports.commands import Past
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.counts import DialCounts, TokenCounts
from actors.runtime.handlers.pool import HandlerPool
from actors.runtime.journal.told import ToldTime
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.links.flow import Flow
from actors.runtime.log import Log
from actors.runtime.pool.inbox import Receiver, post
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.timers import Timers
from actors.runtime.quotas import OpenSends, SharedRate
from actors.runtime.takeovers import TakeOvers
from actors.state import ConnectionState
from actors.values import AccountId, Event, Generation, Recovered, SendResult

M = TypeVar("M")


class Observer:
    """Base of what observes accounts. Every method does nothing; a subclass overrides some.

    Called on kernel threads; must not block.
    """

    def state_changed(self, change: StateChanged) -> None:
        """A connection moved."""

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """A send has its outcome."""

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """The next attempt is due in ``delay_s``."""

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """An event will not be tried again."""

    def credentials_changed(self, change: CredentialsChanged) -> None:
        """An account's credentials were renewed or replaced, or could not be."""

    def recovery_ended(self, outcome: Recovered) -> None:
        """An account's history was read again, or could not be."""


class Parking(Protocol):
    """Which events must not be handled a second time after a crash. Any thread."""

    @property
    def active(self) -> bool:
        """False: none, so nobody needs to ask."""

    def parks(self, event: Event) -> bool:
        """Return whether it is parked when nobody knows what its handlers did."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What all accounts of a process share."""

    pool: Pool
    timers: Timers
    poller: Poller
    handlers: HandlerPool
    writer: JournalWriter
    dialing: Mailbox[DialingInbox]
    credentials: Mailbox[CredentialsInbox]
    clock: Clock
    dice: Dice
    log: Log
    alerts: AlertRegistry
    observer: Observer
    history_rate: SharedRate
    sends: OpenSends = msgspec.field(default_factory=OpenSends)
    takeovers: TakeOvers = msgspec.field(default_factory=TakeOvers)
    seen: dict[AccountId, CredentialsSeen] = msgspec.field(default_factory=dict)
    """How the credentials of accounts stand; the credentials actor writes, any thread reads."""
    counts: dict[AccountId, AccountCounts] = msgspec.field(default_factory=dict)
    """Of each account there was in this process; the registry adds, any thread reads."""
    dials: DialCounts = msgspec.field(default_factory=DialCounts)
    tokens: TokenCounts = msgspec.field(default_factory=TokenCounts)
    parking: Parking | None = None
    health: JournalHealth = msgspec.field(default_factory=JournalHealth)
    told: ToldTime = msgspec.field(default_factory=ToldTime)
    requests: Iterator[int] = msgspec.field(default_factory=itertools.count)

    def new_mid(self, session: Session) -> str:
        """Return a request id that no other of this millisecond has.

        A platform knows its clock and about a thousand numbers (``protocol.md`` 3); drawn by
        dice, two requests of a moment would now and then take each other's answer.
        """
        return session.mid(self.clock.unix_ms(), (next(self.requests) % 1000 + 0.5) / 1000)


class Role(Generic[M]):
    """The mailbox of a role, such as the decoder's; it stays when the actor is restarted.

    If no actor has the role, or it is dead, or its inbox is full, the message is lost. Lost
    messages are counted: outbox and dispatcher read the journal again when the count has grown.

    Attributes:
        ref: The actor that has the role now; None: there is none.
        lost: How many messages were lost.
    """

    __slots__ = ("lost", "ref")

    def __init__(self) -> None:
        self.ref: Receiver[M] | None = None
        self.lost = 0

    def tell(self, message: M) -> bool:
        """Leave a message with whoever plays the role now; False if it is lost."""
        ref = self.ref
        if ref is not None and post(ref, message):
            return True
        self.lost += 1
        return False


class Peers:
    """The roles of one account. Actors hold this, never each other's refs."""

    __slots__ = (
        "connection", "decoder", "dispatcher", "heartbeat", "outbox", "recovery", "supervisor",
    )  # fmt: skip

    def __init__(self) -> None:
        self.connection = Role[ConnectionInbox]()
        self.heartbeat = Role[HeartbeatInbox]()
        self.decoder = Role[DecoderInbox]()
        self.dispatcher = Role[DispatcherInbox]()
        self.outbox = Role[OutboxInbox]()
        self.recovery = Role[RecoveryInbox]()
        self.supervisor = Role[SupervisorInbox]()


class CarriedState:
    """What of an account outlives its supervisor: what the last one left, and what others note.

    Attributes:
        past: Its failures, and a verdict that still holds; the journal has them too.
        begun_at: Monotonic seconds when the account was started in this life.
        first_ms: The first contact, in the platform's Unix time: what it made earlier is past,
            and not handled. Zero: there is no such past. None: not known yet.
        platform: What is known of the platform's clock; the decoder notes it.
        pushed_at_ms: Our Unix time of the last push; the decoder notes it.
        sizes: How much of history may be asked for at once; outbox and recovery note it.
        unsent: There are open sends; the outbox notes it.
        to_review: Sends that wait for a person; the outbox notes it.
        unheard: Commands that came while no supervisor was alive, oldest first.
        begun: An earlier supervisor ran before.
        connects: It is linked, or will be by itself. If False, its history is not read again.
        state: Of the connection, as last heard.
        generation: Of the last attempt; numbers go on, or two links would share one.
        wanted: The account is to be connected.
        ending: The account is being stopped for good.
    """

    __slots__ = (
        "begun",
        "begun_at",
        "connects",
        "ending",
        "first_ms",
        "generation",
        "past",
        "platform",
        "pushed_at_ms",
        "sizes",
        "state",
        "to_review",
        "unheard",
        "unsent",
        "wanted",
    )

    def __init__(self, past: Past | None = None) -> None:
        self.past = past
        self.begun_at: float | None = None
        self.first_ms: int | None = None
        self.platform = NOTHING_TOLD
        self.pushed_at_ms = 0
        self.sizes = Sizes()
        self.unsent = False
        self.to_review = 0
        self.unheard: tuple[SupervisorCommand, ...] = ()
        self.begun = self.wanted = self.ending = False
        self.connects = True
        self.state = ConnectionState.DISCONNECTED
        self.generation: Generation = 0


class Account(msgspec.Struct, kw_only=True):
    """What each actor of an account is given.

    Attributes:
        plan: Read anew at each use: the supervisor puts another in its place when a person gives
            other credentials. Nothing else here is ever replaced.
        counts: What it did, over all its lives in this process.
        running: Events that parking handlers were given, by ``lane_seq``. Survives a restart of
            the dispatcher.
    """

    plan: AccountPlan
    services: Services
    peers: Peers
    flow: Flow
    carried: CarriedState = msgspec.field(default_factory=CarriedState)
    counts: AccountCounts = msgspec.field(default_factory=AccountCounts)
    running: dict[int, Event] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> AccountId:
        """Return the account's name."""
        return self.plan.account

    def keep(self, events: int) -> None:
        """Count stored events: where memory is all there is, they pace reading until they end."""
        if not self.services.writer.durable:
            self.flow.taken(events)

    def let_go(self, events: int) -> None:
        """Count events that ended, or wait where they pace nothing; see :meth:`keep`."""
        if not self.services.writer.durable:
            self.flow.returned(events)
