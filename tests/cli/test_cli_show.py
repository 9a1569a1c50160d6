"""What people see: columns, times, and no control over their terminal."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli import show


def test_a_table_has_the_columns_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "text": "在吗", "at_ms": 0},
        {"id": "bb", "text": "x", "at_ms": None},
    ]
    show.table(rows, ("id", "nothing", "text", "at_ms"), empty="-")
    assert capsys.readouterr().out == "ID  TEXT  AT\na   在吗  -\nbb  x     -\n"
    show.table([], ("id",), empty="none")
    assert capsys.readouterr().out == "none\n"


def test_a_message_can_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """A buyer writes escape sequences and turns the direction of writing."""
    evil = "\x1b[2J\x1b]0;title\x07 a\u202eb\nc\u2028"
    show.line(evil)
    show.table([{"text": evil}], ("text",), empty="")
    show.pairs({"text": evil})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.count("\n") == 4


def test_what_is_too_wide_is_cut() -> None:
    assert show.cut("x" * 100) == "x" * (show.WIDEST - 1) + "…"
    assert show.columns_of(show.cut("说" * 100)) <= show.WIDEST
    assert show.cut("说" * 24) == "说" * 24
    assert show.columns_of("e\u0301") == 1


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("a", None, "-"),
        ("a", True, "yes"),
        ("a", False, "no"),
        ("at_ms", 0, "-"),
        ("a", 7, "7"),
        ("last_error", {"reason": "refused", "detail": "x"}, "refused"),
        ("a", [1], "[1]"),
        ("a", {"说": 1}, '{"说": 1}'),
    ],
)
def test_values_are_as_people_read_them(name: str, value: object, shown: str) -> None:
    assert show.cell(name, value) == shown
    assert show.cell("at_ms", 1_700_000_000_000).startswith("2023-11-1")
