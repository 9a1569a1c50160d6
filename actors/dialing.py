"""Dials for all accounts: behind one connect gate, on threads of its own.

Each granted dial is one short-lived thread; the gate bounds how many there are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from actors.messages import (
    ActorDied,
    CancelDial,
    DialAllowed,
    DialDecided,
    DialEnded,
    DialFailed,
    DialingInbox,
    EndpointFailed,
    GateDue,
    LinkDialed,
    RequestDial,
    SetRate,
)
from actors.policy import failures
from actors.policy.circuit import Circuit, CircuitState
from actors.policy.gate import ConnectGate, Line
from actors.ports import Clock, Dialed, Dice, Mailbox
from actors.runtime.counts import DialCounts
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.runtime.pool.timers import Timers
from actors.values import ErrorClass, Failure, Phase

DIALING_CRASHED = Failure(
    error_class=ErrorClass.OTHER,
    reason="dialing_crashed",
    detail="The dialing actor died; see actor.died in the log. The dial is tried again.",
    phase=Phase.TCP,
)


class DialingActor(SupervisedActor[DialingInbox]):
    """Owns the connect gate and one circuit an endpoint."""

    inbox_limit = 100_000

    def __init__(
        self,
        pool: Pool,
        *,
        gate: ConnectGate,
        clock: Clock,
        dice: Dice,
        timers: Timers,
        mailbox: Mailbox[DialingInbox],
        counts: DialCounts | None = None,
        supervisor: Mailbox[ActorDied] | None = None,
    ) -> None:
        super().__init__(pool, name="dialing", supervisor=supervisor)
        self._gate = gate
        self._clock = clock
        self._dice = dice
        self._mailbox = mailbox
        self._counts = counts or DialCounts()
        self._circuits: dict[str, Circuit] = {}
        self._waiting: dict[str, RequestDial] = {}
        self._barred: dict[str, Line] = {}
        self._allowed: set[str] = set()
        self._alarm = Alarm[GateDue](timers, mailbox)

    def receive(self, message: DialingInbox) -> None:
        """Queue, cancel or account for a dial; then let through whom the gate lets."""
        match message:
            case RequestDial():
                self._queue(message)
            case CancelDial():
                self._cancel(message)
            case DialEnded():
                self._ended(message)
            case EndpointFailed():
                self._judge(message.endpoint, message.failure)
            case GateDue():
                pass  # and let through whom the gate lets
            case SetRate():
                self._gate.set_rate(message.rate_per_s, self._clock.monotonic())
            case _:
                self.refuse(message)
        self._grant()

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._alarm.clear()

    def tear_down(self) -> None:
        """Tell who waits for a dial that none will come; nobody else would."""
        waiting = (*self._waiting.values(), *(self.actor_inbox.mail or ()))
        self._waiting.clear()
        for request in waiting:
            if not isinstance(request, RequestDial):
                continue
            plan = request.plan
            if plan.account in self._barred.get(plan.dialer.endpoint, ()):
                request.supervisor.tell(DialAllowed(generation=request.generation))
            else:
                request.connection.tell(
                    DialFailed(generation=request.generation, failure=DIALING_CRASHED)
                )
        super().tear_down()

    def _queue(self, request: RequestDial) -> None:
        name, endpoint = request.plan.account, request.plan.dialer.endpoint
        now = self._clock.monotonic()
        if name in self._waiting:  # the newer attempt takes the place of the older
            passes = name not in self._barred.get(endpoint, ())
        else:
            passes = self._passes(name, endpoint, now)
        self._waiting[name] = request
        if passes:
            self._gate.ask(name, urgent=request.urgent)
        else:
            self._bar(request)

    def _passes(self, name: str, endpoint: str, now: float) -> bool:
        """Return whether the circuit lets an account through, or did so a moment ago."""
        circuit = self._circuits.get(endpoint)
        allowed = name in self._allowed
        self._allowed.discard(name)
        if circuit is None or (allowed and circuit.state is not CircuitState.OPEN):
            return True
        return circuit.allows(now)

    def _bar(self, request: RequestDial) -> None:
        """Let an account wait for the circuit; it is RECONNECTING until then."""
        line = self._barred.setdefault(request.plan.dialer.endpoint, Line())
        line.join(request.plan.account, urgent=request.urgent)
        request.connection.tell(DialDecided(generation=request.generation, allowed=False))

    def _cancel(self, cancelled: CancelDial) -> None:
        self._allowed.discard(cancelled.account)
        request = self._waiting.get(cancelled.account)
        if request is None or request.generation != cancelled.generation:
            return
        del self._waiting[cancelled.account]
        self._gate.cancel(cancelled.account)
        line = self._barred.get(request.plan.dialer.endpoint)
        if line is not None:  # else it would use up a permit of the circuit
            line.leave(cancelled.account)

    def _ended(self, ended: DialEnded) -> None:
        self._gate.ended(ended.account)
        self._counts.add(ended.failure, ended.phases)
        if ended.failure is not None and ended.failure.phase is Phase.CREDENTIALS:
            return  # the endpoint was not asked
        self._judge(ended.endpoint, ended.failure)

    def _judge(self, endpoint: str, failure: Failure | None) -> None:
        """Tell the circuit; if it opens, whoever waits at the gate waits for it instead."""
        now = self._clock.monotonic()
        circuit = self._circuits.setdefault(endpoint, Circuit())
        if failure is None:
            circuit.succeeded(now)
            return
        before = circuit.state
        circuit.failed(failure, now, self._dice.random())
        if circuit.state is not CircuitState.OPEN or before is CircuitState.OPEN:
            return
        line = self._barred.get(endpoint, ())
        for name, request in self._waiting.items():
            if request.plan.dialer.endpoint == endpoint and name not in line:
                self._gate.cancel(name)
                self._bar(request)

    def _grant(self) -> None:
        now = self._clock.monotonic()
        for endpoint in list(self._barred):
            line, circuit = self._barred[endpoint], self._circuits[endpoint]
            while line and circuit.allows(now):
                name = line.next()
                request = self._waiting.pop(name)
                self._allowed.add(name)
                request.supervisor.tell(DialAllowed(generation=request.generation))
            if not line:
                del self._barred[endpoint]
        for name in self._gate.grant(now):
            granted = self._waiting.pop(name, None)
            if granted is None:
                self._gate.ended(name)
            else:
                self._start(granted)
        self._arm(now)

    def _arm(self, now: float) -> None:
        due = [self._gate.next_at(now)]
        due += [self._circuits[endpoint].next_at(now) for endpoint in self._barred]
        moments = [moment for moment in due if moment is not None]
        self._alarm.clear()
        if moments:
            self._alarm.set(max(0.001, min(moments) - now), GateDue())

    def _start(self, request: RequestDial) -> None:
        request.connection.tell(DialDecided(generation=request.generation, allowed=True))
        thread = threading.Thread(
            target=_dial,
            args=(request, self._mailbox),
            name=f"gateway/dial/{request.plan.account}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            _tell_failed(request, self._mailbox, failures.NO_THREAD)


def _dial(request: RequestDial, dialing: Mailbox[DialingInbox]) -> None:
    """Run one attempt up to the open link. Thread body; whatever happens is told."""
    plan, generation = request.plan, request.generation
    failure: Failure | None
    phases: Sequence[tuple[Phase, float]] = ()
    try:
        identity = request.identity or plan.identity()
        session = plan.platform.session(identity)
    except BaseException as error:  # noqa: BLE001  # strangers' code: a credentials provider
        failure = Failure(
            error_class=ErrorClass.CONFIG if isinstance(error, ValueError) else ErrorClass.AUTH,
            reason="credentials_unusable",
            detail=str(error) if isinstance(error, ValueError) else type(error).__name__,
            phase=Phase.CREDENTIALS,
        )
    else:
        try:
            result: Dialed | Failure = plan.dialer.dial(
                session.upgrade_headers(),
                identity.cookie,
                deadline_s=plan.connect.deadline_s,
                stretch=lambda phase: request.stretch.get(phase, 1.0),
            )
        except Exception as error:  # noqa: BLE001  # a thread's last line
            result = Failure(
                error_class=ErrorClass.OTHER,
                reason="dial_crashed",
                detail=f"The dialer raised {type(error).__name__}; please report it.",
                phase=Phase.TCP,
            )
        failure = result if isinstance(result, Failure) else None
        if not isinstance(result, Failure):
            phases = result.phases
            opened = LinkDialed(generation=generation, session=session, dialed=result)
            if not request.connection.tell(opened):
                result.sock.close()
    if failure is None:
        _tell_ended(request, dialing, None, phases)
    else:
        _tell_failed(request, dialing, failure)


def _tell_failed(request: RequestDial, dialing: Mailbox[DialingInbox], failure: Failure) -> None:
    request.connection.tell(DialFailed(generation=request.generation, failure=failure))
    _tell_ended(request, dialing, failure)


def _tell_ended(
    request: RequestDial,
    dialing: Mailbox[DialingInbox],
    failure: Failure | None,
    phases: Sequence[tuple[Phase, float]] = (),
) -> None:
    dialing.tell(
        DialEnded(
            account=request.plan.account,
            generation=request.generation,
            endpoint=request.plan.dialer.endpoint,
            failure=failure,
            phases=phases,
        )
    )
