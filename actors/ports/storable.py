"""The gate of the journal: what a command must be made of, checked where it enters the writer.

A value of another type than its field says becomes a row that nobody can read again, or an
error in the middle of a commit that others share. So a command that cannot be stored is refused
before it is in line, and fails whoever brought it. What codecs make of frames is theirs: it is
typed where it is decoded, and it is the one path where a check a field would cost.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from actors.ports.commands import CloseHold, JournalCommand, SettleEvents, StoreFrames, StorePast
from actors.values import DONE

_TRUSTED: Final = (StoreFrames, CloseHold, StorePast)
"""Made by codecs and by the kernel out of what it counts itself."""

_LARGEST: Final = 2**63 - 1
_PLAIN: Final = (str, int, float, bool, bytes, types.NoneType)


class _Field(NamedTuple):
    name: str
    kinds: tuple[type, ...]
    many: bool


def flaw(command: JournalCommand) -> str | None:
    """Return why a command cannot be stored, without its content; None: it can."""
    if isinstance(command, _TRUSTED):
        return None
    if not isinstance(command, SettleEvents):
        return _flaw_in(command)
    for settlement in command.settlements:
        outcome = settlement.outcome
        found = None if outcome is DONE else _flaw_in(outcome)
        if found is not None:
            return found
    return None


def _flaw_in(struct: msgspec.Struct) -> str | None:
    for name, kinds, many in _fields(type(struct)):
        held = getattr(struct, name)
        if many:
            if not isinstance(held, list | tuple):
                return _wrong(struct, name, held)
            found = [_flaw_of(struct, name, kinds, each) for each in held]
            if any(found):
                return next(filter(None, found))
        else:
            told = _flaw_of(struct, name, kinds, held)
            if told is not None:
                return told
    return None


def _flaw_of(
    struct: msgspec.Struct, name: str, kinds: tuple[type, ...], held: object
) -> str | None:
    if type(held) not in kinds:
        return _wrong(struct, name, held)
    if isinstance(held, msgspec.Struct):
        return _flaw_in(held)
    if type(held) is int and not -_LARGEST <= held <= _LARGEST:
        return f"{type(struct).__name__}.{name} is a number beyond 64 bits"
    return None


def _wrong(struct: msgspec.Struct, name: str, held: object) -> str:
    return f"{type(struct).__name__}.{name} cannot be {type(held).__name__}"


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[_Field, ...]:
    """Read what the fields of a struct may hold; events are left out, they were stored before."""
    hints = get_type_hints(kind)
    found = [_read(name, hints[name]) for name in kind.__struct_fields__]
    return tuple(field for field in found if field is not None)


def _read(name: str, hint: Any) -> _Field | None:
    many = get_origin(hint) is Sequence
    if many:
        (hint,) = get_args(hint)
    united = get_origin(hint) in {Union, types.UnionType}
    kinds = get_args(hint) if united else (hint,)
    known = all(
        kind in _PLAIN or issubclass(kind, enum.Enum) or kind.__module__ == "actors.values"
        for kind in kinds
    )
    return _Field(name, kinds, many) if known and name != "event" else None
