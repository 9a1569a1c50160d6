"""What a supervisor remembers over its own death and over that of the process."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from test_supervisor_actor import CAPTCHA, REFUSED, House, S
from workbench import Bench

from actors.account.reconnect import BARRED_S, CRASH_LOOP, CRASH_PROBES, URGENT_MS, crash_loop
from actors.account.services import CarriedState
from actors.messages import (
    DialAllowed,
    Fail,
    Open,
    Pause,
    Reset,
    RestartDue,
    RetryDue,
    Shut,
    StabilityReached,
    Start,
)
from actors.policy import failures
from actors.policy.retries import FLAPPING_LINKS, GiveUp
from actors.ports.commands import Past
from actors.state import Cause
from actors.values import ErrorClass, Failure, Phase

WRONG_URL = Failure(
    error_class=ErrorClass.CONFIG, reason="http_404", phase=Phase.UPGRADE, http_status=404
)


@pytest.fixture
def house(bench: Bench) -> House:
    """Return a supervisor that was told nothing yet."""
    return House(bench)


def kept(house: House) -> Past | None:
    """Return what the journal knows, after the supervisor has heard that it does."""
    for told in house.bench.heard["supervisor"].drain():
        house.actor.receive(told)
    return house.bench.journal.pasts().get("shop-a")


def reborn(house: House, *, away_s: float = 0.0) -> House:
    """Return the supervisor of the next process, which knows only the journal."""
    past = kept(house)
    house.bench.clock.advance(away_s)
    house.bench.account = msgspec.structs.replace(house.bench.account, carried=CarriedState(past))
    house.bench.timers.pending().clear()
    return House(house.bench)


def failed(house: House, times: int) -> None:
    """Let attempts fail in a row."""
    house.start()
    for _ in range(times - 1):
        house.fail()
        house.moved(S.CONNECTING, Cause.RETRY)
    house.fail()


def test_process_that_restarts_goes_on_waiting(house: House) -> None:
    """Else a crash loop of the process would hammer a platform that is down."""
    failed(house, 6)
    (at, _, _) = house.bench.timers.pending()[-1]
    left_s = at - house.bench.clock.now

    again = reborn(house, away_s=3.0)
    again.actor.receive(Start())

    assert again.told("connection") == []
    (at, _, message) = again.bench.timers.pending()[-1]
    assert at - again.bench.clock.now == pytest.approx(left_s - 3.0, abs=0.01)
    assert isinstance(message, RetryDue)
    assert again.actor._reconnect._retries.snapshot(0.0).failures == 6


def waits(house: House) -> list[dict[str, Any]]:
    """Return what was told of waits that were inherited."""
    return [fields for _, event, fields in house.bench.log.lines if event == "account.waits"]


def test_process_that_goes_on_waiting_says_so(house: House) -> None:
    """Whoever restarts expects a connection; nothing in the log told why there was none."""
    failed(house, 6)
    assert waits(house) == []

    again = reborn(house, away_s=3.0)
    again.actor.receive(Start())

    (at, _, _) = again.bench.timers.pending()[-1]
    (told,) = waits(again)
    left_s = told.pop("left_s")
    assert left_s == pytest.approx(at - again.bench.clock.now, abs=0.01)
    assert told == {"account": "shop-a", "error_class": "network", "reason": REFUSED.reason}
    again.actor.receive(Pause())
    again.actor.receive(Start())
    assert len(waits(again)) == 1


def test_next_process_does_not_wait_for_a_configuration_it_has_read(house: House) -> None:
    """It may be mended: waiting five minutes for it, and in silence, helps nobody."""
    house.start()
    for _ in range(2):
        house.fail(WRONG_URL)
        house.moved(S.CONNECTING, Cause.RETRY)
    house.fail(WRONG_URL)

    again = reborn(house)
    again.actor.receive(Start())

    assert [type(each) for each in again.told("connection")] == [Open]
    assert waits(again) == []
    again.moved(S.CONNECTING, Cause.START)
    again.fail(WRONG_URL)
    again.moved(S.CONNECTING, Cause.RETRY)
    again.fail(WRONG_URL)
    assert again.told("connection") == [Fail(verdict=GiveUp(failure=WRONG_URL, why="config"))]


def test_dead_supervisor_has_read_no_configuration(house: House) -> None:
    """A crash of ours does not mend it, and must not hammer the platform."""
    house.start()
    house.fail(WRONG_URL)
    house.told("connection")

    house.actor.died("ValueError at x.py:1")
    again = House(house.bench)
    again.actor.started()

    assert again.told("connection") == []
    assert waits(again) == []


def test_wait_that_passed_while_the_process_was_down_is_over(house: House) -> None:
    failed(house, 6)

    again = reborn(house, away_s=3600.0)
    again.actor.receive(Start())

    assert [type(each) for each in again.told("connection")] == [Open]


def test_failed_account_is_failed_in_the_next_process_too(house: House) -> None:
    """A captcha is not solved by restarting us (``contract.md`` 2.4)."""
    house.start()
    house.fail(CAPTCHA)

    again = reborn(house)
    again.actor.receive(Start())
    assert again.told("connection") == [Fail(verdict=GiveUp(failure=CAPTCHA, why="needs_human"))]
    again.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA, why="needs_human")

    again.actor.receive(Reset())
    assert kept(again) is None


def test_stable_link_leaves_no_past(house: House) -> None:
    failed(house, 2)
    assert kept(house) is not None
    house.moved(S.CONNECTING, Cause.RETRY)
    house.moved(S.CONNECTED, Cause.REGISTERED)

    house.bench.advance(house.bench.account.plan.reconnect.stable_s)

    assert house.due(StabilityReached) == 1
    assert kept(house) is None


def test_healthy_account_writes_nothing(house: House) -> None:
    """Ten thousand of them become stable every minute of a cold start."""
    house.connected()
    commits = house.bench.account.services.writer.counters.commits
    house.bench.advance(house.bench.account.plan.reconnect.stable_s)
    house.due(StabilityReached)
    house.actor.receive(Reset())
    assert house.bench.account.services.writer.counters.commits == commits


def test_one_note_is_under_way_at_a_time(house: House) -> None:
    """A disk that is full for a day must not gather a note for every attempt of it."""
    failed(house, 5)
    first = house.bench.journal.pasts()["shop-a"]
    assert first.history.failures == 1

    past = kept(house)

    assert past is not None
    assert past.history.failures == 5


def test_dead_supervisor_hands_its_failures_on(house: House) -> None:
    """A crash cannot be used to bypass a wait."""
    failed(house, 4)

    house.actor.died("ValueError at x.py:1")
    again = House(house.bench)
    again.actor.started()

    assert again.actor._reconnect._retries.snapshot(0.0).failures == 4
    assert again.told("connection") == []
    assert isinstance(again.bench.timers.pending()[-1][2], RetryDue)


def test_waiting_behind_a_circuit_is_no_attempt(house: House) -> None:
    house.start()
    house.moved(S.RECONNECTING, Cause.CIRCUIT_OPEN, failures.CIRCUIT_OPEN)
    assert house.actor._reconnect._retries.snapshot(0.0).failures == 0
    assert house.told("connection") == []

    house.actor.receive(DialAllowed(generation=0))
    assert house.told("connection") == []
    house.actor.receive(DialAllowed(generation=1))
    assert [type(each) for each in house.told("connection")] == [Open]
    assert house.bench.timers.pending() == []


def test_turn_that_got_lost_is_asked_for_again(house: House) -> None:
    house.start()
    house.moved(S.RECONNECTING, Cause.CIRCUIT_OPEN, failures.CIRCUIT_OPEN)

    house.bench.advance(BARRED_S)

    assert house.due(RetryDue) == 1
    assert [type(each) for each in house.told("connection")] == [Open]


@pytest.mark.parametrize(
    ("unsent", "quiet_ms", "urgent"),
    [(True, URGENT_MS, True), (False, URGENT_MS - 1, True), (False, URGENT_MS, False)],
)
def test_who_is_waited_for_goes_first(
    house: House, *, unsent: bool, quiet_ms: int, urgent: bool
) -> None:
    carried = house.bench.account.carried
    carried.unsent = unsent
    carried.pushed_at_ms = house.bench.clock.unix_ms() - quiet_ms

    house.actor.receive(Start())

    (command,) = house.told("connection")
    assert command.urgent is urgent


def test_links_that_die_young_are_an_alert(house: House) -> None:
    house.start()
    for _ in range(FLAPPING_LINKS):
        house.moved(S.CONNECTED, Cause.REGISTERED)
        house.bench.advance(20.0)
        house.moved(S.RECONNECTING, Cause.LINK_LOST, REFUSED)
        house.moved(S.CONNECTING, Cause.RETRY)

    (line,) = [line for line in house.bench.log.lines if line[1] == "link.flapping"]
    assert line[0] == "error"
    assert line[2]["delay_s"] >= 240


def test_crash_loop_is_probed_three_times(house: House) -> None:
    """A bug may have left with the message that met it; after three tries a person must look."""
    house.connected()
    verdict = crash_loop("decoder")
    for _ in range(CRASH_PROBES):
        house.actor._reconnect.give_up(verdict)
        house.moved(S.FAILED, Cause.BUDGET_EXCEEDED, verdict.failure, why=CRASH_LOOP)
        house.told("connection")
        house.bench.advance(house.bench.account.plan.reconnect.crash_probe_s)
        assert house.due(RetryDue) == 1
        assert [type(each) for each in house.told("connection")] == [Open]
        house.moved(S.CONNECTING, Cause.AUTO_PROBE)

    house.actor._reconnect.give_up(verdict)
    house.moved(S.FAILED, Cause.BUDGET_EXCEEDED, verdict.failure, why=CRASH_LOOP)
    house.bench.advance(24 * 3600.0)
    assert house.due(RetryDue) == 0
    house.actor.receive(Reset())
    assert house.actor._reconnect._probes == 0


def test_command_in_the_mail_of_the_dead_is_heard_by_the_next(house: House) -> None:
    """An operator's word is not lost because we crashed at that moment."""
    house.connected()
    house.actor.actor_ref.tell(Pause())
    house.actor.actor_ref.tell(RetryDue())
    house.actor.died("ValueError at x.py:1")
    house.actor.tear_down()
    house.bench.account.carried.unheard += (Start(),)  # came when nobody was there

    again = House(house.bench)
    again.actor.started()

    assert [type(each) for each in again.told("connection")] == [Open, Shut, Open]
    assert again.actor._wanted
    assert again.bench.account.carried.unheard == ()


