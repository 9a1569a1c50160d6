"""One thread, one selector: what the fake platform and the fault proxy run on.

The listener, the timers and the way to wake the thread are here; what is done with a
connection is a subclass's business.
"""

from __future__ import annotations

import contextlib
import heapq
import selectors
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Final, Generic, TypeVar

_ACCEPTS_A_TURN: Final = 512
_STOP_S: Final = 10.0
_RESET: Final = struct.pack("ii", 1, 0)


ConnectionT = TypeVar("ConnectionT")


class Loop(ABC, Generic[ConnectionT]):
    """Listens on one port of one address and serves every connection on one thread.

    Subclasses are called with the lock held.

    Args:
        name: Of the thread, and of this in errors.
        lock: Guards everything here; waiters on it are woken once a turn. Re-entrant.
        host: An IPv4 address of this machine.
        port: 0 takes a free one.

    Attributes:
        port: Where it listens, the same each time; 0 before the first.
        error: What the thread died of.
    """

    def __init__(
        self, name: str, lock: threading.Condition, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.lock = lock
        self.port = port
        self.error: BaseException | None = None
        self._name = name
        self._host = host
        self._listener: socket.socket | None = None
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._awake = False

    # --- any thread ---------------------------------------------------------------

    def start(self) -> None:
        """Listen, on the port of the first time, and begin to serve; nothing if it does.

        Raises:
            OSError: The port is taken.
        """
        with self.lock:
            if self._thread is not None:
                return
            self._stopping = self._awake = False
            self.error = None
            self._selector = selectors.DefaultSelector()
            self._wake_in, self._wake_out = socket.socketpair()
            self._wake_in.setblocking(False)
            self._wake_out.setblocking(False)
            self._selector.register(self._wake_in, selectors.EVENT_READ)
            try:
                self.listen()
            except OSError:
                self._close()
                raise
            name = self._name.replace(" ", "-")
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Close every connection and the port; idempotent. The lock must be free.

        Raises:
            RuntimeError: The thread had failed; the cause is chained.
            TimeoutError: It did not end.
        """
        with self.lock:
            self._stopping = True
            self.wake()
            thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.join(_STOP_S)
        if thread.is_alive():
            raise TimeoutError(f"the {self._name}'s thread did not end within {_STOP_S:g} s")
        if self.error is not None:
            raise RuntimeError(f"the {self._name} failed") from self.error

    # --- lock held ----------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None

    def listen(self) -> None:
        """Accept connections, on the port of the first time."""
        if self._listener is None:
            listener = socket.create_server((self._host, self.port), backlog=4096)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._listener = listener
            self._selector.register(listener, selectors.EVENT_READ)

    def unlisten(self) -> None:
        """Refuse connections; those that are there stay."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def wake(self) -> None:
        """Make the thread take a turn soon; within a turn there is no need."""
        if not self._awake and self._thread is not None:
            self._awake = True
            with contextlib.suppress(OSError):  # closed: it has ended
                self._wake_out.send(b"w")

    def call_later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Run something on the thread after a delay."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), what))
        self.wake()

    def watch(self, sock: socket.socket, before: int, mask: int, connection: ConnectionT) -> None:
        """Look for what is in ``mask`` from now on, after what is in ``before``; 0: nothing."""
        if mask == before:
            return
        if not mask:
            self._selector.unregister(sock)
        elif not before:
            self._selector.register(sock, mask, connection)
        else:
            self._selector.modify(sock, mask, connection)
        self.wake()

    # --- what a subclass does -----------------------------------------------------

    @abstractmethod
    def taken(self, sock: socket.socket) -> None:
        """Take a connection that came in; it does not block."""

    @abstractmethod
    def ready(self, connection: ConnectionT, sock: object, mask: int) -> None:
        """Do what is in ``mask``, with what was given to :meth:`watch`."""

    @abstractmethod
    def settle(self) -> float | None:
        """End a turn; return when the next one is due, in monotonic seconds, if it is."""

    @abstractmethod
    def close_all(self) -> None:
        """Close every connection."""

    # --- the thread ---------------------------------------------------------------

    def _run(self) -> None:
        wait_s: float | None = None
        try:
            while not self._stopping:
                found = self._selector.select(wait_s)
                with self.lock:
                    wait_s = self._turn(found)
        except BaseException as error:  # noqa: BLE001  # a thread's last line: kept for stop()
            self.error = error
        finally:
            with self.lock:
                self._close()
                self.lock.notify_all()

    def _turn(self, found: list[tuple[selectors.SelectorKey, int]]) -> float | None:
        """Do what is ready and due; return for how long nothing is."""
        self._awake = True
        for key, mask in found:
            if key.data is not None:
                self.ready(key.data, key.fileobj, mask)
            elif key.fileobj is self._wake_in:
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(64)
            elif key.fileobj is self._listener:
                self._accept()
        timers, now = self._timers, time.monotonic()
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2]()
        due = self.settle()
        if timers and (due is None or timers[0][0] < due):
            due = timers[0][0]
        self._awake = False
        self.lock.notify_all()
        return None if due is None else max(0.0, due - time.monotonic())

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            if self._listener is None:
                return
            try:
                sock, _ = self._listener.accept()
            except OSError:  # none is left, the peer was gone first, or there is no descriptor
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.taken(sock)

    def _close(self) -> None:
        self.unlisten()
        self.close_all()
        self._timers.clear()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()


def reset_on_close(sock: socket.socket) -> None:
    """Make the close of a socket an RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
