"""Plain values into records, by their annotations: types, bounds, names. Reads no file.

A record is first read key by key into a *partial*, so that ``defaults`` can be laid under
an account, and then made. What is wrong is noted, and the rest goes on.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from actors.sections import Record, Within, hints_of
from gateway.alike import did_you_mean, nearest
from gateway.config.document import key_path
from gateway.config.environment import FromEnvironment
from gateway.config.problems import Problems, shown
from gateway.redaction import is_secret_name, mask_url
from gateway.settings.record import SECRET, key_in_file

Partial = dict[str, Any]
RecordT = TypeVar("RecordT", bound=Record)

_WRONG: Final = object()
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNITS = (
    ("_per_s", "a second"),
    ("_s", "seconds"),
    ("_h", "hours"),
    ("_ms", "milliseconds"),
    ("_bytes", "bytes"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """An annotation, taken apart once."""

    kind: Any
    inner: Any = None
    optional: bool = False
    secret: bool = False
    within: Within | None = None


@functools.cache
def _shape(hint: Any) -> _Shape:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, *marks = typing.get_args(hint)
        within = next((mark for mark in marks if isinstance(mark, Within)), None)
        return dataclasses.replace(_shape(base), secret=SECRET in marks, within=within)
    if origin in {typing.Union, types.UnionType}:
        base = next(part for part in typing.get_args(hint) if part is not types.NoneType)
        return dataclasses.replace(_shape(base), optional=True)
    if origin is Literal:
        return _Shape(Literal, typing.get_args(hint))
    if origin is tuple:
        return _Shape(tuple, typing.get_args(hint)[0])
    return _Shape(origin or hint)


class Reader:
    """Reads records of one configuration.

    Args:
        problems: Takes what is wrong.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._made: dict[Record, Record] = {}

    def keys(self, hints: Mapping[str, Any], value: Any, path: str) -> Partial:
        """Read the keys of a mapping; what is right of it comes back.

        Args:
            hints: Annotation of each key it may have.
            value: Anything; nothing is an empty mapping.
            path: Where it stands.
        """
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(path, "a mapping (key: value)", value, secret=True)
            return {}
        partial: Partial = {}
        for key, inner in value.items():
            where = key_path(path, str(key))
            name = key if key in hints else f"{key}_"  # as the record has it
            if name not in hints or key_in_file(name) != key:
                self._unknown(str(key), [*map(key_in_file, hints)], path)
                continue
            right = self._value(hints[name], inner, where, key)
            if right is not _WRONG:
                partial[name] = right
        return partial

    def make(self, cls: type[RecordT], partial: Partial, path: str) -> RecordT:
        """Make a record; equal ones are made once. A missing key is noted, and is empty."""
        hints = hints_of(cls)
        values: dict[str, Any] = {}
        for key in dataclasses.fields(cls):
            inner = _shape(hints[key.name]).kind
            if isinstance(inner, type) and issubclass(inner, Record):
                where = key_path(path, key.name)
                values[key.name] = self.make(inner, partial.get(key.name, {}), where)
            elif key.name in partial:
                values[key.name] = partial[key.name]
            elif key.default is key.default_factory is dataclasses.MISSING:
                self._problems.add_new(key_path(path, key.name), "is missing; it has no default")
                values[key.name] = ""
        record = cls(**values)
        return self._made.setdefault(record, record)  # type: ignore[return-value]  # its own kind

    def _unknown(self, key: str, known: Sequence[str], path: str) -> None:
        near = nearest(key, known)
        told = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
        about = key_path(path, near) if near else None
        self._problems.add(key_path(path, key), f"unknown key; {told}", about=about)

    def _value(self, hint: Any, value: Any, path: str, name: str) -> Any:
        shape = _shape(hint)
        if isinstance(shape.kind, type) and issubclass(shape.kind, Record):
            return self.keys(hints_of(shape.kind), value, path)
        if shape.optional and (value is None or (isinstance(value, FromEnvironment) and not value)):
            return None
        if shape.kind is tuple:
            return self._items(shape, value, path, name)
        if shape.kind is Mapping:
            return self._mapping(value, path)
        right = _scalar(shape, value)
        if right is _WRONG:
            secret = shape.secret or is_secret_name(name)
            choices = shape.inner if shape.kind is Literal else ()
            return self._wrong(path, _expected(shape, name), value, secret=secret, choices=choices)
        self._note_secret(name, value, marked=shape.secret)
        return right

    def _items(self, shape: _Shape, value: Any, path: str, name: str) -> Any:
        if not isinstance(value, (list, tuple)):
            return self._wrong(path, "a list", value, secret=is_secret_name(name))
        items = [
            self._item(shape.inner, inner, key_path(path, index), name)
            for index, inner in enumerate(value)
        ]
        return _WRONG if any(item is _WRONG for item in items) else tuple(items)

    def _item(self, hint: Any, value: Any, path: str, name: str) -> Any:
        if not (isinstance(hint, type) and issubclass(hint, Record)):
            return self._value(hint, value, path, name)
        if not isinstance(value, Mapping):
            return self._wrong(path, "a mapping (key: value)", value, secret=True)
        return self.make(hint, self.keys(hints_of(hint), value, path), path)

    def _mapping(self, value: Any, path: str) -> Any:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            return self._wrong(path, "a mapping (name: text)", value, secret=True)
        read = {
            str(key): self._value(str, inner, key_path(path, str(key)), str(key))
            for key, inner in value.items()
        }
        return {key: text for key, text in read.items() if text is not _WRONG}

    def _wrong(
        self, path: str, expected: str, value: Any, *, secret: bool, choices: Sequence[str] = ()
    ) -> Any:
        hint = ""
        if expected.startswith("text") and isinstance(value, (int, float)):
            hint = "; put it in quotes"
        if choices and isinstance(value, str):
            hint = did_you_mean(value, choices)
        got = shown(value, secret=secret)
        self._problems.add(path, f"expected {expected}, got {got}{hint}")
        return _WRONG

    def _note_secret(self, name: str, value: Any, *, marked: bool) -> None:
        if isinstance(value, str) and value and not isinstance(value, FromEnvironment):
            tells = marked or is_secret_name(name) or mask_url(value) != value
            self._problems.literal_secrets |= tells


