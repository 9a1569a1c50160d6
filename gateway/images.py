"""Images as files: the path a host names, and what the first bytes of a file tell. Pure.

A name tells nothing: shops rename files, and the platform looks at the bytes, too.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from actors.values import Content, Event
from gateway import arguments
from gateway.errors import UploadError

LARGEST_BYTES: Final = 5 * 1024 * 1024
"""Bytes of an image that is uploaded."""

_SEGMENTS: Final = 1000
"""Parts of a JPEG that are looked through for its size; a camera writes some twenty."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_GIFS: Final = (b"GIF87a", b"GIF89a")
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of a JPEG that nothing belongs to."""
_ENDS: Final = frozenset({0xD9, 0xDA})
"""Markers behind which no size stands any more."""
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame, whose header has the size."""


class Image(msgspec.Struct, frozen=True):
    """What an image file says of itself.

    Attributes:
        media_type: ``image/jpeg``, ``image/png``, ``image/gif`` or ``image/webp``.
        width: Pixels; 0: it does not tell.
        height: The same.
    """

    media_type: str
    width: int = 0
    height: int = 0


def read_image(data: bytes) -> Image | None:
    """Return what a file is by its first bytes, and its size; None: none of the four.

    It reads any bytes and never raises.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return Image("image/jpeg", *_jpeg(data))
    if data.startswith(_PNG):
        told = data[12:16] == b"IHDR" and len(data) >= 24
        return Image("image/png", *(_pair(data, 16, 4, "big") if told else (0, 0)))
    if data.startswith(_GIFS):
        return Image("image/gif", *_pair(data, 6, 2, "little"))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Image("image/webp", *_webp(data))
    return None


def _pair(data: bytes, at: int, size: int, order: str) -> tuple[int, int]:
    """Return two numbers that stand side by side; zeros if they are not there."""
    if len(data) < at + 2 * size:
        return 0, 0
    little = order == "little"
    first, second = data[at : at + size], data[at + size : at + 2 * size]
    if little:
        first, second = first[::-1], second[::-1]
    return int.from_bytes(first, "big"), int.from_bytes(second, "big")


def _jpeg(data: bytes) -> tuple[int, int]:
    """Return width and height of the first frame."""
    at = 2
    for _ in range(_SEGMENTS):
        if len(data) < at + 4 or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _ENDS:
            break
        elif marker in _SIZES:
            height, width = _pair(data, at + 5, 2, "big")
            return width, height
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return 0, 0


def _webp(data: bytes) -> tuple[int, int]:
    """Return width and height of one of the three kinds there are."""
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = _pair(data, 26, 2, "little")
        return width & 0x3FFF, height & 0x3FFF  # two bits say how to scale it
    if kind == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) >= 30:
        width, height = _pair(data, 24, 3, "little")
        return width + 1, height + 1
    return 0, 0


def local_path(name: str, value: object, *, remedy: str) -> str:
    """Return the path of a file as a plain ``str``; whether it is there is not asked.

    Args:
        name: The argument, as the caller wrote it.
        value: What was handed in.
        remedy: What to do with an address instead.

    Raises:
        TypeError: Neither a ``str`` nor a ``Path``.
        ValueError: Empty, with a NUL, or an address.
    """
    try:
        plain: object = os.fspath(arguments.path(name, value))
    except Exception:  # noqa: BLE001  # a stranger's __fspath__
        plain = None
    if not isinstance(plain, str):
        raise TypeError(f"{name} must be str or Path, not {arguments.kind(value)}")
    plain = str.__str__(plain)
    if not plain:
        raise ValueError(f"{name} must not be empty; give the file of an image")
    if "\0" in plain:
        raise ValueError(f"{name} has a NUL character, which no path has")
    if plain[:8].lower().startswith(("http://", "https://")):
        raise ValueError(f"{name} is an address, not a file; {remedy}")
    return plain


def nowhere(_event: Event, _path: str) -> Content:
    """Refuse to upload the file of a reply: there is no gateway here.

    Raises:
        UploadError: Always.
    """
    raise UploadError(
        "not_running",
        "no gateway runs here; give an address: reply_image(url, width, height)",
    )
