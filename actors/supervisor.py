"""The supervisor of one account: brings it up, decides about each loss, restarts the dead.

It does no I/O. How long to wait and when to stop hoping is in ``policy.retries``; how
often an actor may die is in ``policy.budget``.
"""

from __future__ import annotations

from typing import Any

import pykka

from actors.account import Account
from actors.connection import ConnectionActor
from actors.decoder import DecoderActor
from actors.dispatcher import DispatcherActor
from actors.heartbeat import HeartbeatActor
from actors.messages import (
    ActorDied,
    GiveUp,
    Introduce,
    JournalFailed,
    JournalRecovered,
    LinkCondemned,
    LinkDown,
    Open,
    Pause,
    Reset,
    RestartDue,
    RetryDue,
    Shut,
    StabilityReached,
    Start,
    StateChanged,
    Stop,
    Withdraw,
)
from actors.outbox import OutboxActor
from actors.policy import failures, retries
from actors.policy.budget import LONGEST_DELAY_S, RestartBudget
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.runtime.timers import Timer
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure, Phase

CHILDREN = ("decoder", "dispatcher", "outbox", "heartbeat", "connection")
"""In the order they are started; they are stopped in reverse."""

_BETWEEN_LINKS = (ConnectionState.DISCONNECTED, ConnectionState.RECONNECTING)

_ACTORS = {
    "decoder": DecoderActor,
    "dispatcher": DispatcherActor,
    "outbox": OutboxActor,
    "heartbeat": HeartbeatActor,
}


CONNECTION_CRASHED = Failure(
    error_class=ErrorClass.OTHER,
    reason="connection_crashed",
    detail="The connection actor died; it is restarted. See actor.died in the log.",
)


def _crash_loop(name: str) -> Failure:
    return Failure(
        error_class=ErrorClass.OTHER,
        reason="crash_loop",
        detail=f"The {name} actor keeps dying; see actor.died in the log, then reset the account.",
    )


