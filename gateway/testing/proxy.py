"""A TCP proxy that misbehaves on demand, for any server on loopback.

One thread and one selector for all its connections; no root, repeatable. What the faults are
lives here; what the bytes mean is nobody's business. Settings are switched at run time.
"""

from __future__ import annotations

import contextlib
import errno
import random
import selectors
import socket
import threading
import time
from typing import Final, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

from gateway.testing.pipe import (
    Conditions,
    Direction,
    Pipe,
    Tunnel,
)

Way = Literal["up", "down", "both"]
"""``up``: client to server. ``down``: server to client."""


_READ_BYTES: Final = 16 * 1024
_CONNECTIONS_MAX: Final = 1024
_STOP_S: Final = 10.0


class ProxyCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy did since it was started.

    Attributes:
        accepted: Connections that came in.
        open: Those that are there.
        unreachable: Those the server behind it did not take.
        over_limit: Those that were reset because 1,024 are there.
        reset: Connections ended by RST: by the proxy, or passed on from either side.
        dropped: Connections ended by the proxy with EOF.
        cut: Of these, those ended by :meth:`FaultProxy.cut_after`.
        up_bytes: Written to the server.
        down_bytes: Written to clients.
    """

    accepted: int = 0
    open: int = 0
    unreachable: int = 0
    over_limit: int = 0
    reset: int = 0
    dropped: int = 0
    cut: int = 0
    up_bytes: int = 0
    down_bytes: int = 0


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
        self._upstream = _address(upstream)
        self._dice = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._lock = threading.Condition()
        self._ways: dict[Direction, Conditions] = {"up": Conditions(), "down": Conditions()}
        self._tunnels: set[Tunnel] = set()
        self._counts = dict.fromkeys(ProxyCounters.__struct_fields__, 0)
        self._listener: socket.socket | None = None
        self._port = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    # --- life ---------------------------------------------------------------------

    def start(self) -> None:
        """Listen, on the same port each time. Does nothing if it listens already."""
        with self._lock:
            if self._thread is not None:
                return
            self._stopping = False
            self._selector = selectors.DefaultSelector()
            self._wake_in, self._wake_out = socket.socketpair()
            self._wake_in.setblocking(False)
            self._wake_out.setblocking(False)
            self._selector.register(self._wake_in, selectors.EVENT_READ)
            try:
                self._listen()
            except OSError:
                self._close_all()
                raise
            self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Close every connection and the port; idempotent. Counters stay readable.

        Raises:
            RuntimeError: The proxy itself had failed; the cause is chained.
            TimeoutError: Its thread did not end.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping = True
            if thread is not None:
                self._wake()
        if thread is None:
            return
        thread.join(_STOP_S)
        if thread.is_alive():
            raise TimeoutError(f"the proxy's thread did not end within {_STOP_S:g} s")
        if self._error is not None:
            raise RuntimeError("the fault proxy failed") from self._error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where clients connect, on 127.0.0.1."""
        return self._port

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self._port}"

    def url(self, url: str) -> str:
        """Give a URL of the server as it is reached through the proxy."""
        return urlunsplit(urlsplit(url)._replace(netloc=self.address))

    # --- faults -------------------------------------------------------------------

    def black_hole(self, way: Way = "both") -> None:
        """Let nothing through any more, not even an end; what was sent is kept by the kernels.

        Connections still come in, as far as the client can see; nothing comes of them.
        """
        self._set(way, held=True)

    def slice(self, size_bytes: int = 1, *, every_s: float = 0.0, way: Way = "both") -> None:
        """Pass bytes on in pieces of so many, each its own segment, ``every_s`` apart.

        Raises:
            ValueError: ``size_bytes`` is below 1.
        """
        if size_bytes < 1:
            raise ValueError(f"size_bytes is {size_bytes}: a piece has at least 1 byte")
        self._set(way, slice_bytes=size_bytes, slice_every_s=every_s)

    def latency(self, seconds: float, *, jitter_s: float = 0.0, way: Way = "both") -> None:
        """Pass bytes on so much later, plus a draw of up to ``jitter_s``; order is kept."""
        self._set(way, latency_s=seconds, jitter_s=jitter_s)

    def bandwidth(self, bytes_per_s: float, *, way: Way = "both") -> None:
        """Pass on at most so much of each connection.

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
        with self._lock:
            self._unlisten()

    def reset(self) -> None:
        """RST on both sides of every connection."""
        self._end_all(reset=True)

    def drop(self) -> None:
        """EOF on both sides of every connection."""
        self._end_all(reset=False)

    def heal(self) -> None:
        """Be transparent again: take every fault away, and listen."""
        with self._lock:
            self._ways = {"up": Conditions(), "down": Conditions()}
            if self._thread is not None:
                self._listen()
                self._wake()

    # --- what was seen --------------------------------------------------------------

    @property
    def counters(self) -> ProxyCounters:
        """The counters as they are now."""
        with self._lock:
            return ProxyCounters(**self._counts | {"open": len(self._tunnels)})

    def wait_open(self, count: int, timeout_s: float = 5.0) -> None:
        """Wait until so many connections are there.

        Raises:
            TimeoutError: There are more or fewer.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._tunnels) == count, timeout_s):
                there = len(self._tunnels)
                raise TimeoutError(f"{there} connections are there, not {count}") from self._error

    # --- any thread, lock held ------------------------------------------------------

    def _set(self, way: Way, **changes: float | bool | None) -> None:
        with self._lock:
            for one in self._ways if way == "both" else (way,):
                self._ways[one] = msgspec.structs.replace(self._ways[one], **changes)
            self._wake()

    def _end_all(self, *, reset: bool) -> None:
        with self._lock:
            for tunnel in list(self._tunnels):
                self._end(tunnel, reset=reset)
            self._wake()

    def _wake(self) -> None:
        if self._thread is not None or self._stopping:
            with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
                self._wake_out.send(b"w")

    def _listen(self) -> None:
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        listener.listen(1024)
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _end(self, tunnel: Tunnel, *, reset: bool) -> None:
        """Close both sides of a connection, once."""
        if tunnel not in self._tunnels:
            return
        self._tunnels.discard(tunnel)
        self._counts["reset" if reset else "dropped"] += 1
        tunnel.close(self._selector, reset=reset)
        self._lock.notify_all()

    # --- the thread -----------------------------------------------------------------

    def _run(self) -> None:
        wait_s: float | None = None
        try:
            while not self._stopping:
                ready = self._selector.select(wait_s)
                with self._lock:
                    wait_s = self._turn(ready)
        except BaseException as error:  # noqa: BLE001  # a thread's last line: kept for stop()
            self._error = error
        finally:
            with self._lock:
                self._close_all()
                self._lock.notify_all()

    def _turn(self, ready: list[tuple[selectors.SelectorKey, int]]) -> float | None:
        """Take what is ready; give how long nothing is due."""
        for key, mask in ready:
            if key.fileobj is self._wake_in:
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(4096)
            elif key.fileobj is self._listener:
                self._accept()
            elif key.data is not None and key.data in self._tunnels:
                self._touch(key.data, key.fileobj, mask)
        now = time.monotonic()
        due = [self._pump(tunnel, now) for tunnel in list(self._tunnels)]
        waits = [at - now for at in due if at is not None]
        return max(0.0, min(waits)) if waits else None

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            client, _ = self._listener.accept()
        except OSError:  # it was gone first, or no descriptor is left for it
            return
        self._counts["accepted"] += 1
        if len(self._tunnels) >= _CONNECTIONS_MAX:
            self._counts["over_limit"] += 1
            Tunnel.abort(client)
            return
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tunnels.add(Tunnel(client, server))
        self._lock.notify_all()

    def _touch(self, tunnel: Tunnel, sock: object, mask: int) -> None:
        if not tunnel.connected:
            self._connected(tunnel, tunnel.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return
        for way, pipe in tunnel.pipes.items():
            if pipe.source is sock and mask & selectors.EVENT_READ:
                self._take(tunnel, way, pipe)

    def _connected(self, tunnel: Tunnel, error: int) -> None:
        """Go on with a connection that the server took, or not."""
        if error:
            self._counts["unreachable"] += 1
            self._end(tunnel, reset=True)
        tunnel.connected = not error

    def _take(self, tunnel: Tunnel, way: Direction, pipe: Pipe) -> None:
        """Read what a side sends, as far as there is room for it."""
        if not pipe.wants_more(self._ways[way]):
            return
        try:
            data = pipe.source.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._end(tunnel, reset=True)
            return
        pipe.take(data, self._ways[way], time.monotonic(), self._dice)

    def _pump(self, tunnel: Tunnel, now: float) -> float | None:
        """Write what is due, and say when to look again."""
        if not tunnel.begun and not self._ways["up"].held:
            tunnel.begun = True
            error = tunnel.server.connect_ex(self._upstream)
            if error != errno.EINPROGRESS:
                self._connected(tunnel, error)
        next_due: float | None = None
        for way, pipe in tunnel.pipes.items():
            if tunnel not in self._tunnels:
                return None
            conditions = self._ways[way]
            if not tunnel.connected or conditions.held:
                continue
            try:
                sent = pipe.give(conditions, now)
            except OSError:
                self._end(tunnel, reset=True)
                return None
            self._count(tunnel, way, sent)
            at = pipe.due_at(conditions)
            if at is not None and not pipe.blocked and (next_due is None or at < next_due):
                next_due = at
        if tunnel not in self._tunnels:
            return None
        if tunnel.finished:
            self._tunnels.discard(tunnel)
            tunnel.close(self._selector, reset=False)
            self._lock.notify_all()
            return None
        tunnel.watch(self._selector, self._ways)
        return next_due

    def _count(self, tunnel: Tunnel, way: Direction, sent: int) -> None:
        """Count bytes; end the connection that carried the last one it may."""
        self._counts[f"{way}_bytes"] += sent
        conditions = self._ways[way]
        left = conditions.cut_after_bytes
        if left is None:
            return
        self._ways[way] = msgspec.structs.replace(
            conditions, cut_after_bytes=None if sent >= left else left - sent
        )
        if sent >= left:
            self._counts["cut"] += 1
            self._end(tunnel, reset=conditions.cut_by_reset)

    def _close_all(self) -> None:
        self._unlisten()
        for tunnel in self._tunnels:
            tunnel.close(self._selector, reset=False)
        self._tunnels.clear()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()


def _address(upstream: str) -> tuple[str, int]:
    """Read ``host:port`` or a URL; loopback only, for it is a test's tool."""
    parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
    host, port = parts.hostname, parts.port
    if host not in ("127.0.0.1", "localhost") or port is None:
        raise ValueError(f"{upstream!r}: give host and port of a server on 127.0.0.1")
    return "127.0.0.1", port
