"""The machinery of the fault proxy: one thread, one selector, every connection.

It moves bytes under the conditions that hold and counts them; who sets these is ``proxy.py``.
"""

from __future__ import annotations

import contextlib
import errno
import random
import selectors
import socket
import threading
import time
from typing import Final

import msgspec

from gateway.testing.pipe import Conditions, Direction, Pipe, Tunnel

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


class Relay:
    """Takes connections on a port of 127.0.0.1 and passes their bytes on.

    Args:
        upstream: Host and port of the server.
        seed: Of the jitter.

    Attributes:
        port: Where it listens, the same each time; 0 before the first.
        tunnels: The connections; under the relay's lock.
    """

    def __init__(self, upstream: tuple[str, int], seed: int) -> None:
        self._upstream = upstream
        self._dice = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._lock = threading.Condition()
        self._ways: dict[Direction, Conditions] = {"up": Conditions(), "down": Conditions()}
        self.tunnels: set[Tunnel] = set()
        self._counts = dict.fromkeys(ProxyCounters.__struct_fields__, 0)
        self._listener: socket.socket | None = None
        self.port = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    # --- any thread ---------------------------------------------------------------

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

    def change(self, *ways: Direction, **changes: float | bool | None) -> None:
        """Change some conditions of these directions."""
        with self._lock:
            for way in ways:
                self._ways[way] = msgspec.structs.replace(self._ways[way], **changes)
            self._wake()

    def refuse(self) -> None:
        """Refuse connections; those that are there stay."""
        with self._lock:
            self._unlisten()

    def heal(self) -> None:
        """Take every condition away, and listen."""
        with self._lock:
            self._ways = {"up": Conditions(), "down": Conditions()}
            if self._thread is not None:
                self._listen()
                self._wake()

    def end_all(self, *, reset: bool) -> None:
        """End every connection, by RST or EOF."""
        with self._lock:
            for tunnel in list(self.tunnels):
                self._end(tunnel, reset=reset)
            self._wake()

    @property
    def counters(self) -> ProxyCounters:
        """The counters as they are now."""
        with self._lock:
            return ProxyCounters(**self._counts | {"open": len(self.tunnels)})

    def wait_open(self, count: int, timeout_s: float = 5.0) -> None:
        """Wait until so many connections are there.

        Raises:
            TimeoutError: There are more or fewer.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self.tunnels) == count, timeout_s):
                there = len(self.tunnels)
                raise TimeoutError(f"{there} connections are there, not {count}") from self._error

    # --- lock held ------------------------------------------------------------------

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
            listener.bind(("127.0.0.1", self.port))
        except OSError:
            listener.close()
            raise
        listener.listen(1024)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _end(self, tunnel: Tunnel, *, reset: bool) -> None:
        """Close both sides of a connection, once."""
        if tunnel not in self.tunnels:
            return
        self.tunnels.discard(tunnel)
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
            elif key.data is not None and key.data in self.tunnels:
                self._touch(key.data, key.fileobj, mask)
        now = time.monotonic()
        due = [self._pump(tunnel, now) for tunnel in list(self.tunnels)]
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
        if len(self.tunnels) >= _CONNECTIONS_MAX:
            self._counts["over_limit"] += 1
            Tunnel.abort(client)
            return
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tunnels.add(Tunnel(client, server))
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
            if tunnel not in self.tunnels:
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
        if tunnel not in self.tunnels:
            return None
        if tunnel.finished:
            self.tunnels.discard(tunnel)
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
        for tunnel in self.tunnels:
            tunnel.close(self._selector, reset=False)
        self.tunnels.clear()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
