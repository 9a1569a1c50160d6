"""The credentials actor by hand: one renewal an account, ahead of the gate; nobody else waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from workbench import Bench, Heard

from actors import renewal_jobs as jobs
from actors.credentials import CredentialsActor
from actors.identity import Grant, Identity, Why
from actors.messages import (
    CancelGrant,
    CredentialsDue,
    CredentialsReplaced,
    DialAllowed,
    DialFailed,
    ForgetCredentials,
    GrantAwaited,
    GrantGiven,
    GrantReported,
    RenewNow,
    RequestGrant,
    Rotate,
    WatchCredentials,
)
from actors.plan import AccountPlan
from actors.policy import failures
from actors.ports import NOTHING_AHEAD, Kept, Outlook, Renewal
from actors.renewing import Threads
from actors.sections import CredentialSettings, RenewalSettings
from actors.values import ErrorClass, Failure

REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused")
CAPTCHA = Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="verification_asked", detail="look")
THROTTLED = Failure(error_class=ErrorClass.SERVER_OVERLOAD, reason="throttled")


class Source:
    """A source that says what the test wants it to."""

    def __init__(self, desk: Desk, account: str, egress: str) -> None:
        self.desk, self.account, self.egress = desk, account, egress
        self.kept = Kept()
        self.results: list[Any] = []
        self.asked: list[tuple[int | None, Why, int]] = []
        self.marked: list[Failure] = []
        self.outlook = NOTHING_AHEAD
        self.saves = 0
        self.version = 0

    def load(self) -> Kept:
        if isinstance(self.kept, BaseException):
            raise self.kept
        return self.kept

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        assert deadline_s == 30.0
        self.asked.append((None if last is None else last.version, why, calls))
        result = self.results.pop(0) if self.results else self.grant()
        if isinstance(result, BaseException):
            raise result
        if not isinstance(result, Grant | Failure):
            return result  # type: ignore[no-any-return]  # strangers' junk
        return Renewal(result=result, lineage=1, calls=1)

    def mark_stuck(self, reason: Failure) -> None:
        self.marked.append(reason)
        raise OSError("disk full")  # no test may notice

    def save(self) -> None:
        self.saves += 1
        raise OSError("disk full")  # no test may notice

    def grant(self, life_s: float = 86_400.0) -> Grant:
        """Return the next version."""
        self.version += 1
        now_ms = self.desk.bench.clock.unix_ms()
        return Grant(
            identity=Identity(account=self.account, token="t", version=self.version),
            obtained_at_ms=now_ms,
            expires_at_ms=now_ms + int(life_s * 1000),
        )


class Desk:
    """A credentials actor; its threads run when the test says so."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.mailbox = Heard()
        self.connection, self.supervisor = Heard(), Heard()
        self.threads: list[tuple[str, Callable[[], object]]] = []
        self.exhausted = False
        self.plans: dict[str, AccountPlan] = {}
        desk = self

        class Thread:
            def __init__(self, *, target: Any, args: Any, name: str, daemon: bool) -> None:
                assert daemon
                self.job = (name, lambda: target(*args))

            def start(self) -> None:
                if desk.exhausted:
                    raise RuntimeError("can't start new thread")
                desk.threads.append(self.job)

        monkeypatch.setattr(threading, "Thread", Thread)
        self.actor = self.made()

    def made(self, **settings: float) -> CredentialsActor:
        bench, services = self.bench, self.bench.account.services
        self.actor = CredentialsActor(
            bench.pool,
            settings=CredentialSettings(**settings),  # type: ignore[arg-type]  # numbers all
            clock=bench.clock,
            dice=services.dice,
            timers=bench.timers,
            log=bench.log,
            alerts=bench.alerts,
            observer=bench.watcher,
            seen=services.seen,
            mailbox=self.mailbox,
            threads=Threads(),
            counts=services.tokens,
        )
        return self.actor

    def source(self, name: str = "a", egress: str = "") -> Source:
        """Return the source of an account; the same each time."""
        if name not in self.plans:
            source = Source(self, name, egress)
            plan = self.bench.account.plan
            changed = {"account": name, "source": source, "renewal": RenewalSettings()}
            fields = {key: getattr(plan, key) for key in plan.__struct_fields__}
            self.plans[name] = AccountPlan(**{**fields, **changed})
        found = self.plans[name].source
        assert isinstance(found, Source)
        return found

    def ask(self, name: str = "a", generation: int = 1) -> None:
        self.source(name)
        self.actor.receive(
            RequestGrant(
                plan=self.plans[name],
                connection=self.connection,
                supervisor=self.supervisor,
                generation=generation,
            )
        )

    def run(self, count: int | None = None) -> int:
        """Run the threads that were started, and what follows of them; return how many."""
        ran = 0
        while self.threads and (count is None or ran < count):
            self.threads.pop(0)[1]()
            ran += 1
            self.deliver()
        return ran

    def deliver(self) -> None:
        for message in self.mailbox.drain():
            self.actor.receive(message)

    def advance(self, seconds: float) -> None:
        self.bench.advance(seconds)
        self.deliver()

    def linked(self, version: int = 1, name: str = "a", *, fault: Why | None = None) -> None:
        self.actor.receive(
            GrantReported(account=name, version=version, linked=fault is None, fault=fault)
        )

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.bench.log.lines if name == event]


