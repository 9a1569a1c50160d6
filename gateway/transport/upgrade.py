"""The WebSocket opening handshake, by websocket-client, on a socket that is ready for it.

The library writes the request and checks the accept key. It sees both through
:class:`_HandshakeSocket`, so that it does not decide how long to wait, where a redirect leads, how
much of an error page to read, or which cookies to remember (its one jar for the whole process
would carry a cookie from account to account). This module reads the answer once and gives the
library only what the library checks.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Mapping

from gateway.settings.addresses import Target, is_header_name
from gateway.transport.timed import Deadline, HeadTooLongError, read_head, send_all

# The library looks cookies up by the host of the URL it is given. Nobody can have set one
# for this reserved name (RFC 2606); the true host travels in the Host header.
_NOBODY = "ws://handshake.invalid"

_OWN = frozenset(
    {"connection", "upgrade", "sec-websocket-key", "sec-websocket-version"}
    | {"sec-websocket-extensions", "sec-websocket-accept", "content-length"}
)
_BREAK = re.compile(r"[\r\n\0]").search
_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})(?: |$)").match
_SWITCHING_PROTOCOLS = 101
_FINAL = 200
_MOST_ANSWERS = 8
"""Heads that are read; 100 and 103 may come before the one that counts (RFC 9110 15.2)."""
_ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


class UpgradeRefusedError(Exception):
    """The server answered with another status than 101."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class BadUpgradeError(Exception):
    """The server's answer is no WebSocket handshake; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What we say in the handshake.

    Attributes:
        target: Where to.
        headers: Without those the handshake itself writes.
        cookie: The one cookie header; None: none is sent.
    """

    target: Target
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    cookie: str | None = dataclasses.field(repr=False)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Drop headers that the handshake writes itself; trim values.

    People paste what a browser shows, ``Connection``, ``Sec-WebSocket-Key`` and all; asking
    for an extension would get us frames that nobody here can read.

    Raises:
        ValueError: Names a header that cannot be sent; never shows its value.
    """
    kept: dict[str, str] = {}
    for name, value in headers.items():
        text = value.strip()
        if not is_header_name(name):
            raise ValueError(f"headers: {name[:40]!r} is no header name")
        if _BREAK(text):
            raise ValueError(f"headers: the value of {name} contains a line break; write it in one")
        if name.lower() not in _OWN:
            kept[name] = text
    return kept


def merged(configured: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Join headers whatever their case; what a person configured wins."""
    taken = {name.lower() for name in configured}
    return dict(configured) | {k: v for k, v in added.items() if k.lower() not in taken}


def take(headers: dict[str, str], name: str) -> str | None:
    """Remove a header whatever its case; give its value."""
    found = [key for key in headers if key.lower() == name]
    return [headers.pop(key) for key in found][-1] if found else None


def upgrade(sock: socket.socket, request: Request, until: Deadline) -> None:
    """Shake hands. On return the socket speaks frames, and none of them was read.

    Raises:
        UpgradeRefusedError: The status is not 101, redirects included.
        BadUpgradeError: The answer is wrong.
        OSError: There was no answer; TimeoutError at the deadline.
    """
    import websocket  # noqa: PLC0415 - 50 ms that only a dial needs to pay

    headers = dict(request.headers)
    host = take(headers, "host") or request.target.host_header
    origin = take(headers, "origin")
    shaken = websocket.WebSocket(enable_multithread=False)
    try:
        shaken.connect(  # type: ignore[no-untyped-call]  # the library has no types here
            _NOBODY + request.target.resource,
            socket=_HandshakeSocket(sock, until),
            host=host,
            origin=origin,
            suppress_origin=origin is None,
            header=[f"{name}: {value}" for name, value in headers.items()],
            cookie=request.cookie,
            redirect_limit=0,
        )
    except websocket.WebSocketTimeoutException as error:
        raise TimeoutError from error
    except websocket.WebSocketException:
        raise BadUpgradeError(
            "its Sec-WebSocket-Accept does not fit the key it was sent; does a cache answer?"
        ) from None


class _HandshakeSocket:
    """Stands in for the socket while websocket-client makes its handshake."""

    def __init__(self, sock: socket.socket, until: Deadline) -> None:
        self._sock = sock
        self._until = until
        self._answer: bytes | None = None
        self._at = 0

    def send(self, data: bytes) -> int:
        """Write all of it; the library would not notice a half-written request."""
        send_all(self._sock, data, self._until)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Return from the answer, which is read and judged as a whole first."""
        if self._answer is None:
            self._answer = self._judged()
        piece = self._answer[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def gettimeout(self) -> float:
        """Say that reading blocks."""
        return self._until.left()

    def close(self) -> None:
        """Do nothing: the dialer owns the socket and closes it on every failure."""

    def _judged(self) -> bytes:
        """Read the answer; give of a 101 what the library checks, and nothing else."""
        for _ in range(_MOST_ANSWERS):
            try:
                head = read_head(self._sock, self._until)
            except HeadTooLongError:
                raise BadUpgradeError("its header is longer than 32 KiB") from None
            status, headers = _read(head)
            if status == _SWITCHING_PROTOCOLS:
                return _switched(headers)
            if status >= _FINAL:
                raise UpgradeRefusedError(status, {k: v[-1] for k, v in headers.items()})
        raise BadUpgradeError(f"{_MOST_ANSWERS} answers came that only announce one (1xx)")


def _read(head: bytes) -> tuple[int, dict[str, list[str]]]:
    """Read status and headers; a name that comes twice has two values (RFC 9110 5.2)."""
    first, *lines = re.split(r"\r?\n", head.decode("latin-1").rstrip("\r\n"))
    status = _STATUS(first)
    if status is None:
        raise BadUpgradeError("it does not speak HTTP/1.1")
    headers: dict[str, list[str]] = {}
    values: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t"):  # folded: it goes on with the line before (RFC 9112 5.2)
            if not values:
                raise BadUpgradeError(
                    "its first header line is a folded one (it begins with a blank)"
                )
            values[-1] = f"{values[-1]} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise BadUpgradeError("one of its header lines has no colon")
        values = headers.setdefault(name.strip().lower(), [])
        values.append(value.strip())
    return int(status[1]), headers


def _switched(headers: Mapping[str, list[str]]) -> bytes:
    """Return the headers of a 101 that the library checks, once each.

    Raises:
        BadUpgradeError: It switches to something else than a bare WebSocket.
    """
    tokens = ",".join(headers.get("connection", [])).lower().split(",")
    if "upgrade" not in (token.strip() for token in tokens):
        raise BadUpgradeError("it answers 101 without `Connection: Upgrade`")
    if {value.lower() for value in headers.get("upgrade", [])} != {"websocket"}:
        raise BadUpgradeError("it answers 101 without `Upgrade: websocket`")
    if any(headers.get("sec-websocket-extensions", [])):
        raise BadUpgradeError("it switched on an extension nobody asked for")
    accepted = set(headers.get("sec-websocket-accept", []))
    if len(accepted) != 1:
        raise BadUpgradeError(f"it has {len(accepted)} Sec-WebSocket-Accept headers instead of one")
    accept = accepted.pop()
    if not accept.isascii():
        raise BadUpgradeError("its Sec-WebSocket-Accept is not ASCII")
    return f"{_ANSWER}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
