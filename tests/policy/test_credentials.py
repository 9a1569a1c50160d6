"""When credentials are renewed: reuse, early renewal, waits, budget, and who ends being stuck."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.identity import Grant, Identity, Why
from actors.policy import budget
from actors.policy.budget import DAY_S, HOUR_S, told
from actors.policy.credentials import (
    CALLS_A_FLIGHT,
    Credentials,
    Flight,
    Now,
    Ready,
    Standing,
    Stuck,
    Wait,
)
from actors.sections import RenewalSettings
from actors.values import ErrorClass, Failure, Phase

RULES = RenewalSettings()
T0_MS = 1_767_225_600_000
MIDDLE = 0.5
"""A draw that spreads nothing."""


def at(seconds: float, *, wall_s: float | None = None) -> Now:
    """Return the moment so many seconds after the start, on both clocks."""
    return Now(1000.0 + seconds, T0_MS + int(1000 * (seconds if wall_s is None else wall_s)))


def grant(version: int = 1, *, life_s: float | None = 86_400.0, born_s: float = 0.0) -> Grant:
    born_ms = T0_MS + int(born_s * 1000)
    return Grant(
        identity=Identity(account="a", token=f"token-{version}", version=version),
        obtained_at_ms=born_ms,
        expires_at_ms=None if life_s is None else born_ms + int(life_s * 1000),
    )


def failure(reason: str, error_class: ErrorClass = ErrorClass.OTHER, **more: float) -> Failure:
    return Failure(error_class=error_class, reason=reason, phase=Phase.CREDENTIALS, **more)  # type: ignore[arg-type]  # a number each


CAPTCHA = failure("verification_asked", ErrorClass.NEEDS_HUMAN)
NETWORK = failure("connection_refused", ErrorClass.NETWORK)


def begun(
    credentials: Credentials, now: Now, *, asked: bool = True, linked: bool = False
) -> Flight:
    flight = credentials.due(now, asked=asked, linked=linked)
    assert flight is not None
    return flight


def end(
    credentials: Credentials, flight: Flight, result: Grant | Failure, now: Now, calls: int = 1
) -> bool:
    return credentials.ended(flight.number, result, now, calls=calls, lineage=1, draw=MIDDLE)


def with_grant(life_s: float | None = 86_400.0) -> Credentials:
    credentials = Credentials(RULES)
    flight = begun(credentials, at(0))
    assert end(credentials, flight, grant(life_s=life_s), at(0))
    return credentials


def test_nothing_is_renewed_for_an_account_that_asks_for_nothing() -> None:
    credentials = Credentials(RULES)
    assert credentials.due(at(0), asked=False, linked=False) is None
    assert credentials.next_at(at(0), asked=False, linked=False) is None
    assert credentials.next_at(at(0), asked=False, linked=True) == at(0).monotonic_s
    assert credentials.standing(at(0)) is Standing.NONE
    assert credentials.left_s(at(0)) is None


@pytest.mark.row("B20", "one call, one version")
def test_first_attempt_waits_for_one_renewal_that_all_join() -> None:
    credentials = Credentials(RULES)
    assert credentials.ask(at(0)) == Wait(-math.inf, None), "one may begin at once"
    flight = begun(credentials, at(0))
    assert (flight.why, flight.calls) == (Why.START, CALLS_A_FLIGHT)
    assert credentials.standing(at(0)) is Standing.RENEWING
    for _ in range(100):
        assert credentials.ask(at(0)) == Wait(None, None)
        assert credentials.due(at(0), asked=True, linked=False) is None
    assert end(credentials, flight, grant(), at(1))
    assert credentials.ask(at(1)) == Ready(grant())
    assert credentials.standing(at(1)) is Standing.READY


def test_a_storm_of_reconnects_makes_no_call() -> None:
    credentials = with_grant()
    for second in range(0, 64_000, 100):
        assert credentials.ask(at(second)) == Ready(grant())
        assert credentials.due(at(second), asked=True, linked=True) is None


def test_from_three_quarters_on_a_reconnect_renews_first() -> None:
    credentials = with_grant()
    early_s = 0.75 * 86_400
    assert credentials.due(at(early_s - 1), asked=True, linked=False) is None
    assert credentials.standing(at(early_s)) is Standing.DUE
    flight = begun(credentials, at(early_s))
    assert flight.why is Why.EXPIRING
    assert credentials.ask(at(early_s)) == Wait(None, None)
    assert end(credentials, flight, NETWORK, at(early_s + 1))
    assert credentials.ask(at(early_s + 1)) == Ready(grant()), "a valid token is tried all the same"


@pytest.mark.parametrize(("draw", "share"), [(0.0, 0.85), (0.5, 0.9), (1.0, 0.95)])
def test_a_link_is_renewed_at_nine_tenths(draw: float, share: float) -> None:
    credentials = Credentials(RULES)
    flight = begun(credentials, at(0))
    credentials.ended(flight.number, grant(), at(0), calls=1, lineage=1, draw=draw)
    late_s = share * 86_400
    assert credentials.due(at(late_s - 1), asked=False, linked=True) is None
    due_at = credentials.next_at(at(late_s - 10), asked=False, linked=True)
    assert due_at == pytest.approx(at(late_s).monotonic_s, abs=1e-3)
    assert credentials.due(at(late_s + 1), asked=False, linked=False) is None
    assert begun(credentials, at(late_s + 1), asked=False, linked=True).why is Why.EXPIRING


@pytest.mark.parametrize(
    ("told_s", "counts_s"), [(None, 1800.0), (5.0, 600.0), (-1.0, 600.0), (1e6, DAY_S)]
)
def test_how_long_a_grant_counts(told_s: float | None, counts_s: float) -> None:
    credentials = with_grant(told_s)
    assert credentials.left_s(at(0)) == counts_s
    assert credentials.left_s(at(counts_s + 1)) == 0.0


def test_an_expired_grant_is_not_used() -> None:
    credentials = with_grant(600.0)
    flight = begun(credentials, at(700))
    end(credentials, flight, NETWORK, at(701))
    asked = credentials.ask(at(701))
    assert isinstance(asked, Wait)
    assert asked.failure == NETWORK
    assert credentials.standing(at(701)) is Standing.WAITING
    assert credentials.standing(at(2000)) is Standing.DUE


@pytest.mark.parametrize(
    ("failed", "waits_s"),
    [
        (failure("sign_refused"), [300, 600, 1200, 2400, 3600, 3600]),
        (failure("throttled", ErrorClass.SERVER_OVERLOAD), [600, 1200, 2400, 4800, 7200, 7200]),
        (failure("clock_is_wrong"), [900, 900]),
        (failure("answer_unusable"), [60, 120, 240, 480, 960, 1800, 1800]),
        (NETWORK, [60, 60, 60, 80, 160, 300, 300]),  # below a minute the gap of calls counts
        (failure("tls_untrusted", ErrorClass.TLS_TRUST), [60, 120, 240, 480, 600, 600]),
        (failure("refused", ErrorClass.AUTH), [60, 120, 240, 480, 600, 600]),
    ],
)
def test_waits_grow_to_their_cap(failed: Failure, waits_s: list[int]) -> None:
    credentials = Credentials(RenewalSettings(per_hour=1000, per_day=1000))
    now_s = 0.0
    for wait_s in waits_s:
        flight = begun(credentials, at(now_s))
        credentials.ended(flight.number, failed, at(now_s), calls=1, lineage=1, draw=0.0)
        asked = credentials.ask(at(now_s))
        assert asked == Wait(at(now_s + wait_s).monotonic_s, failed)
        assert credentials.next_at(at(now_s), asked=True, linked=False) == asked.at_s
        assert credentials.due(at(now_s + wait_s - 0.01), asked=True, linked=False) is None
        now_s += wait_s


def test_another_failure_begins_its_own_row_and_a_server_sets_the_floor() -> None:
    credentials = Credentials(RenewalSettings(per_hour=1000, per_day=1000))
    now_s = 0.0
    for failed, wait_s in (
        (failure("answer_unusable"), 60),
        (failure("answer_unusable"), 120),
        (failure("sign_refused"), 300),
        (failure("answer_unusable", retry_after_s=500.0), 500),
    ):
        flight = begun(credentials, at(now_s))
        credentials.ended(flight.number, failed, at(now_s), calls=1, lineage=1, draw=0.0)
        assert credentials.ask(at(now_s)) == Wait(at(now_s + wait_s).monotonic_s, failed)
        now_s += wait_s


@pytest.mark.row("B7", "none in 30 days")
@pytest.mark.parametrize(
    "final", [CAPTCHA, failure("wrong_account", ErrorClass.CONFIG)], ids=["person", "config"]
)
def test_what_asks_for_a_person_is_never_asked_again(final: Failure) -> None:
    credentials = Credentials(RULES)
    flight = begun(credentials, at(0))
    assert end(credentials, flight, final, at(1))
    for day in range(30):
        now = at(1 + day * 86_400)
        assert credentials.ask(now) == Stuck(final)
        assert credentials.due(now, asked=True, linked=True) is None
        assert credentials.next_at(now, asked=True, linked=True) is None
    assert credentials.standing(at(1)) is Standing.NEEDS_HUMAN


def test_a_valid_token_is_used_though_only_a_person_can_renew_it() -> None:
    credentials = with_grant()
    flight = begun(credentials, at(80_000), asked=False, linked=True)
    assert end(credentials, flight, CAPTCHA, at(80_001))
    assert credentials.ask(at(80_002)) == Ready(grant())
    assert credentials.ask(at(86_401)) == Stuck(CAPTCHA)


def test_a_refused_token_is_not_used_though_only_a_person_can_renew_it() -> None:
    credentials = with_grant()
    credentials.refused(1)
    flight = begun(credentials, at(61))
    assert flight.why is Why.REFUSED
    end(credentials, flight, CAPTCHA, at(62))
    assert credentials.ask(at(62)) == Stuck(CAPTCHA)


@pytest.mark.row("B12", "waits 15 and 30 min; the third in a row needs a person")
def test_the_third_illegal_access_in_a_row_needs_a_person() -> None:
    credentials = Credentials(RULES)
    illegal = failure("illegal_access")
    now_s = 0.0
    for wait_s in (900, 1800):
        flight = begun(credentials, at(now_s))
        credentials.ended(flight.number, illegal, at(now_s), calls=1, lineage=1, draw=0.0)
        assert credentials.ask(at(now_s)) == Wait(at(now_s + wait_s).monotonic_s, illegal)
        now_s += wait_s
    flight = begun(credentials, at(now_s))
    end(credentials, flight, illegal, at(now_s))
    assert now_s == 45 * 60
    stuck = credentials.ask(at(now_s))
    assert isinstance(stuck, Stuck)
    assert (stuck.failure.error_class, stuck.failure.reason) == (
        ErrorClass.NEEDS_HUMAN,
        "illegal_access",
    )


def test_a_zombie_is_renewed_once_a_gap_and_its_token_serves_until_then() -> None:
    credentials = with_grant()
    credentials.refused(1, suspect=True)
    assert credentials.due(at(59), asked=True, linked=False) is None
    assert credentials.ask(at(59)) == Ready(grant())
    assert begun(credentials, at(60)).why is Why.SUSPECT


def test_news_of_an_old_version_changes_nothing() -> None:
    credentials = with_grant()
    credentials.refused(0)
    assert credentials.ask(at(1)) == Ready(grant())
    credentials.refused(1)
    credentials.refused(1, suspect=True)
    assert begun(credentials, at(61)).why is Why.REFUSED, "several losses of one link are one need"
    Credentials(RULES).refused(1)  # of none there is nothing to refuse


@pytest.mark.row("B21", "its grant is dropped")
def test_a_late_answer_of_an_older_flight_or_sign_in_is_dropped() -> None:
    credentials = Credentials(RULES)
    flight = begun(credentials, at(0))
    credentials.restore(  # a person was faster
        at(5), grant=grant(2, born_s=5), lineage=2, stuck=None, calls_ms=[], draw=MIDDLE
    )
    assert not end(credentials, flight, grant(3), at(6))
    assert credentials.ask(at(6)) == Ready(grant(2, born_s=5))
    later = credentials.renew(at(100))
    assert later is not None
    assert later.why is Why.PERSON
    assert credentials.renew(at(100)) is None
    assert not end(credentials, flight, grant(9), at(101)), "an older flight"
    assert not end(credentials, later, grant(9), at(101)), "an older lineage"
    assert credentials.ended(later.number, NETWORK, at(101), calls=0, lineage=None, draw=MIDDLE)


def test_a_person_ends_what_is_stuck() -> None:
    credentials = Credentials(RULES)
    end(credentials, begun(credentials, at(0)), CAPTCHA, at(1))
    flight = credentials.renew(at(2))
    assert flight is not None
    assert end(credentials, flight, grant(), at(3))
    assert credentials.ask(at(3)) == Ready(grant())


def test_a_restart_asks_nothing_again() -> None:
    """What is stuck stays stuck, a grant is reused, and calls before it count."""
    first = Credentials(RULES)
    first.restore(at(0), grant=grant(4), lineage=3, stuck=CAPTCHA, calls_ms=[], draw=MIDDLE)
    assert first.ask(at(10)) == Ready(grant(4))
    assert first.due(at(10), asked=True, linked=True) is None

    second = Credentials(RULES)
    calls_ms = [T0_MS - 90_000_000, *(T0_MS - 1000 * age_s for age_s in (500, 400, 300, 200, 100))]
    second.restore(at(0), grant=None, lineage=1, stuck=None, calls_ms=calls_ms, draw=MIDDLE)
    flight = begun(second, at(0))
    assert flight.calls == 1, "five of six were made within the hour"
    end(second, flight, NETWORK, at(1))
    assert second.ask(at(1)) == Wait(at(HOUR_S - 500).monotonic_s, NETWORK)


def test_calls_of_the_future_are_of_now() -> None:
    """A clock that was set back must not free the budget, nor lock it for days."""
    credentials = Credentials(RULES)
    calls_ms = [T0_MS + 9_000_000_000] * RULES.per_hour
    credentials.restore(at(0), grant=None, lineage=1, stuck=None, calls_ms=calls_ms, draw=MIDDLE)
    assert credentials.due(at(HOUR_S - 1), asked=True, linked=False) is None
    assert credentials.renew(at(1)) is None, "not even for a person"
    assert credentials.due(at(HOUR_S + 1), asked=True, linked=False) is not None


def test_a_day_has_its_own_bound() -> None:
    """Six an hour would be 144 a day."""
    credentials = Credentials(RULES)
    calls_ms = [T0_MS - 1000 * 3600 * hour for hour in range(RULES.per_day - 1, -1, -1)]
    credentials.restore(at(0), grant=None, lineage=1, stuck=None, calls_ms=calls_ms, draw=MIDDLE)
    assert credentials.ask(at(0)) == Wait(at(DAY_S - 23 * HOUR_S).monotonic_s, None)
    assert credentials.renew(at(0)) is None
    assert begun(credentials, at(HOUR_S)).calls == 1


def test_a_person_is_told_when_there_is_a_call_again() -> None:
    credentials = Credentials(RULES)
    hour_ms = [T0_MS - 1000 * ago_s for ago_s in range(600, 0, -100)]
    credentials.restore(at(0), grant=None, lineage=1, stuck=None, calls_ms=hour_ms, draw=MIDDLE)
    assert credentials.renew(at(0)) is None
    assert credentials.free_at(at(0)) == at(HOUR_S - 600).monotonic_s
    assert credentials.renew(at(HOUR_S - 599)) is not None
    waits = {
        0.2: "1 s",
        59.5: "60 s",
        60.0: "1 min",
        3540.1: "60 min",
        7200.0: "2 h",
        9001.0: "2.6 h",
    }
    assert {wait_s: told(wait_s) for wait_s in waits} == waits


def test_calls_of_yesterday_are_forgotten() -> None:
    credentials = with_grant()
    flight = begun(credentials, at(DAY_S + 1))
    assert flight.calls == CALLS_A_FLIGHT


@pytest.mark.row("B30", "renewed within a minute of waking")
def test_a_machine_that_slept_knows_that_its_token_is_old() -> None:
    credentials = with_grant()
    awake = at(100, wall_s=9 * HOUR_S)
    assert credentials.left_s(awake) == DAY_S - 9 * HOUR_S
    set_back = at(100, wall_s=-DAY_S)
    assert credentials.ask(set_back) == Ready(grant())
    assert credentials.left_s(set_back) == DAY_S - 100


def test_an_older_grant_never_takes_the_place_of_a_newer() -> None:
    credentials = with_grant()
    credentials.restore(at(1), grant=grant(1), lineage=1, stuck=None, calls_ms=[], draw=MIDDLE)
    assert credentials.grant == grant()


def test_a_grant_shows_account_and_version_only() -> None:
    assert repr(grant(7)) == str(grant(7)) == "Grant(account='a', version=7)"


class Model(RuleBasedStateMachine):
    """Any order of needs, answers, losses and clock moves keeps the promises."""

    @initialize()
    def begin(self) -> None:
        self.limits = RenewalSettings()
        self.it = Credentials(self.limits)
        self.now_s = 0.0
        self.wall_s = 0.0
        self.version = 0
        self.lineage = 1
        self.calls: list[float] = []
        self.flight: Flight | None = None
        self.late: list[tuple[Flight, int, int]] = []
        self.newest: Grant | None = None

    def now(self) -> Now:
        return at(self.now_s, wall_s=self.wall_s)

    @rule(seconds=st.floats(0, 90_000), wall=st.floats(-100_000, 100_000), step=st.booleans())
    def time_passes(self, seconds: float, wall: float, step: bool) -> None:  # noqa: FBT001  # hypothesis gives it
        self.now_s += seconds
        self.wall_s += seconds + (wall if step else 0.0)

    @rule(asked=st.booleans(), linked=st.booleans())
    def look(self, asked: bool, linked: bool) -> None:  # noqa: FBT001  # hypothesis gives it
        stuck = self.it.stuck
        flight = self.it.due(self.now(), asked=asked, linked=linked)
        if flight is None:
            return
        assert self.flight is None
        assert stuck is None
        assert flight.calls > 0
        if self.calls:
            assert self.now_s - self.calls[-1] >= self.limits.min_gap_s - 1e-6
        self.flight = flight

    @precondition(lambda self: self.flight is not None)
    @rule(
        outcome=st.sampled_from(["grant", "network", "captcha", "illegal", "throttled"]),
        calls=st.integers(1, CALLS_A_FLIGHT),
        draw=st.floats(0, 1),
    )
    def ends(self, outcome: str, calls: int, draw: float) -> None:
        assert self.flight is not None
        calls = min(calls, self.flight.calls)
        self.calls += [self.now_s] * calls
        self.version += 1
        outcomes: dict[str, Grant | Failure] = {
            "grant": grant(self.version, born_s=self.wall_s),
            "network": NETWORK,
            "captcha": CAPTCHA,
            "illegal": failure("illegal_access"),
            "throttled": failure("throttled", ErrorClass.SERVER_OVERLOAD),
        }
        taken = outcomes[outcome]
        assert self.it.ended(
            self.flight.number, taken, self.now(), calls=calls, lineage=self.lineage, draw=draw
        )
        self.flight = None
        if isinstance(taken, Grant):
            self.newest = taken

    @rule(draw=st.floats(0, 1), proven=st.booleans(), calls=st.integers(0, CALLS_A_FLIGHT))
    def signs_in(self, draw: float, proven: bool, calls: int) -> None:  # noqa: FBT001  # hypothesis gives it
        """A person gives another login; what is under way is of the one before, and ends."""
        if self.flight is not None:
            calls = min(calls, self.flight.calls)
            self.calls += [self.now_s] * calls
            self.late.append((self.flight, self.lineage, calls))
            self.flight = None
        self.lineage += 1
        self.version += proven
        given = grant(self.version, born_s=self.wall_s) if proven else None
        calls_ms = [self.now().wall_ms - int(1000 * (self.now_s - at_s)) for at_s in self.calls]
        self.it.restore(
            self.now(),
            grant=given,
            lineage=self.lineage,
            stuck=None if proven else CAPTCHA,
            calls_ms=calls_ms,
            draw=draw,
        )
        self.newest = given or self.newest

    @precondition(lambda self: self.late)
    @rule()
    def answers_late(self) -> None:
        """What an older login's renewal brings changes nothing."""
        flight, lineage, calls = self.late.pop(0)
        before = self.it.grant, self.it.stuck, self.it.flight
        late = grant(self.version + 100, born_s=self.wall_s)
        assert not self.it.ended(
            flight.number, late, self.now(), calls=calls, lineage=lineage, draw=0.5
        )
        assert (self.it.grant, self.it.stuck, self.it.flight) == before

    @rule(suspect=st.booleans())
    def refused(self, suspect: bool) -> None:  # noqa: FBT001  # hypothesis gives it
        if self.it.grant is not None:
            self.it.refused(self.it.grant.version, suspect=suspect)

    @rule()
    def person(self) -> None:
        flight = self.it.renew(self.now())
        if flight is not None:
            assert self.flight is None
            self.flight = flight

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "it"):
            return
        now_s = self.now_s
        assert sum(at_s > now_s - HOUR_S for at_s in self.calls) <= self.limits.per_hour
        assert sum(at_s > now_s - DAY_S for at_s in self.calls) <= self.limits.per_day
        asked = self.it.ask(self.now())
        if isinstance(asked, Wait):
            next_at = self.it.next_at(self.now(), asked=True, linked=False)
            assert (next_at is None) == (self.it.flight is not None), "some wake is always set"
        assert self.it.grant == self.newest, "versions only grow, and the newest is in use"


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
)


