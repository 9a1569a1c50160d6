"""Settings back into plain values: as a person may see them, and as a file would hold them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.document import key_path
from gateway.settings import AccountSettings, Record, SinkSettings
from gateway.settings.notify import AlsoSettings
from gateway.settings.record import key_in_file, masked

_NOT_IN_FILES = "notes"
_ELEMENTS: Mapping[str, type[Record]] = {
    "accounts": AccountSettings,
    "sinks": SinkSettings,
    "also": AlsoSettings,
}


def shown(record: Record) -> dict[str, Any]:
    """Return every key, defaults filled in, secrets masked."""
    return {
        key_in_file(key.name): _shown(type(record), key.name, getattr(record, key.name))
        for key in dataclasses.fields(record)
        if key.name != _NOT_IN_FILES
    }


def _shown(cls: type, name: str, value: Any) -> Any:
    match value:
        case SinkSettings():
            return {"kind": value.kind, **masked(SinkSettings, "options", value.options)}
        case Record():
            return shown(value)
        case tuple():
            return [_shown(cls, name, inner) for inner in value]
        case _:
            return masked(cls, name, value)


def changed(record: Record) -> dict[str, Any]:
    """Return the keys that are not at their default, secrets in the clear.

    10,000 accounts differ in few of their keys, and each key that is read again costs.
    """
    return {
        key_in_file(key.name): _read(getattr(record, key.name))
        for key in dataclasses.fields(record)
        if key.name != _NOT_IN_FILES and not _is_default(getattr(record, key.name), key.default)
    }


def _read(value: Any) -> Any:
    match value:
        case SinkSettings():
            return {"kind": value.kind, **value.options}
        case Record():
            return changed(value)
        case list() | tuple():
            return [_read(inner) for inner in value]
        case _:
            return value


def misfits(record: Record, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each place where something else than a record stands, and what to put there."""
    for key in dataclasses.fields(record):
        value, where = getattr(record, key.name), key_path(path, key.name)
        if isinstance(key.default, Record):
            yield from _misfits(value, type(key.default), where)
        elif key.name in _ELEMENTS and not isinstance(value, (list, tuple)):
            yield where, f"expected a tuple of {_ELEMENTS[key.name].__name__}"
        elif key.name in _ELEMENTS:
            for index, inner in enumerate(value):
                yield from _misfits(inner, _ELEMENTS[key.name], key_path(where, index))


def _misfits(value: Any, kind: type[Record], path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, kind):
        yield from misfits(value, path)
    else:
        yield path, f"expected {kind.__name__}, got {type(value).__name__}"


def _is_default(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)
