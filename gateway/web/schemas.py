"""JSON schemas of what :func:`gateway.web.shapes.plain` makes of our types. Pure.

A shape is a type, an object as a mapping of its keys, an array as a list of one shape, or one of
the marks below.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin
from typing import get_type_hints as hints_of

import msgspec

Schema: TypeAlias = dict[str, Any]

_PLAIN: Final[Mapping[object, Schema]] = {
    str: {"type": "string"},
    bytes: {"type": "string"},
    Path: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


class Maybe(msgspec.Struct, frozen=True):
    """A key of an object that may be left out."""

    shape: Any


class OrNull(msgspec.Struct, frozen=True):
    """A shape, or null."""

    shape: Any


class Text(msgspec.Struct, frozen=True):
    """A body that is no JSON, of one of these types."""

    types: tuple[str, ...]


class Also(msgspec.Struct, frozen=True):
    """A type with further keys."""

    shape: type
    keys: Mapping[str, Any]


class Named(msgspec.Struct, frozen=True):
    """An object that is a component of its own."""

    name: str
    keys: Mapping[str, Any]


class Schemas:
    """Makes schemas; those of named types are components, which others refer to.

    Attributes:
        components: By name.
    """

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, shape: Any) -> Schema:
        """Return the schema of a shape.

        Raises:
            TypeError: It is none that an answer may have.
        """
        match shape:
            case Mapping():
                return self._object(shape)
            case [inner]:
                return {"type": "array", "items": self.of(inner)}
            case OrNull():
                return {"anyOf": [self.of(shape.shape), {"type": "null"}]}
            case Also():
                return {"allOf": [self.of(shape.shape), self._object(shape.keys)]}
            case Named():
                return self._component(shape.name, lambda: shape.keys)
            case _:
                return self._of_type(shape)

    def _of_type(self, shape: Any) -> Schema:
        if shape in _PLAIN:
            return dict(_PLAIN[shape])
        if isinstance(shape, type) and issubclass(shape, enum.Enum):
            return {"type": "string", "enum": [_word(each) for each in shape]}
        if hasattr(shape, "__supertype__"):  # a NewType
            return self.of(shape.__supertype__)
        if get_origin(shape) is not None:
            return self._of_generic(get_origin(shape), get_args(shape))
        return self._component(shape.__name__, lambda: _keys(shape))

    def _of_generic(self, origin: Any, inner: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return self.of(inner[0])
        if origin is Literal:
            return {"enum": [*inner]}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(each) for each in inner]}
        if issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        return {"type": "array", "items": self.of(inner[0])}

    def _object(self, keys: Mapping[str, Any]) -> Schema:
        shapes = {
            name: shape.shape if isinstance(shape, Maybe) else shape for name, shape in keys.items()
        }
        return {
            "type": "object",
            "properties": {name: self.of(shape) for name, shape in shapes.items()},
            "required": [name for name, shape in keys.items() if not isinstance(shape, Maybe)],
        }

    def _component(self, name: str, keys: Any) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # it may hold itself
            self.components[name] = self._object(keys())
        return {"$ref": f"#/components/schemas/{name}"}


def _word(member: enum.Enum) -> str:
    return member.value if isinstance(member.value, str) else member.name.lower()


def _keys(shape: Any) -> Mapping[str, Any]:
    """Return the keys of a struct or a dataclass, as ``plain`` writes them.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        names: tuple[str, ...] = shape.__struct_fields__
    elif dataclasses.is_dataclass(shape):
        names = tuple(each.name for each in dataclasses.fields(shape))
    else:
        raise TypeError(f"{shape!r} is no shape of an answer")
    hints = hints_of(shape, include_extras=True)
    return {name: hints[name] for name in names}
