"""The connect gate: rate, order, fairness, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.gate import ConnectGate, Line


def drain(gate: ConnectGate, now: float) -> list[tuple[float, str]]:
    """Let everybody through, each ending at once; give when and who."""
    passed: list[tuple[float, str]] = []
    while (at := gate.next_at(now)) is not None:
        assert at > now or gate.next_at(now) == now
        now = at
        granted = gate.grant(now)
        assert granted, "next_at promised somebody"
        for key in granted:
            gate.ended(key)
            passed.append((now, key))
    return passed


def test_who_waits_is_counted_once() -> None:
    line = Line()
    for name in ("a", "b", "a"):
        line.join(name, urgent=False)
    line.join("b", urgent=True)
    assert len(line) == 2
    assert "a" in line
    assert "b" in line
    assert [line.next(), line.next()] == ["b", "a"]
    assert "a" not in line


def test_a_storm_passes_at_the_rate_in_order() -> None:
    """A thousand accounts are back in 50 s, never above 40 dials in a second."""
    gate = ConnectGate()
    names = [f"shop-{n}" for n in range(1000)]
    for name in names:
        gate.ask(name)
    passed = drain(gate, 1e6)
    assert [name for _, name in passed] == names
    assert passed[-1][0] - 1e6 == pytest.approx(49.0, abs=0.1)
    times = [at for at, _ in passed]
    assert all(times[n + 41] - times[n] >= 1.0 for n in range(len(times) - 41))


def test_in_flight_is_bounded_and_given_back() -> None:
    gate = ConnectGate(max_in_flight=2)
    for name in "abc":
        gate.ask(name)
    assert gate.grant(0.0) == ["a", "b"]
    assert (gate.in_flight, gate.waiting) == (2, 1)
    assert gate.grant(10.0) == []
    gate.ended("a")
    assert gate.next_at(10.0) == 10.0
    assert gate.grant(10.0) == ["c"]


def test_a_permit_that_never_ends_is_taken_back() -> None:
    """A dial thread that dies without a word must not narrow the gate for ever."""
    gate = ConnectGate(max_in_flight=1, permit_s=60.0)
    gate.ask("a")
    gate.grant(0.0)
    gate.ask("b")
    assert gate.next_at(1.0) == 60.0
    assert gate.grant(59.0) == []
    assert gate.grant(60.0) == ["b"]
    gate.ended("a")
    assert gate.in_flight == 1, "the late word of the first frees nobody else's permit"


def test_urgent_goes_first_but_starves_nobody() -> None:
    gate = ConnectGate(burst=100, max_in_flight=100)
    gate.ask("o1")
    gate.ask("o2")
    for n in range(1, 10):
        gate.ask(f"u{n}", urgent=True)
    assert gate.grant(0.0) == ["u1", "u2", "u3", "u4", "o1", "u5", "u6", "u7", "u8", "o2", "u9"]


def test_asking_again_keeps_the_place_and_may_raise_it() -> None:
    gate = ConnectGate()
    for name in "abc":
        gate.ask(name)
    gate.ask("a")
    gate.ask("c", urgent=True)
    gate.ask("c")
    assert gate.waiting == 3
    assert gate.grant(0.0) == ["c", "a", "b"]


def test_who_cancels_is_not_let_through() -> None:
    gate = ConnectGate()
    gate.ask("a")
    gate.ask("b", urgent=True)
    gate.cancel("a")
    gate.cancel("b")
    gate.cancel("stranger")
    gate.ended("stranger")
    assert gate.grant(0.0) == []
    assert gate.next_at(0.0) is None


def test_an_account_may_hold_two_permits() -> None:
    """A dial that was given up may still hang while the next one begins."""
    gate = ConnectGate()
    for _ in range(2):
        gate.ask("a")
        assert gate.grant(0.0) == ["a"]
    assert gate.in_flight == 2
    gate.ended("a")
    gate.ended("a")
    gate.ended("a")
    assert gate.in_flight == 0


def test_the_older_of_two_permits_ends_first() -> None:
    """Otherwise the time limit would take the permit of the dial that still runs."""
    gate = ConnectGate(permit_s=60.0)
    for at in (0.0, 50.0):
        gate.ask("a")
        gate.grant(at)
    gate.ended("a")
    gate.grant(60.0)
    assert gate.in_flight == 1
    gate.grant(110.0)
    assert gate.in_flight == 0


def test_a_quiet_hour_saves_up_no_more_than_a_burst() -> None:
    gate = ConnectGate(rate_per_s=20.0, burst=3)
    for number in range(10):
        gate.ask(str(number))
    assert len(gate.grant(0.0)) == 3
    assert len(gate.grant(3600.0)) == 3


def test_the_rate_can_be_shared_out() -> None:
    gate = ConnectGate(rate_per_s=20.0, burst=1)
    for name in "abc":
        gate.ask(name)
    gate.grant(0.0)
    gate.set_rate(2.0, 0.0)
    assert gate.next_at(0.0) == 0.5
    assert gate.rate_per_s == 2.0
    with pytest.raises(ValueError, match="rate_per_s"):
        gate.set_rate(0.0, 0.0)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    gate = ConnectGate(burst=1)
    gate.ask("a")
    gate.ask("b")
    assert gate.grant(10.0) == ["a"]
    assert gate.grant(5.0) == []
    assert gate.grant(10.0) == []


@pytest.mark.parametrize(
    "make",
    [
        partial(ConnectGate, rate_per_s=0.0),
        partial(ConnectGate, burst=0),
        partial(ConnectGate, max_in_flight=0),
        partial(ConnectGate, permit_s=0.0),
    ],
)
def test_senseless_settings_are_refused(make: Callable[[], ConnectGate]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        make()


@pytest.mark.peer(7)
@given(
    rate=st.floats(0.5, 100.0),
    burst=st.integers(1, 10),
    most=st.integers(1, 10),
    script=st.lists(
        st.tuples(
            st.sampled_from(["ask", "urgent", "cancel", "ended", "wait"]),
            st.integers(0, 20),
            st.floats(0.0, 2.0),
        ),
        max_size=80,
    ),
    begin=st.floats(0.0, 1e7),
)
def test_never_above_the_rate_never_a_name_lost(
    rate: float, burst: int, most: int, script: list[tuple[str, int, float]], begin: float
) -> None:
    gate = ConnectGate(rate_per_s=rate, burst=burst, max_in_flight=most, permit_s=1e9)
    now = begin
    wanted: set[str] = set()
    under_way: list[str] = []
    times: list[float] = []
    for what, number, passed_s in script:
        key = str(number)
        match what:
            case "ask" | "urgent":
                gate.ask(key, urgent=what == "urgent")
                wanted.add(key)
            case "cancel":
                gate.cancel(key)
                wanted.discard(key)
            case "ended":
                gate.ended(key)
                if key in under_way:
                    under_way.remove(key)
            case _:
                now += passed_s
        for granted in gate.grant(now):
            wanted.remove(granted)
            under_way.append(granted)
            times.append(now)
        assert gate.waiting == len(wanted)
        assert gate.in_flight == len(under_way) <= most
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + rate * (times[last] - times[first]) + 1e-3
    for key in under_way:
        gate.ended(key)
    assert {key for _, key in drain(gate, now)} == wanted


@pytest.mark.peer(7)
@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_order_is_kept_within_a_priority_and_nobody_starves(urgent: list[bool]) -> None:
    gate = ConnectGate(rate_per_s=1.0, burst=1)
    for number, is_urgent in enumerate(urgent):
        gate.ask(str(number), urgent=is_urgent)
    order = [int(key) for _, key in drain(gate, 0.0)]
    assert sorted(order) == list(range(len(urgent)))
    for kind in (True, False):
        mine = [number for number in order if urgent[number] is kind]
        assert mine == sorted(mine)
    for place, number in enumerate(order):
        if not urgent[number]:
            ahead = sum(not urgent[other] for other in range(number))
            assert place <= 5 * (ahead + 1), "at most four urgent ones for each ordinary one"
