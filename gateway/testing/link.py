"""One accepted connection: what it still has to say, and how it ends.

Everything here is done under the server's lock.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from gateway.transport.frames import FrameWire

if TYPE_CHECKING:
    from gateway.testing.server import Server

_LINGER_S: Final = 2.0
_RESET: Final = struct.pack("ii", 1, 0)

State = Literal["tls", "head", "open", "mute", "drain", "gone"]


class Link:
    """One accepted connection. Everything on it is done under the server's lock.

    Attributes:
        number: Among all of the server, from 1.
        state: ``tls`` and ``head`` before the upgrade, ``open`` after it; ``mute`` is never
            read again, ``drain`` is read until the peer closes, ``gone`` is closed.
        wire: RFC 6455, once the upgrade was read.
        end: Why we ended it, if we did.
    """

    __slots__ = ("_dripping", "end", "head", "mask", "number", "out", "server", "sock", "state",
                 "wire")  # fmt: skip

    def __init__(self, server: Server, number: int, sock: socket.socket) -> None:
        self.server = server
        self.number = number
        self.sock = sock
        self.state: State = "head"
        self.head = b""
        self.wire: FrameWire | None = None
        self.out = bytearray()
        self.mask = selectors.EVENT_READ
        self.end: str | None = None
        self._dripping: bytearray | None = None

    def write(self, data: bytes) -> None:
        """Send these bytes at the end of the turn; nothing after the end."""
        if self.state in ("mute", "drain", "gone"):
            return
        if self._dripping is not None:
            self._dripping += data
            return
        self.out += data
        self.server.dirty[self.number] = self

    def drip(self, data: bytes, *, size_bytes: int, every_s: float) -> None:
        """Send these bytes in small pieces; what is written meanwhile goes the same way."""
        if self._dripping is not None:
            self._dripping += data
            return
        self._dripping = bytearray(data)
        self._drop(max(1, size_bytes), every_s)

    def _drop(self, size_bytes: int, every_s: float) -> None:
        dripping, self._dripping = self._dripping, None
        if not dripping or self.state not in ("head", "open"):
            return
        self.write(bytes(dripping[:size_bytes]))
        del dripping[:size_bytes]
        if dripping:
            self._dripping = dripping
            self.server.call_later(every_s, partial(self._drop, size_bytes, every_s))

    def opened(self) -> FrameWire:
        """Expect WebSocket frames from here on."""
        self.wire = FrameWire(server=True)
        if self.state == "head":
            self.state = "open"
        return self.wire

    def reset(self, end: str) -> None:
        """RST, after what was written so far."""
        self.server.flush(self)
        self.end = self.end or end
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.server.forget(self, self.end)

    def finish(self, end: str) -> None:
        """EOF, after what was written so far; reads on until the peer has closed."""
        if self.state in ("drain", "gone"):
            return
        self.end = self.end or end
        left = len(self.out) + 1
        while 0 < len(self.out) < left:
            left = len(self.out)
            self.server.flush(self)
        if self.state == "gone":
            return
        if self.out:  # the peer does not read: an orderly end is not to be had
            self.reset(end)
            return
        self.state = "drain"
        self.server.watch(self, selectors.EVENT_READ)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self.server.call_later(_LINGER_S, lambda: self.server.forget(self, self.end))

    def mute(self) -> None:
        """Neither read nor write any more, but stay."""
        if self.state != "gone":
            self.out.clear()
            self.state = "mute"
            self.server.watch(self, 0)

    def pause(self, for_s: float) -> None:
        """Stop reading for a while."""
        self.server.watch(self, self.mask & ~selectors.EVENT_READ)
        self.server.call_later(for_s, self._resume)

    def _resume(self) -> None:
        if self.state not in ("mute", "gone"):
            self.server.watch(self, self.mask | selectors.EVENT_READ)