@pytest.fixture
def desk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(bench, monkeypatch)


def test_first_attempt_gets_a_grant(desk: Desk) -> None:
    desk.ask()
    assert desk.run() == 2, "read the store, renew"
    (given,) = desk.connection.of(GrantGiven)
    assert (given.generation, given.grant.version) == (1, 1)
    assert desk.source().asked == [(None, Why.START, 4)]
    (line,) = desk.lines("credentials.renewed")
    assert line == {"account": "a", "version": 1, "life_s": 86400, "left_s": None, "calls": 1}


def test_what_the_store_holds_makes_no_call(desk: Desk) -> None:
    """Ten thousand accounts start with one read each."""
    for number in range(50):
        name = f"a{number}"
        source = desk.source(name)
        source.kept = Kept(grant=source.grant(), lineage=1)
        desk.ask(name)
    assert len(desk.threads) == 4
    desk.run()
    assert len(desk.connection.of(GrantGiven)) == 50
    assert not any(desk.source(f"a{number}").asked for number in range(50))


@pytest.mark.row("B17", "no call")
@pytest.mark.row("B20", "one call, one version")
def test_reconnects_share_one_grant_and_one_renewal(desk: Desk) -> None:
    desk.ask(generation=1)
    desk.run(1)
    for generation in range(2, 100):
        desk.ask(generation=generation)
    desk.run()
    (given,) = desk.connection.of(GrantGiven)
    assert given.generation == 99
    for generation in range(100, 150):
        desk.ask(generation=generation)
    assert len(desk.connection.of(GrantGiven)) == 50
    assert len(desk.source().asked) == 1


def test_who_waits_for_a_failed_renewal_takes_no_slot_and_is_called_back(desk: Desk) -> None:
    desk.source().results = [REFUSED]
    desk.ask()
    desk.run()
    (awaited,) = desk.connection.of(GrantAwaited)
    assert awaited.failure == REFUSED
    (line,) = desk.lines("credentials.renewal_failed")
    assert line["next_s"] == pytest.approx(60.0), "a minute between two calls"
    desk.advance(59.9)
    assert not desk.threads
    desk.advance(0.2)
    desk.run()
    assert desk.supervisor.of(DialAllowed) == [DialAllowed(generation=1)]
    desk.ask(generation=2)
    assert desk.connection.of(GrantGiven)[0].generation == 2


