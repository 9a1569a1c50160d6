"""One question to a reading copy: opens the file, reads, and closes it.

A copy that is built anew is another file, so none is kept open.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway import arguments
from gateway.reading import schema

ANSWER_S: Final = 5.0
"""Seconds a question may take."""

PATIENT_STEPS: Final = 50_000
"""Steps of SQLite's machine between two looks at the clock."""

MOST_ROWS: Final = 1_000


class CopyUnreadableError(Exception):
    """There is no reading copy, or it cannot be read just now.

    Attributes:
        damaged: It can never be read; whoever keeps it builds it anew once he hears of it.
    """

    def __init__(self, told: str, *, damaged: bool = False) -> None:
        super().__init__(told)
        self.damaged = damaged


def rows(path: Path, query: str, values: Any) -> Sequence[Any]:
    """Return what a query finds.

    Raises:
        CopyUnreadableError: There is no copy, it cannot be read just now, or it took too long.
    """
    until_s = time.monotonic() + ANSWER_S
    try:
        with contextlib.closing(schema.connect(path, read_only=True)) as copy, schema.guarded():
            copy.set_progress_handler(lambda: time.monotonic() > until_s, PATIENT_STEPS)
            return copy.execute(query, values).fetchall()
    except (sqlite3.Error, schema.DamagedError) as error:
        if time.monotonic() > until_s:
            raise CopyUnreadableError(f"the answer took longer than {ANSWER_S:g} s") from error
        damaged = isinstance(error, schema.DamagedError)
        raise CopyUnreadableError(str(error), damaged=damaged) from error


def most(limit: object) -> int:
    """Return a number of rows if it is within bounds.

    Raises:
        TypeError, ValueError: It is not.
    """
    return arguments.whole("limit", limit, least=1, most=MOST_ROWS)
