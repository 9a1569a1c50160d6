"""The supervisor of one account: brings it up, decides about each loss, restarts the dead.

It does no I/O. How long to wait and when to stop hoping is in ``policy.retries``; how
often an actor may die is in ``policy.budget``.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pykka

from actors.account import Account
from actors.connection import ConnectionActor
from actors.decoder import DecoderActor
from actors.dispatcher import DispatcherActor
from actors.heartbeat import HeartbeatActor
from actors.messages import (
    AccountEnded,
    ActorDied,
    BeginRecovery,
    DialAllowed,
    Drain,
    Drained,
    Fail,
    Introduce,
    JournalFailed,
    JournalRecovered,
    LinkCondemned,
    LinkDown,
    Open,
    PastStored,
    Pause,
    RecoveryEnded,
    Reset,
    RestartDue,
    RetryDue,
    RootInbox,
    Shut,
    StabilityReached,
    Start,
    StateChanged,
    Stop,
    SupervisorInbox,
    Withdraw,
)
from actors.outbox import OutboxActor
from actors.policy import alerts, failures, retries
from actors.policy.budget import LONGEST_DELAY_S, RestartBudget
from actors.policy.rate import TokenBucket
from actors.policy.retries import GiveUp
from actors.policy.strikes import Strikes
from actors.ports import Mailbox
from actors.recovery import RecoveryActor, report
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.runtime.timers import Timer
from actors.state import Cause, ConnectionState
from actors.storage import Past, StorePast
from actors.values import ErrorClass, Failure, Phase, Recovered

CHILDREN = ("decoder", "dispatcher", "outbox", "heartbeat", "connection")
"""In the order they are started; they are stopped in reverse."""

_BETWEEN_LINKS = (ConnectionState.DISCONNECTED, ConnectionState.RECONNECTING)

_ACTORS: dict[str, type[DecoderActor | DispatcherActor | OutboxActor | HeartbeatActor]] = {
    "decoder": DecoderActor,
    "dispatcher": DispatcherActor,
    "outbox": OutboxActor,
    "heartbeat": HeartbeatActor,
}


_INTRODUCED: dict[str, Introduce] = {
    "heartbeat": Introduce(name="heartbeat"),
    "outbox": Introduce(name="outbox"),
    "recovery": Introduce(name="recovery"),
}
"""Children to whom the connection tells, after a restart, what they missed."""

CONNECTION_CRASHED = Failure(
    error_class=ErrorClass.OTHER,
    reason="connection_crashed",
    detail="The connection actor died; it is restarted. See actor.died in the log.",
)


BARRED_S = 150.0
"""After so long behind an open circuit an account asks again: its turn may have got lost."""

URGENT_MS = 600_000
"""So long after a push somebody may wait for an answer (``reliability.md`` 2.7)."""

CRASH_LOOP = "crash_loop"
CRASH_PROBES = 3
"""How often an account that failed by crashes is tried again by itself."""


def _crash_loop(name: str) -> GiveUp:
    failure = Failure(
        error_class=ErrorClass.OTHER,
        reason=CRASH_LOOP,
        detail=f"The {name} actor keeps dying; see actor.died in the log, then reset the account.",
    )
    return GiveUp(failure=failure, why=CRASH_LOOP, budget_exceeded=True)


class SupervisorActor(SupervisedActor[SupervisorInbox]):
    """One a account; never shared, so that nobody's failures cost another a restart."""

    def __init__(
        self, pool: Pool, account: Account, *, root: Mailbox[RootInbox] | None = None
    ) -> None:
        super().__init__(pool, name="supervisor", supervisor=root)
        self._root = root
        self._pool = pool
        self._account = account
        self._services = account.services
        self._peers = account.peers
        plan = account.plan
        self._retries = retries.Retries(
            plan.delays, max_attempts=plan.max_attempts, stable_s=plan.stable_s
        )
        self._budgets: dict[str, RestartBudget] = {}
        self._history_rate: TokenBucket | None = None
        self._children: dict[str, pykka.ActorRef[Any]] = {}
        standing = account.standing
        self._state, self._generation = standing.state, standing.generation
        self._wanted, self._ending = standing.wanted, standing.ending
        self._was_started = standing.wanted
        self._given_up: GiveUp | None = None
        self._oversized: Strikes | None = None
        self._probes = 0
        self._storing = self._unstored = False
        self._number = 0
        self._timer: Timer | None = None
        self._stable: Timer | None = None
        if standing.past is not None:
            self._recall(standing.past, reread=not standing.begun)

    def receive(self, message: SupervisorInbox) -> None:
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
                    self._retry()
            case DialAllowed():
                if message.generation == self._generation and self._wanted:
                    self._open()
            case StabilityReached():
                if message.generation == self._generation:
                    self._settle()
            case Drained():
                self._finish()
            case PastStored():
                self._storing = False
                if self._unstored:
                    self._keep()
            case BeginRecovery():
                self._begin_recovery(message)
            case RecoveryEnded():
                self._end_recovery()
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
                self.refuse(message)
        self._account.standing.connects = self._wanted and self._given_up is None

    def started(self) -> None:
        """Go on where a former life ended."""
        standing = self._account.standing
        if standing.state is ConnectionState.CLOSED:  # it died while its handlers ended
            self._finish()
            return
        if self._given_up is not None:
            standing.connects = False
        self._staff()
        if standing.begun:
            self._resume_connection()
        unheard, standing.unheard = standing.unheard, ()
        for command in unheard:
            self.receive(command)

    def stopped(self) -> None:
        """Stop the children in reverse order; leave no timer behind."""
        self._disarm()
        self._disarm_stable()
        self._stop_children()

    def _stop_children(self, *, but: str | None = None) -> None:
        for name in ("recovery", *reversed(CHILDREN)):
            child = None if name == but else self._children.pop(name, None)
            if child is not None and child.is_alive():
                child.stop(block=False)

    def _finish(self) -> None:
        """The account is down; whoever comes under its name may begin."""
        self.actor_ref.stop(block=False)
        if self._root is not None:
            self._root.tell(AccountEnded())

    def died(self, error: str) -> None:
        """Take the children along: the whole account is restarted."""
        self.stopped()
        self._connection_died()
        standing = self._account.standing
        standing.begun, standing.past = True, self._past()
        standing.state, standing.generation = self._state, self._generation
        standing.wanted, standing.ending = self._wanted, self._ending
        super().died(error)

    def tear_down(self) -> None:
        """Leave to the next life the commands this one did not live to hear."""
        mail = self.actor_inbox.urgent or ()
        unheard = [each for each in mail if isinstance(each, (Start, Pause, Stop, Reset))]
        standing = self._account.standing
        standing.unheard = (*unheard, *standing.unheard)
        super().tear_down()

    # --- commands ---------------------------------------------------------------------

    def _start(self) -> None:
        resumed, self._wanted = not self._wanted, True
        first, self._was_started = not self._was_started, True
        if first:  # a verdict or a delay of an earlier life may still hold
            self._staff()
            self._tell_wait()
            self._resume_connection()
        elif self._state is ConnectionState.DISCONNECTED or (
            resumed and self._state is ConnectionState.RECONNECTING
        ):
            self._open()

    def _staff(self) -> None:
        """Have the children, wanted or not: what was acknowledged is handled without a link, too.

        A single one that is missing is restarted in its turn.
        """
        if not self._children:
            for name in CHILDREN:
                self._spawn(name)

    def _leave(self, *, for_good: bool) -> None:
        self._wanted, self._ending = False, self._ending or for_good
        self._disarm()
        if not self._children and for_good:
            self._spawn("connection")
        self._peers.connection.tell(Shut(for_good=for_good))

    def _reset(self) -> None:
        self._retries.reset()
        self._services.alerts.end(account=self._account.name, but=alerts.LETTERS_WAITING)
        self._given_up = None
        self._probes = 0
        self._keep()
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
        standing = self._account.standing
        quiet_ms = self._services.clock.unix_ms() - standing.pushed_at_ms
        self._peers.connection.tell(
            Open(
                stretch={phase: factor for phase, factor in stretch.items() if factor > 1},
                urgent=standing.unsent or quiet_ms < URGENT_MS,
            )
        )

    def _retry(self) -> None:
        if self._state is ConnectionState.FAILED:
            self._probes += 1
            self._given_up = None
            self._keep()
        self._open()

    def _wait(self, delay_s: float) -> None:
        self._disarm()
        self._timer = self._services.timers.after(
            delay_s, self._peers.supervisor, RetryDue(number=self._number)
        )

    def _withdraw(self) -> None:
        """Keep away until the journal is back: the platform keeps what we cannot."""
        if self._children:
            self._peers.connection.tell(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))

    # --- the connection's news --------------------------------------------------------

    def _changed(self, change: StateChanged) -> None:
        if self._state is ConnectionState.FAILED:
            self._services.alerts.end("account.failed", account=self._account.name)
        self._state, self._generation = change.new, change.generation
        self._disarm_stable()
        match change.new:
            case ConnectionState.CONNECTED:
                self._retries.connected(self._services.clock.monotonic())
                self._services.alerts.end("link.untrusted", account=self._account.name)
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
                if change.why == CRASH_LOOP and self._probes < CRASH_PROBES and self._wanted:
                    self._wait(self._account.plan.delays.crash_probe_s)
            case ConnectionState.DISCONNECTED:
                if self._wanted:
                    self._open()
            case ConnectionState.CLOSED:
                self._services.alerts.end(account=self._account.name)
                self._disarm()
                self._stop_children(but="dispatcher")
                if "dispatcher" in self._children:
                    self._peers.dispatcher.tell(Drain())
                else:
                    self._finish()
            case ConnectionState.CONNECTING:
                self._disarm()

    def _decide(self, change: StateChanged) -> None:
        if not self._wanted:
            return
        if self._services.health.down:
            self._withdraw()
            return
        if change.failure is not None and alerts.too_big(change.failure):
            self._count_oversized(change.failure)
        if change.cause is Cause.RESET or change.failure is None:
            self._open()
            return
        if change.cause is Cause.CIRCUIT_OPEN:
            self._wait(BARRED_S)
            return
        services = self._services
        verdict = self._retries.failed(
            change.failure, services.clock.monotonic(), services.dice.random()
        )
        if isinstance(verdict, GiveUp):
            self._give_up(verdict)
            return
        self._keep()
        for alert in alerts.of_link(change.failure, verdict):
            services.alerts.raise_(
                msgspec.structs.replace(alert, account=self._account.name),
                delay_s=round(verdict.delay_s, 2),
            )
        services.log.warning(
            "reconnect.scheduled",
            account=self._account.name,
            delay_s=round(verdict.delay_s, 2),
            attempt=verdict.attempt,
            reason=change.failure.reason,
            error_class=change.failure.error_class.value,
        )
        services.observer.retry_scheduled(self._account.name, verdict.attempt, verdict.delay_s)
        self._wait(verdict.delay_s)

    def _report_failed(self, change: StateChanged) -> None:
        failure = change.failure
        self._services.alerts.say(
            "account.failed",
            account=self._account.name,
            detail=failure.detail if failure else "",
            next_step="mend what the detail says, then reset the account",
            why=change.why or change.cause.value,
            reason=failure.reason if failure else change.cause.value,
        )

    def _count_oversized(self, failure: Failure) -> None:
        """Let a person hear of a peer that keeps sending more than we take."""
        if self._oversized is None:
            self._oversized = Strikes(
                limit=alerts.OVERSIZED + 1, window_s=alerts.OVERSIZED_WINDOW_S
            )
        if self._oversized.strike(self._services.clock.monotonic()):
            self._services.alerts.say(
                "link.oversized",
                account=self._account.name,
                detail=f"more than {alerts.OVERSIZED} messages in an hour were too large: "
                f"{failure.detail}",
                next_step="raise the account's limits.*, if such messages are meant; "
                "none of them was acknowledged",
                for_s=alerts.OVERSIZED_WINDOW_S,
            )

    # --- the past ---------------------------------------------------------------------

    def _settle(self) -> None:
        self._retries.stable(self._services.clock.monotonic())
        for name in ("link.flapping", "link.failing"):
            self._services.alerts.end(name, account=self._account.name)
        self._probes = 0
        if self._account.standing.past is not None:
            self._keep()

    def _past(self) -> Past | None:
        history = self._retries.snapshot(self._services.clock.monotonic())
        if history == retries.History() and self._given_up is None:
            return None
        return Past(at_ms=self._services.clock.unix_ms(), history=history, given_up=self._given_up)

    def _keep(self) -> None:
        """Leave the past to the next life of the account; one write at a time is under way."""
        before, past = self._account.standing.past, self._past()
        self._account.standing.past = past
        self._unstored = self._storing
        if self._storing or (past is None and before is None):
            return
        self._storing = True
        supervisor = self._peers.supervisor
        self._services.writer.submit(
            StorePast(account=self._account.name, past=past),
            lambda _: supervisor.tell(PastStored()),
            refused=lambda _: supervisor.tell(PastStored()),
        )

    def _recall(self, past: Past, *, reread: bool) -> None:
        clock = self._services.clock
        away_s = (clock.unix_ms() - past.at_ms) / 1000
        self._retries.restore(past.history, clock.monotonic(), away_s=away_s, reread=reread)
        self._given_up = past.given_up

    def _tell_wait(self) -> None:
        """Say why it does not connect yet: who restarts a process expects that it does."""
        history = self._retries.snapshot(self._services.clock.monotonic())
        if history.wait_s > 0:
            self._services.log.info(
                "account.waits",
                account=self._account.name,
                error_class=history.error_class,
                reason=history.reason,
                left_s=round(history.wait_s, 2),
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
        if self._state is ConnectionState.CLOSED:
            self._finish()
            return
        if died.name == "connection":
            self._connection_died()
        if died.name == "recovery":
            self._peers.recovery.ref = None
            if delay_s is None:
                self._give_recovery_up()
                return
        if delay_s is None:
            delay_s = LONGEST_DELAY_S
            self._give_up(_crash_loop(died.name))
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

    # --- recoveries -------------------------------------------------------------------

    def _begin_recovery(self, order: BeginRecovery) -> None:
        """Start the actor that reads history; one that still runs for another link ends."""
        if order.generation != self._generation:
            return
        self._end_recovery()
        plan = self._account.plan.recovery
        if self._history_rate is None:  # outlives the actor, or each reconnect were a burst
            self._history_rate = TokenBucket(
                rate_per_s=plan.rate_per_s,
                burst=plan.burst,
                now=self._services.clock.monotonic(),
            )
        self._children["recovery"] = RecoveryActor.play(
            self._peers.recovery, self._pool, self._account, order, self._history_rate
        )

    def _end_recovery(self) -> None:
        self._peers.recovery.ref = None
        child = self._children.pop("recovery", None)
        if child is not None and child.is_alive():
            child.stop(block=False)

    def _give_recovery_up(self) -> None:
        """It keeps dying: the link stays, the gap is told, a later probe tries again."""
        outcome = Recovered(
            account=self._account.name,
            recovered=False,
            from_ms=None,
            to_ms=None,
            found=0,
            reason="crashed",
        )
        report(self._account, outcome)
        self._peers.connection.tell(RecoveryEnded(generation=self._generation, outcome=outcome))

    def _give_up(self, verdict: GiveUp) -> None:
        self._given_up = verdict
        self._keep()
        self._peers.connection.tell(Fail(verdict=verdict))

    def _restart(self, name: str) -> None:
        if name in self._children or self._state is ConnectionState.CLOSED:
            return
        if name != "recovery":  # the connection says what it is to read
            self._spawn(name)
        match name:
            case "connection":
                self._resume_connection()
            case "decoder":
                self._peers.connection.tell(
                    LinkCondemned(generation=self._generation, failure=failures.DECODER_RESTARTED)
                )
            case _:
                if name in _INTRODUCED:
                    self._peers.connection.tell(_INTRODUCED[name])

    def _resume_connection(self) -> None:
        """Tell a reborn connection what its former self did not live to hear or to do."""
        if not self._wanted:
            self._peers.connection.tell(Shut(for_good=self._ending))
        elif self._state is ConnectionState.FAILED:
            return
        elif self._given_up is not None:
            self._peers.connection.tell(Fail(verdict=self._given_up))
        else:
            left_s = self._retries.left_s(self._services.clock.monotonic())
            if left_s > 0:
                self._wait(left_s)
            else:
                self._open()

    def _spawn(self, name: str) -> None:
        role = getattr(self._peers, name)
        self._children[name] = (
            ConnectionActor.play(
                role, self._pool, self._account, state=self._state, generation=self._generation
            )
            if name == "connection"
            else _ACTORS[name].play(role, self._pool, self._account)
        )

    def _disarm(self) -> None:
        self._number += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _disarm_stable(self) -> None:
        if self._stable is not None:
            self._stable.cancel()
            self._stable = None
