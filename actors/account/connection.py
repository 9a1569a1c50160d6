"""The connection of one account: owns its ConnectionState, its generation and its link.

It performs; when to try again and when to give up is the supervisor's to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.account.grant import GrantInUse
from actors.account.services import Account
from actors.account.sync import CatchUp
from actors.account.uplink import Uplink
from actors.messages import (
    Answered,
    CancelDial,
    CatchUpDue,
    ConnectionInbox,
    ConnectionNews,
    DeadlineExpired,
    DialAllowed,
    DialDecided,
    DialFailed,
    EndpointFailed,
    Fail,
    Flush,
    Flushed,
    ForgetGrant,
    FramesRejected,
    GrantAwaited,
    GrantGiven,
    Introduce,
    Introduced,
    LinkCondemned,
    LinkDialed,
    LinkEnded,
    MentionsRead,
    MessagesMentioned,
    Open,
    RecoveryEnded,
    RequestDial,
    Reset,
    Rotate,
    Shut,
    SignalsReceived,
    StateChanged,
    Withdraw,
    WriteAcks,
)
from actors.policy import circuit, failures
from actors.policy.retries import GiveUp
from actors.policy.windows import SlidingWindow
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.state import Cause, ConnectionState, advance
from actors.values import Failure, Generation, Phase, Reply, SignalKind

_OFF = (ConnectionState.DISCONNECTED, ConnectionState.FAILED)
"""Where a pause changes nothing."""

_DIALLING = (ConnectionState.CONNECTING, ConnectionState.RECONNECTING)
"""Where a dial may be asked for: at the gate, or behind an open circuit."""

_SIGNAL_CAUSES = {
    SignalKind.KICKED: Cause.KICKED,
    SignalKind.SESSION_REMOVED: Cause.SESSION_REMOVED,
    SignalKind.AUTH_EXPIRED: Cause.AUTH_EXPIRED,
}


class ConnectionActor(SupervisedActor[ConnectionInbox]):
    """Dials, registers and writes; reports every change of the link to the other actors."""

    def __init__(
        self,
        pool: Pool,
        account: Account,
        *,
        state: ConnectionState = ConnectionState.DISCONNECTED,
        generation: Generation = 0,
    ) -> None:
        super().__init__(pool, name="connection", supervisor=account.peers.supervisor)
        self._account = account
        self._peers = account.peers
        self._services = account.services
        self._state = state
        self._generation = generation
        self._uplink: Uplink | None = None
        self._alarm = Alarm[DeadlineExpired](self._services.timers, self._peers.connection)
        self._leaving: Cause | None = None
        self._barred = self._urgent = False
        self._grant = GrantInUse(account)
        self._stretch: Mapping[Phase, float] = {}
        self._faults = SlidingWindow(limit=3, window_s=60.0)

    def receive(self, message: ConnectionInbox) -> None:
        """Obey a command, or apply news of the current generation."""
        match message:
            case Open():
                self._open(message)
            case Shut():
                self._shut(Cause.STOP if message.for_good else Cause.PAUSE)
            case Withdraw():
                if self._state not in (*_OFF, ConnectionState.CLOSED):
                    self._lose(Cause.JOURNAL_DOWN, message.failure)
            case Fail():
                self._end_in_failed(message.verdict)
            case Introduce():
                self._introduce(message.name)
            case Rotate():
                if self._is_connected() and self._grant.version < message.version:
                    self._leave(Cause.MAX_AGE)
            case ForgetGrant():
                self._forget_grant()
            case Reset():
                if self._state is ConnectionState.FAILED:
                    self._move(Cause.RESET)
            case _:
                self._hear(message)

    def _introduce(self, name: Introduced) -> None:
        if name == "credentials":
            self._grant.introduce(self._generation)
        elif name == "dialing":
            self._ask_again()
        elif name == "recovery":
            if self._catch_up is not None:
                self._catch_up.begin_again()
        elif self._uplink is not None and self._is_connected():
            self._uplink.introduce(name)

    def _hear(self, news: ConnectionNews) -> None:
        if news.generation == self._generation and self._alive():
            self._apply(news)
        elif isinstance(news, LinkDialed):
            news.dialed.sock.close()  # too late: its generation is over
        else:
            self._services.log.debug(
                "connection.stale_dropped",
                account=self._account.name,
                message=type(news).__name__,
                generation=news.generation,
            )

    def stopped(self) -> None:
        """Leave no socket behind."""
        self._retire("stopped")

    def died(self, error: str) -> None:
        """Leave no socket behind, then report."""
        self._retire("connection_died")
        super().died(error)

    def tear_down(self) -> None:
        """Close links that were dialled for it and that it did not live to take."""
        for message in self.actor_inbox.urgent or ():
            if isinstance(message, LinkDialed):
                message.dialed.sock.close()
        super().tear_down()

    # --- commands ---------------------------------------------------------------------

    def _open(self, command: Open) -> None:
        if self._alive() or self._state is ConnectionState.CLOSED:
            return
        cause = {
            ConnectionState.DISCONNECTED: Cause.START,
            ConnectionState.RECONNECTING: Cause.RETRY,
        }.get(self._state, Cause.AUTO_PROBE)
        self._generation += 1
        self._barred = False
        self._move(cause)
        self._stretch = command.stretch
        self._urgent = command.urgent
        if not self._grant.ask(self._generation):
            self._ask()

    def _ask(self) -> None:
        self._services.dialing.tell(
            RequestDial(
                plan=self._account.plan,
                connection=self._peers.connection,
                supervisor=self._peers.supervisor,
                generation=self._generation,
                stretch=self._stretch,
                urgent=self._urgent,
                identity=self._grant.identity,
            )
        )

    def _forget_grant(self) -> None:
        self._grant.forget()
        if self._state is ConnectionState.CONNECTING:
            self._retire(Cause.GRANT_AWAITED.value)
            self._move(Cause.GRANT_AWAITED)
        elif self._is_connected() and self._account.plan.source is None:
            self._leave(Cause.MAX_AGE)

    def _ask_again(self) -> None:
        """Repeat a request that a dialing actor may have taken to its grave."""
        started = self._alarm.armed or self._uplink is not None or self._grant.asked
        if self._state is ConnectionState.CONNECTING and not started:
            self._ask()
        elif self._state is ConnectionState.RECONNECTING and self._barred:
            self._peers.supervisor.tell(DialAllowed(generation=self._generation))

    def _shut(self, cause: Cause) -> None:
        if self._state is ConnectionState.CLOSED:
            return
        if self._state is not ConnectionState.CONNECTED or self._uplink is None:
            self._retire(cause.value)
            if cause is Cause.STOP or self._state not in _OFF:
                self._move(cause)
            return
        self._leave(cause)

    def _leave(self, cause: Cause) -> None:
        """Close an open link in order: store and acknowledge what was received first."""
        assert self._uplink is not None
        self._leaving = cause
        self._uplink.leave()
        self._peers.decoder.tell(Flush(generation=self._generation))
        self._alarm.set(
            self._account.plan.deadlines.close_s,
            DeadlineExpired(generation=self._generation, phase=Phase.OPEN),
        )

    def _end_in_failed(self, verdict: GiveUp) -> None:
        if self._state in (ConnectionState.CLOSED, ConnectionState.FAILED):
            return
        self._retire(verdict.failure.reason)
        cause = Cause.BUDGET_EXCEEDED if verdict.budget_exceeded else Cause.GAVE_UP
        self._move(cause, verdict.failure, why=verdict.why)

    # --- news of the current generation -----------------------------------------------

    def _apply(self, message: ConnectionNews) -> None:
        match message:
            case WriteAcks():
                if self._uplink is not None:
                    self._uplink.link.write_frames(message.acks)
                if self._catch_up is not None:
                    self._catch_up.stored(message.point)
            case Answered():
                if self._uplink is not None:
                    self._answered(self._uplink, message.reply)
            case SignalsReceived():
                for signal in message.signals:
                    if signal.kind in _SIGNAL_CAUSES and self._alive():
                        self._lose(_SIGNAL_CAUSES[signal.kind], failures.from_signal(signal.kind))
                    elif self._catch_up is not None:
                        self._catch_up.signalled(signal.kind)
            case CatchUpDue() | RecoveryEnded() | MessagesMentioned() | MentionsRead():
                if self._catch_up is not None:
                    self._follow(message, self._catch_up)
            case FramesRejected():
                self._count_faults(message)
            case GrantGiven():
                self._grant.given(message.grant)
                self._ask()
            case GrantAwaited():
                self._move(Cause.GRANT_AWAITED, message.failure)
            case DialDecided():
                self._decided(allowed=message.allowed)
            case LinkDialed():
                self._register(message)
            case DialFailed():
                self._lose(Cause.ATTEMPT_FAILED, message.failure)
            case DeadlineExpired():
                self._expired(message.phase)
            case LinkEnded():
                self._lost(message.failure)
            case LinkCondemned():
                self._lose(_condemned(message.failure), message.failure)
            case Flushed():
                if self._uplink is not None:
                    self._uplink.link.close(1000)
            case _:
                self.refuse(message)

    def _decided(self, *, allowed: bool) -> None:
        if allowed:
            deadline = DeadlineExpired(generation=self._generation, phase=Phase.TCP)
            self._alarm.set(self._account.plan.connect.deadline_s, deadline)
        else:
            self._barred = True
            self._move(Cause.CIRCUIT_OPEN, failures.CIRCUIT_OPEN)

    def _expired(self, phase: Phase) -> None:
        if phase is Phase.OPEN:
            if self._uplink is not None:
                self._uplink.link.shut("closing_expired")
        elif self._state is ConnectionState.CONNECTING:
            registering = phase is Phase.REGISTER
            failure = failures.REGISTRATION_TIMED_OUT if registering else failures.ATTEMPT_TIMED_OUT
            self._lose(Cause.ATTEMPT_TIMED_OUT, failure)

    def _register(self, opened: LinkDialed) -> None:
        self._uplink = uplink = Uplink(self._account, self._generation, opened)
        if uplink.register():
            self._alarm.set(
                self._account.plan.deadlines.register_s * self._stretch.get(Phase.REGISTER, 1.0),
                DeadlineExpired(generation=self._generation, phase=Phase.REGISTER),
            )
        else:
            self._confirm(uplink)

    def _answered(self, uplink: Uplink, reply: Reply) -> None:
        if not uplink.is_registration(reply):
            if uplink.catch_up is not None:
                uplink.catch_up.answered(reply)
            return
        refusal = uplink.refusal(reply)
        if refusal is None:
            self._confirm(uplink)
        else:
            self._lose(Cause.ATTEMPT_FAILED, refusal)

    def _confirm(self, uplink: Uplink) -> None:
        self._alarm.clear()
        self._move(Cause.REGISTERED)
        self._grant.linked()
        uplink.confirmed()
        uplink.introduce("heartbeat")
        uplink.introduce("outbox")

    def _follow(
        self,
        message: CatchUpDue | RecoveryEnded | MessagesMentioned | MentionsRead,
        catch_up: CatchUp,
    ) -> None:
        match message:
            case RecoveryEnded():
                catch_up.ended(message)
            case MessagesMentioned():
                catch_up.mentioned(message.event_ids)
            case MentionsRead():
                catch_up.mentions_read(message)
            case CatchUpDue() if catch_up.is_zombie():
                self._lose(Cause.ZOMBIE, failures.ZOMBIE)
            case CatchUpDue():
                catch_up.look()

    def _count_faults(self, message: FramesRejected) -> None:
        for fault in message.faults:
            self._services.log.warning("frame.rejected", account=self._account.name, reason=fault)
            if self._faults.add(self._services.clock.monotonic()) and self._alive():
                self._lose(Cause.PROTOCOL_ERRORS, failures.PROTOCOL_ERRORS)

    # --- leaving ----------------------------------------------------------------------

    def _lost(self, failure: Failure) -> None:
        leaving = self._leaving
        if leaving is not None:
            self._grant.lost(leaving, None)
            self._retire(leaving.value)
            self._move(leaving)
        elif self._state is ConnectionState.CONNECTING:
            self._lose(Cause.ATTEMPT_FAILED, failure)
        else:
            since_s = 0.0 if self._uplink is None else self._uplink.registered_s()
            if failure.close_code is not None and failure.reason.startswith("close_"):
                failure = failures.from_close_code(
                    failure.close_code, reason=failure.close_reason, since_registered_s=since_s
                )
            self._lose(Cause.LINK_LOST, failure)

    def _lose(self, cause: Cause, failure: Failure) -> None:
        leaving = self._leaving
        if self._uplink is not None and circuit.weight(failure):
            self._services.dialing.tell(
                EndpointFailed(endpoint=self._account.plan.dialer.endpoint, failure=failure)
            )
        self._grant.lost(cause, failure)
        self._retire(failure.reason, failure, blame=_blame(cause, failure))
        if leaving is None:
            self._move(cause, failure)
        else:
            self._move(leaving)

    def _retire(self, reason: str, failure: Failure | None = None, *, blame: int = 0) -> None:
        """End the generation: no socket, no timer, no call survives it."""
        self._alarm.clear()
        self._leaving = None
        if self._state in _DIALLING and self._uplink is None:
            self._grant.cancel(self._generation)
            self._services.dialing.tell(
                CancelDial(account=self._account.name, generation=self._generation)
            )
        if self._uplink is not None:
            self._uplink.end(reason, failure, blame)
            self._uplink = None

    def _move(
        self, cause: Cause, failure: Failure | None = None, *, why: str | None = None
    ) -> None:
        old, self._state = self._state, advance(self._state, cause)
        change = StateChanged(
            account=self._account.name,
            old=old,
            new=self._state,
            cause=cause,
            generation=self._generation,
            failure=failure,
            at_ms=self._services.clock.unix_ms(),
            why=why,
        )
        self._services.log.info(
            "connection.state_changed",
            account=change.account,
            before=old.value,
            after=self._state.value,
            cause=cause.value,
            generation=self._generation,
            **({} if failure is None else {"reason": failure.reason, "detail": failure.detail}),
        )
        self._services.observer.state_changed(change)
        self._peers.supervisor.tell(change)

    # --- small things -----------------------------------------------------------------

    def _alive(self) -> bool:
        return self._state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED)

    def _is_connected(self) -> bool:
        return self._state is ConnectionState.CONNECTED and self._leaving is None

    @property
    def _catch_up(self) -> CatchUp | None:
        return None if self._uplink is None else self._uplink.catch_up


def _condemned(failure: Failure) -> Cause:
    return {
        failures.BACKPRESSURE.reason: Cause.BACKPRESSURE,
        failures.DECODER_RESTARTED.reason: Cause.CHILD_CRASHED,
        failures.ZOMBIE.reason: Cause.ZOMBIE,
    }.get(failure.reason, Cause.HEARTBEAT_DEAD)


def _blame(cause: Cause, failure: Failure) -> int:
    if cause is not Cause.LINK_LOST:
        return 0
    return 2 if failure.reason.startswith("close_") else 1
