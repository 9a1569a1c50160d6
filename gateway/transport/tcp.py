"""A TCP connection to the first of a few addresses that answers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from gateway.transport.lookup import Address
from gateway.transport.timed import Deadline

MAX_ADDRESSES = 3
_USER_TIMEOUT_MS = 20_000

# Keepalive finds a dead idle peer after 60 s; TCP_USER_TIMEOUT one with unsent data after 20 s.
# Names that a platform lacks are left out (Windows and macOS have no TCP_USER_TIMEOUT).
_OPTIONS = [
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
]


def connect(addresses: Sequence[Address], *, each_s: float, until: Deadline) -> socket.socket:
    """Try the first three addresses in order, ``each_s`` seconds each.

    Raises:
        OSError: Of the last address that was tried; TimeoutError if it was silent.
    """
    failed: OSError = TimeoutError()
    for family, address in addresses[:MAX_ADDRESSES]:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(until.within(each_s).left())
            sock.connect(address)
            _tune(sock)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed


def _tune(sock: socket.socket) -> None:
    for level, name, value in _OPTIONS:
        if hasattr(socket, name):
            # A system that knows the name and not the option goes without.
            with contextlib.suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)
