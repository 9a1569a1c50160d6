"""The feed server: one thread, all accounts, frames made before the start gun.

Run by the harness: one JSON argument, JSON lines out, ``go`` and ``end`` in. While it
feeds it only cuts acknowledgements; what they say is judged after ``end``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import selectors
import socket
import sys
import threading
import time
from typing import Any

from scripts.bench.feed import (
    GREETING_MID,
    answer,
    entry,
    greeting,
    push,
    push_mid,
    sid,
    token,
    unmask,
    ws_frame,
)
from scripts.bench.probe import cpu_s, say

READ_BYTES = 1 << 18
BREATH_S = 0.001
"""Pause between looks at the sockets while feeding at full speed: far shorter than a window
lasts, long enough for acknowledgements to gather, so that a look costs little a frame."""
RFC_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """One connection: what is to be sent, what came back."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.account = -1
        self.upgraded = False
        self.greeted = False
        self.finished = False
        self.frames = memoryview(b"")
        self.ends: list[int] = [0]
        self.sent = 0
        self.blocked = False
        self.received = bytearray()
        self.cut = 0
        self.acks: list[tuple[int, int]] = []

    def count(self) -> list[tuple[int, bytes]]:
        """Cut what came; acknowledgements are noted, the rest is returned.

        An acknowledgement is told by the third character of its JSON text: ``{"c``ode.
        """
        rest: list[tuple[int, bytes]] = []
        data, at, end, note = self.received, self.cut, len(self.received), self.acks.append
        while end - at >= 6:
            size = data[at + 1] & 127
            start = at + 6
            if size == 126:
                size = data[at + 2] << 8 | data[at + 3]
                start = at + 8
            elif size == 127:
                size = int.from_bytes(data[at + 2 : at + 10])
                start = at + 14
            if start + size > end:
                break
            if data[at] == 0x81 and size > 2 and data[start + 2] ^ data[start - 2] == 0x63:
                note((start, start + size))
            else:
                payload = unmask(data[start : start + size], data[start - 4 : start])
                if data[at] == 0x81 and b'"lwp"' not in payload:
                    note((start, start + size))
                else:
                    rest.append((data[at] & 15, payload))
            at = start + size
        self.cut = at
        return rest


