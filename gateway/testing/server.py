"""Sockets of the fake platform: one thread, one selector, every connection.

Knows TCP, TLS and the HTTP upgrade; what the bytes mean is told to a :class:`Hooks`. Bytes
leave once a turn and connection, whatever was written in between.
"""

from __future__ import annotations

import contextlib
import heapq
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

from gateway.testing.handshake import HEAD_MAX_BYTES, Upgrade, parse_head
from gateway.testing.link import Link

_READ_BYTES: Final = 64 * 1024
_WRITE_BYTES: Final = 256 * 1024
_ACCEPTS_A_TURN: Final = 512
_STOP_S: Final = 10.0
_WANTS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Hooks(Protocol):
    """Whoever knows what the bytes mean. Called on the server's thread, lock held."""

    def accepted(self, link: Link) -> None:
        """A connection came in; TLS has not begun."""

    def upgrading(self, link: Link, upgrade: Upgrade, rest: bytes) -> None:
        """The HTTP request was read; ``rest`` came behind it."""

    def arrived(self, link: Link, data: bytes) -> None:
        """Bytes of an open link."""

    def ended(self, link: Link, how: str) -> None:
        """The link is gone; told once."""


class Server:
    """Listens on one port of one address.

    Args:
        hooks: Hears of everything.
        lock: Guards everything here; waiters on it are woken once a turn.
        tls: Speaks TLS with it; None: plain.
        host: An IPv4 address of this machine.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        hooks: Hooks,
        lock: threading.Condition,
        *,
        tls: ssl.SSLContext | None,
        host: str,
        port: int,
    ) -> None:
        self._hooks = hooks
        self._lock = lock
        self._tls = tls
        self._host = host
        self.port = port
        self.links: dict[int, Link] = {}
        self.dirty: dict[int, Link] = {}
        self.error: BaseException | None = None
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count(1)
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._stopping = False
        self._woken = False
        self._thread: threading.Thread | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ)

    # --- from any thread, lock held -----------------------------------------------

    def start(self) -> None:
        """Listen and begin to serve.

        Raises:
            OSError: The port is taken.
        """
        try:
            self.listen()
        except OSError:
            self._close_all()
            raise
        self._thread = threading.Thread(target=self._run, name="fake-platform", daemon=True)
        self._thread.start()

    def listen(self) -> None:
        """Accept connections, on the port of the first time."""
        if self._listener is None:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self._host, self.port))
            except OSError:
                listener.close()
                raise
            listener.listen(4096)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._listener = listener
            self._selector.register(listener, selectors.EVENT_READ)
            self.wake()

    def unlisten(self) -> None:
        """Refuse connections; those that are there stay."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def wake(self) -> None:
        """Make the thread take a turn soon."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
                self._wake_out.send(b"w")

    def call_later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Run something on the server's thread after a delay."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), what))
        self.wake()

    def stop(self) -> threading.Thread | None:
        """Ask the thread to end; join what is returned without the lock."""
        self._stopping = True
        self.wake()
        return self._thread

    def join(self, thread: threading.Thread) -> None:
        """Wait for the thread; the lock must be free.

        Raises:
            TimeoutError: It did not end.
        """
        thread.join(_STOP_S)
        if thread.is_alive():
            raise TimeoutError(f"the fake platform's thread did not end within {_STOP_S:g} s")

    # --- for links, lock held -----------------------------------------------------

    def watch(self, link: Link, mask: int) -> None:
        """Choose what the selector looks for; 0: nothing."""
        if mask == link.mask or link.state == "gone":
            return
        if not mask:
            self._selector.unregister(link.sock)
        elif not link.mask:
            self._selector.register(link.sock, mask, link)
        else:
            self._selector.modify(link.sock, mask, link)
        link.mask = mask
        self.wake()

    def flush(self, link: Link) -> None:
        """Write once."""
        out = link.out
        if not out or link.state in ("gone", "drain", "mute", "tls"):
            return
        try:
            sent = link.sock.send(out[:_WRITE_BYTES] if len(out) > _WRITE_BYTES else out)
        except _WANTS:
            sent = 0
        except OSError:
            self.forget(link, "reset")
            return
        del out[:sent]
        writing = selectors.EVENT_WRITE if out else 0
        self.watch(link, (link.mask & selectors.EVENT_READ) | writing)

    def forget(self, link: Link, how: str | None) -> None:
        """Close a link and say so, once."""
        if link.state == "gone":
            return
        self.watch(link, 0)
        link.state = "gone"
        link.out.clear()
        link.sock.close()
        self.links.pop(link.number, None)
        self.dirty.pop(link.number, None)
        self._hooks.ended(link, link.end or how or "eof")

    # --- the thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                ready = self._selector.select(self._until_timer())
                with self._lock:
                    self._turn(ready)
        except BaseException as error:  # noqa: BLE001  # a thread's last line: kept for stop()
            self.error = error
        finally:
            with self._lock:
                self._close_all()
                self._lock.notify_all()

    def _until_timer(self) -> float | None:
        timers = self._timers
        return max(0.0, timers[0][0] - time.monotonic()) if timers else None

    def _turn(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, mask in ready:
            link = key.data
            if link is not None:
                if mask & selectors.EVENT_READ:
                    self._read(link)
                if mask & selectors.EVENT_WRITE:
                    self.dirty[link.number] = link
            elif key.fileobj is self._wake_in:
                self._woken = False
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(64)
            elif key.fileobj is self._listener:
                self._accept()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        while self.dirty:
            dirty, self.dirty = self.dirty, {}
            for link in dirty.values():
                self.flush(link)
        self._lock.notify_all()

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            if self._listener is None:
                return
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # the peer was gone first, or no descriptor is left for it
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        number = next(self._numbers)
        link = Link(self, number, sock)
        self.links[number] = link
        self._selector.register(sock, selectors.EVENT_READ, link)
        self._hooks.accepted(link)
        if self._tls is not None and link.state == "head":
            self.flush(link)
            plain_mask = link.mask
            self._selector.unregister(sock)
            link.mask = 0
            try:
                link.sock = self._tls.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            except OSError:  # it left before it said a word
                self.forget(link, "reset")
                return
            link.state = "tls"
            self._selector.register(link.sock, plain_mask, link)
            link.mask = plain_mask

    def _read(self, link: Link) -> None:
        if link.state == "tls" and not self._handshake(link):
            return
        while link.state in ("head", "open", "drain"):
            try:
                data = link.sock.recv(_READ_BYTES)
            except _WANTS:
                return
            except ConnectionError:
                self.forget(link, "reset")
                return
            except OSError:
                self.forget(link, "broken")
                return
            if not data:
                self.forget(link, "eof")
                return
            if link.wire is not None:
                self._hooks.arrived(link, data)
            elif link.state == "head":
                self._head(link, data)
            if not isinstance(link.sock, ssl.SSLSocket) or not link.sock.pending():
                return

    def _handshake(self, link: Link) -> bool:
        sock = link.sock
        if not isinstance(sock, ssl.SSLSocket):
            return True
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self.watch(link, selectors.EVENT_READ)
            return False
        except ssl.SSLWantWriteError:
            self.watch(link, selectors.EVENT_READ | selectors.EVENT_WRITE)
            return False
        except OSError:
            self.forget(link, "broken")
            return False
        link.state = "head"
        return True

    def _head(self, link: Link, data: bytes) -> None:
        link.head += data
        head, end, rest = link.head.partition(b"\r\n\r\n")
        if end:
            link.head = b""
            self._hooks.upgrading(link, parse_head(head), rest)
        elif len(link.head) > HEAD_MAX_BYTES:
            link.reset("broken")

    def _close_all(self) -> None:
        self.unlisten()
        for link in list(self.links.values()):
            link.end = link.end or "stopped"
            self.forget(link, "stopped")
        self._timers.clear()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