def test_resume_while_the_connection_is_between_two_lives(house: House) -> None:
    """Else its restart would find it there already, and nobody would tell it to dial."""
    house.start()
    house.fail()
    house.kill("connection")

    house.actor.receive(Start())
    house.bench.advance(3600)
    house.due(RestartDue)

    assert [type(each) for each in house.told("connection")] == [Open]


LOGIN_OVER = Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="login_over")


def with_credentials(house: House, fingerprint: str) -> None:
    """Let the settings of the next process have these credentials."""
    house.bench.with_plan(fingerprint=fingerprint)


def test_other_credentials_end_a_verdict_about_the_old_ones(bench: Bench) -> None:
    """Who put a new token into the settings and restarted saw the old verdict, for ever."""
    bench.with_plan(fingerprint="old")
    house = House(bench)
    house.start()
    house.fail(LOGIN_OVER)
    past = kept(house)
    assert past is not None
    assert (past.given_up is not None, past.credentials) == (True, "old")

    same = reborn(house)
    same.actor.receive(Start())
    assert [type(told) for told in same.told("connection")] == [Fail]

    with_credentials(house, "new")
    other = reborn(house)
    other.actor.receive(Start())
    assert [type(told) for told in other.told("connection")] == [Open]


def test_other_credentials_end_a_wait_for_the_old_ones(bench: Bench) -> None:
    bench.with_plan(fingerprint="old")
    house = House(bench)
    house.start()
    refused = Failure(error_class=ErrorClass.AUTH, reason="token_refused")
    for _ in range(2):
        house.fail(refused)
        house.moved(S.CONNECTING, Cause.RETRY)
    assert kept(house) is not None
    with_credentials(house, "new")
    other = reborn(house)
    other.actor.receive(Start())
    assert [type(told) for told in other.told("connection")] == [Open]


def test_a_verdict_about_something_else_stands_whatever_the_credentials(bench: Bench) -> None:
    bench.with_plan(fingerprint="old")
    house = House(bench)
    failed(house, 3)
    with_credentials(house, "new")
    other = reborn(house)
    other.actor.receive(Start())
    assert other.told("connection") == []


def test_a_past_of_an_earlier_version_stands(bench: Bench) -> None:
    house = House(bench)
    house.start()
    house.fail(LOGIN_OVER)
    assert kept(house) is not None
    with_credentials(house, "new")
    other = reborn(house)
    other.actor.receive(Start())
    assert [type(told) for told in other.told("connection")] == [Fail]
