"""The sweep: finds hung actors, a journal that is down, and crowds of crashed accounts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from actors.account.reconnect import CRASH_LOOP
from actors.account.services import Services
from actors.messages import JournalHealthChanged, SetRate
from actors.policy import alerts
from actors.policy.journal_health import JournalVerdict
from actors.policy.windows import LONGEST_DELAY_S, RestartBudget
from actors.ports.journal import Journal, JournalError
from actors.registry import AccountRegistry
from actors.runtime.pool.naps import Naps
from actors.runtime.pool.pulse import Pulse

SWEEP_S = 0.25
"""Seconds between two sweeps. If an actor is held up at a sweep, another worker joins."""

MOST_WORKERS = 4
"""Most workers of the pool, without those that were given up."""

HANG_S = 5.0
"""Seconds one message may take before its actor counts as hung."""

FORGIVEN_S = 30.0
"""For this long after a suspension, anything begun before it may report that it lost that time."""

CROWD_RATE_PER_S = 1.0
"""Dials a second while many accounts crash: each start may be the next crash."""

SHARED_PARTS = {
    "credentials": "the renewal of credentials",
    "dialing": "the dialing",
    "writer": "the journal writer",
}
"""Parts that all accounts share, and what a person calls them."""

SHARED_DEATHS = 3
"""Deaths within a minute of a part that all accounts share (``contract.md`` 2.8, root)."""

LEAKED = 10
"""Hung handler threads that are replaced; with more, the process must be restarted."""


class Watch:
    """Checks all shared parts four times a second, on the timers' thread.

    Args:
        services: What is looked at.
        accounts: The accounts that are told of the journal's state.
        naps: Says how long the process did not run; None: time is moved by hand.
        concerns: Asks the journal what a person should look at.
        gate_rate_per_s: Dials a second, unless many accounts crash.
        on_exhausted: Called when only a new process helps: more than :data:`LEAKED` handlers
            hang, or what all accounts share keeps dying; must not block.
    """

    def __init__(
        self,
        services: Services,
        accounts: AccountRegistry,
        *,
        naps: Naps | None,
        concerns: Callable[[], Sequence[alerts.Alert]],
        gate_rate_per_s: float,
        on_exhausted: Callable[[], None] | None,
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._naps = naps
        self._lost_s = self._lost_until = 0.0
        self._ask_concerns = concerns
        self._concerns: Sequence[alerts.Alert] = ()
        self._concerned = 0
        self._gate_rate_per_s = gate_rate_per_s
        self._crowded = False
        self._begun = 0
        self._on_exhausted = on_exhausted
        self._shared = {
            name: RestartBudget(limit=SHARED_DEATHS, window_s=60.0) for name in SHARED_PARTS
        }
        self._journal_reason = ""
        self._pulse = Pulse(services.poller, time.monotonic)
        self.running = False

    def start(self) -> None:
        """Look for the first time in :data:`SWEEP_S`."""
        self.running = True
        self._services.timers.call_after(SWEEP_S, self.sweep)

    def stop(self) -> None:
        """Look no more."""
        self.running = False

    def died_again(self, name: str, now: float) -> float:
        """Count the death of a shared part; gives the pause before its restart."""
        delay_s = self._shared[name].restart(now)
        if delay_s is not None:
            return delay_s
        self._services.alerts.say(
            "gateway.crashing",
            detail=f"{SHARED_PARTS[name]} keeps dying, {SHARED_DEATHS} times a minute and again",
            next_step="restart the process; see actor.died and journal.writer_replaced for why",
        )
        if self._on_exhausted is not None:
            self._on_exhausted()
        return LONGEST_DELAY_S

    def sweep(self) -> None:
        """Look once, and again in :data:`SWEEP_S`."""
        if not self.running:
            return
        services = self._services
        now = services.clock.monotonic()
        try:
            self._pulse.beat()
            if services.pool.stuck(now, SWEEP_S):
                services.pool.reinforce(MOST_WORKERS)
            lost_s = self._lost(now)
            for actor in (*services.pool.mend(), *services.pool.stuck(now, HANG_S + lost_s)):
                services.pool.abandon(actor)
            self._look_at_journal(now, lost_s)
            self._look_at_alerts()
        finally:  # only the sweep finds hung actors
            services.timers.call_after(SWEEP_S, self.sweep)

    def hung(self) -> str | None:
        """Return which thread stands still that all accounts need; None: none does."""
        return self._pulse.fault() if self._naps is not None else None

    def _lost(self, now: float) -> float:
        """Return the seconds that what is under way did not have: the process did not run."""
        lost_s = 0.0 if self._naps is None else self._naps.look(SWEEP_S)
        if now >= self._lost_until:
            self._lost_s = 0.0
        if lost_s:
            self._lost_s += lost_s
            self._lost_until = now + FORGIVEN_S
            self._services.log.info("process.slept", lost_s=round(lost_s, 1))
        return self._lost_s

    def note_leak(self, threads: int) -> None:
        """Log that handlers hang, and raise an alert if there are too many of them."""
        log = self._services.log
        log.error("handler.abandoned", threads=threads)
        if threads > LEAKED:
            self._services.alerts.say(
                "handler.pool_exhausted",
                detail=f"{threads} handlers hang, more than are replaced",
                next_step="restart the process; see handler.abandoned for what hangs",
                threads=threads,
            )
            if self._on_exhausted is not None:
                self._on_exhausted()

    def note_health(self, healthy: bool, reason: str) -> None:  # noqa: FBT001  # JournalWriter's form
        """Log at once that commits fail; what follows from it comes after the limit."""
        self._journal_reason = reason
        if not healthy:
            self._services.log.warning("journal.commit_failed", reason=reason)

    def _look_at_journal(self, now: float, lost_s: float) -> None:
        """Replace a dead writer; let all accounts leave, or come back (I3, A6)."""
        services = self._services
        log, writer, registry = services.log, services.writer, services.alerts
        if writer.revive():
            log.error("journal.writer_replaced")
            self.died_again("writer", now)
        stalled_s = writer.stalled_s(now)
        if stalled_s:
            stalled_s = max(SWEEP_S, stalled_s - lost_s)
        reason = self._journal_reason or "a commit does not return"
        if not stalled_s:
            registry.end("journal.commit_slow")
        match services.health.judge(stalled_s):
            case JournalVerdict.SLOW:
                registry.say(
                    "journal.commit_slow",
                    detail=reason,
                    next_step="look at the disk; nothing is acknowledged until the commit holds",
                    waited_s=round(stalled_s, 1),
                    reason=reason,
                )
            case JournalVerdict.DOWN:
                registry.say(
                    "journal.unavailable",
                    detail=reason,
                    next_step="fix what the detail names; every account reconnects by itself",
                    waited_s=round(stalled_s, 1),
                    reason=reason,
                )
                self._tell_supervisors(JournalHealthChanged(failed=True))
            case JournalVerdict.UP:
                registry.end("journal.unavailable")
                log.info("journal.recovered")
                self._tell_supervisors(JournalHealthChanged(failed=False))
            case None:
                pass

    def _look_at_alerts(self) -> None:
        """Take over what the journal says; end what is over; slow down a crowd of crashes."""
        registry = self._services.alerts
        concerns, ours = self._ask_concerns(), self._accounts
        if concerns is not self._concerns or len(ours) != self._concerned:
            self._concerns, self._concerned = concerns, len(ours)
            registry.match(
                [each for each in concerns if each.account is None or each.account in ours]
            )
            self._services.health.filling = any(
                each.name == alerts.JOURNAL_FILLING for each in concerns
            )
            if any(each.name == alerts.JOURNAL_LOST for each in concerns):
                self._services.writer.fetch(_see_to_it, lambda _: None)
        registry.expire()
        if self._crowded or registry.begun != self._begun:
            self._begun = registry.begun
            self._look_for_crowd()

    def _look_for_crowd(self) -> None:
        """Slow the gate while many accounts crash (``contract.md`` 2.8)."""
        registry, total = self._services.alerts, len(self._accounts)
        crashed = [each for each in registry.on() if each.why == CRASH_LOOP]
        many = alerts.crowd(crashed, total, self._services.clock.unix_ms())
        if many:
            registry.say(
                "accounts.crashing",
                detail=f"{many} of {total} accounts failed by crashes within a minute",
                next_step="see actor.died: it is no single account's fault; "
                "links are opened one a second meanwhile",
                for_s=alerts.CROWD_WINDOW_S,
            )
        crowded = "accounts.crashing" in registry
        if crowded is not self._crowded:
            self._crowded = crowded
            self._services.dialing.tell(
                SetRate(rate_per_s=CROWD_RATE_PER_S if crowded else self._gate_rate_per_s)
            )

    def _tell_supervisors(self, news: JournalHealthChanged) -> None:
        for account in self._accounts.all():
            account.peers.supervisor.tell(news)


def _see_to_it(journal: Journal) -> None:
    """Have a journal look after itself at once; what it cannot mend it says with each commit."""
    with contextlib.suppress(JournalError):
        journal.commit(())
