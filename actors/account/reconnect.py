"""When an account reconnects, and when it does not by itself.

How long to wait and when to give up is decided in :mod:`actors.policy.retries`; here it is done.
"""

from __future__ import annotations

import msgspec

from actors.account.past import PastWriter, is_about_others
from actors.account.services import Account
from actors.messages import (
    Fail,
    Open,
    Reset,
    RetryDue,
    StabilityReached,
    StateChanged,
    Withdraw,
)
from actors.policy import alerts, failures, retries
from actors.policy.retries import GiveUp
from actors.policy.windows import SlidingWindow
from actors.ports.commands import Past
from actors.runtime.pool.alarm import Alarm
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure, Generation, Phase

BARRED_S = 150.0
"""Seconds behind an open circuit after which an account asks again, as its turn may be lost."""

_UNCOUNTED = {Cause.CIRCUIT_OPEN: BARRED_S, Cause.GRANT_AWAITED: 6 * BARRED_S}
"""Seconds after which an account asks again whose attempt waits, by what it waits for."""

URGENT_MS = 600_000
"""An account counts as urgent for this long after a push: a buyer may wait for an answer
(``contract.md`` 2.7)."""

CRASH_LOOP = "crash_loop"
CRASH_PROBES = 3
"""How often an account that FAILED by crashes is tried again without a person."""


def crash_loop(name: str) -> GiveUp:
    """Return the verdict on an account one of whose actors keeps dying."""
    failure = Failure(
        error_class=ErrorClass.OTHER,
        reason=CRASH_LOOP,
        detail=f"The {name} actor keeps dying; see actor.died in the log, then reset the account.",
    )
    return GiveUp(failure=failure, why=CRASH_LOOP, budget_exceeded=True)


