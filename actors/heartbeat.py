"""The heartbeat of one account: when to beat, and when the link is dead."""

from __future__ import annotations

from typing import Any

from actors.account import Account, LinkOpened
from actors.messages import BeatAnswered, BeatDue, LinkCondemned, LinkDown, PongReceived, SendBeat
from actors.policy import failures
from actors.policy.liveness import Dead, Liveness, SendProbe, Wait
from actors.policy.liveness import SendBeat as BeatNow
from actors.runtime.link import Link
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.runtime.timers import Timer
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


class HeartbeatActor(SupervisedActor):
    """Asks the liveness policy what to do, and does it."""

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="heartbeat", supervisor=account.peers.supervisor)
        self._account = account
        self._services = account.services
        self._generation = 0
        self._link: Link | None = None
        self._liveness: Liveness | None = None
        self._number = 0
        self._timer: Timer | None = None

    def receive(self, message: Any) -> None:
        """Follow the link; look again whenever something is due."""
        match message:
            case LinkOpened():
                self._watch(message)
            case BeatAnswered() | PongReceived() | BeatDue() | LinkDown():
                if message.generation == self._generation:
                    self._follow(message)
            case _:
                raise TypeError(f"heartbeat can not receive {type(message).__name__}")

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._forget()

    def _follow(self, message: BeatAnswered | PongReceived | BeatDue | LinkDown) -> None:
        match message:
            case BeatAnswered(number=number):
                self._answered(number)
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
        self._link = opened.link
        self._liveness = Liveness(
            interval_s=plan.heartbeat_interval_s,
            reply_timeout_s=plan.heartbeat_reply_s,
            probe_timeout_s=plan.heartbeat_probe_s,
            backpressure_limit_s=plan.backpressure_limit_s,
        )
        self._liveness.opened(self._services.clock.monotonic(), self._services.dice.random())
        self._look()

    def _answered(self, number: int) -> None:
        if self._liveness is not None:
            self._liveness.answered(self._services.clock.monotonic(), number)

    def _look(self) -> None:
        link, liveness = self._link, self._liveness
        if link is None or liveness is None:
            return
        services = self._services
        while True:
            now = services.clock.monotonic()
            stopped_s = self._account.flow.stopped_s(now)
            traffic = link.traffic()
            draw = services.dice.random()
            match liveness.decide(now, link.last_received, stopped_s, draw, traffic):
                case Wait(until=until):
                    self._timer = services.timers.after(
                        max(0.0, until - now),
                        self._account.peers.heartbeat,
                        BeatDue(generation=self._generation),
                        slack_s=self._account.plan.heartbeat_interval_s * SLACK,
                    )
                    return
                case Dead(reason=reason):
                    self._condemn(_VERDICTS[reason])
                    return
                case BeatNow() | SendProbe() as action:
                    self._number += 1
                    if isinstance(action, SendProbe):
                        services.log.warning(
                            "heartbeat.missed",
                            account=self._account.name,
                            silent_s=round(now - link.last_received, 1),
                        )
                    liveness.beat_sent(now, self._number, traffic)
                    self._account.peers.connection.tell(
                        SendBeat(generation=self._generation, number=self._number)
                    )

    def _condemn(self, failure: Failure) -> None:
        self._account.peers.connection.tell(
            LinkCondemned(generation=self._generation, failure=failure)
        )
        self._forget()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._link = None
        self._liveness = None
