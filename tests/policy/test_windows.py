"""Sliding windows and restart budgets: so many in a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.windows import RestartBudget, SlidingWindow

gaps = st.lists(st.floats(0.0, 40.0), max_size=60)


def test_restarts_wait_longer_and_longer_and_end() -> None:
    budget = RestartBudget(limit=7, window_s=60.0)
    delays = [budget.restart(float(at)) for at in range(8)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, None]


def test_a_budget_fills_up_again() -> None:
    budget = RestartBudget(limit=1, window_s=60.0)
    assert budget.restart(0.0) == 0.2
    assert budget.restart(59.9) is None
    assert budget.restart(60.0) == 0.2


@given(st.integers(1, 8), gaps)
def test_never_more_restarts_than_the_budget(limit: int, apart_s: list[float]) -> None:
    budget = RestartBudget(limit=limit, window_s=60.0)
    now = 0.0
    granted: list[float] = []
    for gap_s in apart_s:
        now += gap_s
        recent = [at for at in granted if now - at < 60.0]
        delay_s = budget.restart(now)
        assert (delay_s is None) == (len(recent) >= limit)
        if delay_s is not None:
            assert 0.2 <= delay_s <= 5.0
            granted.append(now)


@given(st.integers(1, 8), gaps)
def test_a_strike_is_one_too_many_exactly_then(limit: int, apart_s: list[float]) -> None:
    window = SlidingWindow(limit=limit, window_s=60.0)
    now = 0.0
    times: list[float] = []
    for gap_s in apart_s:
        now += gap_s
        times.append(now)
        assert window.add(now) == (sum(now - at < 60.0 for at in times) >= limit)


def test_three_protocol_errors_in_a_minute() -> None:
    window = SlidingWindow(limit=3, window_s=60.0)
    assert [window.add(at) for at in (0.0, 30.0, 60.0, 61.0)] == [False, False, False, True]
    window.clear()
    assert not window.add(62.0)


@pytest.mark.parametrize(("limit", "window_s"), [(0, 60.0), (3, 0.0)])
def test_senseless_settings_are_refused(limit: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        RestartBudget(limit=limit, window_s=window_s)
    with pytest.raises(ValueError, match="limit"):
        SlidingWindow(limit=limit, window_s=window_s)
