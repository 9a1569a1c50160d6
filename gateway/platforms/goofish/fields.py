"""Reads single values: map keys, ids, times. Pure and tolerant; never raises."""

from __future__ import annotations

import math
from typing import Any, Final

SUFFIX = "@goofish"
"""Domain of ids on the wire (protocol 3). Ids of a sibling domain keep theirs."""

SESSION_TYPES: Final = {"1": "private", "30": "group", "25": "system"}
"""The wire's ``sessionType`` and its meaning; another number is unknown."""

_MAX_DIGITS = 20


def at(value: Any, *path: int | str) -> Any:
    """Follow ``path`` through maps; None where it ends early.

    Keys are integers, or their text after a JSON round trip (protocol 11).
    """
    for key in path:
        if type(value) is not dict:
            return None
        found = value.get(key)
        value = value.get(str(key)) if found is None else found
    return value


def text(value: Any) -> str | None:
    """Return a text that is one, the empty one included."""
    return value if type(value) is str else None


def ident(value: Any) -> str | None:
    """Return an id as text without ``@goofish``; None if there is none."""
    if type(value) is int:
        return str(value)
    return value.removesuffix(SUFFIX) or None if type(value) is str else None


def plain_id(value: Any) -> str | None:
    """Return an id that has no domain, such as ``N.PNM``, as text; None if there is none."""
    return (str(value) if type(value) is int else text(value)) or None


def with_suffix(value: str) -> str:
    """Return the id as it stands on the wire."""
    return value if "@" in value else value + SUFFIX


def session_type(value: Any) -> str | None:
    """Return the kind of session a ``sessionType`` stands for; None if it is none we know."""
    return SESSION_TYPES.get(plain_id(value) or "")


def integer(value: Any) -> int | None:
    """Read a whole number that may have come as text or with a fraction."""
    if type(value) is int:
        return value
    if type(value) is float:
        return int(value) if math.isfinite(value) else None
    if type(value) is str and len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    return None


def query(url: Any, name: str) -> str | None:
    """Return a parameter of a URL as it stands there; None if missing or empty."""
    if type(url) is not str:
        return None
    mark = name + "="
    start = url.find("?" + mark)
    if start < 0:
        start = url.find("&" + mark)
        if start < 0:
            return None
    start += len(mark) + 1
    end = url.find("&", start)
    return (url[start:] if end < 0 else url[start:end]) or None
