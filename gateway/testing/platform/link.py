"""One accepted connection: what it still has to say, and how it ends.

Everything here is done under the server's lock.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from gateway.testing.loop import Loop, reset_on_close
from gateway.transport.frames import FrameWire

WANTS: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket raises that cannot read or write just now."""

_LINGER_S: Final = 2.0
_WRITE_BYTES: Final = 256 * 1024

State = Literal["tls", "head", "open", "mute", "drain", "gone"]


class Link:
    """One accepted connection. Everything on it is done under the server's lock.

    Args:
        loop: Watches the socket.
        number: Among all of the server, from 1.
        sock: The socket.
        dirty: Links with something to write at the end of the turn; it enters itself.
        ended: Told once that the link is gone, and how.

    Attributes:
        number: Among all of the server, from 1.
        state: ``tls`` and ``head`` before the upgrade, ``open`` after it; ``mute`` is never
            read again, ``drain`` is read until the peer closes, ``gone`` is closed.
        wire: RFC 6455, once the upgrade was read.
        end: Why we ended it, if we did.
    """

    __slots__ = ("_dirty", "_dripping", "_ended", "_mask", "end", "head", "loop", "number", "out",
                 "sock", "state", "wire")  # fmt: skip

    def __init__(
        self,
        loop: Loop[Link],
        number: int,
        sock: socket.socket,
        *,
        dirty: dict[int, Link],
        ended: Callable[[Link, str], None],
    ) -> None:
        self.loop = loop
        self.number = number
        self.sock = sock
        self.state: State = "head"
        self.head = b""
        self.wire: FrameWire | None = None
        self.out = bytearray()
        self.end: str | None = None
        self._dripping: bytearray | None = None
        self._dirty = dirty
        self._ended = ended
        self._mask = 0
        self.watch(selectors.EVENT_READ)

    def write(self, data: bytes) -> None:
        """Send these bytes at the end of the turn; nothing after the end."""
        if self.state in ("mute", "drain", "gone"):
            return
        if self._dripping is not None:
            self._dripping += data
            return
        self.out += data
        self._dirty[self.number] = self

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
            self.loop.call_later(every_s, partial(self._drop, size_bytes, every_s))

    def flush(self) -> None:
        """Write once."""
        out = self.out
        if not out or self.state in ("gone", "drain", "mute", "tls"):
            return
        try:
            sent = self.sock.send(out[:_WRITE_BYTES] if len(out) > _WRITE_BYTES else out)
        except WANTS:
            sent = 0
        except OSError:
            self.forget("reset")
            return
        del out[:sent]
        writing = selectors.EVENT_WRITE if out else 0
        self.watch((self._mask & selectors.EVENT_READ) | writing)

    def watch(self, mask: int) -> None:
        """Choose what the loop looks for; 0: nothing."""
        if self.state != "gone":
            self.loop.watch(self.sock, self._mask, mask, self)
            self._mask = mask

    def secure(self, tls: ssl.SSLContext) -> bool:
        """Speak TLS from here on; False: the peer is gone."""
        mask = self._mask
        self.watch(0)
        try:
            self.sock = tls.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            return False
        self.state = "tls"
        self.watch(mask)
        return True

    def opened(self) -> FrameWire:
        """Expect WebSocket frames from here on."""
        self.wire = FrameWire(server=True)
        if self.state == "head":
            self.state = "open"
        return self.wire

    def forget(self, how: str | None) -> None:
        """Close it and say so, once."""
        if self.state == "gone":
            return
        self.watch(0)
        self.state = "gone"
        self.out.clear()
        self.sock.close()
        self._ended(self, self.end or how or "eof")

    def reset(self, end: str) -> None:
        """RST, after what was written so far."""
        self.flush()
        self.end = self.end or end
        reset_on_close(self.sock)
        self.forget(self.end)

    def finish(self, end: str) -> None:
        """EOF, after what was written so far; reads on until the peer has closed."""
        if self.state in ("drain", "gone"):
            return
        self.end = self.end or end
        left = len(self.out) + 1
        while 0 < len(self.out) < left:
            left = len(self.out)
            self.flush()
        if self.state == "gone":
            return
        if self.out:  # the peer does not read: an orderly end is not to be had
            self.reset(end)
            return
        self.state = "drain"
        self.watch(selectors.EVENT_READ)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self.loop.call_later(_LINGER_S, lambda: self.forget(self.end))

    def mute(self) -> None:
        """Neither read nor write any more, but stay."""
        if self.state != "gone":
            self.out.clear()
            self.state = "mute"
            self.watch(0)

    def pause(self, for_s: float) -> None:
        """Stop reading for a while."""
        self.watch(self._mask & ~selectors.EVENT_READ)
        self.loop.call_later(for_s, self._resume)

    def _resume(self) -> None:
        if self.state not in ("mute", "gone"):
            self.watch(self._mask | selectors.EVENT_READ)
