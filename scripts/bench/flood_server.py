"""The feed server with one more connection, which floods from the start gun to the end.

Run by ``scripts/bench_flood.py`` as the feed server is by its harness.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import sys
import threading
from typing import Any

from scripts.bench.feed import answer, entry, push, ws_frame
from scripts.bench.feed_server import FeedServer, Peer
from scripts.bench.probe import say

BLOB_BYTES = 1 << 18
PUSHES = 20_000

PATH = b"/flood"
"""Where the account that floods connects to."""

SMALL = {
    "empty texts": ws_frame(b""),
    "empty binaries": ws_frame(b"", 2),
    "pings": ws_frame(b"", 9),
    "pongs": ws_frame(b"", 10),
    "unknown paths": ws_frame(b'{"lwp":"/x","headers":{"mid":"1"}}'),
    "answers": ws_frame(b'{"code":200,"headers":{"mid":"1 0"}}  '),
}
"""One frame of each flood that repeats itself."""


class FloodServer(FeedServer):
    """Feeds as its parent does; the last account gets as much of one kind as it takes."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self.flooded: Peer | None = None
        self.blobs = self.flood(spec["flood"])

    def flood(self, kind: str) -> list[bytes]:
        """Return what is sent, again and again."""
        if kind == "pushes":
            of = self.accounts
            return [push(of, n, n + 1, [entry(of, n, 50, 0)]) for n in range(PUSHES)]
        frame = SMALL.get(kind)
        return [] if frame is None else [frame * (BLOB_BYTES // len(frame))]

    def upgrade(self, peer: Peer) -> None:
        """Tell the connection that is to be flooded by its path."""
        if PATH in bytes(peer.received).partition(b"\r\n")[0]:
            self.flooded = peer
        super().upgrade(peer)

    def respond(self, peer: Peer, opcode: int, payload: bytes) -> None:
        """Answer; the account that is flooded has no place among the others."""
        if peer is not self.flooded:
            super().respond(peer, opcode, payload)
        elif opcode == 1:
            peer.sock.sendall(answer(json.loads(payload), self.accounts))

    def greet(self, peer: Peer) -> None:
        """Wait for the others' greeting only."""
        if peer is not self.flooded:
            super().greet(peer)

    def obey(self, line: bytes) -> None:
        """Flood from the start gun on, on a thread of its own."""
        super().obey(line)
        peer = self.flooded
        if self.go_ns and not self.ended and peer is not None and self.blobs:
            self.selector.unregister(peer.sock)
            threading.Thread(target=self._flood, args=(peer,), daemon=True).start()

    def _flood(self, peer: Peer) -> None:
        """Write whatever is taken, and throw away what comes."""
        at, rest = 0, memoryview(b"")
        with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
            selector.register(peer.sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while True:
                for _, mask in selector.select():
                    if mask & selectors.EVENT_READ and not peer.sock.recv(1 << 20):
                        return
                    if mask & selectors.EVENT_WRITE:
                        rest = rest or memoryview(self.blobs[at % len(self.blobs)])
                        sent = peer.sock.send(rest)
                        peer.sent += sent
                        rest = rest[sent:]
                        at += not rest


def main() -> None:
    """Serve one run."""
    server = FloodServer(json.loads(sys.argv[1]))
    server.serve()
    flooded = server.flooded
    say(**server.verdict(), flooded_bytes=0 if flooded is None else flooded.sent)


if __name__ == "__main__":
    main()
