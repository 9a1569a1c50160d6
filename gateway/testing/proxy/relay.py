"""The machinery of the fault proxy.

It moves bytes under the conditions that hold and counts them; who sets these is ``proxy.py``.
"""

from __future__ import annotations

import errno
import random
import selectors
import socket
import threading
import time
from typing import Final

import msgspec

from gateway.testing.loop import Loop, reset_on_close
from gateway.testing.proxy.pipe import Conditions, Direction, Pipe, Tunnel

_READ_BYTES: Final = 16 * 1024
_CONNECTIONS_MAX: Final = 1024


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


class Relay(Loop[Tunnel]):
    """Takes connections on a port of 127.0.0.1 and passes their bytes on.

    Args:
        upstream: Host and port of the server.
        seed: Of the jitter.

    Attributes:
        tunnels: The connections; under the relay's lock.
    """

    def __init__(self, upstream: tuple[str, int], seed: int) -> None:
        super().__init__("fault proxy", threading.Condition())
        self._upstream = upstream
        self._dice = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._ways: dict[Direction, Conditions] = {"up": Conditions(), "down": Conditions()}
        self.tunnels: set[Tunnel] = set()
        self._counts = dict.fromkeys(ProxyCounters.__struct_fields__, 0)

    # --- any thread ---------------------------------------------------------------

    def change(self, *ways: Direction, **changes: float | bool | None) -> None:
        """Change some conditions of these directions."""
        with self.lock:
            for way in ways:
                self._ways[way] = msgspec.structs.replace(self._ways[way], **changes)
            self.wake()

    def refuse(self) -> None:
        """Refuse connections; those that are there stay."""
        with self.lock:
            self.unlisten()

    def heal(self) -> None:
        """Take every condition away, and listen."""
        with self.lock:
            self._ways = {"up": Conditions(), "down": Conditions()}
            if self.running:
                self.listen()
                self.wake()

    def end_all(self, *, reset: bool) -> None:
        """End every connection, by RST or EOF."""
        with self.lock:
            for tunnel in list(self.tunnels):
                self._end(tunnel, reset=reset)
            self.wake()

    @property
    def counters(self) -> ProxyCounters:
        """The counters as they are now."""
        with self.lock:
            return ProxyCounters(**self._counts | {"open": len(self.tunnels)})

    def wait_open(self, count: int, timeout_s: float = 5.0) -> None:
        """Wait until this many connections are there.

        Raises:
            TimeoutError: There are more or fewer.
        """
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.tunnels) == count, timeout_s):
                there = len(self.tunnels)
                raise TimeoutError(f"{there} connections are there, not {count}") from self.error

    # --- the thread -----------------------------------------------------------------

    def taken(self, client: socket.socket) -> None:
        """Pair a connection that came in with one to the server, if there is room."""
        self._counts["accepted"] += 1
        if len(self.tunnels) >= _CONNECTIONS_MAX:
            self._counts["over_limit"] += 1
            reset_on_close(client)
            client.close()
            return
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tunnels.add(Tunnel(client, server))

    def ready(self, tunnel: Tunnel, sock: object, mask: int) -> None:
        """Go on with a connection that is there."""
        if tunnel not in self.tunnels:
            return
        if not tunnel.connected:
            self._connected(tunnel, tunnel.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return
        for way, pipe in tunnel.pipes.items():
            if pipe.source is sock and mask & selectors.EVENT_READ:
                self._take(tunnel, way, pipe)

    def settle(self) -> float | None:
        """Write what is due; return when more is."""
        now = time.monotonic()
        due = [self._pump(tunnel, now) for tunnel in list(self.tunnels)]
        return min((at for at in due if at is not None), default=None)

    def close_all(self) -> None:
        """Close every connection."""
        for tunnel in self.tunnels:
            tunnel.close(self, reset=False)
        self.tunnels.clear()

    def _end(self, tunnel: Tunnel, *, reset: bool) -> None:
        """Close both sides of a connection, once."""
        if tunnel not in self.tunnels:
            return
        self.tunnels.discard(tunnel)
        self._counts["reset" if reset else "dropped"] += 1
        tunnel.close(self, reset=reset)

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
            tunnel.close(self, reset=False)
            return None
        tunnel.watch(self, self._ways)
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
