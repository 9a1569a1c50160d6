"""Bodies of HTTP answers, decoded once and never beyond a bound.

The bound holds for what comes out: of a body that is a bomb no more is unpacked than fits. That
is why the library does not decode: how far it goes at once depends on its version.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Final, Protocol

CODINGS: Final = "gzip, deflate"
"""What may be asked for."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f"
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})
_NAMED = re.compile(r"[^\s,]+").findall


class UnusableAnswerError(Exception):
    """What came is no answer that can be used; carries the reason and words that follow a host."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what


class Body(Protocol):
    """A body that is coming in."""

    def take(self, data: bytes) -> None:
        """Add what came.

        Raises:
            UnusableAnswerError: It is beyond the bound, or cannot be decoded.
        """

    def end(self) -> bytes:
        """Return the whole.

        Raises:
            UnusableAnswerError: Its end is missing.
        """


def body_of(codings: Iterable[str], limit: int) -> Body:
    """Return what takes a body with these ``Content-Encoding`` headers, up to a bound.

    Raises:
        UnusableAnswerError: Nobody asked for such an encoding.
    """
    named = [name for name in _NAMED(",".join(codings).lower()) if name != "identity"]
    match named:
        case []:
            return _Plain(limit)
        case [name] if name in _GZIP_NAMES:
            return _Packed(limit, gzip=True)
        case ["deflate"]:
            return _Packed(limit, gzip=False)
        case _:
            raise UnusableAnswerError(
                "answer_undecodable", "encoded its answer in a way that was not asked for"
            )


def too_large(limit: int) -> UnusableAnswerError:
    """Return the error of an answer beyond its bound."""
    return UnusableAnswerError(
        "answer_too_large", f"answered more than {limit} bytes; is it what the URL should give?"
    )


class _Plain:
    """A body that comes as it is."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def take(self, data: bytes) -> None:
        if len(self._data) + len(data) > self._limit:
            raise too_large(self._limit)
        self._data += data

    def end(self) -> bytes:
        return bytes(self._data)


class _Packed:
    """A body in gzip (RFC 1952), of any number of members, or in deflate (RFC 1950, 1951)."""

    def __init__(self, limit: int, *, gzip: bool) -> None:
        self._plain = _Plain(limit)
        self._limit = limit
        self._gzip = gzip
        self._head = b""
        self._unpack: zlib._Decompress | None = None
        self._whole = False

    def take(self, data: bytes) -> None:
        data, self._head = self._head + data, b""
        while data:
            if self._unpack is None:
                if self._whole and not (self._gzip and data[:1] == _GZIP_MAGIC):
                    return  # padding behind the end
                if len(data) < 2:
                    self._head = data
                    return
                self._unpack = zlib.decompressobj(_GZIP if self._gzip else _deflate_bits(data))
            try:
                # One byte beyond the bound shows that there is more; it is never all unpacked.
                self._plain.take(self._unpack.decompress(data, self._limit + 1))
            except zlib.error:
                raise _broken() from None
            data = self._unpack.unconsumed_tail
            if self._unpack.eof:
                data = self._unpack.unused_data
                self._unpack = None
                self._whole = True

    def end(self) -> bytes:
        if self._unpack is not None or (self._head and not self._whole):
            raise _broken()
        return self._plain.end()


def _deflate_bits(data: bytes) -> int:
    """Return how to read deflate: many servers leave out the wrapping the RFC wants."""
    wrapped = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _broken() -> UnusableAnswerError:
    return UnusableAnswerError(
        "answer_undecodable", "answered what cannot be decoded; is it changed on the way?"
    )
