"""Reading rows beside others that cannot be read, which cost themselves alone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from actors.ports.journal import JournalError

T = TypeVar("T")

ERRORS: Final = (JournalError, ValueError, TypeError, AttributeError, LookupError)
"""What reading a row raises that holds something else than it should."""


def each(read: Callable[[Any], T], rows: Sequence[Any]) -> Iterator[T]:
    """Read rows one by one, without those that cannot be read."""
    for row in rows:
        with contextlib.suppress(*ERRORS):
            yield read(row)


def is_no_text(error: JournalError) -> bool:
    """Return whether a column of text held no UTF-8, which is no error of SQLite's own."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and not hasattr(cause, "sqlite_errorcode")


class NotText(bytes):
    """Text that is no UTF-8; the binding itself would raise."""


def lenient(raw: bytes) -> str | NotText:
    """Return text; what is no UTF-8 comes as bytes, and fails whoever reads it on."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return NotText(raw)
