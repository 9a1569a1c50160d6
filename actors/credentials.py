"""Renewing the credentials of all accounts: on threads of its own, ahead of the connect gate.

An account that waits for a token takes no dial slot. When to renew is decided by
:mod:`actors.policy.credentials`, whose turn it is by :mod:`actors.renewing`, and how a renewal is
made by the account's source.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final

from actors import renewal_jobs as jobs
from actors.account.services import Observer
from actors.credential_entry import Entry
from actors.credential_news import News
from actors.identity import CredentialsSeen, Grant, Why
from actors.messages import (
    ActorDied,
    CancelGrant,
    CredentialsDue,
    CredentialsInbox,
    CredentialsLoaded,
    CredentialsReplaced,
    DialAllowed,
    DialFailed,
    ForgetCredentials,
    GrantAwaited,
    GrantGiven,
    GrantReported,
    RenewalEnded,
    RenewNow,
    RequestGrant,
    Rotate,
    WatchCredentials,
)
from actors.plan import AccountPlan
from actors.policy import failures
from actors.policy.credentials import Flight, Now, Ready, Stuck
from actors.ports import Clock, Dice, Kept, Mailbox, Renewal
from actors.renewing import Egress, Threads, Workers
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.counts import TokenCounts
from actors.runtime.log import Log
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.runtime.pool.timers import Timers
from actors.sections import CredentialSettings
from actors.values import AccountId, Failure

LOAD_S: Final = 30.0
"""Seconds the store may take to be read."""

GRACE_S: Final = 1.0
"""Seconds past its deadline after which a renewal is given up."""

LOOK_S: Final = 60.0
"""Seconds between two looks at the wall clock: a machine that slept has older tokens. What could
not be stored is stored again as often."""

DRIFT_S: Final = 5.0
"""The wall clock moved apart from the monotonic one if it did by more than so many seconds."""


class CredentialsActor(SupervisedActor[CredentialsInbox]):
    """Owns what is known of each account's credentials; one renewal an account at a time."""

    inbox_limit = 100_000

    def __init__(
        self,
        pool: Pool,
        *,
        settings: CredentialSettings,
        clock: Clock,
        dice: Dice,
        timers: Timers,
        log: Log,
        alerts: AlertRegistry,
        observer: Observer,
        seen: dict[AccountId, CredentialsSeen],
        mailbox: Mailbox[CredentialsInbox],
        threads: Threads,
        counts: TokenCounts | None = None,
        supervisor: Mailbox[ActorDied] | None = None,
    ) -> None:
        super().__init__(pool, name="credentials", supervisor=supervisor)
        self._settings = settings
        self._clock = clock
        self._dice = dice
        self._log = log
        self._news = News(log, alerts, observer, seen)
        self._mailbox = mailbox
        self._entries: dict[AccountId, Entry] = {}
        self._unloaded: deque[AccountId] = deque()
        self._egresses: dict[str, Egress] = {}
        self._threads = threads
        self._counts = counts or TokenCounts()
        self._workers = Workers(settings.workers, threads)
        self._wakes: list[tuple[float, int, AccountId]] = []
        self._joined: list[Entry] = []  # in this turn
        self._order = count()
        self._drift_s = self._drift()
        self._round_at = clock.monotonic() + LOOK_S
        self._saving = threading.Lock()
        self._alarm = Alarm[CredentialsDue](timers, mailbox)

    def receive(self, message: CredentialsInbox) -> None:
        """Take what is asked or told, then begin what may begin."""
        match message:
            case RequestGrant():
                entry = self._entry(message.plan)
                entry.connection, entry.request, entry.waits = message.connection, message, False
                self._look(entry)
            case WatchCredentials():
                self._entry(message.plan).connection = message.connection
            case CancelGrant():
                self._cancel(message)
            case GrantReported():
                self._note_report(message)
            case CredentialsLoaded():
                self._loaded(message)
            case CredentialsReplaced():
                self._replaced(message)
            case RenewalEnded():
                self._ended(message)
            case RenewNow():
                self._renew_now(self._entry(message.plan))
            case ForgetCredentials():
                self._entries.pop(message.account, None)
                self._news.forget(message.account)
            case CredentialsDue():
                self._look_at_clocks()
            case _:
                self.refuse(message)
        self._arm(self._begin())
        self._let_line_wait()

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._alarm.clear()

    # --- what is told -----------------------------------------------------------------

    def _entry(self, plan: AccountPlan) -> Entry:
        before = self._entries.get(plan.account)
        if before is not None and before.plan.source is plan.source:
            return before
        entry = self._entries[plan.account] = Entry(plan)
        if before is not None:
            entry.follows = before.follows or before.job
        if not self._workers.runs(entry.follows):
            self._unloaded.append(plan.account)
        return entry

    def _cancel(self, cancelled: CancelGrant) -> None:
        entry = self._entries.get(cancelled.account)
        request = None if entry is None else entry.request
        if entry is None or request is None or request.generation != cancelled.generation:
            return
        entry.request, entry.waits = None, False

    def _note_report(self, report: GrantReported) -> None:
        entry = self._entries.get(report.account)
        if entry is None:
            return
        entry.linked = report.version if report.linked else None
        if report.fault is not None:
            entry.policy.refused(report.version, suspect=report.fault is Why.SUSPECT)
        self._look(entry)

    def _succeed(self, entry: Entry | None, job: int) -> None:
        """Begin with a source whose predecessor's job ended: calls of an account go one by one."""
        if entry is not None and entry.follows == job:
            entry.follows = None
            self._unloaded.append(entry.name)

    def _loaded(self, loaded: CredentialsLoaded) -> None:
        entry = self._entries.get(loaded.account)
        self._succeed(entry, loaded.job)
        if self._workers.done(loaded.job) and entry is not None and entry.awaits(loaded.job):
            self._restore(entry, loaded.kept)

    def _replaced(self, replaced: CredentialsReplaced) -> None:
        entry = self._entries.get(replaced.account)
        if entry is not None:
            self._restore(entry, replaced.kept)
            self._news.replaced(entry, self._now())

    def _restore(self, entry: Entry, kept: Kept) -> None:
        entry.loaded = True
        entry.policy.restore(
            self._now(),
            grant=kept.grant,
            lineage=kept.lineage,
            stuck=kept.stuck,
            calls_ms=kept.calls_ms,
            draw=self._dice.random(),
        )
        self._news.restored(entry, self._now())
        if entry.wanted:
            self._renew_now(entry)
        self._look(entry)

    def _renew_now(self, entry: Entry) -> None:
        """Renew for a person, once the store is read; the one under way will do."""
        entry.wanted = not entry.loaded
        if not entry.loaded or entry.policy.flight is not None:
            return
        now = self._now()
        flight = entry.policy.renew(now)
        if flight is not None:
            self._start(entry, flight)
        else:
            self._news.refused(entry, now)

    def _ended(self, ended: RenewalEnded) -> None:
        entry = self._entries.get(ended.account)
        self._succeed(entry, ended.job)
        begun_here = self._workers.knows(ended.job)
        self._workers.done(ended.job)
        if entry is None:
            return
        if entry.job == ended.job:
            self._take(entry, ended.flight, ended.renewal)
        elif ended.job in entry.hung:
            entry.hung.remove(ended.job)
            self._take_late(entry, ended.renewal)
        elif begun_here:  # of a source it has no more
            self._news.stale(entry)
        else:
            self._inherit(entry, ended.renewal)

    def _inherit(self, entry: Entry, renewal: Renewal) -> None:
        """Have what a former self began read from the store, if its source keeps anything."""
        if renewal.lineage is None or entry.policy.flight is not None:
            self._news.stale(entry)
        elif entry.loaded:
            entry.loaded = False
            self._unloaded.append(entry.name)

    def _take(self, entry: Entry, flight: int, renewal: Renewal) -> None:
        policy, now, result = entry.policy, self._now(), renewal.result
        left_s = policy.left_s(now)
        fresh = policy.ended(
            flight,
            result,
            now,
            calls=renewal.calls,
            lineage=renewal.lineage,
            draw=self._dice.random(),
        )
        if not fresh:
            self._news.stale(entry)
            return
        entry.job = None
        self._counts.add(None if isinstance(result, Grant) else result, renewal.calls)
        if isinstance(result, Grant):
            self._news.renewed(entry, result, renewal, left_s, now)
        else:
            self._news.failed(entry, result, now)
            if result.reason == "throttled":
                self._egress(entry.source.egress).slow_down(now.monotonic_s)
            if policy.stuck is not None:
                self._mark(entry, policy.stuck)
        self._look(entry)

    def _take_late(self, entry: Entry, renewal: Renewal) -> None:
        policy, now, result = entry.policy, self._now(), renewal.result
        left_s, draw = policy.left_s(now), self._dice.random()
        if not policy.late(result, now, lineage=renewal.lineage, draw=draw):
            self._news.stale(entry)
            return
        assert isinstance(result, Grant)
        self._news.renewed(entry, result, renewal, left_s, now)
        self._look(entry)

    # --- who waits --------------------------------------------------------------------

    def _look(self, entry: Entry) -> None:
        """Answer who asks, queue the account if a renewal is due, or note when it will be."""
        if not entry.loaded:
            return
        now, grant = self._now(), entry.policy.grant
        self._settle_request(entry, now)
        if grant is not None and entry.linked is not None and entry.linked < grant.version:
            entry.linked = None  # such a link may be mute by now
            if entry.connection is not None:
                entry.connection.tell(Rotate(version=grant.version))
        at = entry.next_at(now)
        if at is not None and at > now.monotonic_s:
            self._wake(entry, at)
        elif at is not None:
            self._queue(entry, urgent=entry.request is not None)
        self._news.show(entry, now)

    def _queue(self, entry: Entry, *, urgent: bool) -> None:
        """Queue an account; one that is queued and becomes urgent stands in both lines."""
        if not entry.queued or (urgent and not entry.urgent):
            entry.queued, entry.urgent = True, urgent
            self._egress(entry.source.egress).join(entry.name, urgent=urgent)
            self._joined.append(entry)

    def _settle_request(self, entry: Entry, now: Now) -> None:
        request = entry.request
        if request is None:
            return
        answer, generation = entry.policy.ask(now), request.generation
        if isinstance(answer, Ready | Stuck):
            waited, entry.request, entry.waits = entry.waits, None, False
            if waited:
                request.supervisor.tell(DialAllowed(generation=generation))
            elif isinstance(answer, Ready):
                request.connection.tell(GrantGiven(generation=generation, grant=answer.grant))
            else:
                request.connection.tell(DialFailed(generation=generation, failure=answer.failure))
        elif not entry.waits and answer.at_s is not None and answer.at_s > now.monotonic_s:
            self._let_wait(entry, request, answer.failure or entry.spent(answer.at_s, now))

    def _let_wait(self, entry: Entry, request: RequestGrant, failure: Failure | None) -> None:
        entry.waits = True
        request.connection.tell(
            GrantAwaited(generation=request.generation, failure=failure or failures.GRANT_AWAITED)
        )

    def _wake(self, entry: Entry, at: float) -> None:
        if entry.wake_at is None or at < entry.wake_at:
            entry.wake_at = at
            heapq.heappush(self._wakes, (at, next(self._order), entry.name))

    def _look_at_clocks(self) -> None:
        """Look at whom it is time for, at hung threads, and whether the machine slept."""
        now_s = self._clock.monotonic()
        while self._wakes and self._wakes[0][0] <= now_s:
            at, _, name = heapq.heappop(self._wakes)
            entry = self._entries.get(name)
            if entry is not None and entry.wake_at == at:
                entry.wake_at = None
                self._look(entry)
        for job in self._workers.overdue(now_s):
            self._give_up(job)
        drift_s = self._drift()
        if abs(drift_s - self._drift_s) > DRIFT_S:
            self._drift_s = drift_s
            for entry in list(self._entries.values()):
                self._look(entry)
        if now_s >= self._round_at:
            self._round_at = now_s + LOOK_S
            self._save()
            on, now = self._news.told_of_login(), self._now()
            for entry in self._entries.values():
                self._news.look_at_login(entry, now, on=entry.name in on)

    # --- renewals ---------------------------------------------------------------------

    def _begin(self) -> float:
        """Begin what may begin; return the seconds until an egress lets another through."""
        while self._unloaded and self._workers.free and self._load(self._unloaded[0]):
            self._unloaded.popleft()
        now = self._now()
        waits_s = [self._begin_through(each, now) for each in self._egresses.values()]
        return min(waits_s, default=LOOK_S)

    def _begin_through(self, egress: Egress, now: Now) -> float:
        while (name := egress.first()) is not None:
            entry = self._entries.get(name)
            at = None if entry is None or not entry.queued else entry.next_at(now)
            if entry is None or at is None or at > now.monotonic_s:
                egress.leave()
                if entry is not None:
                    entry.queued = False
                continue
            if not self._workers.free:
                break
            wait_s = egress.wait_s(now.monotonic_s)
            if wait_s:
                return wait_s
            egress.leave()
            entry.queued = False
            flight = entry.policy.due(
                now, asked=entry.request is not None, linked=entry.linked is not None
            )
            if flight is not None:
                self._start(entry, flight)
        return LOOK_S

    def _let_line_wait(self) -> None:
        """Tell attempts whose account could not begin at once that they wait."""
        joined, self._joined = self._joined, []
        for entry in joined:
            if entry.queued and entry.request is not None and not entry.waits:
                self._let_wait(entry, entry.request, None)

    def _load(self, name: AccountId) -> bool:
        """Have the store read; False: there is no thread for it now."""
        entry = self._entries.get(name)
        if entry is None or entry.loaded:
            return True
        job = partial(jobs.load, entry.plan, self._mailbox)
        entry.job = self._run(name, job, LOAD_S)
        return entry.job is not None

    def _start(self, entry: Entry, flight: Flight) -> None:
        job = partial(jobs.renew, entry.plan, entry.policy.grant, flight, self._mailbox)
        entry.job = self._run(entry.name, job, entry.plan.renewal.deadline_s)
        if entry.job is None:
            self._take(entry, flight.number, Renewal(result=failures.NO_THREAD))
        self._news.show(entry, self._now())

    def _run(self, name: AccountId, job: Callable[[int], None], limit_s: float) -> int | None:
        until_s = self._clock.monotonic() + limit_s + GRACE_S
        return self._workers.start(f"gateway/credentials/{name}", job, until_s=until_s)

    def _give_up(self, job: int) -> None:
        """Go on without a thread that hangs; what it made counts as made."""
        self._workers.give_up(job)
        for each in self._entries.values():
            self._succeed(each, job)
        entry = next((each for each in self._entries.values() if each.job == job), None)
        if entry is None:
            return
        entry.job = None
        self._log.error("credentials.hung", account=entry.name, threads=self._workers.hung)
        flight = entry.policy.flight
        if not entry.loaded:
            self._restore(entry, Kept(stuck=jobs.UNREADABLE))
        elif flight is not None:
            entry.hung.add(job)
            self._take(entry, flight.number, Renewal(result=jobs.HUNG, calls=flight.calls))

    def _mark(self, entry: Entry, stuck: Failure) -> None:
        job = partial(jobs.mark, entry.source, stuck)
        if self._threads.start(f"gateway/credentials/{entry.name}", job) is None:
            self._log.warning("credentials.unmarked", account=entry.name)

    def _save(self) -> None:
        """Have stored what could not be; without a thread it is tried in the next round."""
        unsaved = [each.source for each in self._entries.values() if each.source.outlook.unsaved]
        if unsaved:
            save = partial(jobs.save_alone, unsaved, self._saving)
            self._threads.start("gateway/credentials/save", save)

    # --- small things -----------------------------------------------------------------

    def _egress(self, name: str) -> Egress:
        found = self._egresses.get(name)
        if found is None:
            found = self._egresses[name] = Egress(self._settings)
        return found

    def _arm(self, within_s: float) -> None:
        now_s = self._clock.monotonic()
        moments = [now_s + within_s, self._round_at]
        if self._wakes:
            moments.append(self._wakes[0][0])
        overdue_at = self._workers.next_at()
        if overdue_at is not None:
            moments.append(overdue_at)
        self._alarm.clear()
        if self._entries:
            self._alarm.set(max(0.001, min(moments) - now_s), CredentialsDue())

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.unix_ms())

    def _drift(self) -> float:
        return self._clock.unix_ms() / 1000 - self._clock.monotonic()