class Reconnect:
    """Decides about each loss.

    A part of the supervisor, without a mailbox: each method is called on the supervisor's turn.

    Attributes:
        given_up: The verdict that holds until a person resets the account; None: it is tried again.
    """

    __slots__ = (
        "_account", "_kept", "_oversized", "_peers", "_probes", "_retries", "_retry", "_services",
        "_stable", "given_up",
    )  # fmt: skip

    def __init__(self, account: Account) -> None:
        plan, services = account.plan, account.services
        self._account, self._services, self._peers = account, services, account.peers
        self._retries = retries.Retries(plan.reconnect)
        self.given_up: GiveUp | None = None
        self._oversized: SlidingWindow | None = None
        self._probes = 0
        self._kept = PastWriter(account, self.past)
        self._retry = Alarm[RetryDue](services.timers, account.peers.supervisor)
        self._stable = Alarm[StabilityReached](services.timers, account.peers.supervisor)
        past = account.carried.past
        if past is not None:
            self._recall(past, reread=not account.carried.begun)

    # --- opening ----------------------------------------------------------------------

    def open(self) -> None:
        """Have the connection begin an attempt; unless nothing could be stored."""
        self._retry.clear()
        if self._services.health.down:
            self.withdraw()
            return
        stretch = {phase: self._retries.stretch(phase) for phase in Phase}
        carried = self._account.carried
        quiet_ms = self._services.clock.unix_ms() - carried.pushed_at_ms
        self._peers.connection.tell(
            Open(
                stretch={phase: factor for phase, factor in stretch.items() if factor > 1},
                urgent=carried.unsent or quiet_ms < URGENT_MS,
            )
        )

    def resume(self, state: ConnectionState) -> None:
        """Have a connection that is wanted do what its former self did not live to do."""
        if state is ConnectionState.FAILED:
            return
        if self.given_up is not None:
            self._peers.connection.tell(Fail(verdict=self.given_up))
            return
        left_s = self._retries.left_s(self._services.clock.monotonic())
        if left_s > 0:
            self._wait(left_s)
        else:
            self.open()

    def withdraw(self) -> None:
        """Keep away until the journal is back: the platform keeps what cannot be stored."""
        if self._peers.connection.ref is not None:
            self._peers.connection.tell(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))

    def wait_no_longer(self) -> None:
        """Begin no attempt by itself."""
        self._retry.clear()

    def close(self) -> None:
        """Leave no timer behind."""
        self._retry.clear()
        self._stable.clear()

    def is_due(self, due: RetryDue) -> bool:
        """Return True if this is the delay that is waited for."""
        return self._retry.rang(due)

    def try_again(self, state: ConnectionState) -> None:
        """Begin the attempt whose delay is over."""
        if state is ConnectionState.FAILED:
            self._probes += 1
            self.given_up = None
            self._kept.keep()
        self.open()

    def tell_wait(self) -> None:
        """Log why it does not connect yet: who restarts a process expects that it does."""
        history = self._retries.snapshot(self._services.clock.monotonic())
        if history.wait_s > 0:
            self._services.log.info(
                "account.waits",
                account=self._account.name,
                error_class=history.error_class,
                reason=history.reason,
                left_s=round(history.wait_s, 2),
            )

    # --- the connection's news --------------------------------------------------------

    def connected(self, generation: Generation) -> None:
        """Trust the link once it has held for ``stable_s``."""
        self._retries.connected(self._services.clock.monotonic())
        self._services.alerts.end("link.untrusted", account=self._account.name)
        self._stable.set(
            self._account.plan.reconnect.stable_s, StabilityReached(generation=generation)
        )

    def left(self) -> None:
        """Hear that the connection moved: no link is on trial any more."""
        self._stable.clear()

    def settle(self) -> None:
        """Forget failures: a link has held long enough."""
        self._retries.stable(self._services.clock.monotonic())
        for name in ("link.flapping", "link.failing"):
            self._services.alerts.end(name, account=self._account.name)
        self._probes = 0
        if self._account.carried.past is not None:
            self._kept.keep()

    def decide(self, change: StateChanged) -> None:
        """Open again at once, after a delay, or never."""
        failure = change.failure
        if self._services.health.down:
            self.withdraw()
            return
        if failure is not None and alerts.too_big(failure):
            self._count_oversized(failure)
        if change.cause is Cause.RESET or failure is None:
            self.open()
            return
        if change.cause in _UNCOUNTED:
            self._wait(_UNCOUNTED[change.cause])
            return
        services = self._services
        verdict = self._retries.failed(failure, services.clock.monotonic(), services.dice.random())
        if isinstance(verdict, GiveUp):
            self.give_up(verdict)
            return
        self._kept.keep()
        for alert in alerts.of_link(failure, verdict):
            services.alerts.raise_(
                msgspec.structs.replace(alert, account=self._account.name),
                delay_s=round(verdict.delay_s, 2),
            )
        services.log.warning(
            "reconnect.scheduled",
            account=self._account.name,
            delay_s=round(verdict.delay_s, 2),
            attempt=verdict.attempt,
            reason=failure.reason,
            error_class=failure.error_class.value,
        )
        services.observer.retry_scheduled(self._account.name, verdict.attempt, verdict.delay_s)
        self._wait(verdict.delay_s)

    def failed(self, change: StateChanged, *, wanted: bool) -> None:
        """Raise the alert of a FAILED account, and try again by itself after crashes."""
        self._retry.clear()
        failure = change.failure
        self._services.alerts.say(
            "account.failed",
            account=self._account.name,
            detail=failure.detail if failure else "",
            next_step="do what the detail names"
            if failure is not None and failure.phase is Phase.CREDENTIALS
            else "fix what the detail names, then reset the account",
            why=change.why or change.cause.value,
            reason=failure.reason if failure else change.cause.value,
        )
        if change.why == CRASH_LOOP and self._probes < CRASH_PROBES and wanted:
            self._wait(self._account.plan.reconnect.crash_probe_s)

    def give_up(self, verdict: GiveUp) -> None:
        """Have the connection move to FAILED; the verdict outlives this process."""
        self.given_up = verdict
        self._kept.keep()
        self._peers.connection.tell(Fail(verdict=verdict))

    def reset(self, state: ConnectionState, *, wanted: bool) -> None:
        """Forget failures and a verdict, because somebody says so, and try anew."""
        self.forget()
        self.try_anew(state, wanted=wanted)

    def forget(self) -> None:
        """Forget failures and a verdict."""
        self._retries.reset()
        self._services.alerts.end(account=self._account.name, but=alerts.KEPT_BY_RESET)
        self.given_up = None
        self._probes = 0
        self._kept.keep()

    def try_anew(self, state: ConnectionState, *, wanted: bool) -> None:
        """Leave FAILED, or do not wait for the next attempt."""
        if state is ConnectionState.FAILED:
            self._peers.connection.tell(Reset())
        elif state is ConnectionState.RECONNECTING and wanted:
            self.open()

    def _wait(self, delay_s: float) -> None:
        self._retry.set(delay_s, RetryDue())

    def _count_oversized(self, failure: Failure) -> None:
        """Let a person hear of a peer that keeps sending more than we take."""
        if self._oversized is None:
            self._oversized = SlidingWindow(
                limit=alerts.OVERSIZED + 1, window_s=alerts.OVERSIZED_WINDOW_S
            )
        if self._oversized.add(self._services.clock.monotonic()):
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

    def past(self) -> Past | None:
        """Return what a later life must know; None: nothing."""
        history = self._retries.snapshot(self._services.clock.monotonic())
        if history == retries.History() and self.given_up is None:
            return None
        return Past(
            at_ms=self._services.clock.unix_ms(),
            history=history,
            given_up=self.given_up,
            credentials=self._account.plan.fingerprint,
        )

    def stored(self) -> None:
        """Hear that the past is in the journal."""
        self._kept.stored()

    def _recall(self, past: Past, *, reread: bool) -> None:
        clock = self._services.clock
        away_s = (clock.unix_ms() - past.at_ms) / 1000
        if reread and is_about_others(past, self._account.plan.fingerprint):
            return  # a person has given new credentials since
        self._retries.restore(past.history, clock.monotonic(), away_s=away_s, reread=reread)
        self.given_up = past.given_up
