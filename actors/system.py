"""The shared machinery of a process: starts it bottom-up, stops it top-down.

No actor itself: a plain object that the façade holds. Its sweep finds what pykka does not
report: actors that hang.
"""

from __future__ import annotations

import contextlib
import random
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial

import pykka

from actors.account import Account, Observer, Parking, Peers, Role, Services, Standing
from actors.dialing import DialingActor
from actors.messages import (
    ActorDied,
    DeliveriesStored,
    DialingInbox,
    Introduce,
    JournalFailed,
    JournalRecovered,
    Pause,
    PutBack,
    Reset,
    RootInbox,
    SendDropped,
    SetRate,
    Start,
    Stop,
    SupervisorCommand,
)
from actors.plan import AccountPlan
from actors.policy import alerts
from actors.policy.budget import LONGEST_DELAY_S, RestartBudget
from actors.policy.gate import ConnectGate
from actors.policy.health import JournalHealth, Verdict
from actors.ports import Clock, Handle, MovedClock
from actors.reconnect import CRASH_LOOP
from actors.runtime.answer import Answer
from actors.runtime.board import AlertBoard
from actors.runtime.clock import SystemClock
from actors.runtime.flow import Flow, Whole
from actors.runtime.handlers import HandlerPool
from actors.runtime.log import Log
from actors.runtime.naps import Naps
from actors.runtime.poller import Poller
from actors.runtime.pool import Pool
from actors.runtime.rate import SharedRate
from actors.runtime.sends import OpenSends
from actors.runtime.timers import Timers
from actors.runtime.writer import JournalWriter
from actors.sections import HandlerSettings, HistorySettings, JournalSettings
from actors.storage import Journal, JournalError, ReplayEvent, StoreDelivery, StorePast
from actors.supervisor import SupervisorActor
from actors.values import AccountId, Delivery, Event, Outcome

SWEEP_S = 0.25
"""Seconds between two looks for actors that are held up; then another worker joins."""

MOST_WORKERS = 4
"""Workers of the pool at most; those given up for lost are not counted."""

HANG_S = 5.0
"""Seconds one message may take before its actor counts as hung."""

FORGIVEN_S = 30.0
"""So long after a suspension what began before it may say that it did not have that time."""

CROWD_RATE_PER_S = 1.0
"""Dials a second while many accounts crash: each start may be the next crash."""

SHARED_DEATHS = 3
"""Deaths within a minute of a part that all accounts share (``contract.md`` 2.8, root)."""

LEAKED = 10
"""Handler threads that hang and are replaced; beyond, only another process helps."""


_HANDLERS = HandlerSettings()
_HISTORY = HistorySettings()
_JOURNAL = JournalSettings()


class _Root:
    """Hears how an account's supervisor ends, or (of no account) the shared dialing actor."""

    __slots__ = ("_account", "_system")

    def __init__(self, system: System, account: Account | None) -> None:
        self._system = system
        self._account = account

    def tell(self, message: RootInbox) -> bool:
        """Pass it on."""
        self._system.hear(self._account, message)
        return True