def test_calls_are_counted_by_verdict_over_the_lives_of_the_actor(desk: Desk) -> None:
    """A total that began anew with each life would look like a burst of calls."""
    desk.source().results = [REFUSED]
    desk.ask()
    desk.run()
    desk.made()
    desk.ask(generation=2)
    desk.run()
    calls = desk.bench.account.services.tokens.calls
    assert {verdict: count for verdict, count in calls.items() if count} == {"network": 1, "ok": 1}


def test_a_person_is_asked_once_and_the_platform_not_again(desk: Desk) -> None:
    desk.source().results = [CAPTCHA]
    desk.ask()
    desk.run()
    assert desk.connection.of(DialFailed) == [DialFailed(generation=1, failure=CAPTCHA)]
    assert desk.source().marked == [CAPTCHA]
    for day in range(30):
        desk.advance(86_400)
        desk.ask(generation=2 + day)
        assert desk.connection.of(DialFailed)[0].failure == CAPTCHA
        assert not desk.threads
    (alert,) = desk.bench.alerts.on("a")
    assert alert.name == "credentials.needs_human"


def test_a_waiting_attempt_hears_that_only_a_person_helps(desk: Desk) -> None:
    desk.source().results = [REFUSED, CAPTCHA]
    desk.ask()
    desk.run()
    desk.advance(61)
    desk.run()
    assert desk.supervisor.of(DialAllowed)
    desk.ask(generation=2)
    assert desk.connection.of(DialFailed) == [DialFailed(generation=2, failure=CAPTCHA)]


def test_what_is_stuck_outlives_a_restart(desk: Desk) -> None:
    desk.source().kept = Kept(lineage=3, stuck=CAPTCHA)
    desk.ask()
    desk.run()
    assert desk.connection.of(DialFailed)
    assert not desk.source().asked
    assert "credentials.needs_human" in desk.bench.alerts


@pytest.mark.parametrize("act", ["renew", "replace"], ids=["the same again", "new credentials"])
def test_a_person_ends_what_is_stuck(desk: Desk, act: str) -> None:
    source = desk.source()
    source.results = [CAPTCHA]
    desk.ask()
    desk.run()
    if act == "renew":
        desk.actor.receive(RenewNow(plan=desk.plans["a"]))
        desk.run()
        assert source.asked[-1] == (None, Why.PERSON, 4)
    else:
        desk.actor.receive(
            CredentialsReplaced(account="a", kept=Kept(grant=source.grant(), lineage=2))
        )
    assert "credentials.needs_human" not in desk.bench.alerts
    desk.ask(generation=2)
    assert desk.connection.of(GrantGiven)


def test_a_link_is_replaced_once_its_token_is_renewed(desk: Desk) -> None:
    """A link that registered with an older token may be mute."""
    desk.ask()
    desk.run()
    desk.linked(1)
    desk.advance(86_400 * 0.84)
    assert not desk.threads
    desk.advance(86_400 * 0.12)
    desk.run()
    assert desk.source().asked[-1][:2] == (1, Why.EXPIRING)
    assert desk.connection.of(Rotate) == [Rotate(version=2)]
    desk.ask(generation=2)
    assert desk.connection.of(GrantGiven)[-1].grant.version == 2


def test_no_link_is_replaced_for_a_failed_renewal(desk: Desk) -> None:
    desk.ask()
    desk.run()
    desk.linked(1)
    desk.source().results = [CAPTCHA]
    desk.advance(86_400 * 0.96)
    desk.run()
    assert not desk.connection.of(Rotate)
    assert "credentials.needs_human" in desk.bench.alerts
    desk.ask(generation=2)
    assert desk.connection.of(GrantGiven)[-1].grant.version == 1


def test_a_token_about_to_end_is_an_alert(desk: Desk) -> None:
    desk.ask()
    desk.run()
    desk.linked(1)
    desk.source().results = [REFUSED] * 40
    desk.advance(86_400 * 0.96)
    desk.run()
    (alert,) = desk.bench.alerts.on("a")
    assert alert.name == "credentials.expiring"
    desk.source().results = []
    desk.advance(301)
    desk.run()
    assert not desk.bench.alerts.on("a")


