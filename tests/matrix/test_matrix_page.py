"""The drawn page, the rows and the suite say the same."""

from __future__ import annotations

import re

from rows import ELSEWHERE, ROWS

from scripts import draw_faults

RELIABILITY_5 = (
    *(f"C{n}" for n in range(1, 17)),
    *(f"N{n}" for n in range(1, 22)),
    *(f"D{n}" for n in range(1, 17)),
    *(f"H{n}" for n in range(1, 11)),
    *(f"U{n}" for n in range(1, 5)),
    *(f"A{n}" for n in range(1, 9)),
    *(f"K{n}" for n in range(1, 11)),
    *(f"S{n}" for n in range(1, 4)),
    *(f"B{n}" for n in range(1, 37)),
    *(f"J{n}" for n in range(1, 7)),
    *(f"T{n}" for n in range(1, 3)),
    *(f"F{n}" for n in range(1, 12)),
)
"""The rows of ``contract.md`` 5, in its order."""


def test_page_is_what_the_suite_says() -> None:
    """A page that is wrong about a fault is worse than none."""
    assert draw_faults.main(["--check"]) == 0


def test_rows_are_those_of_the_matrix() -> None:
    assert tuple(row.name for row in ROWS) == RELIABILITY_5


def test_every_row_is_shown_or_says_why_not() -> None:
    """A row that is forgotten is a fault nobody has tried."""
    shown = set(draw_faults.shown())
    assert shown <= set(RELIABILITY_5), "a test names a row that the matrix does not have"
    assert shown | set(ELSEWHERE) == set(RELIABILITY_5)
    assert not shown & set(ELSEWHERE), "take these out of ELSEWHERE: there is a test now"


def test_page_names_tests_that_exist() -> None:
    page = draw_faults.PAGE.read_text("utf-8")
    for path, name in re.findall(r"`([\w/]+\.py)::(\w+)`", page):
        assert f"def {name}(" in (draw_faults.ROOT / "tests" / path).read_text("utf-8")
