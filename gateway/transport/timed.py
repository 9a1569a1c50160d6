"""Deadlines for blocking sockets: many small reads, one instant at which all of them end.

A socket timeout alone starts anew with every ``recv``, so a peer that drips a byte at a
time holds a thread for ever. Here each call gets what is left of one deadline. (CPython
already bounds ``connect``, ``sendall`` and a TLS handshake as a whole by the timeout.)
"""

from __future__ import annotations

import re
import socket
import time

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEAD_MAX_BYTES = 32 * 1024
_PEEK_BYTES = 4096


class HungUpError(ConnectionError):
    """The peer closed in the middle of a handshake."""


class HeadTooLongError(Exception):
    """The peer's answer is no HTTP header of a sane size."""


class Deadline:
    """An instant on the monotonic clock."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: There are none.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def within(self, seconds: float) -> Deadline:
        """Return a deadline ``seconds`` from now, but never a later one than this."""
        nearer = Deadline(seconds)
        nearer._at = min(nearer._at, self._at)
        return nearer


def send_all(sock: socket.socket, data: bytes, until: Deadline) -> None:
    """Write everything or raise TimeoutError or another OSError."""
    sock.settimeout(until.left())
    sock.sendall(data)


def read_exactly(sock: socket.socket, size: int, until: Deadline) -> bytes:
    """Read ``size`` bytes.

    Raises:
        TimeoutError: They did not come in time.
        HungUpError: The peer closed before.
    """
    data = b""
    while len(data) < size:
        sock.settimeout(until.left())
        piece = sock.recv(size - len(data))
        if not piece:
            raise HungUpError
        data += piece
    return data


def read_head(sock: socket.socket, until: Deadline) -> bytes:
    """Read an HTTP header with its empty line, and not one byte more.

    What follows stays in the kernel (or in the TLS object), where whoever takes the socket
    over finds it: on a plain socket by looking before taking, over TLS, which cannot
    look, byte by byte out of OpenSSL's buffer.

    Raises:
        TimeoutError: It did not come in time.
        HungUpError: The peer closed before.
        HeadTooLongError: No end within 32 KiB.
    """
    # Checked by capability, not by importing ssl: only an SSLSocket knows what is pending.
    take_one = hasattr(sock, "pending")
    head = bytearray()
    while len(head) < _HEAD_MAX_BYTES:
        sock.settimeout(until.left())
        piece = sock.recv(1) if take_one else sock.recv(_PEEK_BYTES, socket.MSG_PEEK)
        if not piece:
            raise HungUpError
        known = len(head)
        head += piece
        end = _HEAD_END.search(head, max(0, known - 3))
        if take_one:
            if end:
                return bytes(head)
            continue
        stop = end.end() if end else len(head)
        read_exactly(sock, stop - known, until)
        if end:
            return bytes(head[:stop])
    raise HeadTooLongError