def test_a_refused_token_is_renewed_and_a_zombie_s_too(desk: Desk) -> None:
    desk.ask()
    desk.run()
    desk.linked(1)
    desk.advance(100)
    desk.linked(1, fault=Why.REFUSED)
    desk.ask(generation=2)
    desk.run()
    assert desk.source().asked[-1][:2] == (1, Why.REFUSED)
    desk.advance(100)
    desk.linked(2, fault=Why.SUSPECT)
    desk.ask(generation=3)
    desk.run()
    assert desk.source().asked[-1][:2] == (2, Why.SUSPECT)
    assert desk.connection.of(GrantGiven)[-1].grant.version == 3


def test_a_refused_request_is_forgotten(desk: Desk) -> None:
    desk.ask(generation=4)
    desk.actor.receive(CancelGrant(account="a", generation=3))
    desk.actor.receive(CancelGrant(account="b", generation=3))
    desk.linked(1, "nobody")
    desk.run(1)
    desk.actor.receive(CancelGrant(account="a", generation=4))
    desk.run()
    assert not desk.connection.messages
    desk.ask(generation=5)
    assert desk.connection.of(GrantGiven)[0].grant.version == 1, "what it brought is kept"


def test_an_egress_has_a_rate_and_others_do_not_wait_for_it(desk: Desk) -> None:
    desk.made(workers=100, rate_per_s=1.0, burst=5)
    for number in range(20):
        desk.source(f"a{number}")
        desk.ask(f"a{number}")
    desk.source("far", egress="socks5://127.0.0.1:1")
    desk.ask("far")
    desk.run()
    given = {each.grant.identity.account for each in desk.connection.of(GrantGiven)}
    assert given == {"a0", "a1", "a2", "a3", "a4", "far"}
    for _ in range(15):
        desk.advance(1.01)
        assert desk.run() == 1
    assert sum(len(desk.source(f"a{number}").asked) for number in range(20)) == 20


def test_who_waits_for_its_turn_is_told(desk: Desk) -> None:
    desk.made(workers=100, rate_per_s=0.1, burst=1)
    for name in "ab":
        desk.ask(name)
    desk.run()
    (awaited,) = desk.connection.of(GrantAwaited)
    assert awaited.failure == failures.GRANT_AWAITED


@pytest.mark.row("B11", "accounts of its egress slow down, others do not")
def test_a_throttled_account_slows_its_egress_down(desk: Desk) -> None:
    desk.made(workers=100, rate_per_s=10.0, burst=5)
    desk.source("a").results = [THROTTLED]
    desk.source("far", egress="b")
    desk.ask("a")
    desk.run()
    for name in ("b", "c", "far"):
        desk.ask(name)
    desk.run()
    assert [bool(desk.source(name).asked) for name in ("b", "c", "far")] == [False, False, True]
    desk.advance(10.1)
    desk.run()
    assert [bool(desk.source(name).asked) for name in ("b", "c")] == [True, False]
    desk.advance(10.1)
    desk.run()
    assert desk.source("c").asked
    assert len(desk.source("a").asked) == 1


def test_who_has_no_link_goes_before_who_renews_ahead_of_time(desk: Desk) -> None:
    desk.made(workers=100, rate_per_s=1.0, burst=1)
    early = [f"early{number}" for number in range(5)]
    for name in early:
        source = desk.source(name)
        source.kept = Kept(grant=source.grant(), lineage=1)
        desk.ask(name)
        desk.run()
        desk.linked(1, name)
    desk.advance(86_400 * 0.96)
    desk.ask("late")
    for _ in range(2):
        desk.run()
        desk.advance(1.01)
    desk.run()
    assert desk.source("late").asked
    assert sum(bool(desk.source(name).asked) for name in early) < len(early)


