"""Each of the twenty behaviours has tests that bear its number, and the pages name them."""

from __future__ import annotations

import pytest

from scripts import draw_peers


@pytest.mark.parametrize("number", range(1, 21))
def test_each_behaviour_is_shown(number: int) -> None:
    """A promise without a test is an advertisement."""
    assert draw_peers.shown()[number], f"no test is marked peer({number})"
    assert number in draw_peers.BEHAVIOURS


def test_no_other_number_is_used() -> None:
    assert set(draw_peers.shown()) == set(draw_peers.BEHAVIOURS) == set(range(1, 21))


def test_pages_are_what_the_suite_says() -> None:
    assert draw_peers.main(["--check"]) == 0
