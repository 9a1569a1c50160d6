"""One accepted connection: what it still has to say, and how it ends.

Everything here is done under the server's lock.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
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

    __slots__ = ("end", "head", "mask", "number", "out", "server", "sock", "state",
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

    def write(self, data: bytes) -> None:
        """Send these bytes at the end of the turn; nothing after the end."""
        if self.state not in ("mute", "drain", "gone"):
            self.out += data
            self.server.dirty[self.number] = self

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
