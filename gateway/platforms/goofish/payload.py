"""From the ``data`` text of an entry to a plain value, strictly (protocol 11).

What does not decode to the last byte is refused: a decoder that forgives makes a
plausible wrong message out of a damaged one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

ValueT = TypeVar("ValueT")

MAX_CHARS = 1 << 20
"""Longest ``data`` text that is decoded; the largest seen has about 100,000 characters.

A decoded value may take sixty times the memory of its encoding.
"""

BROKEN = (ValueError, RecursionError, OverflowError, MemoryError)
"""What the decoders raise on damaged or hostile input."""

DEEPEST = 256
"""Levels of nesting that are decoded.

The decoders have no bound of their own but the interpreter's stack, which differs from one
CPython to the next: what one reads another refuses.
"""

_decode_json = msgspec.json.Decoder().decode
_decode_msgpack = msgspec.msgpack.Decoder().decode
_NO_CONTAINERS = bytes(
    code for code in range(256) if not (0x80 <= code <= 0x9F or 0xDC <= code <= 0xDF)
)


def check_depth(text: str) -> None:
    """Refuse JSON that is nested too deeply, before a decoder sees it.

    Raises:
        RecursionError: It has more than :data:`DEEPEST` levels.
    """
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    # What stands in strings is no level: between every other quote, once escapes are gone.
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    depth = 0
    for bracket in _BRACKETS.findall(outside):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise RecursionError("nested too deeply")


def unpack_json(text: str | msgspec.Raw) -> Any:
    """Decode JSON; a Raw is a part of what was checked as a whole.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    if isinstance(text, str):
        check_depth(text)
    return _decode_json(text)


def unpack_msgpack(packed: bytes) -> Any:
    """Decode MessagePack.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    value = _decode_msgpack(packed)
    # A level costs a byte that could begin a container; only where there are so many, look.
    if len(packed) > DEEPEST and len(packed.translate(None, _NO_CONTAINERS)) > DEEPEST:
        level = [value]
        for _ in range(DEEPEST):
            level = [part for each in level for part in _parts(each) if type(part) in _NESTING]
        if level:
            raise RecursionError("nested too deeply")
    return value


def _parts(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


_NESTING = (dict, list)
_BRACKETS = re.compile(r"[\[\]{}]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)


def mending(decode: Callable[[str], ValueT], text: str) -> ValueT:
    """Decode JSON; halves of surrogate pairs, which its grammar allows, become U+FFFD.

    One such escape in one field must not cost a whole frame or page of history.

    Raises:
        ValueError: It is no such JSON.
        RecursionError: It is nested too deeply.
    """
    try:
        return decode(text)
    except ValueError:
        if "\\u" not in text:
            raise
    return decode(_ESCAPE.sub(lambda found: "\\ufffd" if found["lone"] else found[0], text))


class UndecodableError(ValueError):
    """The text holds no entry; the message is the reason, safe to log."""


def unpack(data: str) -> tuple[Any, str]:
    """Decode a ``data`` text.

    Returns:
        A map or list, and the encoding: ``json-text``, ``base64-json``, ``base64-msgpack``.

    Raises:
        UndecodableError: It is none of them, entirely.
    """
    if len(data) > MAX_CHARS:
        raise UndecodableError(f"too_large: {len(data)} characters, {MAX_CHARS} are decoded")
    text = data.strip()
    if not text:
        raise UndecodableError("empty")
    if text[0] in "{[":
        return _container(text, "json-text"), "json-text"
    packed = _unbase64(text)
    encoding = "base64-json" if packed.lstrip()[:1] in (b"{", b"[") else "base64-msgpack"
    return _container(packed, encoding), encoding


def _unbase64(text: str) -> bytes:
    """Decode base64 that may be broken into lines or lack its padding."""
    joined = "".join(text.split()).rstrip("=")
    try:
        return msgspec.convert(joined + "=" * (-len(joined) % 4), bytes)
    except (ValueError, RecursionError):
        raise UndecodableError("not_base64") from None


def _container(packed: str | bytes, encoding: str) -> Any:
    try:
        if isinstance(packed, str):
            value = mending(unpack_json, packed)
        elif encoding == "base64-json":
            value = mending(unpack_json, packed.decode())
        else:
            value = unpack_msgpack(packed)
    except RecursionError:
        raise UndecodableError("too_deep") from None
    except BROKEN as error:
        kind = "bad_messagepack" if encoding == "base64-msgpack" else "bad_json"
        raise UndecodableError(f"{kind}: {error}") from None
    if type(value) is not dict and type(value) is not list:
        raise UndecodableError("scalar")
    return value
