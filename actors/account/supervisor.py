"""The supervisor of one account: brings it up and restarts its actors.

It does no I/O. When the account connects again is decided in :mod:`actors.account.reconnect`;
how often an actor may die in :mod:`actors.policy.windows`.
"""

from __future__ import annotations

from actors.account.children import Children
from actors.account.grant import replace_credentials
from actors.account.reconnect import Reconnect, crash_loop
from actors.account.recovery import report_crashes
from actors.account.services import Account
from actors.messages import (
    AccountEnded,
    ActorDied,
    BeginRecovery,
    DialAllowed,
    Drain,
    Drained,
    Introduce,
    JournalHealthChanged,
    LinkCondemned,
    LinkDown,
    PastStored,
    Pause,
    RecoveryEnded,
    ReplaceCredentials,
    Reset,
    RestartDue,
    RetryDue,
    RootInbox,
    Shut,
    StabilityReached,
    Start,
    StateChanged,
    Stop,
    SupervisorCommand,
    SupervisorInbox,
)
from actors.plan import AccountPlan
from actors.policy import failures
from actors.policy.windows import LONGEST_DELAY_S
from actors.ports import Mailbox
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.state import Cause, ConnectionState

_BETWEEN_LINKS = (ConnectionState.DISCONNECTED, ConnectionState.RECONNECTING)