def merged(under: Any, over: Any) -> Partial:
    """Lay one partial over another; mappings key by key, everything else whole."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        deeper = isinstance(below, dict) and isinstance(value, dict)
        both[key] = merged(below, value) if deeper else value
    return both


def _scalar(shape: _Shape, value: Any) -> Any:
    if isinstance(value, FromEnvironment) and shape.kind is not str:
        value = _parsed(value)
    right = _WRONG
    if shape.kind is Literal:
        right = value if value in shape.inner else _WRONG
    elif shape.kind is bool:
        right = value if isinstance(value, bool) else _WRONG
    elif shape.kind is str:
        right = str(value) if isinstance(value, str) else _WRONG
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        right = _number(shape, value)
    return right


def _number(shape: _Shape, value: float) -> Any:
    """Read a number; its bounds first, for a float cannot hold every one."""
    within = shape.within
    if within is not None and not (within.least <= value <= within.most):
        return _WRONG
    if shape.kind is float:
        return float(value) if abs(value) <= sys.float_info.max else _WRONG
    return int(value) if isinstance(value, int) or value.is_integer() else _WRONG


def _parsed(text: str) -> Any:
    """Read what the environment gave as YAML would have."""
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return str(text)


def _expected(shape: _Shape, name: str) -> str:
    if shape.kind is Literal:
        told = f"one of {', '.join(shape.inner)}"
    elif shape.kind is bool:
        told = "true or false"
    elif shape.kind is str:
        told = "text"
    else:
        told = "a whole number" if shape.kind is int else "a number"
        unit = next((unit for end, unit in _UNITS if name.endswith(end)), "")
        told += f" ({unit})" if unit else ""
        if shape.within is not None:
            told += f" between {shape.within.least:g} and {shape.within.most:g}"
    return f"{told} or null" if shape.optional else told
