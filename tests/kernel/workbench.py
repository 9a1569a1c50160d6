"""Everything an actor needs, driven by hand: no thread, no waiting."""

from __future__ import annotations

import dataclasses
import random
import socket
from typing import Any

import msgspec

from actors.account.services import Account, Observer, Peers, Role, Services
from actors.identity import CredentialsChanged
from actors.messages import Answered, StateChanged
from actors.plan import AccountPlan
from actors.ports import Dialed, Identity, Mailbox
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.handlers.pool import HandlerPool
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.links.calls import Calls
from actors.runtime.links.flow import Flow
from actors.runtime.links.link import Link
from actors.runtime.pool.manual import ManualClock, ManualTimers
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.pool import Pool
from actors.runtime.quotas import SharedRate
from actors.sections import RecoverySettings
from actors.values import (
    DONE,
    AccountId,
    Decoded,
    Event,
    Failure,
    Frame,
    Outcome,
    Phase,
    Recovered,
    Reply,
    Request,
    SendResult,
)
from gateway.journal.memory.journal import MemoryJournal
from gateway.platforms.goofish.session import Goofish
from gateway.transport.frames import FrameWire

ME = "2201"


class Heard:
    """A mailbox that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def tell(self, message: Any) -> bool:
        """Keep it."""
        self.messages.append(message)
        return True

    def drain(self) -> list[Any]:
        """Return what was told since the last time."""
        told, self.messages = self.messages, []
        return told

    def of(self, kind: type) -> list[Any]:
        """Return what was told of one kind, and forget it."""
        told = [message for message in self.messages if type(message) is kind]
        self.messages = [message for message in self.messages if type(message) is not kind]
        return told


class Watcher(Observer):
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.changes: list[StateChanged] = []
        self.sends: list[tuple[str, SendResult]] = []
        self.dead: list[tuple[str, str]] = []
        self.recoveries: list[Recovered] = []
        self.credentials: list[CredentialsChanged] = []

    def state_changed(self, change: StateChanged) -> None:
        """Keep it."""
        self.changes.append(change)

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """Keep it."""
        del account
        self.sends.append((outbox_id, result))

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """Ignore it."""

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """Keep it."""
        del account
        self.dead.append((event.event_id, reason))

    def credentials_changed(self, change: CredentialsChanged) -> None:
        """Keep it."""
        self.credentials.append(change)

    def recovery_ended(self, outcome: Recovered) -> None:
        """Keep it."""
        self.recoveries.append(outcome)


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.lines.append(("error", event, fields))


class NoDialer:
    """A dialer that nobody calls here."""

    endpoint = "ws://127.0.0.1:9"

    def dial(
        self, headers: dict[str, str], cookie: str | None, *, deadline_s: float, stretch: Any
    ) -> Dialed | Failure:
        """Never called: the test tells the connection the result."""
        raise AssertionError((headers, cookie, deadline_s, stretch))


class Tap(Calls):
    """Calls that keep what was asked; their link takes it unless ``takes`` is False."""

    def __init__(
        self, link: Link, clock: ManualClock, theirs: socket.socket, wire: FrameWire
    ) -> None:
        super().__init__(link, clock)
        self.theirs, self.wire = theirs, wire
        self.takes = True
        self.asked: list[Request] = []
        self.said: list[Frame] = []

    def ask(self, request: Request, reply_to: Mailbox[Answered]) -> bool:
        """Keep it, and write it."""
        self.asked.append(request)
        return self.takes and super().ask(request, reply_to)

    def say(self, payload: Frame) -> bool:
        """Keep it, and write it."""
        self.said.append(payload)
        return self.takes and super().say(payload)

    def answer(self, reply: Reply) -> None:
        """Tell an answer to whoever asked, as the decoder does."""
        waiting = self.take(reply.mid)
        assert waiting is not None, reply.mid
        waiting[0].tell(Answered(generation=self.link.generation, reply=reply))


class Bench:
    """One account on the bench: its actors' mailboxes are :class:`Heard`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.pool = Pool()
        self.poller = Poller(self.clock)
        self.watcher = Watcher()
        self.log = Lines()
        self.alerts = AlertRegistry(self.clock, self.log)
        self.dialing = Heard()
        self.credentials = Heard()
        self.journal = MemoryJournal(clock=self.clock)
        self.peers = Peers()
        self.sockets: list[socket.socket] = []
        self.outcome: Outcome = DONE
        self.handlers = HandlerPool(clock=self.clock, handle=self.handle)
        self.heard = {name: Heard() for name in self.peers.__slots__}
        for name, heard in self.heard.items():
            role: Role[Any] = getattr(self.peers, name)
            role.ref = heard
        plan = AccountPlan(
            account="shop-a",
            platform=Goofish(),
            dialer=NoDialer(),
            identity=lambda: self.identity,
            recovery=RecoverySettings(first_contact="deliver"),
        )
        self.identity = Identity(account="shop-a", user_id=ME, token="t-1", device_id="D-1")
        self.account = Account(
            plan=plan,
            services=Services(
                pool=self.pool,
                timers=self.timers,
                poller=self.poller,
                handlers=self.handlers,
                writer=JournalWriter(self.journal, clock=self.clock),
                dialing=self.dialing,
                credentials=self.credentials,
                clock=self.clock,
                dice=random.Random(7),
                log=self.log,
                alerts=self.alerts,
                observer=self.watcher,
                history_rate=SharedRate(rate_per_s=1000, burst=1000),
            ),
            peers=self.peers,
            flow=Flow(4096, 1024, monotonic=self.clock.monotonic),
        )

    def handle(self, event: Event) -> Outcome:
        """Handle as the test said."""
        del event
        return self.outcome

    def with_plan(self, **changes: Any) -> Account:
        """Return the account with another plan; of a section, the keys that differ."""
        plan = self.account.plan
        for name, value in changes.items():
            if isinstance(value, dict):
                changes[name] = dataclasses.replace(getattr(plan, name), **value)
        plan = msgspec.structs.replace(plan, **changes)
        self.account = msgspec.structs.replace(self.account, plan=plan)
        return self.account

    def use(self, **services: Any) -> Account:
        """Return the account with other services."""
        changed = msgspec.structs.replace(self.account.services, **services)
        self.account = msgspec.structs.replace(self.account, services=changed)
        return self.account

    def dialed(self) -> tuple[Dialed, socket.socket, FrameWire]:
        """Return an open link, and the server's end of it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(5.0)
        self.sockets += [ours, theirs]
        return (
            Dialed(sock=ours, wire=FrameWire(), phases=((Phase.TCP, 0.001),), address="peer:1"),
            theirs,
            FrameWire(server=True),
        )

    def calls(self, generation: int = 1) -> Tap:
        """Return calls over an open link."""
        dialed, theirs, wire = self.dialed()
        link = Link(
            dialed,
            generation=generation,
            frames_to=self.heard["decoder"].tell,
            ended_to=self.heard["decoder"].tell,
            pongs_to=self.peers.heartbeat,
            flow=self.account.flow,
            clock=self.clock,
        )
        return Tap(link, self.clock, theirs, wire)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due is told."""
        self.clock.advance(seconds)
        self.timers.fire_due()


def read(sock: socket.socket, wire: FrameWire) -> list[Any]:
    """Read what was written to the server's end."""
    return wire.feed(sock.recv(65536))


def event(number: int, lane: str = "c1", **fields: Any) -> Event:
    """Make a kernel event."""
    return Event(
        account="shop-a", event_id=f"e{number}", conversation_id=lane, lane_seq=number, **fields
    )


def push(number: int, *events: Event, ack: Frame | None = None) -> Decoded:
    """Make a decoded push."""
    return Decoded(raw=f"frame {number}", events=events, ack=ack or f"ack {number}")