@pytest.mark.row("B33", "its thread is given up at the deadline and counted; others are held")
def test_a_source_that_hangs_costs_its_thread_and_its_budget(desk: Desk) -> None:
    desk.made(workers=1)
    desk.source("a").kept = Kept(lineage=7)
    desk.ask("a")
    desk.run(1)
    hung = desk.threads.pop(0)[1]
    desk.ask("b")
    assert not desk.threads, "one worker, and it hangs"
    desk.advance(31.1)
    assert desk.lines("credentials.hung") == [{"account": "a", "threads": 1}]
    assert desk.connection.of(GrantAwaited)[0].failure.reason == "renewal_hung"
    desk.run()
    assert [each.grant.identity.account for each in desk.connection.of(GrantGiven)] == ["b"]
    hung()
    desk.deliver()
    assert desk.lines("credentials.stale_dropped") == [{"account": "a"}]
    assert not desk.connection.of(GrantGiven)


def test_a_store_that_hangs_needs_a_person(desk: Desk) -> None:
    desk.ask()
    desk.threads.clear()
    desk.advance(31.1)
    assert desk.connection.of(DialFailed)[0].failure.reason == "credentials_unreadable"


@pytest.mark.parametrize("kept", [OSError("secret"), KeyboardInterrupt()])
def test_a_store_that_raises_needs_a_person(desk: Desk, kept: BaseException) -> None:
    desk.source().kept = kept  # type: ignore[assignment]  # what it raises
    desk.ask()
    desk.run()
    failed = desk.connection.of(DialFailed)[0].failure
    assert (failed.reason, failed.error_class) == ("credentials_unreadable", ErrorClass.NEEDS_HUMAN)


@pytest.mark.row("B33", "classed, and never shown")
@pytest.mark.parametrize(
    ("junk", "said"),
    [
        (ValueError("secret token"), "raised ValueError"),
        (None, "returned NoneType"),
        ({"token": "secret"}, "returned dict"),
        (Renewal(result="secret"), "returned Renewal"),  # type: ignore[arg-type]  # junk
    ],
    ids=repr,
)
def test_junk_of_a_source_is_classed_and_never_shown(desk: Desk, junk: object, said: str) -> None:
    desk.source().results = [junk]
    desk.ask()
    desk.run()
    failure = desk.connection.of(GrantAwaited)[0].failure
    assert failure.reason == "source_failed"
    assert said in failure.detail
    assert "secret" not in repr(desk.bench.log.lines)


def test_without_threads_nothing_is_lost(desk: Desk) -> None:
    desk.exhausted = True
    desk.ask()
    assert not desk.threads
    desk.exhausted = False
    desk.advance(60.1)
    desk.run(1)
    desk.exhausted = True
    desk.source("b")
    assert desk.run() == 1
    assert desk.connection.of(GrantGiven)
    desk.advance(86_400)
    desk.ask(generation=2)
    assert desk.connection.of(GrantAwaited)[0].failure.reason == "no_thread"


@pytest.mark.row("B30", "renewed within a minute of waking")
def test_a_machine_that_slept_renews_within_a_minute(desk: Desk) -> None:
    """The monotonic clock stood still meanwhile; the wall clock tells."""
    desk.ask()
    desk.run()
    desk.linked(1)
    desk.bench.clock.wall_ms += int(86_400_000 * 0.96)
    assert not desk.threads
    desk.advance(60.1)
    desk.run()
    assert desk.source().asked[-1][:2] == (1, Why.EXPIRING)