def test_no_secret_of_an_identity_is_shown() -> None:
    given = grant()
    shown = f"{given!r} {given} {given.identity!r} {given.identity}"
    assert f"account={given.identity.account!r}" in shown
    assert given.identity.token is not None
    assert given.identity.token not in shown


def test_a_refusal_says_when_there_is_a_call_again() -> None:
    refusal = budget.refused_until(754.0)
    assert refusal.reason == budget.BUDGET_SPENT.reason
    assert "in 13 min" in refusal.detail


def test_a_token_that_was_heard_of_too_late_is_used() -> None:
    """The renewal was given up while its answer waited; nothing newer is known."""
    credentials = Credentials(RULES)
    flight = begun(credentials, at(0))
    assert end(credentials, flight, NETWORK, at(31)), "given up"
    assert credentials.late(grant(1, born_s=5), at(32), lineage=1, draw=MIDDLE)
    assert credentials.ask(at(32)) == Ready(grant(1, born_s=5))
    assert credentials.failure is None


@pytest.mark.row("B21", "its grant is dropped")
def test_a_late_token_that_was_overtaken_is_dropped() -> None:
    credentials = with_grant()
    assert not credentials.late(NETWORK, at(40), lineage=None, draw=MIDDLE), "it brings none"
    assert not credentials.late(grant(1), at(40), lineage=None, draw=MIDDLE), "no newer one"
    assert credentials.late(grant(2, born_s=40), at(40), lineage=None, draw=MIDDLE)
    credentials.restore(
        at(41), grant=grant(3, born_s=41), lineage=7, stuck=None, calls_ms=[], draw=MIDDLE
    )
    assert not credentials.late(grant(4), at(42), lineage=6, draw=MIDDLE), "an older lineage"
    assert credentials.renew(at(200)) is not None
    assert not credentials.late(grant(5), at(201), lineage=7, draw=MIDDLE), "another is under way"
    assert credentials.grant == grant(3, born_s=41)
