"""The port of the transport: wires, open links, and the dialer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from actors.values import (
    Failure,
    Frame,
    Phase,
)

if TYPE_CHECKING:
    import socket


class Beaten(msgspec.Struct, frozen=True, gc=False):
    """A pong from the peer, with the payload of our ping."""

    payload: bytes


class Pinged(msgspec.Struct, frozen=True, gc=False):
    """A ping from the peer; to be answered at once with the same payload."""

    payload: bytes


class PeerClosed(msgspec.Struct, frozen=True, gc=False):
    """The peer's close frame. ``code`` is None if it had no body."""

    code: int | None
    reason: str = ""


class WireBroken(msgspec.Struct, frozen=True, gc=False):
    """The peer broke RFC 6455 or a limit. Nothing after it is read.

    Attributes:
        code: What to close with: 1002, 1007 or 1009.
        reason: Constant in snake_case.
        detail: One sentence, no payload.
    """

    code: int
    reason: str
    detail: str


Incoming: TypeAlias = Frame | Beaten | Pinged | PeerClosed | WireBroken
"""What a gulp of bytes turns into; ``str`` and ``bytes`` are whole messages."""


class Wire(Protocol):
    """RFC 6455 over one open socket, without touching the socket: bytes in, bytes out."""

    @property
    def arriving(self) -> bool:
        """Return whether a message has begun to arrive and is not whole. Any thread."""

    @property
    def uncut(self) -> bool:
        """Return whether the last call of :meth:`feed` left frames behind; feed it nothing then."""

    def feed(self, data: bytes, most: int = 1 << 30) -> list[Incoming]:
        """Cut received bytes; keeps a partial frame. Poller thread only. Never raises.

        Total memory held is bounded by the message limit, which is enforced from the
        frame header, and by ``data``.

        Args:
            data: What came.
            most: Frames after which the rest is left for the next call; a run of short texts is
                cut to its end, which costs next to nothing.
        """

    def encode(self, frames: Sequence[Frame]) -> bytes:
        """Return masked frames, one after the other, for one write. Any thread."""

    def ping(self, payload: bytes) -> bytes:
        """Return a masked ping; payload at most 125 bytes."""

    def pong(self, payload: bytes) -> bytes:
        """Return a masked pong."""

    def close(self, code: int, reason: str = "") -> bytes:
        """Return a masked close frame; ``reason`` is cut to 123 bytes of UTF-8."""


class Dialed(msgspec.Struct, frozen=True, kw_only=True):
    """An open WebSocket. Whoever holds it owns the socket.

    Attributes:
        sock: Connected and upgraded, non-blocking, ``TCP_NODELAY``; an ``SSLSocket`` over TLS.
        wire: Its codec, which already holds what was read past the handshake.
        phases: Seconds each phase took, in order.
        address: Where it went, for logs: host and port, no path or query.
    """

    sock: socket.socket
    wire: Wire
    phases: Sequence[tuple[Phase, float]] = ()
    address: str = ""


class Dialer(Protocol):
    """Opens one account's link. Blocks; called on dial threads only."""

    endpoint: str
    """Scheme, host, port and proxy; accounts that share it share a circuit."""

    def dial(
        self,
        headers: dict[str, str],
        cookie: str | None,
        *,
        deadline_s: float,
        stretch: Callable[[Phase], float],
    ) -> Dialed | Failure:
        """Open it within ``deadline_s`` seconds in all, whatever stalls.

        Args:
            headers: Added to the configured ones.
            cookie: The only ``Cookie`` that is sent; None: none.
            deadline_s: Seconds over DNS, TCP, proxy, TLS and upgrade together.
            stretch: Factor (1 to 4) on a phase's own deadline.
        """
