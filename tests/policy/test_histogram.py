"""A histogram: places by bit length, bounds that are shown, what no clock should give."""

from __future__ import annotations

from itertools import pairwise

import pytest

from actors.policy.histogram import BOUNDS_S, PLACES, Histogram


def test_bounds_double_from_a_millisecond() -> None:
    assert BOUNDS_S[0] == 0.001
    assert BOUNDS_S[-1] == 65.536
    assert all(after == 2 * before for before, after in pairwise(BOUNDS_S))
    assert len(Histogram().counts) == PLACES == 24


@pytest.mark.parametrize(
    ("duration_s", "place"),
    [
        (0.0, 0),
        (-5.0, 0),
        (0.000_01, 0),
        (0.000_99, 0),
        (0.001_01, 1),
        (0.001_99, 1),
        (0.002_01, 2),
        (1.5, 11),
        (65.5, 16),
        (65.6, 17),
        (1e12, 17),
    ],
)
def test_a_duration_is_at_most_its_bound(duration_s: float, place: int) -> None:
    """A clock that was set back gives less than nothing, one set forward no new place."""
    histogram = Histogram()
    histogram.add(duration_s)
    assert histogram.cumulative() == [0] * place + [1] * (18 - place)
    assert histogram.sum_s == max(0.0, duration_s)


def test_many_that_took_alike_are_one_addition() -> None:
    histogram = Histogram()
    histogram.add(0.5, 3)
    histogram.add(0.003)
    assert histogram.cumulative()[-1] == 4
    assert histogram.cumulative()[2] == 1
    assert histogram.sum_s == pytest.approx(1.503)
