"""HttpsClient: whatever a server answers, the call ends in time, in bounds, and raises nothing."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TypeAlias

import pytest

from actors.values import ErrorClass, Failure, Phase
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.settings import TlsSettings
from gateway.transport.https import HttpsClient

Serve: TypeAlias = Callable[..., int]
Hear: TypeAlias = Callable[[socket.socket], str]
Script: TypeAlias = Callable[[socket.socket], None]
Trusted: TypeAlias = tuple[ssl.SSLContext, TlsSettings]

MIB = 1024 * 1024
QUICK_S = 0.4
AT_MOST_S = 4.0
"""A bound against hanging on a loaded machine; the deadlines are a tenth of it."""
OK = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(b"hi" * 99, mtime=0)  # else the name of a test changes by the second


@pytest.fixture(params=["http", "https"])
def ask(
    request: pytest.FixtureRequest, serve: Serve, trusted: Trusted
) -> Callable[..., HttpAnswer | Failure]:
    """Return ``ask(script, body=None, deadline_s=5)``: one request to a server of its own."""
    context, tls = trusted

    def perform(
        script: Script,
        *,
        body: bytes | None = None,
        deadline_s: float = 5.0,
        body_limit: int = MIB // 4,
    ) -> HttpAnswer | Failure:
        port = serve(script, context if request.param == "https" else None)
        asked = HttpRequest(
            method="GET" if body is None else "POST",
            url=f"{request.param}://127.0.0.1:{port}/h5/x/1.0/?sign=s3cret",
            headers={"cookie": "c=s3cret"},
            body=body,
        )
        began = time.monotonic()
        answer = HttpsClient(tls=tls).perform(asked, deadline_s=deadline_s, body_limit=body_limit)
        assert time.monotonic() - began < deadline_s + AT_MOST_S
        assert "s3cret" not in repr(answer)
        return answer

    return perform


@pytest.fixture
def say(hear: Hear) -> Callable[..., Script]:
    """Return ``say(*pieces)``: a server that hears a request and sends these."""

    def script(*pieces: bytes) -> Script:
        def run(sock: socket.socket) -> None:
            hear(sock)
            for piece in pieces:
                sock.sendall(piece)

        return run

    return script


Ask: TypeAlias = Callable[..., "HttpAnswer | Failure"]
Say: TypeAlias = Callable[..., Script]


def failed(answer: HttpAnswer | Failure) -> tuple[ErrorClass, str]:
    assert isinstance(answer, Failure), answer
    assert answer.phase is Phase.CREDENTIALS
    return answer.error_class, answer.reason


def timed_out(answer: HttpAnswer | Failure) -> bool:
    return (
        isinstance(answer, Failure)
        and answer.timed_out
        and failed(answer) == (ErrorClass.NETWORK, "credentials_timeout")
    )


# --- answers that are ---------------------------------------------------------------------


def test_an_answer_with_a_length(ask: Ask, say: Say) -> None:
    answer = ask(say(OK, b"X-A: 1\r\ncontent-length: 2\r\n\r\nhi and more"))
    assert answer == HttpAnswer(
        status=200, headers=[("x-a", "1"), ("content-length", "2")], body=b"hi"
    )


def test_an_answer_in_chunks(ask: Ask, say: Say) -> None:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nT: t\r\n\r\n"
    answer = ask(say(OK, chunks))
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b"hi!"


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n"])
def test_an_answer_that_ends_with_the_connection(ask: Ask, say: Say, head: bytes) -> None:
    answer = ask(say(head, b"A: b\r\n\r\nhi"))
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body) == (200, b"hi")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"hi" * 999)),
        ("X-Gzip", gzip.compress(b"hi" * 500) + gzip.compress(b"hi" * 499)),
        ("gzip", gzip.compress(b"hi" * 999) + bytes(9)),
        ("deflate", zlib.compress(b"hi" * 999)),
        ("deflate", zlib.compress(b"hi" * 999, wbits=-15)),
        ("identity", b"hi" * 999),
    ],
    ids=["gzip", "two members", "padded", "deflate", "bare deflate", "identity"],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_body_is_decoded_once(
    ask: Ask, say: Say, coding: str, packed: bytes, *, size: int
) -> None:
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    head = f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    answer = ask(say(OK, head, b"".join(chunks), b"0\r\n\r\n"))
    assert isinstance(answer, HttpAnswer), answer
    assert answer.body == b"hi" * 999


def test_what_was_encoded_twice_is_refused(ask: Ask, say: Say) -> None:
    for coding in (b"gzip, gzip", b"br", b"deflate\r\nContent-Encoding: gzip"):
        answer = ask(say(OK, b"Content-Encoding: " + coding + b"\r\nContent-Length: 2\r\n\r\nhi"))
        assert failed(answer) == (ErrorClass.OTHER, "answer_undecodable")


@pytest.mark.parametrize("status", [204, 302, 304, 401, 403, 419, 429, 500, 503])
def test_any_status_is_an_answer(ask: Ask, say: Say, status: int) -> None:
    """Row B15: what an answer means is judged by its body, and by who asked."""
    head = f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".encode()
    answer = ask(say(head))
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body) == (status, b"")
    assert HttpsClient().retry_after_s(answer) == 7.0


@pytest.mark.row("B15", "no cookie reaches the other host")
def test_a_redirect_is_not_followed(ask: Ask, serve: Serve, say: Say) -> None:
    """Row B15: no cookie reaches the other host."""
    visited = threading.Event()
    other = serve(lambda _sock: visited.set())
    head = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n"
    answer = ask(say(head.encode()))
    assert isinstance(answer, HttpAnswer)
    assert answer.all("location") == [f"http://127.0.0.1:{other}/"]
    assert not visited.is_set()


def test_two_cookies_stay_two(ask: Ask, say: Say) -> None:
    """Joined by a comma they cannot be told apart: dates have commas, too."""
    cookies = ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "a=2; Domain=.x.test"]
    lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
    answer = ask(say(OK, lines.encode(), b"Content-Length: 0\r\n\r\n"))
    assert isinstance(answer, HttpAnswer)
    assert answer.all("set-cookie") == cookies


def test_a_folded_header_is_one_line(ask: Ask, say: Say) -> None:
    answer = ask(say(OK, b"Set-Cookie: a=1;\r\n  Path=/\r\nContent-Length: 0\r\n\r\n"))
    assert isinstance(answer, HttpAnswer)
    assert answer.all("set-cookie") == ["a=1; Path=/"]


def test_the_head_is_told_before_the_body(
    serve: Serve, say: Say, hear: Hear, over: threading.Event
) -> None:
    """Cookies of an answer that breaks off, or comes too slowly, are the newest all the same."""
    told: list[list[str]] = []

    def stall(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(OK + b"Set-Cookie: a=1\r\nContent-Length: 9\r\n\r\nhi")
        over.wait(5)

    cut = say(OK, b"Set-Cookie: a=1\r\nContent-Length: 9\r\n\r\nhi")
    for script, reason in ((cut, "answer_cut"), (stall, "credentials_timeout")):
        request = HttpRequest(method="GET", url=f"http://127.0.0.1:{serve(script)}/", headers={})
        answer = HttpsClient().perform(
            request, deadline_s=QUICK_S, on_head=lambda head: told.append(head.all("set-cookie"))
        )
        assert failed(answer)[1] == reason
    assert told == [["a=1"]] * 2


# --- answers that are none ----------------------------------------------------------------


@pytest.mark.row("B14", "the deadline holds; asked again")
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", OK + b"X: "])
def test_a_dripping_head_ends(ask: Ask, hear: Hear, over: threading.Event, begun: bytes) -> None:
    """Row B14."""

    def drip(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(begun)
        while not over.wait(0.01):
            sock.sendall(b"a" if begun else b"")

    assert timed_out(ask(drip, deadline_s=QUICK_S))


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 9999\r\n\r\n", b"a"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
        (b"\r\n", b"a"),
    ],
    ids=["length", "chunks", "chunk head", "until it closes"],
)
def test_a_dripping_body_ends(
    ask: Ask, hear: Hear, over: threading.Event, head: bytes, *, piece: bytes
) -> None:
    """Row B14: each byte comes in time, and all of them never."""

    def drip(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(OK + head)
        while not over.wait(0.01):
            sock.sendall(piece)

    assert timed_out(ask(drip, deadline_s=QUICK_S))


def test_a_server_that_hears_slowly_ends(ask: Ask, over: threading.Event) -> None:
    """An upload is many records of TLS, and each would wait anew."""

    def sip(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not over.wait(0.01):
            sock.recv(1024)

    assert timed_out(ask(sip, body=bytes(32 * MIB), deadline_s=QUICK_S))


@pytest.mark.row("B14", "the bound holds, memory does not move")
@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"\r\n", bytes(65536)),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 9999),
        (b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"a" * 65536),
        (b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 3000),
        (b"", b"A: b\r\n" * 9999),
        (b"A: ", b"b" * 65536),
    ],
    ids=["body", "chunks", "chunk head", "trailer", "negative", "members", "lines", "line"],
)
def test_what_never_ends_is_left(ask: Ask, hear: Hear, head: bytes, *, piece: bytes) -> None:
    """Row B14: the bound holds, memory does not move, and nobody waits for the deadline."""

    def flood(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(OK + head)
        for _ in itertools.count():
            sock.sendall(piece)

    with bounded(4 * MIB):
        answer = ask(flood, deadline_s=20.0)
    error_class, reason = failed(answer)
    assert error_class is ErrorClass.OTHER
    assert reason in {"answer_too_large", "bad_answer", "answer_cut"}


class bounded:  # noqa: N801  # reads as what it is
    """Fails if more memory is in use at one time than it says."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *_: object) -> None:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < self._most