@pytest.mark.row("B30", "no flood")
def test_a_clock_that_jumps_starts_no_flood(desk: Desk) -> None:
    """A day back means nothing; a day ahead ages every token at once."""
    names = [f"a{number}" for number in range(100)]
    for name in names:
        source = desk.source(name)
        source.kept = Kept(grant=source.grant(), lineage=1)
        desk.ask(name)
    desk.run()
    for name in names:
        desk.linked(1, name)

    def asked() -> list[int]:
        return [len(desk.source(name).asked) for name in names]

    desk.bench.clock.wall_ms -= 86_400_000
    for _ in range(10):
        desk.advance(60.1)
        assert desk.run() == 0
    desk.bench.clock.wall_ms += 2 * 86_400_000
    desk.advance(60.1)
    desk.run()
    assert sum(asked()) == 5, "within a minute, as many at once as the egress bears"
    for _ in range(110):
        desk.advance(1.01)
        desk.run()
    assert asked() == [1] * len(names)


def test_an_account_that_is_gone_is_forgotten(desk: Desk) -> None:
    desk.ask()
    desk.actor.receive(ForgetCredentials(account="a"))
    desk.run()
    assert not desk.connection.messages
    desk.actor.receive(CredentialsReplaced(account="a", kept=Kept()))
    desk.actor.receive(CredentialsDue())
    desk.actor.stopped()


@pytest.mark.row("B32", "with stored tokens no call")
def test_ten_thousand_accounts_that_have_a_grant_make_no_call(desk: Desk) -> None:
    """B32: after a restart all are due at once; the store has what they need."""
    names = [f"a{number}" for number in range(10_000)]
    for name in names:
        source = desk.source(name)
        source.kept = Kept(grant=source.grant(), lineage=1)
        desk.ask(name)
        assert len(desk.threads) <= 4
    desk.run()
    assert len(desk.connection.of(GrantGiven)) == len(names)
    assert not any(desk.source(name).asked for name in names)


@pytest.mark.row("B32", "without any at most the rate, others connect meanwhile")
def test_a_thousand_accounts_without_one_keep_to_the_rate_of_their_egress(desk: Desk) -> None:
    """B32: those behind another address do not wait for them."""
    names = [f"a{number}" for number in range(1_000)]
    for name in names:
        desk.ask(name)
    desk.source("far", egress="socks5://127.0.0.1:1")
    desk.ask("far")
    desk.run()
    assert desk.source("far").asked
    for _ in range(20):
        desk.advance(1.01)
        desk.run()
    asked = sum(bool(desk.source(name).asked) for name in names)
    assert 20 <= asked <= 26
    assert len(desk.connection.of(GrantAwaited)) > 900, "no dial slot is taken meanwhile"


def test_a_budget_that_is_spent_is_said(desk: Desk) -> None:
    """Who waits for an hour must not read that it waits for its turn."""
    now_ms = desk.bench.clock.unix_ms()
    desk.source().kept = Kept(lineage=1, calls_ms=[now_ms - 1000] * 6)
    desk.ask()
    desk.run()
    (awaited,) = desk.connection.of(GrantAwaited)
    assert awaited.failure.reason == "budget_spent"
    seen = desk.bench.account.services.seen["a"].failure
    assert seen is not None
    assert seen.reason == "budget_spent"


def test_other_credentials_replace_the_link_once_there_is_a_token(desk: Desk) -> None:
    desk.ask()
    desk.run()
    desk.linked(1)
    del desk.plans["a"]
    desk.source("a").kept = Kept()
    desk.actor.receive(WatchCredentials(plan=desk.plans["a"], connection=desk.connection))
    desk.linked(0)
    desk.run()
    assert desk.source("a").asked[-1][1] is Why.START
    assert desk.connection.of(Rotate) == [Rotate(version=1)], "however old the link is"


def test_what_the_old_source_says_is_dropped(desk: Desk) -> None:
    """Its renewal was under way, and the numbers of both begin alike."""
    desk.ask()
    desk.run(1)
    old = desk.threads.pop(0)[1]
    del desk.plans["a"]
    desk.source("a").kept = Kept(stuck=Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="b"))
    desk.ask(generation=2)
    old()
    desk.deliver()
    assert desk.lines("credentials.stale_dropped") == [{"account": "a"}]
    assert not desk.connection.of(GrantGiven)
    desk.run()
    assert [each.failure.reason for each in desk.connection.of(DialFailed)] == ["b"]


