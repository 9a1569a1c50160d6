"""Prints answers for people and for programs. Knows no command and sends no request.

What strangers wrote is shown without its control characters: a message must not move the
cursor of a person's terminal.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway import escaping
from gateway.escaping import clean

WIDEST = 48
"""Columns of one cell at most; the rest is cut."""


def _as_it_is(word: str) -> str:
    return word


def as_json(value: Any) -> None:
    """Print JSON for a program."""
    sys.stdout.write(escaping.dumps(value, indent=2) + "\n")


def line(text: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def pairs(values: Mapping[str, Any], say: Callable[[str], str] = _as_it_is) -> None:
    """Print names and values, one a line; nested ones as JSON.

    Args:
        values: By their names.
        say: Translates a name, and yes and no.
    """
    width = max((columns_of(say(name)) for name in values), default=0)
    for name, value in values.items():
        line(f"{_padded(say(name), width)}  {cell(name, value, say)}")


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    empty: str,
    say: Callable[[str], str] = _as_it_is,
) -> None:
    """Print those columns that some row has; cut what is too wide.

    Args:
        rows: What to show.
        columns: Names in their order.
        empty: What to say if there is no row.
        say: Translates a heading, and yes and no.
    """
    if not rows:
        line(empty)
        return
    shown = [name for name in columns if any(row.get(name) is not None for row in rows)]
    cells = [[say(heading(name)) for name in shown]]
    cells += [[cut(cell(name, row.get(name), say)) for name in shown] for row in rows]
    widths = [max(columns_of(row[at]) for row in cells) for at in range(len(shown))]
    for row in cells:
        padded = [_padded(text, width) for text, width in zip(row, widths, strict=True)]
        line("  ".join(padded).rstrip())


def heading(name: str) -> str:
    """Return the heading of a column."""
    return name.removesuffix("_ms").replace("_", " ").upper()


def cell(name: str, value: Any, say: Callable[[str], str] = _as_it_is) -> str:
    """Return a value as people read it; ``_ms`` is a point in time."""
    match value:
        case None:
            return "-"
        case bool():
            return say("yes" if value else "no")
        case int() if name.endswith("_ms"):
            return moment(value) if value else "-"
        case {"reason": reason}:
            return str(reason)
        case dict() | list():
            return escaping.dumps(value)
        case _:
            return clean(str(value))


def moment(at_ms: int) -> str:
    """Return a Unix time as local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def cut(text: str) -> str:
    """Return what fits into a cell."""
    if columns_of(text) <= WIDEST:
        return text
    while columns_of(text) > WIDEST - 1:
        text = text[: min(len(text) - 1, WIDEST)]
    return f"{text}…"


def columns_of(text: str) -> int:
    """Count columns of a terminal; 简体中文 takes two a character."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns_of(text))
