"""One endpoint's circuit: when it opens, how it closes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy import failures
from actors.policy.circuit import Circuit, CircuitState, weight
from actors.values import ErrorClass, Failure, Phase

REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused")
BUSY = Failure(
    error_class=ErrorClass.SERVER_OVERLOAD, reason="http_503", phase=Phase.UPGRADE, http_status=503
)
AUTH = Failure(error_class=ErrorClass.AUTH, reason="http_401", phase=Phase.UPGRADE, http_status=401)
RESTART = failures.from_close_code(1012)
MIDDLE = 0.5
"""A draw that leaves a pause as it is."""


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(20):
        circuit.failed(REFUSED, now, MIDDLE)
    assert circuit.state is CircuitState.OPEN
    return circuit


@pytest.mark.parametrize(
    ("failure", "weighs"),
    [
        (REFUSED, 1.0),
        (BUSY, 1.0),
        (RESTART, 0.5),
        (failures.from_close_code(1011), 1.0),
        (failures.from_close_code(1000), 0.0),
        (AUTH, 0.0),
        (failures.KICKED, 0.0),
        (
            Failure(
                error_class=ErrorClass.CONFIG,
                reason="http_404",
                phase=Phase.UPGRADE,
                http_status=404,
            ),
            0.0,
        ),
    ],
)
def test_what_counts_against_an_endpoint(failure: Failure, weighs: float) -> None:
    assert weight(failure) == weighs


def test_opens_at_twenty_attempts_with_four_fifths_failed() -> None:
    circuit = Circuit()
    for _ in range(4):
        circuit.succeeded(0.0)
    for nth in range(16):
        assert circuit.state is CircuitState.CLOSED
        assert circuit.next_at(1.0) is None
        circuit.failed(REFUSED, nth * 1.8, MIDDLE)
    assert circuit.state is CircuitState.OPEN
    assert not circuit.allows(27.0)
    assert circuit.next_at(27.0) == 27.0 + 15.0


def test_stays_closed_below_the_share() -> None:
    circuit = Circuit()
    for _ in range(100):
        circuit.succeeded(0.0)
        circuit.failed(REFUSED, 0.0, MIDDLE)
    assert circuit.allows(0.0)


def test_old_failures_do_not_count() -> None:
    circuit = Circuit()
    for nth in range(200):
        circuit.failed(REFUSED, nth * 1.6, MIDDLE)
        assert circuit.state is CircuitState.CLOSED


def test_refused_credentials_say_the_endpoint_works() -> None:
    """One hundred accounts with dead tokens must not cut off the healthy ones."""
    circuit = Circuit()
    for _ in range(100):
        circuit.failed(AUTH, 0.0, MIDDLE)
    assert circuit.state is CircuitState.CLOSED


def test_restarts_weigh_lightly() -> None:
    circuit = Circuit()
    for _ in range(100):
        circuit.failed(RESTART, 0.0, MIDDLE)
    assert circuit.state is CircuitState.CLOSED


@pytest.mark.parametrize(("apart_s", "opens"), [(2.5, True), (2.6, False)])
def test_five_overloads_in_ten_seconds_open(apart_s: float, *, opens: bool) -> None:
    circuit = Circuit()
    for nth in range(5):
        circuit.succeeded(nth * apart_s)
        circuit.succeeded(nth * apart_s)
        circuit.failed(BUSY, nth * apart_s, MIDDLE)
    assert (circuit.state is CircuitState.OPEN) == opens


def test_one_probe_then_a_ramp_then_closed() -> None:
    circuit = opened()
    assert not circuit.allows(14.9)
    assert circuit.allows(15.0)
    assert circuit.state is CircuitState.HALF_OPEN
    assert not circuit.allows(15.1)
    circuit.succeeded(16.0)
    passed = []
    now = 16.0
    while circuit.next_at(now) is not None:
        if circuit.allows(now):
            passed.append(now)
        now += 0.01
    each_step = [sum(16 + 2 * n <= at < 18 + 2 * n for at in passed) for n in range(5)]
    assert [round(n / 2) for n in each_step] == [1, 2, 5, 10, 20]
    assert now == pytest.approx(26.0, abs=0.1)
    assert all(circuit.allows(now) for _ in range(1000))


def test_a_probe_that_never_answers_is_replaced() -> None:
    circuit = opened()
    assert circuit.allows(15.0)
    assert circuit.next_at(20.0) == 45.0
    assert not circuit.allows(44.0)
    assert circuit.allows(45.0)


def test_a_probe_that_fails_doubles_the_pause_up_to_the_cap() -> None:
    circuit = opened()
    now = 0.0
    pauses = []
    for _ in range(40):
        at = circuit.next_at(now)
        assert at is not None
        pauses.append(at - now)
        now = at
        assert circuit.allows(now)
        circuit.failed(REFUSED, now, MIDDLE)
    assert pauses[:5] == [15.0, 30.0, 60.0, 120.0, 120.0]
    assert max(pauses) == 120.0


def test_a_probe_with_bad_credentials_closes_too() -> None:
    circuit = opened()
    circuit.allows(15.0)
    circuit.failed(AUTH, 15.5, MIDDLE)
    assert circuit.state is CircuitState.RAMP


def test_a_failure_on_the_ramp_opens_again_and_later_ones_change_nothing() -> None:
    circuit = opened()
    circuit.allows(15.0)
    circuit.succeeded(15.0)
    circuit.succeeded(15.5)
    assert circuit.allows(16.0)
    circuit.failed(REFUSED, 17.0, MIDDLE)
    assert circuit.next_at(17.0) == 47.0
    circuit.failed(REFUSED, 18.0, MIDDLE)
    circuit.succeeded(19.0)
    assert circuit.next_at(19.0) == 47.0


def test_failures_from_before_the_pause_are_forgotten() -> None:
    """Else the first failure after the ramp would open it again."""
    circuit = opened()
    circuit.allows(15.0)
    circuit.succeeded(15.0)
    assert circuit.allows(25.0)
    circuit.failed(REFUSED, 25.0, MIDDLE)
    assert circuit.state is CircuitState.CLOSED


def test_jitter_stays_below_the_cap() -> None:
    circuit = opened()
    now = 0.0
    for _ in range(6):
        now = circuit.next_at(now) or now
        assert circuit.allows(now)
        circuit.failed(REFUSED, now, 0.99)
    assert circuit.next_at(now) == now + 120.0


def test_successes_count_as_soon_as_the_ramp_is_over() -> None:
    circuit = opened()
    circuit.allows(15.0)
    circuit.succeeded(15.0)
    for _ in range(6):
        circuit.succeeded(25.0)
    for _ in range(20):
        circuit.failed(REFUSED, 25.0, MIDDLE)
    assert circuit.state is CircuitState.CLOSED, "20 of 26 is less than four fifths"


def test_the_ramp_ends_though_nobody_asked() -> None:
    """One failed dial an hour later is no reason to open."""
    circuit = opened()
    circuit.allows(15.0)
    circuit.succeeded(15.0)
    circuit.failed(REFUSED, 3600.0, MIDDLE)
    assert circuit.state is CircuitState.CLOSED
    for _ in range(19):
        circuit.failed(REFUSED, 3600.0, MIDDLE)
    assert circuit.next_at(3600.0) == 3615.0, "the first pause again, not the second"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "refused", "busy", "auth", "fine"]),
            st.floats(0.0, 40.0),
            st.floats(0.0, 1.0, exclude_max=True),
        ),
        max_size=150,
    )
)
def test_no_pause_is_longer_than_the_cap_and_every_pause_ends(
    script: list[tuple[str, float, float]],
) -> None:
    circuit = Circuit()
    now = 0.0
    for what, passed_s, draw in script:
        now += passed_s if what == "ask" else passed_s / 1000
        match what:
            case "ask":
                circuit.allows(now)
            case "fine":
                circuit.succeeded(now)
            case _:
                circuit.failed({"refused": REFUSED, "busy": BUSY, "auth": AUTH}[what], now, draw)
        at = circuit.next_at(now)
        if circuit.state is CircuitState.CLOSED:
            assert at is None
        else:
            assert at is not None
            assert now <= at <= now + 120.0
    last = circuit.next_at(now)
    assert circuit.allows(now if last is None else last)
