"""What strangers, slow ones and big ones can do to the control API: nothing for long."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import control_api
import pytest
from control_api import WAIT_S, Serve
from stand_in import TOKEN, StandIn

from gateway.errors import ConfigError
from gateway.settings.listen import Port
from gateway.web import ExtraMissingError, serve, serving
from gateway.web.application import MOST_BODY_BYTES, refusal
from gateway.web.listening import Listener
from gateway.web.server import MOST_HEADER_BYTES, THREADS, HttpServer

serve_api = control_api.serve_api


def hello(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Be the smallest application."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def address_of(server: HttpServer) -> tuple[str, int]:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return host, int(port)


@pytest.fixture
def hasty() -> Iterator[HttpServer]:
    """Yield a server that waits half a second for a request."""
    server = HttpServer(hello, Listener(Port(host="127.0.0.1", port=0)), request_s=0.5, life_s=2.0)
    server.start()
    yield server
    assert server.stop()


def seconds_until_closed(connection: socket.socket, drip: bytes, every_s: float) -> float:
    """Send a byte now and then until the server has enough; give how long that took."""
    began_s = time.monotonic()
    connection.settimeout(every_s)
    for byte in drip * 1000:
        try:
            connection.sendall(bytes([byte]))
            if not connection.recv(1):
                break
        except TimeoutError:
            pass
        except OSError:
            break
        if time.monotonic() - began_s > WAIT_S:
            break
    return time.monotonic() - began_s


@pytest.mark.parametrize(
    "begin",
    [
        b"GET / HTTP/1.1\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
    ],
    ids=["headers", "body"],
)
def test_a_request_that_drips_is_cut(begin: bytes) -> None:
    """Each byte is a sign of life, so silence alone would never end it (slowloris)."""
    server = HttpServer(hello, Listener(Port(host="127.0.0.1", port=0)), request_s=0.5)
    server.start()
    try:
        with socket.create_connection(address_of(server), WAIT_S) as connection:
            connection.sendall(begin)
            assert seconds_until_closed(connection, b"x", 0.05) < WAIT_S / 2
    finally:
        assert server.stop()


def test_a_silent_connection_is_closed(hasty: HttpServer) -> None:
    with socket.create_connection(address_of(hasty), WAIT_S) as connection:
        assert connection.recv(1) == b""


def test_a_connection_does_not_live_for_ever(hasty: HttpServer) -> None:
    """However many good requests it sends."""
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    began_s, answers = time.monotonic(), 0
    with socket.create_connection(address_of(hasty), WAIT_S) as connection:
        try:
            while time.monotonic() - began_s < WAIT_S:
                connection.sendall(request)
                if not connection.recv(4096):
                    break
                answers += 1
        except OSError:
            pass
    assert answers > 10
    assert time.monotonic() - began_s < 6.0


def test_slow_connections_hold_no_thread(hasty: HttpServer) -> None:
    """Fifty of them, and a quick one is answered at once."""
    slow = [socket.create_connection(address_of(hasty), WAIT_S) for _ in range(50)]
    for each in slow:
        each.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
    with socket.create_connection(address_of(hasty), WAIT_S) as quick:
        quick.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert quick.recv(4096).startswith(b"HTTP/1.1 200")
    for each in slow:
        each.close()


def test_what_is_too_big_is_refused(tmp_path: Path, serve_api: Serve) -> None:
    """Before it is read: the length alone says so."""
    api = serve_api(StandIn(tmp_path))
    with api.connect() as connection:
        length = MOST_BODY_BYTES + 1
        connection.sendall(
            b"POST /v1/send HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")
    with api.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Big: " + b"x" * MOST_HEADER_BYTES)
        assert connection.recv(4096)[:12] in (b"HTTP/1.0 431", b"HTTP/1.1 431")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "localhost"}, 200),
    ],
)
def test_strangers_are_refused(
    tmp_path: Path, serve_api: Serve, headers: dict[str, str], status: int
) -> None:
    api = serve_api(StandIn(tmp_path))
    told, answer, sent = api.ask("GET", "/v1/status", headers=headers)
    assert told == status, answer
    assert TOKEN not in str(answer)
    assert sent["cache-control"] == "no-store"
    assert sent["x-content-type-options"] == "nosniff"
    assert ("www-authenticate" in sent) == (status == 401)
    if status == 403:
        assert api.ask("GET", "/healthz", headers=headers)[0] == 403


def test_a_form_of_a_foreign_page_is_no_json(tmp_path: Path, serve_api: Serve) -> None:
    gateway = StandIn(tmp_path)
    form = {"Content-Type": "text/plain"}
    body = {"account": "a", "conversation": "c", "text": "hi"}
    assert serve_api(gateway).ask("POST", "/v1/send", body, headers=form)[0] == 415
    assert not gateway.tickets


def test_a_stop_sends_home_who_waits_and_leaves_nothing(tmp_path: Path) -> None:
    """The thread fixture looks for threads; a second listener looks for the socket."""
    gateway = StandIn(tmp_path)
    gateway.result = None
    served = serve(gateway)
    assert served is not None
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    body = b'{"account": "a", "conversation": "c", "text": "hi", "wait_s": 60}'
    with socket.create_connection((host, int(port)), WAIT_S) as connection:
        connection.sendall(
            b"POST /v1/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
            % (TOKEN.encode(), len(body), body)
        )
        asked = threading.Event()
        while not gateway.tickets and not asked.wait(0.01):
            pass
        began_s = time.monotonic()
        assert served.stop()
        assert served.stop()
        assert time.monotonic() - began_s < 5.0
        assert connection.recv(4096).startswith(b"HTTP/1.1 202")
    socket.create_server((host, int(port))).close()


def test_a_server_that_was_never_started_stops() -> None:
    assert HttpServer(hello, Listener(Port(host="127.0.0.1", port=0))).stop()


def test_beyond_loopback_a_token_is_a_must(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http\.token"):
        StandIn(tmp_path, listen="0.0.0.0:0", token=None)


def test_settings_made_in_python_are_held_to_it_too(tmp_path: Path) -> None:
    import dataclasses

    gateway = StandIn(tmp_path)
    http = dataclasses.replace(gateway.settings.http, listen="0.0.0.0:0", token="")
    gateway.settings = dataclasses.replace(gateway.settings, http=http)
    with pytest.raises(ConfigError, match=r"http\.token"):
        serve(gateway)


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*another port"):
            serve(StandIn(tmp_path, listen=f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("192.0.2.7:0", "it is no address of this machine"),
        ("no-such-host.invalid:0", "write an address of this machine"),
    ],
)
def test_who_can_not_listen_there_hears_why(tmp_path: Path, listen: str, told: str) -> None:
    """Nobody has it, so nobody is to be ended."""
    with pytest.raises(ConfigError, match=told) as caught:
        serve(StandIn(tmp_path, listen=listen))
    assert "end the program" not in str(caught.value)
    assert "None" not in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (b"POST /v1/send HTTP/1.1\r\nContent-Length: %d" % (1 << 30), 413, "too_large"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEADER_BYTES, 431, "headers_too_large"),
        (b"G\x9b2J /\xe2\x80\xae HTTP/1.1\r\nA: b", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nA\0: b", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip", 501, "bad_request"),
    ],
    ids=["body", "headers", "method", "header", "encoding"],
)
def test_what_is_no_http_is_refused_as_everything_else(
    tmp_path: Path, serve_api: Serve, sent: bytes, status: int, error: str
) -> None:
    """A program reads one shape; the server below us answers such a request before we see it."""
    api = serve_api(StandIn(tmp_path))
    with api.connect() as connection:
        connection.sendall(sent + b"\r\n\r\n")
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    told = json.loads(body)
    assert set(told) == {"error", "detail", "next_step"}
    assert all(told.values())
    assert told["error"] == error
    assert body.decode().isprintable()


def test_its_words_move_no_cursor() -> None:
    """Today they repeat nothing of the request; a later version may."""
    assert refusal(400, "\x9b2J\u202e" + "x" * 9999).decode().isprintable()
    assert len(refusal(400, "x" * 9999)) < 500


def test_without_listen_there_is_no_server(tmp_path: Path) -> None:
    gateway = StandIn(tmp_path, listen=None)
    assert serve(gateway) is None
    with serving(gateway) as served:
        assert served is None


def test_without_the_extra_the_launcher_warns_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages matter more than control."""
    import sys

    monkeypatch.setitem(sys.modules, "waitress.server", None)
    lines: list[str] = []

    class Log:
        def warning(self, event: str, **fields: Any) -> None:
            lines.append(f"{event} {fields['detail']}")

    gateway = StandIn(tmp_path)
    with pytest.raises(ExtraMissingError):
        serve(gateway)
    with serving(gateway, log=Log()) as served:
        assert served is None
    assert "pip install -e '.[http]'" in lines[0]


