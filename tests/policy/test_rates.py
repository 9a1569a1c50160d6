"""How fast something may happen: tokens that are taken, and slots that are given away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.rates import SLOW_S, SLOWEST, TokenBucket


def test_a_burst_and_then_the_rate() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=2)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(0.25) == 0.25
    assert bucket.take(0.5) == 0.0
    assert bucket.take(0.0) == 0.5, "a clock that goes back gives nothing"


@pytest.mark.parametrize(
    "make",
    [
        partial(TokenBucket, rate_per_s=0.0, burst=1),
        partial(TokenBucket, rate_per_s=1.0, burst=0),
    ],
)
def test_senseless_settings_are_refused(make: Callable[[], TokenBucket]) -> None:
    with pytest.raises(ValueError, match="rate_per_s"):
        make()


@given(st.floats(0.5, 50.0), st.integers(1, 5), st.lists(st.floats(0.0, 3.0), max_size=60))
def test_never_above_burst_and_rate(rate: float, burst: int, apart_s: list[float]) -> None:
    bucket = TokenBucket(rate_per_s=rate, burst=burst)
    now = 0.0
    taken: list[float] = []
    for gap_s in apart_s:
        now += gap_s
        if bucket.take(now) == 0.0:
            taken.append(now)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - begin) + 1e-6


def test_too_fast_halves_the_rate_for_ten_minutes() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=2)
    bucket.slow(0.0)
    assert bucket.take(0.0) == 1.0
    bucket.slow(0.0)
    assert bucket.take(0.0) == 2.0
    for _ in range(10):
        bucket.slow(0.0)
    assert bucket.take(0.0) == 1 / (2.0 * SLOWEST)
    assert bucket.take(SLOW_S) == 0.0
    assert [bucket.take(SLOW_S + 1.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_slots_are_given_away_one_by_one() -> None:
    slots = TokenBucket(rate_per_s=2.0, burst=2)
    assert [slots.reserve(10.0) for _ in range(4)] == [0.0, 0.0, 0.5, 1.0]
    assert slots.reserve(11.0) == 0.5
    assert [slots.reserve(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    with pytest.raises(ValueError, match="burst"):
        TokenBucket(rate_per_s=1.0, burst=0)
