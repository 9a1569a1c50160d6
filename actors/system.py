"""The shared machinery of a process: started bottom-up, stopped top-down.

No actor itself: a plain object that the façade holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import pykka

from actors.account.grant import look_after
from actors.account.services import Observer, Parking, Role, Services
from actors.credentials import CredentialsActor
from actors.dialing import DialingActor
from actors.messages import (
    ActorDied,
    CredentialsInbox,
    DialingInbox,
    Introduce,
    RootInbox,
)
from actors.policy.gate import ConnectGate
from actors.policy.journal_health import JournalHealth
from actors.ports import Clock, Handle, MovedClock
from actors.ports.journal import Journal
from actors.registry import AccountRegistry, Root
from actors.renewing import Threads
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.clock import SystemClock
from actors.runtime.handlers.pool import HandlerPool
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.log import Log
from actors.runtime.pool.naps import Naps
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.timers import Timers
from actors.runtime.quotas import OpenSends, SharedRate
from actors.runtime.takeovers import KEPT, TakeOvers
from actors.sections import CredentialSettings, HandlerSettings, HistorySettings, JournalSettings
from actors.values import Event, Outcome
from actors.watch import LEAKED, Watch

_Shared: TypeAlias = Literal["credentials", "dialing"]
"""Actors that all accounts share."""

_HANDLERS = HandlerSettings()
_HISTORY = HistorySettings()
_RENEWALS = CredentialSettings()
_JOURNAL = JournalSettings()


class System:
    """Everything accounts share; starts it bottom-up, stops it top-down.

    Args:
        journal: Where messages live; the system closes it.
        handle: Runs the host's handlers and sinks for one event.
        observer: Is told what became of things.
        log: A structlog logger.
        gate: The connect gate.
        clock: Time.
        pool_threads: Workers for all actors to begin with; more join when one is held up.
        handlers: Threads that run handlers, and how long one may take.
        history: How fast history is read, over all accounts.
        renewals: How all accounts renew their credentials.
        sends: Bounds and rate of all outboxes together.
        takeovers: Conversations that a person answers himself.
        journal_limit_s: Seconds without a commit that holds; then every link is left.
        dice_seed: Fixes the dice; None takes entropy.
        given_up: Returns the outcome of an event whose handler hangs; None: it is dead.
        parking: Which events must not be handled a second time after a crash; None: none.
        on_exhausted: Called when only a new process helps: more than :data:`LEAKED` handlers
            hang, or what all accounts share keeps dying; must not block.

    Attributes:
        services: What accounts share.
        accounts: The accounts themselves.
        watch: The sweep.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        handle: Handle,
        observer: Observer,
        log: Log,
        gate: ConnectGate,
        clock: Clock | None = None,
        pool_threads: int = 1,
        handlers: HandlerSettings = _HANDLERS,
        history: HistorySettings = _HISTORY,
        renewals: CredentialSettings = _RENEWALS,
        sends: OpenSends | None = None,
        takeovers: TakeOvers | None = None,
        journal_limit_s: float = _JOURNAL.limit_s,
        dice_seed: int | None = None,
        parking: Parking | None = None,
        given_up: Callable[[Event], Outcome] | None = None,
        on_exhausted: Callable[[], None] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._gate = gate
        self._dialing = Role[DialingInbox]()
        self._credentials = Role[CredentialsInbox]()
        self._renewals = renewals
        self._renewing = Threads()
        try:
            pasts, kept = journal.pasts(), journal.kept_texts(KEPT)
        except BaseException:
            journal.close()
            raise
        self._dice = random.Random(dice_seed)  # noqa: S311  # jitter, not secrets
        writer = JournalWriter(journal, clock=clock, on_health=self._note_health, log=log)
        poller = Poller(clock, pace=writer.wait_for_room, log=log)
        self.services = Services(
            pool=Pool(threads=pool_threads, poller=poller, log=log),
            timers=Timers(clock, log=log),
            poller=poller,
            handlers=HandlerPool(
                clock=clock,
                handle=handle,
                limit=handlers.threads,
                per_account=handlers.per_account,
                deadline_s=handlers.deadline_s,
                leak_limit=LEAKED,
                on_leak=self._note_leak,
                log=log,
                given_up=given_up,
            ),
            writer=writer,
            health=JournalHealth(limit_s=journal_limit_s),
            dialing=self._dialing,
            credentials=self._credentials,
            clock=clock,
            dice=self._dice,
            log=log,
            alerts=AlertRegistry(clock, log),
            observer=observer,
            history_rate=SharedRate(rate_per_s=history.rate_per_s, burst=history.burst),
            sends=OpenSends() if sends is None else sends,  # an empty one is falsy
            takeovers=takeovers or TakeOvers(),
            parking=parking,
        )
        self.services.takeovers.begin(writer, kept)
        self.accounts = AccountRegistry(self.services, pasts)
        self.watch = Watch(
            self.services,
            self.accounts,
            naps=None if isinstance(clock, MovedClock) else Naps(clock.monotonic),
            concerns=journal.concerns,
            gate_rate_per_s=gate.rate_per_s,
            on_exhausted=on_exhausted,
        )
        if isinstance(clock, MovedClock):
            for part in (self.services.timers, self.services.poller, self.services.handlers):
                clock.on_move(part.look)

    # --- life -------------------------------------------------------------------------

    def start(self) -> None:
        """Start the shared threads; no account yet."""
        services = self.services
        self.accounts.running = True
        services.writer.start()
        services.pool.start()
        services.timers.start()
        services.handlers.start()
        self._start_shared("dialing")
        self._start_shared("credentials")
        self.watch.start()

    def end_renewals(self, wait_s: float) -> list[str]:
        """Begin no dial and no renewal any more, and wait for renewals under way.

        Args:
            wait_s: Seconds to wait.

        Returns:
            Names of threads that did not end in time.
        """
        self.accounts.running = False
        for role in (self._dialing, self._credentials):
            if isinstance(role.ref, pykka.ActorRef):
                role.ref.stop(block=False)
        return self._renewing.wait_ended(wait_s)

    def stop(self, *, journal_s: float, threads_s: float) -> list[str]:
        """Stop the shared threads; the accounts must be stopped before.

        Args:
            journal_s: Seconds for the last commit and a checkpoint.
            threads_s: Seconds for all other threads together.

        Returns:
            Names of threads that did not end in time.
        """
        self.accounts.running = False
        self.watch.stop()
        services = self.services
        deadline = services.clock.monotonic() + threads_s

        def left() -> float:
            return max(0.1, deadline - services.clock.monotonic())

        survivors = services.handlers.stop(threads_s / 2)
        survivors += self.end_renewals(threads_s / 2)  # they store before the lock is free
        survivors += services.poller.stop(left())
        deadline += journal_s
        survivors += services.writer.stop(journal_s)
        survivors += services.timers.stop(left())
        survivors += services.pool.stop(left())
        return survivors

    def _start_shared(self, name: _Shared) -> None:
        services = self.services
        if name == "dialing":
            DialingActor.play(
                self._dialing,
                services.pool,
                gate=self._gate,
                clock=services.clock,
                dice=self._dice,
                timers=services.timers,
                mailbox=self._dialing,
                counts=services.dials,
                supervisor=Root(self._hear),
            )
            return
        CredentialsActor.play(
            self._credentials,
            services.pool,
            settings=self._renewals,
            clock=services.clock,
            dice=self._dice,
            timers=services.timers,
            log=services.log,
            alerts=services.alerts,
            observer=services.observer,
            seen=services.seen,
            mailbox=self._credentials,
            threads=self._renewing,
            counts=services.tokens,
            supervisor=Root(self._hear),
        )

    def _note_health(self, healthy: bool, reason: str) -> None:  # noqa: FBT001  # the writer's form
        self.watch.note_health(healthy, reason)

    def _note_leak(self, threads: int) -> None:
        self.watch.note_leak(threads)

    def _hear(self, message: RootInbox) -> None:
        """Bring a shared actor back, after a pause."""
        if not self.accounts.running or not isinstance(message, ActorDied):
            return
        services = self.services
        delay_s = self.watch.died_again(message.name, services.clock.monotonic())
        services.log.error(
            "actor.died",
            account=None,
            actor=message.name,
            error=message.error,
            restart_in_s=delay_s,
        )
        name: _Shared = "dialing" if message.name == "dialing" else "credentials"
        services.timers.call_after(delay_s, partial(self._restart, name))

    def _restart(self, name: _Shared) -> None:
        if self.accounts.running:
            self._start_shared(name)
            for account in self.accounts.all():
                if name == "credentials":
                    look_after(account)
                account.peers.connection.tell(Introduce(name=name))
