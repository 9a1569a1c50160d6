"""One direction of a proxied connection: what waits, and when it may leave. No clock, no thread."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
from collections import deque
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.testing.loop import Loop, reset_on_close

Direction: TypeAlias = Literal["up", "down"]

CAPACITY_BYTES: Final = 64 * 1024
"""Most bytes that wait in one direction; beyond, its source is not read."""

_BURST_S: Final = 0.02


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The faults of one direction; none by default.

    Attributes:
        held: Nothing passes.
        slice_bytes: Most bytes of a piece; None: as they come.
        slice_every_s: Between two pieces.
        latency_s: Delay of each byte.
        jitter_s: Most additional delay, drawn for each read.
        bytes_per_s: Most of a connection; None: no limit.
        cut_after_bytes: Bytes that still pass before the connection is cut; None: it is not cut.
        cut_by_reset: By RST, else by EOF.
    """

    held: bool = False
    slice_bytes: int | None = None
    slice_every_s: float = 0.0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    cut_after_bytes: int | None = None
    cut_by_reset: bool = True


class Pipe:
    """Bytes from one socket on their way to another.

    Attributes:
        source: Read from.
        sink: Written to.
        ended: The source has sent its EOF.
        finished: The EOF was passed on; nothing more comes.
        blocked: The sink takes nothing just now.
    """

    __slots__ = ("_free_at", "_waiting", "_waiting_bytes", "blocked", "ended",
                 "finished", "sink", "source")  # fmt: skip

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.ended = self.finished = self.blocked = False
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._waiting_bytes = 0
        self._free_at = 0.0

    def wants_more(self, conditions: Conditions) -> bool:
        """Return whether the source is to be read."""
        return not (self.ended or conditions.held) and self._waiting_bytes < CAPACITY_BYTES

    def take(self, data: bytes, conditions: Conditions, now: float, dice: random.Random) -> None:
        """Take what was read; empty: the source has ended."""
        delay_s = conditions.latency_s
        if conditions.jitter_s:
            delay_s += conditions.jitter_s * dice.random()
        self.ended = not data
        self._waiting.append((now + delay_s, data))
        self._waiting_bytes += len(data)

    def due_at(self, conditions: Conditions) -> float | None:
        """Return when something may leave; None: nothing waits, or nothing may."""
        if not self._waiting or conditions.held:
            return None
        return max(self._waiting[0][0], self._free_at)

    def give(self, conditions: Conditions, now: float) -> int:
        """Write a piece that is due, or pass the end on; give how many bytes left.

        Raises:
            OSError: The sink is gone.
        """
        self.blocked = False
        at = self.due_at(conditions)
        if at is None or at > now:
            return 0
        due, data = self._waiting[0]
        if not data:
            self._waiting.popleft()
            self.finished = True
            with contextlib.suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)
            return 0
        piece = data[: self._most(conditions, len(data))]
        try:
            sent = self.sink.send(piece) if piece else 0
        except BlockingIOError:
            self.blocked = True
            return 0
        self._waiting_bytes -= sent
        if sent == len(data):
            self._waiting.popleft()
        else:
            self._waiting[0] = (due, data[sent:])
        wait_s = conditions.slice_every_s if conditions.slice_bytes is not None else 0.0
        if conditions.bytes_per_s is not None:
            wait_s = max(wait_s, sent / conditions.bytes_per_s)
        self._free_at = now + wait_s
        return sent

    @staticmethod
    def _most(conditions: Conditions, there: int) -> int:
        """Return the longest piece that may leave at once."""
        limits = [there]
        if conditions.slice_bytes is not None:
            limits.append(conditions.slice_bytes)
        if conditions.bytes_per_s is not None:
            limits.append(max(1, int(conditions.bytes_per_s * _BURST_S)))
        if conditions.cut_after_bytes is not None:
            limits.append(conditions.cut_after_bytes)
        return min(limits)


class Tunnel:
    """A client's connection and ours to the server.

    Attributes:
        client: The accepted socket.
        server: The one we opened.
        begun: We have asked the server.
        connected: It has taken us.
        pipes: Both directions.
    """

    __slots__ = ("_masks", "begun", "client", "connected", "pipes", "server")

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.begun = self.connected = False
        self.pipes: dict[Direction, Pipe] = {
            "up": Pipe(client, server),
            "down": Pipe(server, client),
        }
        self._masks: dict[socket.socket, int] = {client: 0, server: 0}

    @property
    def finished(self) -> bool:
        """Whether both ends were passed on."""
        return all(pipe.finished for pipe in self.pipes.values())

    def watch(self, loop: Loop[Tunnel], ways: dict[Direction, Conditions]) -> None:
        """Have the loop look for what can be done now."""
        masks = {self.client: 0, self.server: 0}
        if not self.connected:
            masks[self.server] = selectors.EVENT_WRITE if self.begun else 0
        else:
            for way, pipe in self.pipes.items():
                if pipe.wants_more(ways[way]):
                    masks[pipe.source] |= selectors.EVENT_READ
                if pipe.blocked and not ways[way].held:
                    masks[pipe.sink] |= selectors.EVENT_WRITE
        for sock, mask in masks.items():
            self._watch(loop, sock, mask)

    def _watch(self, loop: Loop[Tunnel], sock: socket.socket, mask: int) -> None:
        before, self._masks[sock] = self._masks[sock], mask
        loop.watch(sock, before, mask, self)

    def close(self, loop: Loop[Tunnel], *, reset: bool) -> None:
        """Close both sides, by RST or EOF."""
        for sock in (self.client, self.server):
            self._watch(loop, sock, 0)
            if reset:
                reset_on_close(sock)
            sock.close()