def test_many_descriptors_are_no_obstacle(tmp_path: Path, serve_api: Serve) -> None:
    """select() ends at 1,024; the server must not."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1400:
        pytest.skip("the hard limit of descriptors is too low")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1400), hard))
    held = []
    try:
        held = [Path("/dev/null").open("rb") for _ in range(1100)]  # noqa: SIM115  # closed below
        assert serve_api(StandIn(tmp_path)).get("/v1/status")["accounts"] == 2
    finally:
        for each in held:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_requests_that_wait_for_a_thread_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Waitress warns of each; a page asks for many things at once, and has them soon."""
    let_go, waiting = threading.Event(), threading.Semaphore(0)

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        waiting.release()
        assert let_go.wait(WAIT_S)
        return hello(environ, start_response)

    server = HttpServer(slow, Listener(Port(host="127.0.0.1", port=0)))
    server.start()
    asked: list[socket.socket] = []
    try:
        for _ in range(THREADS + 4):
            connection = socket.create_connection(address_of(server), WAIT_S)
            asked.append(connection)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        for _ in range(THREADS):
            assert waiting.acquire(timeout=WAIT_S)
        let_go.set()
        for connection in asked:
            assert b"200 OK" in connection.recv(100)
    finally:
        let_go.set()
        for connection in asked:
            connection.close()
        assert server.stop()
    assert caplog.records == []