class System:
    """Everything accounts share, and the accounts themselves.

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
        sends: Bounds and rate of all outboxes together.
        journal_limit_s: Seconds without a commit that holds; then every link is left.
        dice_seed: Fixes the dice; None takes entropy.
        given_up: Says what becomes of an event whose handler hangs; None: it is dead.
        parking: Which events must not be handled a second time after a crash; None: none.
        on_exhausted: Called when only a new process helps: more than :data:`LEAKED` handlers
            hang, or what all accounts share keeps dying; must not block.
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
        sends: OpenSends | None = None,
        journal_limit_s: float = _JOURNAL.limit_s,
        dice_seed: int | None = None,
        parking: Parking | None = None,
        given_up: Callable[[Event], Outcome] | None = None,
        on_exhausted: Callable[[], None] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._gate = gate
        self._gate_rate_per_s = gate.rate_per_s
        self._crowded = False
        self._begun = 0
        self._ask_concerns = journal.concerns
        self._concerns: Sequence[alerts.Alert] = ()
        self._concerned = 0
        self._dialing = Role[DialingInbox]()
        try:
            self._pasts = dict(journal.pasts())
        except BaseException:
            journal.close()
            raise
        self._on_exhausted = on_exhausted
        self._whole = Whole()
        self._left: set[AccountId] = set()
        self._leaving: dict[AccountId, Account | None] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._budgets: dict[AccountId, RestartBudget] = {}
        self._shared = {
            name: RestartBudget(limit=SHARED_DEATHS, window_s=60.0)
            for name in ("dialing", "writer")
        }
        self._lock = threading.RLock()
        self._running = False
        self._journal_reason = ""
        self._naps = None if isinstance(clock, MovedClock) else Naps(clock.monotonic)
        self._lost_s = self._lost_until = 0.0
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
            clock=clock,
            dice=self._dice,
            log=log,
            alerts=AlertBoard(clock, log),
            observer=observer,
            history_rate=SharedRate(
                rate_per_s=history.rate_per_s, burst=history.burst, now=clock.monotonic()
            ),
            sends=OpenSends() if sends is None else sends,  # an empty one is falsy
            parking=parking,
        )
        if isinstance(clock, MovedClock):
            for part in (self.services.timers, self.services.poller, self.services.handlers):
                clock.on_move(part.look)

    # --- life -------------------------------------------------------------------------

    def start(self) -> None:
        """Start the shared threads; no account yet."""
        services = self.services
        self._running = True
        services.writer.start()
        services.pool.start()
        services.timers.start()
        services.handlers.start()
        self._start_dialing()
        services.timers.call_after(SWEEP_S, self._sweep)

    def stop(self, *, journal_s: float, threads_s: float) -> list[str]:
        """Stop the shared threads; the accounts must be stopped before.

        Args:
            journal_s: Seconds for the last commit and a checkpoint.
            threads_s: Seconds for all other threads together.

        Returns:
            Names of threads that did not end in time.
        """
        self._running = False
        services = self.services
        deadline = services.clock.monotonic() + threads_s

        def left() -> float:
            return max(0.1, deadline - services.clock.monotonic())

        survivors = services.handlers.stop(threads_s / 2)
        if isinstance(self._dialing.ref, pykka.ActorRef):
            self._dialing.ref.stop(block=False)
        survivors += services.poller.stop(left())
        deadline += journal_s
        survivors += services.writer.stop(journal_s)
        survivors += services.timers.stop(left())
        survivors += services.pool.stop(left())
        return survivors

    def _start_dialing(self) -> None:
        services = self.services
        DialingActor.play(
            self._dialing,
            services.pool,
            gate=self._gate,
            clock=services.clock,
            dice=self._dice,
            timers=services.timers,
            mailbox=self._dialing,
            supervisor=_Root(self, None),
        )

    # --- accounts ---------------------------------------------------------------------

    def add(self, plan: AccountPlan, *, connect: bool = True) -> None:
        """Take an account in, and begin to connect it unless it is to wait for a resume.

        While one of its name is being taken down it waits: two would handle the same events.
        """
        account = Account(
            plan=plan,
            services=self.services,
            peers=Peers(),
            flow=Flow(
                plan.flow.high,
                plan.flow.low,
                high_bytes=plan.flow.high_bytes,
                monotonic=self.services.clock.monotonic,
                whole=self._whole,
            ),
            standing=Standing(self._pasts.pop(plan.account, None)),
        )
        with self._lock:
            self._accounts[plan.account] = account
            account.standing.connects = connect
            if connect:
                account.standing.unheard = (Start(),)
            if plan.account in self._leaving:
                self._leaving[plan.account] = account
            else:
                self._begin(account)

    def _begin(self, account: Account) -> None:
        """Start an account, one that joins anew once the journal has forgotten its past.

        By then the journal has also noted all that its former self has handled.
        """
        if account.name in self._left:
            forget = StorePast(account=account.name, past=None)
            self.services.writer.submit(forget, lambda _: self._restart_supervisor(account))
        else:
            self._start_supervisor(account)

    def _ended(self, account: Account) -> None:
        with self._lock:
            following = self._leaving.pop(account.name, None)
            if following is not None:
                self._begin(following)

    def resume(self, name: AccountId) -> None:
        """Connect a paused account again."""
        self._command(self._accounts[name], Start())

    def pause(self, name: AccountId) -> None:
        """Close an account's link and keep it away."""
        self._command(self._accounts[name], Pause())

    def reset(self, name: AccountId) -> None:
        """Forget an account's failures and try again."""
        self._command(self._accounts[name], Reset())

    def remove(self, name: AccountId) -> None:
        """Stop an account for good; its state becomes CLOSED when the link is down.

        Events in a handler end and are settled; those behind them stay in the journal.
        """
        with self._lock:
            account = self._accounts.pop(name)
            began = self._leaving.get(name) is not account
            self._leaving[name] = None
            self._left.add(name)
        if began:
            self._command(account, Stop())

    def _command(self, account: Account, command: SupervisorCommand) -> None:
        """Tell a supervisor; if it is between two lives, the next one hears it."""
        with self._lock:
            if not account.peers.supervisor.tell(command):
                account.standing.unheard = (*account.standing.unheard, command)

    def send(self, delivery: Delivery, timeout_s: float, refused: Callable[[str], None]) -> None:
        """Put a message into the outbox; return once it is durable.

        Args:
            delivery: The message.
            timeout_s: How long to wait for the journal.
            refused: Called with a reason if it can not be stored, though nobody waits any more.

        Raises:
            KeyError: There is no such account.
            OverloadedError: Too much waits for the journal; it was not accepted.
            CommandRefusedError: It can not be stored.
            TimeoutError: The journal did not answer in time; it may be stored yet.
        """
        outbox = self._accounts[delivery.account].peers.outbox
        store, stored = StoreDelivery(delivery=delivery), DeliveriesStored(deliveries=(delivery,))
        self.services.writer.call(store, timeout_s, lambda _: outbox.tell(stored), refused)

    def tell_outbox(self, name: AccountId, message: SendDropped) -> None:
        """Leave a message with an account's outbox, if there is one."""
        account = self._accounts.get(name)
        if account is not None:
            account.peers.outbox.tell(message)

    def replay(self, name: AccountId, event_id: str, timeout_s: float) -> bool:
        """Make a dead or parked event pending again, at the end of its lane.

        Args:
            name: Whose it is.
            event_id: Which.
            timeout_s: How long to wait for the journal.

        Returns:
            Whether there was such an event.

        Raises:
            CommandRefusedError: The journal can not note it.
            TimeoutError: There is no answer in time, or the account's decoder died meanwhile.
        """
        account = self._accounts.get(name)
        if account is not None:  # its decoder numbers all that comes into its lanes
            answer = Answer[bool]()
            account.peers.decoder.tell(PutBack(event_id=event_id, answered=answer.give))
            return answer.take(timeout_s)
        writer = self.services.writer
        command = ReplayEvent(event_id=event_id, lane_seq=next(writer.numbers()))
        return bool(writer.call(command, timeout_s))

    @staticmethod
    def new_outbox_id() -> str:
        """Give an id that is unique for ever."""
        return uuid.uuid4().hex

    def _start_supervisor(self, account: Account) -> None:
        with self._lock:
            SupervisorActor.play(
                account.peers.supervisor, self.services.pool, account, root=_Root(self, account)
            )

    # --- the dead and the hung --------------------------------------------------------

    def hear(self, account: Account | None, message: RootInbox) -> None:
        """Bring back who died, the dialing actor if of no account; let go an account that ended."""
        if isinstance(message, ActorDied):
            self._revive(account, message)
        elif account is not None:
            self._ended(account)

    def _revive(self, account: Account | None, died: ActorDied) -> None:
        """Start a dead supervisor again, or the dialing actor, after a pause."""
        if not self._running:
            return
        name = None if account is None else account.name
        restart = (
            self._restart_dialing if account is None else partial(self._restart_supervisor, account)
        )
        services, now = self.services, self.services.clock.monotonic()
        if name is None:
            delay_s = self._died_again("dialing", now)
        else:
            budget = self._budgets.setdefault(name, RestartBudget(limit=5, window_s=60.0))
            delay_s = budget.restart(now) or LONGEST_DELAY_S
        services.log.error(
            "actor.died", account=name, actor=died.name, error=died.error, restart_in_s=delay_s
        )
        services.timers.call_after(delay_s, restart)

    def _died_again(self, name: str, now: float) -> float:
        """Count the death of a shared part; gives the pause before its restart."""
        delay_s = self._shared[name].restart(now)
        if delay_s is not None:
            return delay_s
        self.services.alerts.say(
            "gateway.crashing",
            detail=f"the {name} keeps dying, {SHARED_DEATHS} times within a minute and again",
            next_step="restart the process; see actor.died and journal.writer_replaced for why",
        )
        if self._on_exhausted is not None:
            self._on_exhausted()
        return LONGEST_DELAY_S

    def _restart_supervisor(self, account: Account) -> None:
        if self._running:
            self._start_supervisor(account)

    def _restart_dialing(self) -> None:
        if not self._running:
            return
        self._start_dialing()
        with self._lock:
            accounts = list(self._accounts.values())
        for account in accounts:
            account.peers.connection.tell(Introduce(name="dialing"))

    def _sweep(self) -> None:
        if not self._running:
            return
        services = self.services
        now = services.clock.monotonic()
        try:
            if services.pool.stuck(now, SWEEP_S):
                services.pool.reinforce(MOST_WORKERS)
            lost_s = self._lost(now)
            for actor in (*services.pool.mend(), *services.pool.stuck(now, HANG_S + lost_s)):
                services.pool.abandon(actor)
            self._look_at_journal(now, lost_s)
            self._look_at_alerts()
        finally:  # nobody else looks for the hung
            services.timers.call_after(SWEEP_S, self._sweep)

    def _lost(self, now: float) -> float:
        """Give the seconds that what is under way did not have: the process did not run."""
        lost_s = 0.0 if self._naps is None else self._naps.look(SWEEP_S)
        if now >= self._lost_until:
            self._lost_s = 0.0
        if lost_s:
            self._lost_s += lost_s
            self._lost_until = now + FORGIVEN_S
            self.services.log.info("process.slept", lost_s=round(lost_s, 1))
        return self._lost_s

    def _note_leak(self, threads: int) -> None:
        """Say that handlers hang; with too many of them nobody's events would be handled."""
        log = self.services.log
        log.error("handler.abandoned", threads=threads)
        if threads > LEAKED:
            self.services.alerts.say(
                "handler.pool_exhausted",
                detail=f"{threads} handlers hang, more than are replaced",
                next_step="restart the process; see handler.abandoned for what hangs",
                threads=threads,
            )
            if self._on_exhausted is not None:
                self._on_exhausted()

    # --- the journal ------------------------------------------------------------------

    def _note_health(self, healthy: bool, reason: str) -> None:  # noqa: FBT001  # JournalWriter's form
        """Say at once that commits fail; what follows from it comes after the limit."""
        self._journal_reason = reason
        if not healthy:
            self.services.log.warning("journal.commit_failed", reason=reason)

    def _look_at_journal(self, now: float, lost_s: float) -> None:
        """Replace a dead writer; let all accounts leave, or come back (I3, A6)."""
        services = self.services
        log, writer, board = services.log, services.writer, services.alerts
        if writer.revive():
            log.error("journal.writer_replaced")
            self._died_again("writer", now)
        stalled_s = writer.stalled_s(now)
        if stalled_s:
            stalled_s = max(SWEEP_S, stalled_s - lost_s)
        reason = self._journal_reason or "a commit does not return"
        if not stalled_s:
            board.end("journal.commit_slow")
        match services.health.judge(stalled_s):
            case Verdict.SLOW:
                board.say(
                    "journal.commit_slow",
                    detail=reason,
                    next_step="look at the disk; nothing is acknowledged until the commit holds",
                    waited_s=round(stalled_s, 1),
                    reason=reason,
                )
            case Verdict.DOWN:
                board.say(
                    "journal.unavailable",
                    detail=reason,
                    next_step="mend what the detail says; every account comes back by itself",
                    waited_s=round(stalled_s, 1),
                    reason=reason,
                )
                self._tell_supervisors(JournalFailed())
            case Verdict.UP:
                board.end("journal.unavailable")
                log.info("journal.recovered")
                self._tell_supervisors(JournalRecovered())
            case None:
                pass

    # --- what a person should look at ---------------------------------------------------

    def _look_at_alerts(self) -> None:
        """Take over what the journal says; end what is over; slow down a crowd of crashes."""
        board = self.services.alerts
        concerns, ours = self._ask_concerns(), self._accounts
        if concerns is not self._concerns or len(ours) != self._concerned:
            self._concerns, self._concerned = concerns, len(ours)
            board.match([each for each in concerns if each.account is None or each.account in ours])
            self.services.health.filling = any(
                each.name == alerts.JOURNAL_FILLING for each in concerns
            )
            if any(each.name == alerts.JOURNAL_LOST for each in concerns):
                self.services.writer.fetch(_see_to_it, lambda _: None)
        board.expire()
        if self._crowded or board.begun != self._begun:
            self._begun = board.begun
            self._look_for_crowd()

    def _look_for_crowd(self) -> None:
        """Slow the gate while many accounts crash (``contract.md`` 2.8)."""
        board, total = self.services.alerts, len(self._accounts)
        crashed = [each for each in board.on() if each.why == CRASH_LOOP]
        many = alerts.crowd(crashed, total, self.services.clock.unix_ms())
        if many:
            board.say(
                "accounts.crashing",
                detail=f"{many} of {total} accounts failed by crashes within a minute",
                next_step="see actor.died: it is no single account's fault; "
                "links are opened one a second meanwhile",
                for_s=alerts.CROWD_WINDOW_S,
            )
        crowded = "accounts.crashing" in board
        if crowded is not self._crowded:
            self._crowded = crowded
            self._dialing.tell(
                SetRate(rate_per_s=CROWD_RATE_PER_S if crowded else self._gate_rate_per_s)
            )

    def _tell_supervisors(self, news: JournalFailed | JournalRecovered) -> None:
        with self._lock:
            accounts = list(self._accounts.values())
        for account in accounts:
            account.peers.supervisor.tell(news)


def _see_to_it(journal: Journal) -> None:
    """Have a journal look after itself at once; what it cannot mend it says with each commit."""
    with contextlib.suppress(JournalError):
        journal.commit(())
