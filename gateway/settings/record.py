"""Marks a secret among settings, and shows a record without it. No setting itself lives here."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from actors.sections import Record, hints_of
from gateway.known_secrets import MASK
from gateway.redaction import is_secret_name, mask_url

SECRET = "secret"  # noqa: S105 the mark itself, not one
"""Marks a key whose value is never shown."""

Secret: TypeAlias = Annotated[str, SECRET]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Masked(Record):
    """Base of records that may hold a secret: shows itself without."""

    def __repr__(self) -> str:
        shown = ((key.name, getattr(self, key.name)) for key in dataclasses.fields(self))
        inside = ", ".join(f"{name}={masked(type(self), name, v)!r}" for name, v in shown)
        return f"{type(self).__name__}({inside})"


def key_in_file(name: str) -> str:
    """Return a key as a file has it; Python reserves some words."""
    return name.removesuffix("_")


def secret_names(cls: type) -> tuple[str, ...]:
    """Return the keys of a record whose value is never shown."""
    return tuple(name for name, hint in hints_of(cls).items() if _is_marked(hint))


def masked(cls: type, name: str, value: Any) -> Any:
    """Return the value of a key as it may be shown.

    Args:
        cls: The record; any type if there is none.
        name: The key.
        value: Its value; records are given back as they are.
    """
    match value:
        case str():
            marked = _is_marked(hints_of(cls).get(name))
            return MASK if value and (marked or is_secret_name(name)) else str(mask_url(value))
        case Mapping() | list() if value and is_secret_name(name):
            return MASK
        case Mapping():
            return {
                mask_url(str(key)): masked(object, str(key), inner) for key, inner in value.items()
            }
        case list():
            return [masked(object, name, inner) for inner in value]
        case tuple():
            return tuple(masked(cls, name, inner) for inner in value)
        case _:
            return value


def _is_marked(hint: Any) -> bool:
    return any(SECRET in getattr(part, "__metadata__", ()) for part in _parts(hint))


def _parts(hint: Any) -> tuple[Any, ...]:
    return (hint, *(typing.get_args(hint) if not hasattr(hint, "__metadata__") else ()))
