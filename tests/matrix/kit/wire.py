"""A bad wire between a client and a server on 127.0.0.1: delays, cuts, swallows. Seeded."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class BadWire:
    """Forwards TCP to a port; a thread an end. Use as a context manager.

    Args:
        port: Of the server.
        listen: Own port; 0 takes a free one.
        slice_bytes: Most bytes of a segment; None: as they come.
        latency_s: Added to each piece, each way.
        jitter_s: Added to that, at random.
        rate_bytes_s: Most bytes a second, each way; None: no limit.
        seed: Of the jitter.
    """

    def __init__(
        self,
        port: int,
        *,
        listen: int = 0,
        slice_bytes: int | None = None,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        rate_bytes_s: float | None = None,
        seed: int = 1,
    ) -> None:
        self._target = port
        self._slice_bytes = slice_bytes
        self._latency_s, self._jitter_s = latency_s, jitter_s
        self._rate_bytes_s = rate_bytes_s
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._holes: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", listen))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            _shut(end)
        for thread in self._threads:
            thread.join(5.0)
        for end in ends:
            end.close()

    def swallow(self) -> None:
        """Let nothing more pass the connections there are; neither end hears of it."""
        with self._lock:
            self._holes.update(self._ends)

    def _spawn(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]  # a method
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5.0)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends += [near, far]
            self._spawn(self._pump, near, far)
            self._spawn(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(4096):
                if source not in self._holes:
                    self._pass(data, sink)
        except OSError:
            pass
        if source not in self._holes:
            _shut(sink)

    def _pass(self, data: bytes, sink: socket.socket) -> None:
        pause_s = self._latency_s + self._jitter_s * self._dice.random()
        if self._rate_bytes_s is not None:
            pause_s += len(data) / self._rate_bytes_s
        if pause_s and self._over.wait(pause_s):
            return
        size = self._slice_bytes or len(data)
        for at in range(0, len(data), size):
            sink.sendall(data[at : at + size])


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class FullPort:
    """A port whose SYNs are dropped: nobody accepts and the line is full. Context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = socket.create_server((host, port), backlog=0)
        self.port = int(self._server.getsockname()[1])
        self._crowd: list[socket.socket] = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((host, self.port))
            self._crowd.append(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (*self._crowd, self._server):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
