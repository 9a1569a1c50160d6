"""One HTTP request and its answer on a socket that is ready for it, by urllib3.

Importing this loads urllib3. It writes the request and reads the framing of the answer, and it
sees the socket through :class:`_Stand`, which takes from it what it must not decide: how long to
wait, and how much to take. Its pools are left out: they log URLs with their queries. So is its
reading of the head, which logs header lines it cannot read.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import SKIP_HEADER
from urllib3.util.response import assert_header_parsing

from gateway.http_messages import HttpAnswer
from gateway.settings.addresses import Target
from gateway.transport.bodies import CODINGS, UnusableAnswerError, body_of, too_large
from gateway.transport.timed import Deadline

_PIECE_BYTES: Final = 16 * 1024
_HEAD_MAX_BYTES: Final = 128 * 1024
_WIRE_FACTOR: Final = 8
"""Bytes that may come for one of the body: a chunk of one byte takes six."""
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_FINAL: Final = 200


def exchange(
    sock: socket.socket,
    target: Target,
    *,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
    until: Deadline,
    body_limit: int,
    on_head: Callable[[HttpAnswer], None] | None = None,
) -> HttpAnswer:
    """Ask, and read the whole answer. The socket stays the caller's, and is of no use after it.

    Args:
        sock: Connected, and secured where the target is.
        target: Whom, and for what.
        method: ``GET`` or ``POST``.
        headers: Without those of the performer: ``Host``, ``Content-Length``,
            ``Accept-Encoding``, ``Connection``.
        body: None: there is none.
        until: When all of it ends.
        body_limit: Most bytes of the decoded body.
        on_head: Told status and headers before the body is read.

    Raises:
        UnusableAnswerError: What came is no whole answer within the bounds.
        OSError: There was no answer; TimeoutError at the deadline.
    """
    stand = _Stand(sock, until, _HEAD_MAX_BYTES + _WIRE_FACTOR * body_limit, body_limit)
    connection = _Connection(target, stand)
    lines = {"Connection": "close", "Accept-Encoding": CODINGS, **headers}
    if not any(name.lower() == "user-agent" for name in lines):
        lines["User-Agent"] = SKIP_HEADER  # the library would name itself
    # A server that has heard enough closes its ear and may have answered all the same.
    with contextlib.suppress(BrokenPipeError):
        connection.request(method, "/", body=body, headers=lines)
    try:
        raw, found = _head(connection)
        answer = HttpAnswer(status=raw.status, headers=found, body=b"")
    except http.client.RemoteDisconnected as error:
        raise ConnectionResetError from error
    except http.client.BadStatusLine:
        raise UnusableAnswerError("bad_answer", "does not speak HTTP/1.1") from None
    except (http.client.HTTPException, HTTPError, ValueError):
        # ValueError: the library takes a length or a size for a number that is none.
        raise _no_http() from None
    if on_head is not None:
        on_head(answer)
    try:
        body = _body(raw, found, method, body_limit)
    except (http.client.HTTPException, HTTPError, ValueError):
        raise _no_http() from None
    return msgspec.structs.replace(answer, body=body)


def _no_http() -> UnusableAnswerError:
    return UnusableAnswerError("bad_answer", "answered what is no HTTP")


def _head(connection: _Connection) -> tuple[http.client.HTTPResponse, list[tuple[str, str]]]:
    """Read the head, and refuse what cannot be read to its end."""
    raw = http.client.HTTPConnection.getresponse(connection)
    assert_header_parsing(raw.headers)
    if raw.status < _FINAL:
        raise UnusableAnswerError("bad_answer", f"answered {raw.status}, which announces an answer")
    headers = [(name.lower(), _FOLD.sub(" ", value)) for name, value in raw.headers.items()]
    if {value.lower() for name, value in headers if name == "transfer-encoding"} - {"chunked"}:
        raise UnusableAnswerError("bad_answer", "sent its answer in a way nobody knows")
    return raw, headers


def _body(
    raw: http.client.HTTPResponse,
    headers: list[tuple[str, str]],
    method: str,
    body_limit: int,
) -> bytes:
    """Read the body, within its bound."""
    taken = body_of([value for name, value in headers if name == "content-encoding"], body_limit)
    answer = HTTPResponse(
        body=raw,
        headers=HTTPHeaderDict(headers),
        status=raw.status,
        preload_content=False,
        decode_content=False,
        original_response=raw,
        request_method=method,
        enforce_content_length=True,
    )
    if (answer.length_remaining or 0) > body_limit:
        raise too_large(body_limit)
    try:
        while piece := answer.read(_PIECE_BYTES, decode_content=False):
            taken.take(piece)
    except ReadTimeoutError:
        raise TimeoutError from None
    except (http.client.HTTPException, HTTPError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise UnusableAnswerError("answer_cut", "broke off in the middle of its answer") from None
    return taken.end()


class _Connection(HTTPConnection):
    """The library's connection on our socket; it opens none."""

    def __init__(self, target: Target, stand: _Stand) -> None:
        super().__init__(target.name, target.port)
        self._target = target
        self.auto_open = 0
        self.sock = cast("socket.socket", stand)

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,  # noqa: FBT001, FBT002  # the library's
        skip_accept_encoding: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Write the true resource: what the library is given it may show in a log."""
        del url, skip_host, skip_accept_encoding
        super().putrequest(method, self._target.resource, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", self._target.host_header)


class _Stand:
    """What the library takes for the socket; each wait is for what is left of the deadline."""

    def __init__(self, sock: socket.socket, until: Deadline, most: int, body_limit: int) -> None:
        self._sock = sock
        self._until = until
        self._most = most
        self._body_limit = body_limit

    def sendall(self, data: bytes) -> None:
        """Write all of it; over TLS the library of the language would wait anew for each record."""
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._until.left())
            view = view[self._sock.send(view) :]

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """Return what reads."""
        return io.BufferedReader(_Inlet(self), _PIECE_BYTES)

    def take(self, buffer: memoryview) -> int:
        """Read something; nothing beyond the bound of the whole."""
        self._sock.settimeout(self._until.left())
        size = self._sock.recv_into(buffer)
        self._most -= size
        if self._most < 0:
            raise too_large(self._body_limit)
        return size

    def settimeout(self, _: float | None) -> None:
        """Keep the deadline."""

    def close(self) -> None:
        """Do nothing: the caller owns the socket."""


class _Inlet(io.RawIOBase):
    """Bytes of a stand, as a file."""

    def __init__(self, stand: _Stand) -> None:
        super().__init__()
        self._stand = stand

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io hands us
        """Read something."""
        return self._stand.take(buffer)
