"""The heartbeat of one account: when to beat, and when the link is dead."""

from __future__ import annotations

from actors.account.services import Account
from actors.messages import (
    Answered,
    BeatDue,
    HeartbeatInbox,
    LinkCondemned,
    LinkDown,
    LinkOpened,
    PongReceived,
)
from actors.policy import failures
from actors.policy.liveness import Dead, Liveness, SendBeat, SendProbe, Wait
from actors.ports import Session
from actors.runtime.links.calls import Calls
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.values import Failure

_VERDICTS = {
    failure.reason: failure
    for failure in (
        failures.HEARTBEAT_DEAD,
        failures.HEARTBEAT_UNANSWERED,
        failures.BACKPRESSURE,
    )
}


SLACK = 0.01
"""Part of the interval a look may be late, so that many accounts look at one moment."""


class HeartbeatActor(SupervisedActor[HeartbeatInbox]):
    """Does what the liveness policy decides."""

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="heartbeat", supervisor=account.peers.supervisor)
        self._account = account
        self._services = account.services
        self._generation = 0
        self._calls: Calls | None = None
        self._session: Session | None = None
        self._beats: dict[str, int] = {}  # number of a beat, by the id of its request
        self._liveness: Liveness | None = None
        self._number = 0
        self._alarm = Alarm[BeatDue](account.services.timers, account.peers.heartbeat)

    def receive(self, message: HeartbeatInbox) -> None:
        """Follow the link; look again whenever something is due."""
        match message:
            case LinkOpened():
                self._watch(message)
            case Answered() | PongReceived() | BeatDue() | LinkDown():
                if message.generation == self._generation:
                    self._follow(message)
            case _:
                self.refuse(message)

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._forget()

    def _follow(self, message: Answered | PongReceived | BeatDue | LinkDown) -> None:
        match message:
            case Answered(reply=reply):
                self._answered(self._beats.pop(reply.mid, None))
            case PongReceived(payload=payload):
                self._answered(int.from_bytes(payload[:8], "big"))
            case BeatDue():
                self._look()
            case LinkDown():
                self._forget()

    def _watch(self, opened: LinkOpened) -> None:
        self._forget()
        plan = self._account.plan
        self._generation = opened.generation
        self._calls, self._session = opened.calls, opened.session
        self._liveness = Liveness(
            interval_s=plan.heartbeat.interval_s,
            reply_timeout_s=plan.heartbeat.reply_timeout_s,
            probe_timeout_s=plan.heartbeat.probe_timeout_s,
            backpressure_limit_s=plan.flow.backpressure_s,
        )
        self._liveness.opened(self._services.clock.monotonic(), self._services.dice.random())
        self._look()

    def _answered(self, number: int | None) -> None:
        if self._liveness is not None and number is not None:
            self._liveness.answered(self._services.clock.monotonic(), number)

    def _look(self) -> None:
        calls, session, liveness = self._calls, self._session, self._liveness
        if calls is None or session is None or liveness is None:
            return
        services, link = self._services, calls.link
        while True:
            now = services.clock.monotonic()
            stopped_s = self._account.flow.stopped_s(now)
            traffic = link.traffic()
            draw = services.dice.random()
            match liveness.decide(now, link.last_received, stopped_s, draw, traffic):
                case Wait(until=until):
                    self._alarm.set(
                        max(0.0, until - now),
                        BeatDue(generation=self._generation),
                        slack_s=self._account.plan.heartbeat.interval_s * SLACK,
                    )
                    return
                case Dead(reason=reason):
                    self._condemn(_VERDICTS[reason])
                    return
                case SendBeat() | SendProbe() as action:
                    self._number += 1
                    if isinstance(action, SendProbe):
                        services.log.warning(
                            "heartbeat.missed",
                            account=self._account.name,
                            silent_s=round(now - link.last_received, 1),
                        )
                    liveness.beat_sent(now, self._number, traffic)
                    self._beat(calls, session)

    def _beat(self, calls: Calls, session: Session) -> None:
        request = session.beat(self._services.new_mid(session))
        if request is None:
            calls.link.ping(self._number.to_bytes(8, "big"))
        else:
            self._beats[request.mid] = self._number
            calls.ask(request, self._account.peers.heartbeat)

    def _condemn(self, failure: Failure) -> None:
        self._account.peers.connection.tell(
            LinkCondemned(generation=self._generation, failure=failure)
        )
        self._forget()

    def _forget(self) -> None:
        self._alarm.clear()
        self._calls = self._session = self._liveness = None
        self._beats.clear()
