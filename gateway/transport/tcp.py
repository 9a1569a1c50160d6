"""A TCP connection to the first address of a name that answers."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Self

from gateway.transport.lookup import Address
from gateway.transport.timed import Deadline

STAGGER_S = 1.0
"""Seconds an address is tried alone, before the next one is tried beside it (RFC 8305)."""

MAX_ADDRESSES = 32
"""Addresses of one name that a dial tries; each may hold a socket for a while."""

_USER_TIMEOUT_MS = 20_000
_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}

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
    """Try the addresses in order, ``each_s`` seconds each; the first that answers wins.

    The next one is tried when one fails, or beside it once it is silent for a second: four dead
    addresses cost four seconds and not four time limits.

    Raises:
        OSError: Of the last address that failed; TimeoutError if it was silent.
    """
    with _Race(each_s, until) as race:
        return race.run(list(addresses[:MAX_ADDRESSES]))


class _Race:
    """Connections under way; those that do not win are closed."""

    def __init__(self, each_s: float, until: Deadline) -> None:
        self._each_s = each_s
        self._until = until
        self._ends: dict[socket.socket, float] = {}
        self._failed: OSError = TimeoutError()

    def __enter__(self) -> Self:
        self._selector = selectors.DefaultSelector()
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for sock in self._ends:
            sock.close()

    def run(self, waiting: list[Address]) -> socket.socket:
        """Return the socket of the first that answers."""
        next_at = 0.0
        while waiting or self._ends:
            left = self._until.left()
            if waiting and (not self._ends or time.monotonic() >= next_at):
                self._start(waiting.pop(0))
                next_at = time.monotonic() + STAGGER_S
                continue
            now = time.monotonic()
            ends = [*self._ends.values(), *([next_at] if waiting else ())]
            for key, _ in self._selector.select(max(0.0, min(left, min(ends) - now))):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if self._has_answered(sock):
                    return sock
            for sock in [s for s, end in self._ends.items() if end <= time.monotonic()]:
                self._drop(sock, TimeoutError())
        raise self._failed

    def _start(self, address: Address) -> None:
        family, place = address
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # no such family here, or no descriptor
            self._failed = error
            return
        self._ends[sock] = time.monotonic() + self._each_s
        try:
            sock.setblocking(False)
            code = sock.connect_ex(place)
        except (OSError, ValueError, OverflowError) as error:
            self._drop(sock, error if isinstance(error, OSError) else OSError(errno.EINVAL, ""))
            return
        if code in _UNDER_WAY:
            self._selector.register(sock, selectors.EVENT_WRITE)
        else:
            self._drop(sock, _error(code))

    def _has_answered(self, sock: socket.socket) -> bool:
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._drop(sock, _error(code))
            return False
        self._selector.unregister(sock)
        del self._ends[sock]
        _tune(sock)
        return True

    def _drop(self, sock: socket.socket, error: OSError) -> None:
        self._failed = error
        with contextlib.suppress(KeyError):
            self._selector.unregister(sock)
        del self._ends[sock]
        sock.close()


def _error(code: int) -> OSError:
    """Return the error of a number, as the subclass it stands for."""
    return OSError(code, os.strerror(code))


def _tune(sock: socket.socket) -> None:
    for level, name, value in _OPTIONS:
        if hasattr(socket, name):
            # A system that knows the name and not the option goes without.
            with contextlib.suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)
