"""What a text in settings may contain, whatever its key. Pure.

Half of a letter (a lone surrogate: bytes that were no UTF-8) has no form in a journal, on a wire
or in JSON, and a control character none in a name, a path or a header: who lets one in learns of
it from messages that are never handled.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from actors.sections import hints_of
from gateway.config.document import key_path
from gateway.config.findings import Finding
from gateway.settings import Record, SinkSettings
from gateway.settings.record import key_in_file

_HALF = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_NOT_IN_FILES = "notes"


def unfit(record: Record, path: str = "") -> Iterator[Finding]:
    """Yield each text of a record, and of all that stands in it, that cannot be used.

    Args:
        record: Its types are right.
        path: Where it stands.
    """
    if isinstance(record, SinkSettings):
        yield from _in_sink(record, path)
        return
    cls: Any = type(record)  # a class is hashable, whatever its instances are
    for name in _with_text(cls):
        yield from _in(getattr(record, name), key_path(path, key_in_file(name)))


def half_letters(text: str) -> str | None:
    """Return what is wrong with a text that has no form in UTF-8; None if it has one."""
    if text.isprintable() or not _HALF.search(text):
        return None
    return (
        "holds bytes that are not UTF-8; decode them with the encoding they were written in "
        "(a path: give all of it in UTF-8, and run in a locale of UTF-8 or with PYTHONUTF8=1)"
    )


def control(text: str, *, header: bool = False) -> str | None:
    """Return which control character is in a text; None if there is none.

    Args:
        text: Anything.
        header: It goes into a header, which may have tabs.
    """
    if text.isprintable():
        return None
    found = (_CONTROL_IN_HEADER if header else _CONTROL).search(text)
    if found is None:
        return None
    name = "a NUL" if found[0] == "\0" else f"a control character (U+{ord(found[0]):04X})"
    return f"there is {name} in it; leave it out"


def _in(value: Any, path: str, *, header: bool = False) -> Iterator[Finding]:
    match value:
        case str():
            told = half_letters(value) or control(value, header=header)
            if told:
                yield path, told
        case Record():
            yield from unfit(value, path)
        case Mapping():
            for name, inner in value.items():
                yield from _in(inner, key_path(path, name), header=True)
        case tuple():
            for index, inner in enumerate(value):
                yield from _in(inner, key_path(path, index))
        case _:
            pass


def _in_sink(sink: SinkSettings, path: str) -> Iterator[Finding]:
    """Look at a sink: what is no path may hold what that sink likes."""
    yield from _in(sink.kind, key_path(path, "kind"))
    for name, value in sink.options.items():
        where = key_path(path, str(name))
        if name == "path":
            yield from _in(value, where)
        else:
            yield from _half_in(value, where)
        yield from _half_in(str(name), where)


def _half_in(value: Any, path: str) -> Iterator[Finding]:
    match value:
        case str():
            told = half_letters(value)
            if told:
                yield path, told
        case Mapping():
            for name, inner in value.items():
                yield from _half_in(str(name), key_path(path, str(name)))
                yield from _half_in(inner, key_path(path, str(name)))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _half_in(inner, key_path(path, index))
        case _:
            pass


@functools.cache
def _with_text(cls: Any) -> tuple[str, ...]:
    """Return the keys of a record that may hold a text; 10,000 accounts have 70 numbers each."""
    hints = hints_of(cls)
    return tuple(name for name in hints if name != _NOT_IN_FILES and _may_hold_text(hints[name]))


def _may_hold_text(hint: Any) -> bool:
    kind: Any = hint
    if isinstance(hint, type) and issubclass(hint, Record):
        return kind is SinkSettings or bool(_with_text(kind))
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return False
    return hint is str or any(map(_may_hold_text, parts))
