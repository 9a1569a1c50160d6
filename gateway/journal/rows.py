"""Many rows in few statements, and values SQLite can hold.

CPython releases the GIL around each SQLite step and may wait a whole switch interval (5 ms)
to get it back beside a busy thread. So what costs is the number of steps, not of rows: a
statement here carries up to 256 rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

Value: TypeAlias = str | bytes | int | float | None

SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Row counts of statements: any number is a sum of a few of them, and all stay prepared."""

_LARGEST = 2**63 - 1


class Statement:
    """One SQL statement over any number of rows.

    Attributes:
        width: Values a row.
    """

    def __init__(self, head: str, row: str, tail: str = "") -> None:
        self.width = row.count("?")
        self._texts = {size: f"{head} {','.join([row] * size)}{tail}" for size in SIZES}

    def parts(self, values: list[Value]) -> Iterator[tuple[str, list[Value]]]:
        """Cut a flat list of rows into statements and their values."""
        begin, left = 0, len(values) // self.width
        for size in SIZES:
            while left >= size:
                end = begin + size * self.width
                yield self._texts[size], values[begin:end]
                begin, left = end, left - size


def storable(value: Value) -> Value:
    """Turn what SQLite refuses into the nearest it takes.

    Text that UTF-8 cannot say (lone surrogates) becomes bytes, which stay distinct from any
    text; a number beyond 64 bits becomes the largest of its sign.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    elif isinstance(value, int):
        return max(-_LARGEST - 1, min(_LARGEST, value))
    return value


def legible(value: str | None) -> str | None:
    """Return words for people as text that UTF-8 can say; half a character is escaped."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()


def text(value: str | bytes) -> str:
    """Undo :func:`storable` for a column of text."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")