@pytest.mark.row("B14", "the bound holds, memory does not move")
def test_a_gibibyte_that_is_only_claimed(ask: Ask, say: Say) -> None:
    """Row B14."""
    with bounded(4 * MIB):
        answer = ask(say(OK, b"Content-Length: 1073741824\r\n\r\nhi"))
    assert failed(answer) == (ErrorClass.OTHER, "answer_too_large")
    with bounded(4 * MIB):
        answer = ask(say(OK, b"Transfer-Encoding: chunked\r\n\r\n40000000\r\nhi"))
    assert failed(answer) == (ErrorClass.OTHER, "answer_cut")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_not_unpacked(ask: Ask, say: Say, coding: str) -> None:
    """Row B14: 64 MiB in 64 KiB."""
    pack = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    bomb = b"".join(pack.compress(bytes(MIB)) for _ in range(64)) + pack.flush()
    head = f"Content-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with bounded(4 * MIB):
        answer = ask(say(OK, head, bomb))
    assert failed(answer) == (ErrorClass.OTHER, "answer_too_large")


def test_the_bound_is_exact(ask: Ask, say: Say) -> None:
    packed = gzip.compress(bytes(1000))
    for body, head in ((bytes(1000), b""), (packed, b"Content-Encoding: gzip\r\n")):
        script = say(OK, head, b"Content-Length: %d\r\n\r\n" % len(body), body)
        answer = ask(script, body_limit=1000)
        assert isinstance(answer, HttpAnswer)
        assert answer.body == bytes(1000)
        assert failed(ask(script, body_limit=999)) == (ErrorClass.OTHER, "answer_too_large")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connection_lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "answer_cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi", "answer_cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "answer_cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhi\r\n", "answer_cut"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + PACKED[:-9],
            "answer_undecodable",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nhi", "answer_undecodable"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\nh", "answer_undecodable"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nno colon s3cret\r\nA: b\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 103 Early\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 abc\r\n\r\n", "bad_answer"),
        (b"SSH-2.0-x s3cret\r\n\r\n", "bad_answer"),
        (b"<html>s3cret</html>\r\n\r\n", "bad_answer"),
    ],
)
def test_what_is_no_whole_answer(
    ask: Ask, say: Say, caplog: pytest.LogCaptureFixture, answer: bytes, *, reason: str
) -> None:
    """Row B15."""
    caplog.set_level("DEBUG")
    lost = reason == "connection_lost"
    assert failed(ask(say(answer))) == (ErrorClass.NETWORK if lost else ErrorClass.OTHER, reason)
    assert "s3cret" not in caplog.text
