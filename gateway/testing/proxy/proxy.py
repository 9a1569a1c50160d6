"""A TCP proxy that misbehaves on demand, for any server on loopback.

No root, repeatable. The faults a test can choose live here; carrying them out is ``relay.py``'s,
what the bytes mean is nobody's business.
"""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

from gateway.testing.proxy.pipe import Direction
from gateway.testing.proxy.relay import ProxyCounters, Relay

__all__ = ["FaultProxy", "ProxyCounters", "Way"]

Way = Literal["up", "down", "both"]
"""``up``: client to server. ``down``: server to client."""


class FaultProxy:
    """Stands between clients and a server on loopback; without faults it is transparent.

    All methods may be called from any thread; faults hold for connections that are there and
    for those to come, until :meth:`heal`. Memory is bounded: 64 KiB wait in each direction of
    a connection, then its source is not read.

    Args:
        upstream: ``host:port``, or any URL of the server.
        seed: Of the jitter; the same seed gives the same draws.

    Raises:
        ValueError: ``upstream`` names no port, or no host on loopback.
    """

    def __init__(self, upstream: str, *, seed: int = 0) -> None:
        self._relay = Relay(_address(upstream), seed)

    # --- life ---------------------------------------------------------------------

    def start(self) -> None:
        """Listen, on the same port each time. Does nothing if it listens already."""
        self._relay.start()

    def stop(self) -> None:
        """Close every connection and the port; idempotent. Counters stay readable.

        Raises:
            RuntimeError: The proxy itself had failed; the cause is chained.
            TimeoutError: Its thread did not end.
        """
        self._relay.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where clients connect, on 127.0.0.1."""
        return self._relay.port

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self._relay.port}"

    def url(self, url: str) -> str:
        """Return a URL of the server as it is reached through the proxy."""
        return urlunsplit(urlsplit(url)._replace(netloc=self.address))

    # --- faults -------------------------------------------------------------------

    def black_hole(self, way: Way = "both") -> None:
        """Let nothing through any more, not even an end; what was sent is kept by the kernels.

        Connections still come in, as far as the client can see; nothing comes of them.
        """
        self._set(way, held=True)

    def slice(self, size_bytes: int = 1, *, every_s: float = 0.0, way: Way = "both") -> None:
        """Pass bytes on in pieces of this size, each its own segment, ``every_s`` apart.

        Raises:
            ValueError: ``size_bytes`` is below 1.
        """
        if size_bytes < 1:
            raise ValueError(f"size_bytes is {size_bytes}: a piece has at least 1 byte")
        self._set(way, slice_bytes=size_bytes, slice_every_s=every_s)

    def latency(self, seconds: float, *, jitter_s: float = 0.0, way: Way = "both") -> None:
        """Delay bytes by this much plus a draw of up to ``jitter_s``; order is kept."""
        self._set(way, latency_s=seconds, jitter_s=jitter_s)

    def bandwidth(self, bytes_per_s: float, *, way: Way = "both") -> None:
        """Pass on at most this many bytes a second of each connection.

        Raises:
            ValueError: It is not above 0; for nothing at all see :meth:`black_hole`.
        """
        if bytes_per_s <= 0:
            raise ValueError(f"bytes_per_s is {bytes_per_s}: use black_hole() for nothing at all")
        self._set(way, bytes_per_s=bytes_per_s)

    def cut_after(self, count_bytes: int, *, way: Direction = "down", reset: bool = True) -> None:
        """End the connection that carries the ``count_bytes``-th byte from now, behind that byte.

        Once; a frame of a known length is so cut anywhere in its middle. With ``reset`` by RST,
        else by EOF.

        Raises:
            ValueError: ``count_bytes`` is below 1.
        """
        if count_bytes < 1:
            raise ValueError(f"count_bytes is {count_bytes}: at least 1 byte passes first")
        self._set(way, cut_after_bytes=count_bytes, cut_by_reset=reset)

    def refuse(self) -> None:
        """Refuse connections; those that are there stay."""
        self._relay.refuse()

    def reset(self) -> None:
        """RST on both sides of every connection."""
        self._relay.end_all(reset=True)

    def drop(self) -> None:
        """EOF on both sides of every connection."""
        self._relay.end_all(reset=False)

    def heal(self) -> None:
        """Be transparent again: take every fault away, and listen."""
        self._relay.heal()

    # --- what was seen --------------------------------------------------------------

    @property
    def counters(self) -> ProxyCounters:
        """The counters as they are now."""
        return self._relay.counters

    def wait_open(self, count: int, timeout_s: float = 5.0) -> None:
        """Wait until this many connections are there.

        Raises:
            TimeoutError: There are more or fewer.
        """
        self._relay.wait_open(count, timeout_s)

    def _set(self, way: Way, **changes: float | bool | None) -> None:
        ways: tuple[Direction, ...] = ("up", "down") if way == "both" else (way,)
        self._relay.change(*ways, **changes)


def _address(upstream: str) -> tuple[str, int]:
    """Read ``host:port`` or a URL; loopback only, for it is a test's tool."""
    parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
    host, port = parts.hostname, parts.port
    if host not in ("127.0.0.1", "localhost") or port is None:
        raise ValueError(f"{upstream!r}: give host and port of a server on 127.0.0.1")
    return "127.0.0.1", port
