"""MessagePack in the old style that the platform writes, and nothing else.

The platform's entries use the raw types of the first specification: ``fixstr`` and
``str16``, never ``str8`` (``protocol.md`` 11). Packing by these rules gives the bytes of
every intact capture, which no current encoder does.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

Packable: TypeAlias = (
    str | int | float | bool | Mapping[int, "Packable"] | Mapping[str, "Packable"]
    | Sequence["Packable"] | None
)  # fmt: skip
"""What a payload is made of; map keys are integers, in extensions text."""

_FIX_POSITIVE = 0x80
_FIX_NEGATIVE = -0x20
_ONE = tuple(bytes((code,)) for code in range(256))
_FIX_TEXT = tuple(bytes((0xA0 | size,)) for size in range(32))
_FORMS = (
    (0, 1 << 8, ">BB", 0xCC),
    (0, 1 << 16, ">BH", 0xCD),
    (0, 1 << 32, ">BI", 0xCE),
    (-(1 << 7), 0, ">Bb", 0xD0),
    (-(1 << 15), 0, ">Bh", 0xD1),
    (-(1 << 31), 0, ">Bi", 0xD2),
)
_pack_16 = struct.Struct(">BH").pack


def pack(value: Packable) -> bytes:
    """Give the old-style MessagePack of a value.

    Raises:
        TypeError: Something in it is not :data:`Packable`.
        OverflowError: An integer needs more than 64 bits.
    """
    pieces: list[bytes] = []
    _pack(value, pieces.append)
    return b"".join(pieces)


def _pack(value: Packable, put: Callable[[bytes], None]) -> None:
    if isinstance(value, str):
        put(_text(value))
    elif isinstance(value, bool):
        put(b"\xc3" if value else b"\xc2")
    elif isinstance(value, int):
        put(_integer(value))
    elif isinstance(value, dict):  # before Mapping: an abstract class costs 1 µs a look
        _pack_map(value, put)
    elif value is None:
        put(b"\xc0")
    elif isinstance(value, float):
        put(struct.pack(">Bd", 0xCB, value))
    elif isinstance(value, tuple | list):
        put(_header(len(value), 0x90, 0xDC))
        for item in value:
            _pack(item, put)
    elif isinstance(value, Mapping):
        _pack_map(value, put)
    else:
        raise TypeError(f"{type(value).__name__} has no MessagePack form here")


def _pack_map(
    value: Mapping[int, Packable] | Mapping[str, Packable], put: Callable[[bytes], None]
) -> None:
    put(_header(len(value), 0x80, 0xDE))
    for key, item in value.items():
        put(_key(key))
        if isinstance(item, str):  # nearly all of an extension: one call less for each
            put(_text(item))
        else:
            _pack(item, put)


def _text(value: str) -> bytes:
    data = value.encode()
    size = len(data)
    if size < 32:
        return _FIX_TEXT[size] + data
    if size < 0x10000:
        return _pack_16(0xDA, size) + data
    return struct.pack(">BI", 0xDB, size) + data


@functools.lru_cache(maxsize=1024)
def _key(key: str | int) -> bytes:
    return _text(key) if isinstance(key, str) else _integer(key)


def _header(size: int, fix: int, wide: int) -> bytes:
    if size < 16:
        return _ONE[fix | size]
    if size < 0x10000:
        return _pack_16(wide, size)
    return struct.pack(">BI", wide + 1, size)


def _integer(value: int) -> bytes:
    if 0 <= value < _FIX_POSITIVE:
        return _ONE[value]
    if _FIX_NEGATIVE <= value < 0:
        return _ONE[value + 0x100]
    for low, high, form, code in _FORMS:
        if low <= value < high:
            return struct.pack(form, code, value)
    try:
        return struct.pack(*((">BQ", 0xCF) if value > 0 else (">Bq", 0xD3)), value)
    except struct.error:
        raise OverflowError("an integer of MessagePack has at most 64 bits") from None


_small_integer = functools.lru_cache(maxsize=2048)(_integer)