class SupervisorActor(SupervisedActor[SupervisorInbox]):
    """Supervises one account, so that failures of one account cost no other a restart."""

    def __init__(
        self, pool: Pool, account: Account, *, root: Mailbox[RootInbox] | None = None
    ) -> None:
        super().__init__(pool, name="supervisor", supervisor=root)
        self._root = root
        self._account = account
        self._services = account.services
        self._peers = account.peers
        self._reconnect = Reconnect(account)
        self._children = Children(pool, account)
        carried = account.carried
        self._state, self._generation = carried.state, carried.generation
        self._wanted, self._ending = carried.wanted, carried.ending
        self._was_started = carried.wanted

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
                self._reconnect.reset(self._state, wanted=self._wanted)
            case ReplaceCredentials():
                self._replace_credentials(message.plan)
            case StateChanged():
                self._changed(message)
            case RetryDue():
                if self._reconnect.is_due(message) and self._wanted:
                    self._reconnect.try_again(self._state)
            case DialAllowed():
                if message.generation == self._generation and self._wanted:
                    self._reconnect.open()
            case StabilityReached():
                if message.generation == self._generation:
                    self._reconnect.settle()
            case Drained():
                self._finish()
            case PastStored():
                self._reconnect.stored()
            case BeginRecovery():
                if message.generation == self._generation:
                    self._children.begin_recovery(message)
            case RecoveryEnded():
                self._account.counts.recover(whole=message.outcome.recovered)
                self._children.end_recovery()
            case JournalHealthChanged():
                self._journal_changed(failed=message.failed)
            case ActorDied():
                self._died(message)
            case RestartDue():
                self._restart(message.name)
            case _:
                self.refuse(message)
        self._account.carried.connects = self._wanted and self._reconnect.given_up is None

    def started(self) -> None:
        """Go on where a former life ended."""
        carried = self._account.carried
        if carried.state is ConnectionState.CLOSED:  # it died while its handlers ended
            self._finish()
            return
        if self._reconnect.given_up is not None:
            carried.connects = False
        self._children.start_all(self._state, self._generation)
        if carried.begun:
            self._resume_connection()
        unheard, carried.unheard = carried.unheard, ()
        for command in unheard:
            self.receive(command)

    def stopped(self) -> None:
        """Stop the children in reverse order; leave no timer behind."""
        self._reconnect.close()
        self._children.stop()

    def _finish(self) -> None:
        """The account is down; whoever comes under its name may begin."""
        self.actor_ref.stop(block=False)
        if self._root is not None:
            self._root.tell(AccountEnded())

    def died(self, error: str) -> None:
        """Take the children along: the whole account is restarted."""
        self.stopped()
        self._connection_died()
        carried = self._account.carried
        carried.begun, carried.past = True, self._reconnect.past()
        carried.state, carried.generation = self._state, self._generation
        carried.wanted, carried.ending = self._wanted, self._ending
        super().died(error)

    def tear_down(self) -> None:
        """Leave to the next life the commands this one did not live to hear."""
        mail = self.actor_inbox.urgent or ()
        unheard = [each for each in mail if isinstance(each, SupervisorCommand)]
        carried = self._account.carried
        carried.unheard = (*unheard, *carried.unheard)
        super().tear_down()

    # --- commands ---------------------------------------------------------------------

    def _start(self) -> None:
        resumed, self._wanted = not self._wanted, True
        first, self._was_started = not self._was_started, True
        if first:  # a verdict or a delay of an earlier life may still hold
            self._children.start_all(self._state, self._generation)
            self._reconnect.tell_wait()
            self._resume_connection()
        elif self._state is ConnectionState.DISCONNECTED or (
            resumed and self._state is ConnectionState.RECONNECTING
        ):
            self._reconnect.open()

    def _leave(self, *, for_good: bool) -> None:
        self._wanted, self._ending = False, self._ending or for_good
        self._reconnect.wait_no_longer()
        if not self._children.refs and for_good:
            self._spawn("connection")
        self._peers.connection.tell(Shut(for_good=for_good))

    def _replace_credentials(self, plan: AccountPlan) -> None:
        self._reconnect.forget()
        replace_credentials(self._account, plan)
        self._reconnect.try_anew(self._state, wanted=self._wanted)

    def _journal_changed(self, *, failed: bool) -> None:
        if failed:
            self._reconnect.wait_no_longer()
            self._reconnect.withdraw()
        elif self._wanted and self._state in _BETWEEN_LINKS:
            self._reconnect.open()

    # --- the connection's news --------------------------------------------------------

    def _changed(self, change: StateChanged) -> None:
        if self._state is ConnectionState.FAILED:
            self._services.alerts.end("account.failed", account=self._account.name)
        self._state, self._generation = change.new, change.generation
        self._account.counts.move(change.old, change.cause, change.new)
        reconnect = self._reconnect
        reconnect.left()
        match change.new:
            case ConnectionState.CONNECTED:
                reconnect.connected(change.generation)
            case ConnectionState.RECONNECTING:
                if self._wanted:
                    reconnect.decide(change)
            case ConnectionState.FAILED:
                reconnect.failed(change, wanted=self._wanted)
            case ConnectionState.DISCONNECTED:
                if self._wanted:
                    reconnect.open()
            case ConnectionState.CLOSED:
                self._services.alerts.end(account=self._account.name)
                reconnect.wait_no_longer()
                self._children.stop(but="dispatcher")
                if "dispatcher" in self._children.refs:
                    self._peers.dispatcher.tell(Drain())
                else:
                    self._finish()
            case ConnectionState.CONNECTING:
                reconnect.wait_no_longer()

    # --- the dead ---------------------------------------------------------------------

    def _died(self, died: ActorDied) -> None:
        if not self._children.lose(died):
            return
        delay_s = self._children.restart_in_s(died.name)
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
        if died.name == "recovery" and delay_s is None:
            # The link stays, the gap is told, a later probe tries again.
            outcome = report_crashes(self._account)
            self._account.counts.recover(whole=False)
            self._peers.connection.tell(RecoveryEnded(generation=self._generation, outcome=outcome))
            return
        if delay_s is None:
            delay_s = LONGEST_DELAY_S
            self._reconnect.give_up(crash_loop(died.name))
        self._services.timers.after(delay_s, self._peers.supervisor, RestartDue(name=died.name))

    def _connection_died(self) -> None:
        """Report the dead connection's link as lost, on its behalf."""
        self._reconnect.wait_no_longer()
        down = LinkDown(generation=self._generation)
        self._peers.heartbeat.tell(down)
        self._peers.outbox.tell(down)
        if self._state not in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            return
        self._reconnect.left()
        old, self._state = self._state, ConnectionState.RECONNECTING
        self._account.counts.move(old, Cause.CHILD_CRASHED, self._state)
        self._services.observer.state_changed(
            StateChanged(
                account=self._account.name,
                old=old,
                new=self._state,
                cause=Cause.CHILD_CRASHED,
                generation=self._generation,
                failure=failures.CONNECTION_CRASHED,
                at_ms=self._services.clock.unix_ms(),
            )
        )

    def _restart(self, name: str) -> None:
        if name in self._children.refs or self._state is ConnectionState.CLOSED:
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
            case "heartbeat" | "outbox" | "recovery":  # the connection says what they missed
                self._peers.connection.tell(Introduce(name=name))
            case _:  # a dispatcher has the journal
                pass

    def _resume_connection(self) -> None:
        """Tell a reborn connection what its former self did not live to hear or to do."""
        if not self._wanted:
            self._peers.connection.tell(Shut(for_good=self._ending))
        else:
            self._reconnect.resume(self._state)

    def _spawn(self, name: str) -> None:
        self._children.start(name, self._state, self._generation)
