"""MessagePack in the old style that the platform writes.

The platform's entries use the raw types of the first specification: a text of 32 to 255 bytes
is a ``str16``, where today's encoders write ``str8`` (``protocol.md`` 11). Nothing else differs,
so msgspec packs the rest. Its results are the bytes of every intact capture, and those of
``msgpack.packb(value, use_bin_type=False)``.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

Packable: TypeAlias = (
    str | int | float | bool | Mapping[int, "Packable"] | Mapping[str, "Packable"]
    | Sequence["Packable"] | None
)  # fmt: skip
"""What a payload is made of; map keys are integers, in extensions text."""

_str16 = struct.Struct(">BH").pack


class _Key:
    """A packed text where a key must be hashable, which ``msgspec.Raw`` is not."""

    __slots__ = ("packed",)

    def __init__(self, packed: msgspec.Raw) -> None:
        self.packed = packed


def _packed(key: _Key) -> msgspec.Raw:
    return key.packed


_encode = msgspec.msgpack.Encoder(enc_hook=_packed).encode


def pack(value: Packable) -> bytes:
    """Return the old-style MessagePack of a value.

    Raises:
        TypeError: Something in it is not :data:`Packable`.
        OverflowError: An integer needs more than 64 bits.
    """
    try:
        return _encode(_old(value))
    except OverflowError:
        raise OverflowError("an integer of MessagePack has at most 64 bits") from None


def _old(value: Packable) -> object:
    """Return what msgspec packs as the platform would pack the value."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):  # before Mapping: an abstract class costs 1 µs a look
        return {_key(key): _old(item) for key, item in value.items()}
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, tuple | list):
        return [_old(item) for item in value]
    if isinstance(value, Mapping):
        return _old(dict(value))
    raise TypeError(f"{type(value).__name__} has no MessagePack form here")


def _text(value: str) -> str | msgspec.Raw:
    if len(value) < 11:  # 31 bytes at most
        return value
    data = value.encode()
    size = len(data)
    return msgspec.Raw(_str16(0xDA, size) + data) if 32 <= size < 256 else value


@functools.lru_cache(maxsize=1024)
def _key(key: str | int) -> str | int | _Key:
    text = _text(key) if isinstance(key, str) else key
    return _Key(text) if isinstance(text, msgspec.Raw) else text
