"""Sockets of the web side: TCP, TLS, one request and one answer each. Under one lock."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final, Protocol

from gateway.testing.loop import Loop, reset_on_close
from gateway.testing.platform.link import WANTS
from gateway.testing.web.http import Asked, take_request

_READ_BYTES: Final = 64 * 1024
_WRITE_BYTES: Final = 256 * 1024
_ENDLESS: Final = bytes(64 * 1024)

Done = Callable[[bool], None]
"""Told once how a visit ended: True if the whole answer left."""


class Visit:
    """One connection: a request, then an answer, then its end."""

    def __init__(self, server: WebServer, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.came = bytearray()
        self.shaken = True
        self.asked = False
        self.gone = False
        self.endless = False
        self._server = server
        self._out = bytearray()
        self._last: bool | None = None
        self._reset = False
        self._done: Done | None = None
        self._mask = 0

    # --- what the platform does with it -------------------------------------------

    def expect(self, done: Done) -> None:
        """Tell somebody how this ends."""
        self._done = done

    def say(self, data: bytes) -> None:
        """Send these bytes; more may follow."""
        if not self.gone:
            self._out += data
            self.flush()

    def end(self, *, whole: bool, reset: bool = False) -> None:
        """Close once everything is sent; ``whole``: that was the answer."""
        self._last, self._reset = whole, reset
        self.flush()

    def drip(self, data: bytes, *, size_bytes: int, every_s: float) -> None:
        """Send these bytes in small pieces, then close."""
        if self.gone:
            return
        size = max(1, size_bytes)
        self.say(data[:size])
        if len(data) <= size:
            self.end(whole=True)
            return
        rest = partial(self.drip, data[size:], size_bytes=size_bytes, every_s=every_s)
        self._server.call_later(every_s, rest)

    def drip_for_ever(self, every_s: float) -> None:
        """Send a byte at a time until the client leaves."""
        if not self.gone:
            self.say(b" ")
            self._server.call_later(every_s, partial(self.drip_for_ever, every_s))

    def call_later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Run something on the server's thread after a delay."""
        self._server.call_later(delay_s, what)

    def notice_who_left(self) -> None:
        """Look at every other visit: of two events of one turn the later may be told first."""
        for other in list(self._server.visits.values()):
            if other is not self:
                other.has_left()

    def has_left(self) -> bool:
        """Return whether the client has closed, noticed or not."""
        if not self.gone and self.asked:
            try:
                ended = not socket.socket.recv(self.sock, 1, socket.MSG_PEEK)
            except BlockingIOError:
                ended = False
            except OSError:
                ended = True
            if ended:
                self.forget(whole=False)
        return self.gone

    # --- what the server does with it ---------------------------------------------

    def flush(self) -> None:
        """Write what can be written; close at the end of the answer."""
        if self.gone or not self.shaken:
            return
        if self.endless and not self._out:
            self._out += _ENDLESS
        while self._out:
            try:
                sent = self.sock.send(self._out[:_WRITE_BYTES])
            except WANTS:
                break
            except OSError:
                self.forget(whole=False)
                return
            del self._out[:sent]
            if self.endless:
                break
        if self._last is not None and not self._out:
            self.forget(whole=self._last)
            return
        writing = selectors.EVENT_WRITE if self._out or self.endless else 0
        self.watch(selectors.EVENT_READ | writing)

    def watch(self, mask: int) -> None:
        """Choose what the server looks for."""
        self._server.watch(self.sock, self._mask, mask, self)
        self._mask = mask

    def forget(self, *, whole: bool) -> None:
        """Close it and say so, once."""
        if self.gone:
            return
        self.watch(0)
        self.gone = True
        if self._reset:
            reset_on_close(self.sock)
        self.sock.close()
        self._server.visits.pop(self.number, None)
        done, self._done = self._done, None
        if done is not None:
            done(whole)


class Hooks(Protocol):
    """Whoever knows what a request means. Called on the server's thread, lock held."""

    def asked(self, visit: Visit, asked: Asked) -> None:
        """A request is whole."""


class WebServer(Loop[Visit]):
    """Listens on one port of one address.

    Args:
        hooks: Hears of every request.
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
        super().__init__("fake web", lock, host=host, port=port)
        self.visits: dict[int, Visit] = {}
        self._hooks = hooks
        self._tls = tls
        self._numbers = count(1)

    def taken(self, sock: socket.socket) -> None:
        """Take a connection that came in."""
        if self._tls is not None:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError:  # it left before it said a word
                sock.close()
                return
        visit = Visit(self, next(self._numbers), sock)
        visit.shaken = self._tls is None
        self.visits[visit.number] = visit
        visit.watch(selectors.EVENT_READ)

    def ready(self, visit: Visit, _sock: object, mask: int) -> None:
        """Go on with a visit."""
        if visit.gone or (not visit.shaken and not self._shake(visit)):
            return
        if mask & selectors.EVENT_READ:
            self._read(visit)
        if mask & selectors.EVENT_WRITE:
            visit.flush()

    def settle(self) -> None:
        """Leave nothing for the end of a turn."""

    def close_all(self) -> None:
        """Close every visit."""
        for visit in list(self.visits.values()):
            visit.forget(whole=False)

    def _shake(self, visit: Visit) -> bool:
        sock = visit.sock
        assert isinstance(sock, ssl.SSLSocket)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            visit.watch(selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            visit.watch(selectors.EVENT_READ | selectors.EVENT_WRITE)
        except OSError:
            visit.forget(whole=False)
        else:
            visit.shaken = True
        return visit.shaken

    def _read(self, visit: Visit) -> None:
        while not visit.gone:
            try:
                data = visit.sock.recv(_READ_BYTES)
            except WANTS:
                return
            except OSError:
                data = b""
            if not data:
                visit.forget(whole=False)
                return
            if visit.asked:
                continue  # nothing that comes behind a request is heard
            visit.came += data
            try:
                asked = take_request(visit.came)
            except ValueError:
                with contextlib.suppress(OSError):
                    visit.sock.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                visit.forget(whole=False)
                return
            if asked is not None:
                visit.asked = True
                self._hooks.asked(visit, asked)
