"""The history of one account: delays, give-up rules, stretch, restart."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy import failures
from actors.policy.backoff import Delays
from actors.policy.retries import GiveUp, History, Retries, Retry
from actors.values import ErrorClass, Failure, Phase, SignalKind

E = ErrorClass
LOST = failures.from_close_code(None, since_registered_s=100.0)
REFUSED = Failure(error_class=E.NETWORK, reason="connection_refused", phase=Phase.TCP)
AUTH = Failure(error_class=ErrorClass.AUTH, reason="http_401", phase=Phase.UPGRADE, http_status=401)
CONFIG = Failure(
    error_class=ErrorClass.CONFIG, reason="http_404", phase=Phase.UPGRADE, http_status=404
)
TRUST = Failure(error_class=E.TLS_TRUST, reason="certificate_untrusted", phase=Phase.TLS)


def retry(verdict: Retry | GiveUp) -> Retry:
    assert isinstance(verdict, Retry)
    return verdict


def why(verdict: Retry | GiveUp) -> str:
    assert isinstance(verdict, GiveUp)
    return verdict.why


def test_delays_grow_with_failures_in_a_row() -> None:
    retries = Retries(Delays())
    delays = [retry(retries.failed(REFUSED, float(n), 0.0)) for n in range(4)]
    assert [one.delay_s for one in delays] == [5.0, 10.0, 15.0, 20.0]
    assert [one.attempt for one in delays] == [1, 2, 3, 4]


@pytest.mark.peer(5)
def test_a_thousand_network_failures_are_about_nothing_else() -> None:
    """A night without network must not ask for a token, nor leave the account FAILED."""
    retries = Retries(Delays())
    night = [retry(retries.failed(REFUSED, float(n), 0.5)) for n in range(1000)]
    assert [one.attempt for one in night] == list(range(1, 1001))
    assert max(one.delay_s for one in night) <= 60.0
    first = retry(retries.failed(AUTH, 1000.0, 0.5))  # the renewal that was never asked for
    assert first.delay_s == 0.0


@pytest.mark.peer(6)
def test_only_a_stable_connection_forgets_failures() -> None:
    """A link that opens and dies at once must not reset the wait, or it hammers."""
    retries = Retries(Delays())
    retries.failed(REFUSED, 0.0, 0.0)
    retries.connected(10.0)
    assert retry(retries.failed(LOST, 45.0, 0.0)).attempt == 2
    retries.connected(50.0)
    retries.stable(110.0)
    assert retry(retries.failed(LOST, 111.0, 0.0)).attempt == 1


def test_a_late_stable_timer_is_made_good() -> None:
    retries = Retries(Delays())
    retries.failed(REFUSED, 0.0, 0.0)
    retries.connected(10.0)
    assert retry(retries.failed(LOST, 70.0, 0.0)).attempt == 1


@pytest.mark.parametrize("connected", [True, False])
def test_an_early_or_stale_stable_timer_changes_nothing(*, connected: bool) -> None:
    retries = Retries(Delays())
    retries.failed(REFUSED, 0.0, 0.0)
    if connected:
        retries.connected(10.0)
    retries.stable(20.0)
    assert retry(retries.failed(LOST, 50.0, 0.0)).attempt == 2


def test_protocol_error_retries_at_once_and_then_as_other() -> None:
    retries = Retries(Delays())
    broken = failures.from_close_code(1002, since_registered_s=1.0)
    assert retry(retries.failed(broken, 0.0, 0.9)).delay_s == 0.0
    assert retry(retries.failed(broken, 1.0, 0.0)).delay_s == 5.0


def test_max_attempts_counts_attempts_not_losses() -> None:
    """After a stable link is lost, three attempts mean three dials."""
    retries = Retries(Delays(max_attempts=3))
    retries.connected(0.0)
    retries.stable(60.0)
    retry(retries.failed(LOST, 61.0, 0.0))
    retry(retries.failed(REFUSED, 70.0, 0.0))
    retry(retries.failed(REFUSED, 80.0, 0.0))
    verdict = retries.failed(REFUSED, 90.0, 0.0)
    assert why(verdict) == "max_attempts"
    assert isinstance(verdict, GiveUp)
    assert verdict.failure is REFUSED


def test_max_attempts_from_the_start() -> None:
    retries = Retries(Delays(max_attempts=2))
    retry(retries.failed(REFUSED, 0.0, 0.0))
    assert why(retries.failed(REFUSED, 1.0, 0.0)) == "max_attempts"


@pytest.mark.parametrize("most", [0, -1])
def test_max_attempts_must_leave_one(most: int) -> None:
    with pytest.raises(ValueError, match="max_attempts"):
        Retries(Delays(max_attempts=most))


def test_auth_renews_once_at_once_waits_and_gives_up() -> None:
    retries = Retries(Delays())
    assert retry(retries.failed(AUTH, 0.0, 0.5)).delay_s == 0.0
    assert retry(retries.failed(REFUSED, 1.0, 0.0)).delay_s == 10.0
    assert 30.0 <= retry(retries.failed(AUTH, 2.0, 0.0)).delay_s <= 60.0
    assert why(retries.failed(AUTH, 90.0, 0.0)) == "auth"


def test_auth_is_forgiven_by_a_stable_connection() -> None:
    retries = Retries(Delays())
    for at in (0.0, 1000.0, 2000.0, 3000.0):
        assert retry(retries.failed(failures.AUTH_EXPIRED, at, 0.0)).delay_s == 0.0
        retries.connected(at + 1.0)
        retries.stable(at + 61.0)


def test_risk_control_needs_a_person_at_once() -> None:
    human = Failure(error_class=E.NEEDS_HUMAN, reason="captcha")
    assert why(Retries(Delays()).failed(human, 0.0, 0.0)) == "needs_human"


def test_a_removed_session_is_not_reclaimed() -> None:
    removed = failures.from_signal(SignalKind.SESSION_REMOVED)
    assert why(Retries(Delays()).failed(removed, 0.0, 0.0)) == "session_removed"


def test_config_gives_up_after_five_and_trust_never() -> None:
    retries = Retries(Delays())
    for at in range(4):
        retry(retries.failed(CONFIG, float(at), 0.0))
    assert why(retries.failed(CONFIG, 5.0, 0.0)) == "config"
    retries = Retries(Delays())
    waits = [retry(retries.failed(TRUST, float(at), 0.0)).delay_s for at in range(50)]
    assert waits[0] == 15.0
    assert waits[-1] == 150.0


def test_a_kick_is_reclaimed_once() -> None:
    retries = Retries(Delays())
    retries.connected(0.0)
    assert retry(retries.failed(failures.KICKED, 10.0, 0.0)).delay_s == 30.0
    retries.connected(40.0)
    assert why(retries.failed(failures.KICKED, 340.0, 0.0)) == "kicked"


def test_a_kick_before_we_were_back_is_the_second_too() -> None:
    retries = Retries(Delays())
    retry(retries.failed(failures.KICKED, 10.0, 0.0))
    assert why(retries.failed(failures.KICKED, 50.0, 0.0)) == "kicked"


def test_kicks_far_apart_are_no_fight() -> None:
    retries = Retries(Delays())
    for at in (0.0, 1000.0, 2000.0):
        retries.connected(at)
        assert retry(retries.failed(failures.KICKED, at + 300.1, 0.0)).delay_s == 30.0


def test_five_short_links_make_a_long_pause() -> None:
    """N19: a link that drops every 20 s is not worth a dial each time."""
    retries = Retries(Delays())
    now = 0.0
    for nth in range(1, 11):
        retries.connected(now)
        verdict = retry(retries.failed(LOST, now + 20.0, 0.75))
        assert verdict.flapping == (nth % 5 == 0)
        if verdict.flapping:
            assert verdict.delay_s == pytest.approx(330.0)
        else:
            assert verdict.delay_s <= 15.0
        now += 20.0 + verdict.delay_s


@pytest.mark.parametrize(("lived_s", "apart_s"), [(30.0, 31.0), (29.0, 80.0)])
def test_links_that_live_or_die_rarely_do_not_flap(lived_s: float, apart_s: float) -> None:
    retries = Retries(Delays())
    for nth in range(20):
        retries.connected(nth * apart_s)
        assert not retry(retries.failed(LOST, nth * apart_s + lived_s, 0.0)).flapping


def test_stability_forgets_short_links() -> None:
    retries = Retries(Delays())
    for nth in range(4):
        retries.connected(nth * 2.0)
        retries.failed(LOST, nth * 2.0 + 1.0, 0.0)
    retries.connected(10.0)
    retries.stable(70.0)
    retries.failed(LOST, 71.0, 0.0)
    retries.connected(72.0)
    assert not retry(retries.failed(LOST, 73.0, 0.0)).flapping


def test_a_timed_out_phase_gets_longer_until_it_succeeds() -> None:
    retries = Retries(Delays())
    slow_tls = msgspec.structs.replace(REFUSED, phase=Phase.TLS, timed_out=True)
    factors = []
    for at in range(5):
        retries.failed(slow_tls, float(at), 0.0)
        factors.append(retries.stretch(Phase.TLS))
    assert factors == [1.5, 2.25, 3.375, 4.0, 4.0]
    assert retries.stretch(Phase.TCP) == 1.0
    retries.failed(REFUSED, 6.0, 0.0)
    assert retries.stretch(Phase.TLS) == 4.0, "TLS was not reached, so nothing is known"
    retries.failed(
        Failure(
            error_class=ErrorClass.OTHER, reason="http_500", phase=Phase.UPGRADE, http_status=500
        ),
        7.0,
        0.0,
    )
    assert retries.stretch(Phase.TLS) == 1.0, "the upgrade was reached, so TLS was fine"


def test_a_connection_gives_every_phase_its_deadline_back() -> None:
    retries = Retries(Delays())
    retries.failed(failures.REGISTRATION_TIMED_OUT, 0.0, 0.0)
    assert retries.stretch(Phase.REGISTER) == 1.5
    retries.connected(1.0)
    assert retries.stretch(Phase.REGISTER) == 1.0


def test_reset_forgets_everything() -> None:
    retries = Retries(Delays(max_attempts=9))
    retry(retries.failed(failures.KICKED, 0.0, 0.0))
    for at in (1.0, 2.0):
        retry(retries.failed(AUTH, at, 0.0))
    retries.failed(failures.ATTEMPT_TIMED_OUT, 3.0, 0.0)
    retries.reset()
    assert retries.snapshot(3.0) == History()
    assert retries.stretch(Phase.DNS) == 1.0
    assert retry(retries.failed(failures.KICKED, 4.0, 0.0)).attempt == 1


def crashed() -> Retries:
    """Return an account with a kick, two bad credentials and four short links."""
    retries = Retries(Delays(max_attempts=20))
    retry(retries.failed(failures.KICKED, 0.0, 0.0))
    retry(retries.failed(AUTH, 1.0, 0.0))
    for at in (10.0, 20.0, 30.0, 40.0):
        retries.connected(at)
        retries.failed(LOST, at + 1.0, 0.0)
    retry(retries.failed(AUTH, 50.0, 0.0))
    return retries


def again(history: History, away_s: float) -> tuple[Retries, float]:
    """Return the account after a restart, and its first wait; its clock begins elsewhere."""
    stored = msgspec.json.decode(msgspec.json.encode(history), type=History)
    retries = Retries(Delays(max_attempts=20))
    return retries, retries.restore(stored, 7000.0, away_s=away_s)


def test_a_crash_can_not_bypass_a_wait() -> None:
    history = crashed().snapshot(55.0)
    assert history.failures == 7
    assert history.wait_s == 25.0
    assert again(history, 10.0)[1] == 15.0
    assert again(history, 100.0)[1] == 0.0
    assert again(history, -100.0)[1] == 25.0, "a wall clock that went back adds nothing"


def test_a_restart_does_not_wait_for_what_it_has_read_again() -> None:
    """Who mends the configuration restarts; the account stayed away for up to five minutes."""
    retries = Retries(Delays(max_attempts=20))
    for at in (0.0, 1.0):
        retry(retries.failed(CONFIG, at, 0.0))
    history = retries.snapshot(2.0)
    assert (history.error_class, history.reason) == ("config", CONFIG.reason)
    assert history.wait_s > 1.0

    mended = Retries(Delays())
    assert mended.restore(history, 7000.0, reread=True) == 0.0
    assert mended.snapshot(7000.0).by_class == {"config": 2}, "the verdict is not put off"
    assert mended.snapshot(7000.0).error_class is None
    assert Retries(Delays()).restore(history, 7000.0) == history.wait_s, "an actor has read nothing"

    retry(retries.failed(REFUSED, 3.0, 0.0))
    other = retries.snapshot(3.0)
    assert other.error_class == "network"
    assert Retries(Delays()).restore(other, 7000.0, reread=True) == other.wait_s
    assert Retries(Delays()).restore(History(wait_s=9.0), 0.0, reread=True) == 9.0, "nobody knows"


def test_a_crash_can_not_bypass_a_verdict() -> None:
    history = crashed().snapshot(55.0)
    assert why(again(history, 10.0)[0].failed(AUTH, 7001.0, 0.0)) == "auth"
    assert why(again(history, 10.0)[0].failed(failures.KICKED, 7001.0, 0.0)) == "kicked"
    flapping = again(history, 10.0)[0]
    flapping.connected(7001.0)
    assert retry(flapping.failed(LOST, 7002.0, 0.0)).flapping
    rested = again(history, 1000.0)[0]
    rested.connected(7001.0)
    assert not retry(rested.failed(LOST, 7002.0, 0.0)).flapping
    spent = again(msgspec.structs.replace(history, attempts=19), 0.0)[0]
    assert why(spent.failed(REFUSED, 7001.0, 0.0)) == "max_attempts"


def test_a_stored_wait_is_never_longer_than_the_longest() -> None:
    """A damaged or hand-edited value must not put an account to sleep for ever."""
    assert again(History(wait_s=1e9), 0.0)[1] == 600.0


def test_a_class_another_version_knew_is_skipped() -> None:
    retries, _ = again(History(failures=2, by_class={"gremlins": 2}), 0.0)
    assert retry(retries.failed(AUTH, 7001.0, 0.0)).delay_s == 0.0


def test_neither_a_verdict_nor_a_connection_leaves_a_wait_behind() -> None:
    retries = Retries(Delays(max_attempts=2))
    retries.failed(REFUSED, 0.0, 0.0)
    assert retries.snapshot(0.0).wait_s == 5.0
    retries.failed(REFUSED, 0.0, 0.0)
    assert retries.snapshot(0.0).wait_s == 0.0
    retries.reset()
    retries.failed(REFUSED, 0.0, 0.0)
    retries.connected(1.0)
    assert retries.snapshot(1.0).wait_s == 0.0


def test_a_planned_reconnect_has_to_become_stable_anew() -> None:
    retries = Retries(Delays(max_attempts=1))
    retries.connected(0.0)
    retries.stable(60.0)
    retries.connected(3600.0)
    assert why(retries.failed(LOST, 3610.0, 0.0)) == "max_attempts"


steps = st.lists(
    st.tuples(
        st.sampled_from(["fail", "connect", "stable", "reset", "restart"]),
        st.sampled_from([e for e in ErrorClass if e is not E.NEEDS_HUMAN]),
        st.floats(0.0, 400.0),
        st.floats(0.0, 1.0, exclude_max=True),
    ),
    max_size=60,
)


@given(steps)
def test_no_history_breaks_the_rules(
    script: list[tuple[str, ErrorClass, float, float]],
) -> None:
    """Whatever happens: delays stay in range, counts grow by one, a restart changes nothing."""
    retries = Retries(Delays())
    now = 0.0
    in_a_row = 0
    for what, error_class, passed_s, draw in script:
        now += passed_s
        match what:
            case "connect":
                retries.connected(now)
                continue
            case "stable":
                retries.stable(now)
            case "reset":
                retries.reset()
            case "restart":
                history = retries.snapshot(now)
                retries = Retries(Delays())
                retries.restore(history, now)
                if history.wait_s or not history.failures:
                    assert retries.snapshot(now).by_class == history.by_class
            case _:
                failure = Failure(error_class=error_class, reason="made_up")
                verdict = retries.failed(failure, now, draw)
                if isinstance(verdict, Retry):
                    assert 0.0 <= verdict.delay_s <= 600.0
                    assert verdict.attempt in {in_a_row + 1, 1}
                else:
                    assert verdict.why in {"auth", "kicked", "config"}
        in_a_row = retries.snapshot(now).failures