class SupervisorActor(SupervisedActor):
    """One a account; never shared, so that nobody's failures cost another a restart."""

    def __init__(self, pool: Pool, account: Account, *, root: Any = None) -> None:
        super().__init__(pool, name="supervisor", supervisor=root)
        self._pool = pool
        self._account = account
        self._services = account.services
        self._peers = account.peers
        plan = account.plan
        self._retries = retries.Retries(
            plan.delays, max_attempts=plan.max_attempts, stable_s=plan.stable_s
        )
        self._budgets: dict[str, RestartBudget] = {}
        self._children: dict[str, pykka.ActorRef[Any]] = {}
        standing = account.standing
        self._state, self._generation = standing.state, standing.generation
        self._wanted, self._ending = standing.wanted, standing.ending
        self._crash_loop: Failure | None = None
        self._number = 0
        self._timer: Timer | None = None
        self._stable: Timer | None = None

    def receive(self, message: Any) -> None:
        """Obey the façade; react to the account's own actors."""
        match message:
            case Start():
                self._start()
            case Pause():
                self._leave(for_good=False)
            case Stop():
                self._leave(for_good=True)
            case Reset():
                self._reset()
            case StateChanged():
                self._changed(message)
            case RetryDue():
                if message.number == self._number and self._wanted:
                    self._open()
            case StabilityReached():
                if message.generation == self._generation:
                    self._retries.stable(self._services.clock.monotonic())
            case JournalFailed():
                self._disarm()
                self._withdraw()
            case JournalRecovered():
                if self._wanted and self._state in _BETWEEN_LINKS:
                    self._open()
            case ActorDied():
                self._died(message)
            case RestartDue():
                self._restart(message.name)
            case _:
                raise TypeError(f"supervisor can not receive {type(message).__name__}")

    def started(self) -> None:
        """Go on where a former life ended."""
        if self._account.standing.begun:
            for name in CHILDREN:
                self._spawn(name)
            self._resume_connection()

    def stopped(self) -> None:
        """Stop the children in reverse order; leave no timer behind."""
        self._disarm()
        self._disarm_stable()
        for name in reversed(CHILDREN):
            child = self._children.pop(name, None)
            if child is not None and child.is_alive():
                child.stop(block=False)

    def died(self, error: str) -> None:
        """Take the children along: the whole account is restarted."""
        self.stopped()
        self._connection_died()
        standing = self._account.standing
        standing.begun = True
        standing.state, standing.generation = self._state, self._generation
        standing.wanted, standing.ending = self._wanted, self._ending
        super().died(error)

    # --- commands ---------------------------------------------------------------------

    def _start(self) -> None:
        resumed, self._wanted = not self._wanted, True
        for name in CHILDREN:
            if name not in self._children:
                self._spawn(name)
        if self._state is ConnectionState.DISCONNECTED or (
            resumed and self._state is ConnectionState.RECONNECTING
        ):
            self._open()

    def _leave(self, *, for_good: bool) -> None:
        self._wanted, self._ending = False, self._ending or for_good
        self._disarm()
        if not self._children and for_good:
            self._spawn("connection")
        self._peers.connection.tell(Shut(for_good=for_good))

    def _reset(self) -> None:
        self._retries.reset()
        self._crash_loop = None
        if self._state is ConnectionState.FAILED:
            self._peers.connection.tell(Reset())
        elif self._state is ConnectionState.RECONNECTING and self._wanted:
            self._open()

    def _open(self) -> None:
        self._disarm()
        if self._services.health.down:
            self._withdraw()
            return
        stretch = {phase: self._retries.stretch(phase) for phase in Phase}
        self._peers.connection.tell(
            Open(stretch={phase: factor for phase, factor in stretch.items() if factor > 1})
        )

    def _withdraw(self) -> None:
        """Keep away until the journal is back: the platform keeps what we cannot."""
        if self._children:
            self._peers.connection.tell(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))

    # --- the connection's news --------------------------------------------------------

    def _changed(self, change: StateChanged) -> None:
        self._state, self._generation = change.new, change.generation
        self._disarm_stable()
        match change.new:
            case ConnectionState.CONNECTED:
                self._retries.connected(self._services.clock.monotonic())
                self._stable = self._services.timers.after(
                    self._account.plan.stable_s,
                    self._peers.supervisor,
                    StabilityReached(generation=change.generation),
                )
            case ConnectionState.RECONNECTING:
                self._decide(change)
            case ConnectionState.FAILED:
                self._disarm()
                self._report_failed(change)
            case ConnectionState.DISCONNECTED:
                if self._wanted:
                    self._open()
            case ConnectionState.CLOSED:
                self.actor_ref.stop(block=False)
            case ConnectionState.CONNECTING:
                pass

    def _decide(self, change: StateChanged) -> None:
        if not self._wanted:
            return
        if self._services.health.down:
            self._withdraw()
            return
        if change.cause is Cause.RESET or change.failure is None:
            self._open()
            return
        services = self._services
        verdict = self._retries.failed(
            change.failure, services.clock.monotonic(), services.dice.random()
        )
        if isinstance(verdict, retries.GiveUp):
            self._peers.connection.tell(GiveUp(failure=verdict.failure))
            return
        self._number += 1
        services.log.warning(
            "reconnect.scheduled",
            account=self._account.name,
            delay_s=round(verdict.delay_s, 2),
            attempt=verdict.attempt,
            reason=change.failure.reason,
            error_class=change.failure.error_class.value,
        )
        services.observer.retry_scheduled(self._account.name, verdict.attempt, verdict.delay_s)
        self._disarm()
        self._timer = services.timers.after(
            verdict.delay_s, self._peers.supervisor, RetryDue(number=self._number)
        )

    def _report_failed(self, change: StateChanged) -> None:
        failure = change.failure
        self._services.log.error(
            "account.failed",
            account=self._account.name,
            reason=failure.reason if failure else change.cause.value,
            detail=failure.detail if failure else "",
        )

    # --- the dead ---------------------------------------------------------------------

    def _died(self, died: ActorDied) -> None:
        child = self._children.get(died.name)
        if child is None or child.actor_urn != died.urn:
            return
        del self._children[died.name]
        budget = self._budgets.setdefault(died.name, RestartBudget(limit=5, window_s=60.0))
        delay_s = budget.restart(self._services.clock.monotonic())
        self._services.log.error(
            "actor.died",
            account=self._account.name,
            actor=died.name,
            error=died.error,
            restart_in_s=delay_s,
        )
        if died.name == "connection":
            self._connection_died()
        if delay_s is None:
            delay_s = LONGEST_DELAY_S
            self._crash_loop = _crash_loop(died.name)
            self._give_up(self._crash_loop)
        self._services.timers.after(delay_s, self._peers.supervisor, RestartDue(name=died.name))

    def _connection_died(self) -> None:
        """Speak for the dead: its link is gone, and the world hears of it."""
        self._disarm()
        down = LinkDown(generation=self._generation)
        self._peers.heartbeat.tell(down)
        self._peers.outbox.tell(down)
        if self._state not in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            return
        self._disarm_stable()
        old, self._state = self._state, ConnectionState.RECONNECTING
        self._services.observer.state_changed(
            StateChanged(
                account=self._account.name,
                old=old,
                new=self._state,
                cause=Cause.CHILD_CRASHED,
                generation=self._generation,
                failure=CONNECTION_CRASHED,
                at_ms=self._services.clock.unix_ms(),
            )
        )

    def _give_up(self, crash_loop: Failure) -> None:
        self._peers.connection.tell(GiveUp(failure=crash_loop, budget_exceeded=True))

    def _restart(self, name: str) -> None:
        if name in self._children:
            return
        self._spawn(name)
        match name:
            case "connection":
                self._resume_connection()
            case "decoder":
                self._peers.connection.tell(
                    LinkCondemned(generation=self._generation, failure=failures.DECODER_RESTARTED)
                )
            case _:
                self._peers.connection.tell(Introduce(name=name))

    def _resume_connection(self) -> None:
        """Tell a reborn connection what its former self did not live to hear or to do."""
        if not self._wanted:
            self._peers.connection.tell(Shut(for_good=self._ending))
        elif self._crash_loop is not None:
            self._give_up(self._crash_loop)
        elif self._state is not ConnectionState.FAILED:
            self._open()

    def _spawn(self, name: str) -> None:
        if name == "connection":
            ref: pykka.ActorRef[Any] = ConnectionActor.start(
                self._pool, self._account, state=self._state, generation=self._generation
            )
        else:
            ref = _ACTORS[name].start(self._pool, self._account)
        self._children[name] = ref
        getattr(self._peers, name).ref = ref

    def _disarm(self) -> None:
        self._number += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _disarm_stable(self) -> None:
        if self._stable is not None:
            self._stable.cancel()
            self._stable = None
