"""Sockets of the fake platform: TCP, TLS and the HTTP upgrade.

What the bytes mean is told to a :class:`Hooks`. Bytes leave once a turn and connection,
whatever was written in between.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from itertools import count
from typing import Final, Protocol

from gateway.testing.loop import Loop
from gateway.testing.platform.handshake import HEAD_MAX_BYTES, Upgrade, parse_head
from gateway.testing.platform.link import WANTS, Link

_READ_BYTES: Final = 64 * 1024


class Hooks(Protocol):
    """The owner of a server, which knows what the bytes mean."""

    def accepted(self, link: Link) -> None:
        """A connection came in; TLS has not begun."""

    def upgrading(self, link: Link, upgrade: Upgrade, rest: bytes) -> None:
        """The HTTP request was read; ``rest`` came behind it."""

    def arrived(self, link: Link, data: bytes) -> None:
        """Bytes of an open link."""

    def ended(self, link: Link, how: str) -> None:
        """The link is gone; told once."""


class Server(Loop[Link]):
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
        super().__init__("fake platform", lock, host=host, port=port)
        self._hooks = hooks
        self._tls = tls
        self._numbers = count(1)
        self._links: dict[int, Link] = {}
        self._dirty: dict[int, Link] = {}

    def taken(self, sock: socket.socket) -> None:
        """Take a connection that came in."""
        number = next(self._numbers)
        link = Link(self, number, sock, dirty=self._dirty, ended=self._ended)
        self._links[number] = link
        self._hooks.accepted(link)
        if self._tls is None or link.state != "head":
            return
        link.flush()
        if not link.secure(self._tls):
            link.forget("reset")  # it left before it said a word

    def ready(self, link: Link, _sock: object, mask: int) -> None:
        """Read from a link, or write once the turn ends."""
        if mask & selectors.EVENT_READ:
            self._read(link)
        if mask & selectors.EVENT_WRITE:
            self._dirty[link.number] = link

    def settle(self) -> None:
        """Write what waits."""
        while self._dirty:
            dirty = list(self._dirty.values())
            self._dirty.clear()
            for link in dirty:
                link.flush()

    def close_all(self) -> None:
        """Close every link."""
        for link in list(self._links.values()):
            link.end = link.end or "stopped"
            link.forget("stopped")

    def _ended(self, link: Link, how: str) -> None:
        self._links.pop(link.number, None)
        self._dirty.pop(link.number, None)
        self._hooks.ended(link, how)

    def _read(self, link: Link) -> None:
        if link.state == "tls" and not self._handshake(link):
            return
        while link.state in ("head", "open", "drain"):
            try:
                data = link.sock.recv(_READ_BYTES)
            except WANTS:
                return
            except ConnectionError:
                link.forget("reset")
                return
            except OSError:
                link.forget("broken")
                return
            if not data:
                link.forget("eof")
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
            link.watch(selectors.EVENT_READ)
            return False
        except ssl.SSLWantWriteError:
            link.watch(selectors.EVENT_READ | selectors.EVENT_WRITE)
            return False
        except OSError:
            link.forget("broken")
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
