"""Runs one link of a :class:`gateway.WebSocketClient`, from its dial to its last thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol

from actors.account.connection import ConnectionActor
from actors.account.heartbeat import HeartbeatActor
from actors.account.services import Account, Observer, Peers
from actors.messages import (
    ActorDied,
    Flush,
    Flushed,
    FramesReceived,
    LinkEnded,
    LinkOpened,
    Open,
    Shut,
    StateChanged,
)
from actors.plan import AccountPlan
from actors.policy.gate import ConnectGate
from actors.runtime.links.flow import Flow
from actors.runtime.links.link import Link
from actors.state import ConnectionState
from actors.system import System
from actors.values import DONE, ErrorClass, Event, Failure, Frame, Outcome
from gateway.journal.memory.journal import MemoryJournal

_CRASHED: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="actor_crashed",
    detail="An actor of the connection died; connect again, and please report it.",
)
_NO_THREADS: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="no_thread",
    detail="The system gives no more threads; raise its limit, or run fewer things.",
)


class Owner(Protocol):
    """The owner of a line. Called on the line's threads; must not block."""

    def heard(self, frames: Sequence[Frame]) -> None:
        """Messages came, in this order."""

    def went_up(self) -> None:
        """The link is open. ``changed`` is held."""

    def went_down(self, failure: Failure) -> None:
        """The dial failed, or the link ended by itself. ``changed`` is held."""


class Line:
    """One dial, the link it leads to, and every thread of them. Used once.

    To the kernel it plays a decoder, an outbox and a supervisor.

    Args:
        plan: What to dial, and how.
        flow: How many messages the owner has in hand, of earlier lines too.
        log: A structlog logger.
        changed: Guards the attributes below; notified of each change.
        owner: Hears the messages, and what becomes of the link.
        epoch: The owner's number of the request that it serves.

    Attributes:
        epoch: As above.
        state: Where the connection stands.
        link: The open link, or None.
        opened: There was a link, perhaps for a moment only.
    """

    def __init__(
        self,
        *,
        plan: AccountPlan,
        flow: Flow,
        log: Any,
        changed: threading.Condition,
        owner: Owner,
        epoch: int,
    ) -> None:
        self.epoch = epoch
        self.state = ConnectionState.CONNECTING
        self.link: Link | None = None
        self.opened = False
        self._plan = plan
        self._log = log
        self._changed = changed
        self._owner = owner
        self._left = False
        self._system = System(
            journal=MemoryJournal(),
            handle=_unused,
            observer=Observer(),
            log=log,
            gate=ConnectGate(rate_per_s=1000.0, burst=1000, max_in_flight=2),
            pool_threads=1,
        )
        self._peers = Peers()
        self._account = Account(
            plan=plan, services=self._system.services, peers=self._peers, flow=flow
        )

    def start(self) -> None:
        """Start the threads, and the dial on one of them. Once."""
        account, peers, pool = self._account, self._peers, self._system.services.pool
        peers.decoder.ref = self
        peers.outbox.ref = self
        peers.supervisor.ref = self
        try:
            self._system.start()
        except RuntimeError:
            self._end(ConnectionState.CLOSED, _NO_THREADS)
            return
        peers.heartbeat.ref = HeartbeatActor.start(pool, account)
        peers.connection.ref = ConnectionActor.start(pool, account)
        peers.connection.tell(Open(stretch={}, urgent=True))

    def take_down(self) -> None:
        """Close the link in order, and end every thread; what still comes is handed over."""
        with self._changed:
            self._left = True
            self.link = None
            self._changed.notify_all()
        if self._peers.connection.tell(Shut(for_good=True)):
            with self._changed:
                self._changed.wait_for(
                    lambda: self.state is ConnectionState.CLOSED, self._plan.deadlines.close_s + 2.0
                )
        self._system.stop(journal_s=1.0, threads_s=4.0)

    # --- the kernel tells -------------------------------------------------------------

    def tell(self, message: object) -> None:
        """Hear what a decoder, an outbox and a supervisor would hear."""
        match message:
            case FramesReceived():
                self._owner.heard(message.frames)
            case LinkOpened():
                with self._changed:
                    self.opened = True
                    self.state = ConnectionState.CONNECTED
                    if not self._left:
                        self.link = message.calls.link
                        self._owner.went_up()
                    self._changed.notify_all()
            case LinkEnded():
                self._peers.connection.tell(message)
            case Flush():  # there is no journal to wait for
                self._peers.connection.tell(Flushed(generation=message.generation))
            case StateChanged(new=ConnectionState.CONNECTED):
                return  # the link follows
            case StateChanged():
                self._end(message.new, message.failure)
            case ActorDied():
                self._end(ConnectionState.RECONNECTING, _CRASHED)
            case _:
                return

    def _end(self, state: ConnectionState, failure: Failure | None) -> None:
        with self._changed:
            self.state = state
            self.link = None
            if failure is not None and not self._left:
                self._owner.went_down(failure)
            self._changed.notify_all()


def _unused(event: Event) -> Outcome:
    del event
    return DONE