class FeedServer:
    """Feeds every account of a spec once all are registered and greeted."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.accounts: int = spec["accounts"]
        self.entries: int = spec["entries"]
        self.conversations: int = spec["conversations"]
        self.per_account: int = spec["per_conversation"] * self.conversations
        self.packages = -(-self.per_account // self.entries)
        self.window: int = spec["window"]
        self.gap_s: float = self.entries / spec["rate"] if spec["rate"] else 0.0
        self.by_token = {token(account): account for account in range(self.accounts)}
        self.peers: list[Peer | None] = [None] * self.accounts
        self.greeted = 0
        self.unfinished = self.accounts
        self.next_package = 0
        self.due_s = 0.0
        self.go_ns = 0
        self.acked_ns = 0
        self.cpu_s = 0.0
        self.ended = False
        self.feeding = False
        self.breath = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.made = [] if self.gap_s else [self.make(a) for a in range(self.accounts)]
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    def frame(self, account: int, package: int, sent_ns: int = 0) -> bytes:
        """Return one push of an account."""
        first = package * self.entries
        last = min(first + self.entries, self.per_account)
        data = [entry(account, n, self.conversations, sent_ns) for n in range(first, last)]
        return push(account, package, first + 1, data)

    def make(self, account: int) -> tuple[memoryview, list[int]]:
        """Return all pushes of an account in one piece, and where each ends."""
        frames = [self.frame(account, package) for package in range(self.packages)]
        ends = [0]
        for frame in frames:
            ends.append(ends[-1] + len(frame))
        return memoryview(b"".join(frames)), ends

    def serve(self) -> None:
        """Run until ``end`` came or the harness is gone."""
        say(port=self.listener.getsockname()[1])
        while not self.ended:
            if self.feeding:
                self.breath.wait(BREATH_S)
            for key, mask in self.selector.select(self.pace()):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.data is None:
                    self.obey(os.read(0, 64))
                else:
                    if mask & selectors.EVENT_READ:
                        self.read(key.data)
                    if mask & selectors.EVENT_WRITE:
                        self.write(key.data)

    def pace(self) -> float | None:
        """Send what is due when paced; give the seconds until the next."""
        if not self.gap_s or not self.go_ns:
            return None
        while self.next_package < self.packages * self.accounts:
            wait_s = self.due_s - time.monotonic()
            if wait_s > 0:
                return wait_s
            package, account = divmod(self.next_package, self.accounts)
            peer = self.peers[account]
            if peer is not None:
                peer.sock.sendall(self.frame(account, package, time.monotonic_ns()))
            self.next_package += 1
            self.due_s += self.gap_s
        return None

    def accept(self) -> None:
        """Take everybody who waits."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(sock, selectors.EVENT_READ, Peer(sock))

    def obey(self, line: bytes) -> None:
        """Do what the harness says; nothing more to read means it is gone."""
        if line.startswith(b"go"):
            self.go_ns = time.monotonic_ns()
            self.due_s = time.monotonic()
            self.cpu_s = cpu_s()
            self.feeding = not self.gap_s
            for peer in self.peers:
                if peer is not None and not self.gap_s:
                    self.write(peer)
        else:
            self.ended = True

    def read(self, peer: Peer) -> None:
        """Take what a client sent: acknowledgements open its window further."""
        try:
            data = peer.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(peer)
            return
        peer.received += data
        if not peer.upgraded:
            self.upgrade(peer)
            return
        for opcode, payload in peer.count():
            self.respond(peer, opcode, payload)
        if not peer.greeted:
            self.greet(peer)
        elif self.go_ns:
            if len(peer.acks) == self.packages and not peer.finished:
                peer.finished = True
                self.finish()
            elif not self.gap_s:
                self.write(peer)

    def drop(self, peer: Peer) -> None:
        """Close a connection."""
        self.selector.unregister(peer.sock)
        peer.sock.close()

    def upgrade(self, peer: Peer) -> None:
        """Answer the opening handshake once it is complete."""
        head, found, rest = bytes(peer.received).partition(b"\r\n\r\n")
        if not found:
            return
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        digest = hashlib.sha1(headers[b"sec-websocket-key"] + RFC_GUID, usedforsecurity=False)
        peer.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest.digest()) + b"\r\n\r\n"
        )
        peer.received = bytearray(rest)
        peer.upgraded = True

    def respond(self, peer: Peer, opcode: int, payload: bytes) -> None:
        """Answer a request, a ping or a close."""
        if opcode in {8, 9}:
            peer.sock.sendall(ws_frame(payload, 8 if opcode == 8 else 10))
            if opcode == 8:
                self.drop(peer)
        elif opcode == 1:
            request = json.loads(payload)
            if request["lwp"] == "/reg":
                peer.account = self.by_token[request["headers"]["token"]]
                self.peers[peer.account] = peer
                if self.made:
                    peer.frames, peer.ends = self.made[peer.account]
            peer.sock.sendall(answer(request, peer.account))
            if request["lwp"] == "/reg":
                peer.sock.sendall(greeting(peer.account))

    def greet(self, peer: Peer) -> None:
        """Note that the greeting was acknowledged: this account may be fed."""
        if not peer.acks:
            return
        peer.acks.clear()
        peer.greeted = True
        self.greeted += 1
        if self.greeted == self.accounts:
            say(greeted=True)

    def write(self, peer: Peer) -> None:
        """Send as far as the window and the kernel's buffer allow, in halves of a window."""
        ends = peer.ends
        limit = ends[min(len(peer.acks) + self.window, len(ends) - 1)]
        if limit - peer.sent < self.window * ends[1] // 2 and limit < ends[-1] and not peer.blocked:
            return
        while peer.sent < limit:
            try:
                peer.sent += peer.sock.send(peer.frames[peer.sent : limit])
            except BlockingIOError:
                break
            except OSError:
                return
        blocked = peer.sent < limit
        if blocked != peer.blocked:
            peer.blocked = blocked
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if blocked else 0)
            self.selector.modify(peer.sock, wanted, peer)

    def finish(self) -> None:
        """Note that one more account acknowledged its last frame."""
        self.unfinished -= 1
        if not self.unfinished:
            self.feeding = False
            self.acked_ns = time.monotonic_ns()
            self.cpu_s = cpu_s() - self.cpu_s
            say(acked=True)

    def verdict(self) -> dict[str, Any]:
        """Parse every acknowledgement: code 200, own session, each mid once (protocol.md 10)."""
        wrong = 0
        count = 0
        for account, peer in enumerate(self.peers):
            due = {push_mid(account, package) for package in range(self.packages)}
            data = peer.received if peer is not None else bytearray()
            for start, end in peer.acks if peer is not None else ():
                ack = json.loads(unmask(data[start:end], data[start - 4 : start]))
                headers = ack["headers"]
                count += 1
                if ack["code"] != 200 or headers["sid"] != sid(account):
                    wrong += 1
                elif headers["mid"] in due:
                    due.remove(headers["mid"])
                elif headers["mid"] != GREETING_MID:
                    wrong += 1
            wrong += len(due)
        return {
            "acks": count,
            "wrong_acks": wrong,
            "frames": self.packages * self.accounts,
            "go_ns": self.go_ns,
            "acked_ns": self.acked_ns,
            "server_us": 1e6 * self.cpu_s / max(count, 1),
        }


def main() -> None:
    """Serve one run."""
    server = FeedServer(json.loads(sys.argv[1]))
    server.serve()
    say(**server.verdict())


if __name__ == "__main__":
    main()