def test_what_the_old_source_kept_is_dropped(desk: Desk) -> None:
    desk.source("a").kept = Kept(stuck=Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="old"))
    desk.ask()
    old = desk.threads.pop(0)[1]
    del desk.plans["a"]
    desk.ask(generation=2)
    old()
    desk.deliver()
    assert not desk.connection.of(DialFailed)
    desk.run()
    assert desk.connection.of(GrantGiven)


def test_what_could_not_be_stored_is_stored_each_minute_until_it_is(desk: Desk) -> None:
    desk.ask("a")
    desk.ask("b")
    desk.run()
    source, other = desk.source("a"), desk.source("b")
    source.outlook = Outlook(unsaved=True)
    desk.advance(59)
    assert not desk.threads
    desk.advance(1)
    assert [name for name, _ in desk.threads] == ["gateway/credentials/save"]
    desk.ask(generation=2)  # what else happens is no reason to try more often
    desk.run()
    assert (source.saves, other.saves) == (1, 0)
    desk.exhausted = True
    desk.advance(60)
    desk.exhausted = False
    assert source.saves == 1
    desk.advance(60)
    desk.run()
    assert source.saves == 2
    source.outlook = NOTHING_AHEAD
    desk.advance(600)
    assert not desk.threads


def test_while_the_disk_hangs_nobody_else_waits_for_it(desk: Desk) -> None:
    """One thread waits, not one more a minute."""
    source, busy = desk.source(), threading.Lock()
    with busy:
        jobs.save_alone([source], busy, 1)
    assert source.saves == 0
    jobs.save_alone([source, source], busy, 2)
    assert source.saves == 2, "one that fails holds up no other"
    assert not busy.locked()


DAY_MS = 86_400_000


def test_a_login_that_ends_within_three_days_is_an_alert_until_there_is_another(desk: Desk) -> None:
    desk.ask("a")
    desk.ask("b")
    source, ends_ms = desk.source("a"), desk.bench.clock.unix_ms() + 3 * DAY_MS + 30_000
    source.outlook = Outlook(login_ends_ms=ends_ms, to_sign_in="sign in")
    desk.run()
    assert not desk.bench.alerts.on()
    desk.advance(60)
    (alert,) = desk.bench.alerts.on()
    assert (alert.name, alert.account) == ("credentials.sign_in_due", "a")
    assert (alert.next_step, "in 72 h" in alert.detail) == ("sign in", True)
    desk.bench.alerts.end(account="a")  # a reset ends all alerts of an account
    desk.advance(60)
    assert [each.name for each in desk.bench.alerts.on()] == ["credentials.sign_in_due"]
    desk.made()
    source.outlook = NOTHING_AHEAD
    desk.ask("a", generation=2)
    desk.run()
    assert not desk.bench.alerts.on(), "an actor that was restarted ends it, too"
    source.outlook = Outlook(login_ends_ms=0, to_sign_in="sign in")
    desk.advance(60)
    (alert,) = desk.bench.alerts.on()
    assert "ends now" in alert.detail
    source.outlook = Outlook(login_ends_ms=desk.bench.clock.unix_ms() + 30 * DAY_MS)
    desk.advance(60)
    assert not desk.bench.alerts.on()


def test_a_new_login_ends_the_alert_at_once(desk: Desk) -> None:
    source = desk.source()
    source.outlook = Outlook(login_ends_ms=1, to_sign_in="sign in")
    desk.ask()
    desk.run()
    assert len(desk.bench.alerts.on("a")) == 1, "at the start, without a minute's wait"
    source.outlook = NOTHING_AHEAD
    desk.actor.receive(CredentialsReplaced(account="a", kept=Kept(grant=source.grant(), lineage=2)))
    assert not desk.bench.alerts.on("a")
