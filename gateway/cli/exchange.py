"""One HTTP request and its answer, both bounded, as the answering program may be any.

Prints nothing.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

MOST_BYTES: Final = 64 << 20
"""Most bytes of an answer; a dead letter with the largest frame of usual settings has a tenth of
it."""

_PIECE: Final = 1 << 16


class FileConnection(http.client.HTTPConnection):
    """A connection over a socket in the file system.

    Args:
        path: Of the socket.
        timeout: Seconds a step may take.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect.

        Raises:
            OSError: Nobody listens there, or this system has no such sockets.
        """
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise OSError("this system has no sockets in the file system")
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            raise


def opener(url: str) -> tuple[Callable[[float], http.client.HTTPConnection], str]:
    """Return what makes a connection to an address, given the seconds a step may take; and a path.

    Args:
        url: ``http://…``, ``https://…`` or ``unix:PATH``, checked.
    """
    if url.startswith("unix:"):
        return partial(FileConnection, url.removeprefix("unix:")), ""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    host, port = parts.hostname or "", parts.port
    return lambda timeout_s: kind(host, port, timeout=timeout_s), parts.path


class TooLongError(Exception):
    """Raised when an answer is longer than a gateway's can be."""


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    *,
    content: bytes | None,
    headers: dict[str, str],
    until_s: float,
    most_bytes: int = MOST_BYTES,
) -> tuple[int, bytes]:
    """Ask over an open connection, and close it.

    Args:
        connection: To whom.
        method: GET, POST, PUT or DELETE.
        target: Path and query.
        content: What is sent.
        headers: Of the question.
        until_s: All of the answer is there by then, on the monotonic clock.
        most_bytes: It is no longer than this.

    Returns:
        Status and content.

    Raises:
        TooLongError: It is longer.
        OSError: The other side is gone; a ``TimeoutError`` if it takes too long.
        http.client.HTTPException: The answer is none, or was cut off.
    """
    sock = connection.sock
    timed: Any = _Timed(sock, until_s)  # as much of a socket as the library uses
    connection.sock = timed
    try:
        connection.request(method, target, content, headers)
        answer = connection.getresponse()
        return answer.status, _content(answer, most_bytes)
    finally:
        connection.close()
        sock.close()


def _content(answer: http.client.HTTPResponse, most_bytes: int) -> bytes:
    """Read an answer piece by piece: the length it claims is a stranger's word."""
    content = bytearray()
    while piece := answer.read(_PIECE):
        content += piece
        if len(content) > most_bytes:
            raise TooLongError(f"longer than {most_bytes} bytes")
    if answer.length:  # read() with a size says nothing of an end that came too early
        raise http.client.IncompleteRead(bytes(content), answer.length)
    return bytes(content)


class _Timed:
    """A socket on which all steps share one deadline, however little each step brings."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock = sock
        self._until_s = until_s

    def sendall(self, data: Any) -> None:
        self.ready().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """Leave it open: the library closes it while it still reads."""

    def ready(self) -> socket.socket:
        """Return the socket with what is left of the time.

        Raises:
            TimeoutError: Nothing is.
        """
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left_s)
        return self._sock


class _Reading(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._timed.ready().recv_into(buffer)
