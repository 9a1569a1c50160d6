"""WebSocketClient against a server that shares no code with it: the seven methods as promised."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from market import WAIT_S, Log
from watch import Stopwatch
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from actors.policy.backoff import Delays
from actors.state import ConnectionState
from actors.values import Frame
from gateway import ErrorClass, WebSocketClient

QUICK = Delays(
    unexpected_close_step_s=0.05,
    unexpected_close_cap_s=0.05,
    network_step_s=0.05,
    network_cap_s=0.05,
    other_step_s=0.05,
    other_cap_s=0.05,
    config_base_s=0.05,
    config_cap_s=0.05,
    flapping_wait_s=0.05,
)

Serve = Callable[[ServerConnection], None]


def echo(connection: ServerConnection) -> None:
    """Say what was said."""
    for message in connection:
        connection.send(message)


@contextmanager
def serving(handler: Serve, port: int = 0) -> Iterator[Server]:
    """Serve in a thread; none is left afterwards."""
    with serve(handler, "127.0.0.1", port, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(WAIT_S)


def upgraded(sock: socket.socket) -> None:
    """Answer the upgrade; from there on the bytes are the caller's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(4096)
    (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", head)
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def url_of(server: Server) -> str:
    """Return the address of a server."""
    return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"


def client_of(url: str, **options: Any) -> WebSocketClient:
    """Make a client with short waits."""
    return WebSocketClient(url, delays=QUICK, **options)


def state_of(client: WebSocketClient) -> tuple[bool, ConnectionState, bool]:
    """Return the three attributes that say whether there is a connection."""
    return client.is_connected, client.state, client.websocket is not None


@contextmanager
def running(client: WebSocketClient) -> Iterator[threading.Thread]:
    """Run a client in a thread; disconnected afterwards."""
    thread = threading.Thread(target=client.run)
    thread.start()
    try:
        yield thread
    finally:
        client.disconnect()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_text_and_binary_in_order() -> None:
    """Text stays text, bytes stay bytes, and neither overtakes the other."""
    with serving(echo) as server:
        client = client_of(url_of(server), headers={"X-Who": "me"})
        assert state_of(client) == (False, ConnectionState.DISCONNECTED, False)
        assert client.connect()
        assert client.connect(), "connecting twice is fine"
        assert state_of(client) == (True, ConnectionState.CONNECTED, True)
        sent: list[Frame] = ["你好", b"\x00\xff", "", b"", "x" * 100_000]
        for message in sent:
            assert client.send(message)
        assert [client.receive(WAIT_S) for _ in sent] == sent
        client.disconnect()
        client.disconnect()
        assert state_of(client) == (False, ConnectionState.DISCONNECTED, False)
        assert not client.send("too late")
        assert client.receive(WAIT_S) is None


def test_a_refused_connection_is_false_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    log = Log()
    client = client_of(f"ws://127.0.0.1:{port}/", log=log)
    assert not client.connect()
    assert client.last_error is not None
    assert client.last_error.error_class is ErrorClass.NETWORK
    (line,) = log.found("connection.attempt_failed")
    assert line["reason"] == "connection_refused"
    assert str(port) in line["detail"]
    assert client.reconnect_delay > 0.0
    assert not client.send("to nobody")
    assert log.found("send.refused")[0]["next_step"] == "call connect()"


def test_receive_waits_no_longer_than_it_is_told() -> None:
    with serving(echo) as server:
        client = client_of(url_of(server))
        assert client.connect()
        since = time.monotonic()
        assert client.receive(0.1) is None
        assert 0.09 < time.monotonic() - since < WAIT_S
        assert client.is_connected
        client.disconnect()


def test_what_came_before_the_end_is_received() -> None:
    """A server's last words are often the reason for its close."""

    def farewell(connection: ServerConnection) -> None:
        connection.send("one")
        connection.send("two")
        connection.close(4001, "enough")

    with serving(farewell) as server:
        client = client_of(url_of(server))
        assert client.connect()
        assert client.receive(WAIT_S) == "one"
        assert client.receive(WAIT_S) == "two"
        assert client.receive() is None
        assert client.last_error is not None
        assert client.last_error.close_code == 4001
        assert client.last_error.close_reason == "enough"
        assert client.last_error.detail == "The peer said 'enough'. The peer ended the link."
        assert not client.is_connected
        client.disconnect()


def test_a_large_message_on_a_slow_line_arrives() -> None:
    """Answers to our pings stand behind it; cut for that, it would be cut each time it is sent."""
    size, pieces = 120_000, 20
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"

        def slowly() -> None:
            sock, _ = listener.accept()
            with sock:
                upgraded(sock)
                sock.sendall(b"\x81\x7f" + size.to_bytes(8, "big"))
                for _ in range(pieces):
                    sock.sendall(b"a" * (size // pieces))
                    threading.Event().wait(0.03)
                sock.sendall(b"\x81\x05after")
                while sock.recv(4096):  # pings, until the end
                    pass

        thread = threading.Thread(target=slowly)
        thread.start()
        client = client_of(url, heartbeat_interval_s=0.1, heartbeat_reply_s=0.2)
        assert client.connect()
        assert client.receive(WAIT_S) == "a" * size
        assert client.receive(WAIT_S) == "after"
        client.disconnect()
        thread.join(WAIT_S)


def test_reconnect_waits_its_delay() -> None:
    """The delay follows the failure; the caller need not know the table."""
    with serving(echo) as server:
        client = client_of(url_of(server))
        assert client.connect()
        client.reconnect_delay = 0.2
        since = time.monotonic()
        assert client.reconnect()
        assert time.monotonic() - since >= 0.2
        assert client.send("again")
        assert client.receive(WAIT_S) == "again"
        client.disconnect()


def test_a_wait_for_the_reconnect_is_cut_short_by_disconnect() -> None:
    client = client_of("ws://127.0.0.1:9/")
    client.reconnect_delay = 60.0
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(client.reconnect()))
    thread.start()
    while not client._inside:  # it has begun to wait
        thread.join(0.01)
    client.disconnect()
    thread.join(WAIT_S)
    assert answers == [False]


def test_run_comes_back_after_every_end() -> None:
    """Cut, closed, or gone for a while: ``run`` goes on by itself, in order."""
    got: list[Frame] = []
    enough = threading.Event()
    numbers = iter(range(100))

    def once(connection: ServerConnection) -> None:
        number = next(numbers)
        connection.send(f"hello {number}")
        if number % 2:
            connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            connection.close(1012)

    def hear(message: Frame) -> None:
        got.append(message)
        if len(got) >= 4:
            enough.set()

    quick = Delays(
        server_restart_max_s=0.05,
        server_restart_min_s=0.0,
        unexpected_close_step_s=0.05,
        unexpected_close_cap_s=0.05,
    )
    with serving(once) as server:
        client = WebSocketClient(url_of(server), on_message=hear, delays=quick)
        with running(client):
            assert enough.wait(WAIT_S), got
    assert got[:4] == [f"hello {number}" for number in range(4)]


def test_run_ends_on_disconnect_from_its_callback() -> None:
    """The callback is where a program learns that it is done."""
    got: list[Frame] = []

    def hear(message: Frame) -> None:
        got.append(message)
        client.disconnect()

    def greet(connection: ServerConnection) -> None:
        connection.send("hi")
        echo(connection)

    with serving(greet) as server:
        client = client_of(url_of(server), on_message=hear)
        client.run()
    assert got == ["hi"]
    assert not client.is_connected


def test_run_ends_where_trying_again_is_pointless() -> None:
    """A wrong address does not become right by asking for ever."""

    def nothing(connection: ServerConnection) -> None:
        raise AssertionError(connection)

    def refuse(connection: ServerConnection, request: object) -> Any:
        del request
        return connection.respond(404, "no such place\n")

    log = Log()
    with serve(nothing, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = client_of(url_of(server), log=log)
        client.run()
        server.shutdown()
        thread.join(WAIT_S)
    assert client.last_error is not None
    assert client.last_error.error_class is ErrorClass.CONFIG
    assert log.found("client.failed")


def test_a_callback_that_raises_is_logged_and_the_next_message_comes() -> None:
    got: list[Frame] = []
    enough = threading.Event()

    def greet(connection: ServerConnection) -> None:
        connection.send("bad")
        connection.send("good")
        echo(connection)

    def hear(message: Frame) -> None:
        if message == "bad":
            raise ValueError("secret")
        got.append(message)
        enough.set()

    log = Log()
    with serving(greet) as server:
        client = client_of(url_of(server), on_message=hear, log=log)
        with running(client):
            assert enough.wait(WAIT_S)
    assert got == ["good"]
    assert log.found("handler.failed", reason="ValueError")


def test_who_does_not_receive_makes_the_server_wait() -> None:
    """Memory must not be the buffer of a slow program."""
    count, size = 2_000, 10_000
    pushed = threading.Semaphore(0)

    def flood(connection: ServerConnection) -> None:
        try:
            for number in range(count):
                connection.send(f"{number:06}" + "x" * size)
                pushed.release()
            echo(connection)
        except ConnectionClosed:
            pass

    with serving(flood) as server:
        client = client_of(url_of(server), queue_limit=16)
        assert client.connect()
        assert client.receive(WAIT_S) is not None
        kept = len(client._messages)  # the bound itself
        assert kept < 16 + 200, "a gulp beyond the limit at most"
        for number in range(1, count):
            message = client.receive(WAIT_S)
            assert isinstance(message, str)
            assert message.startswith(f"{number:06}")
        client.disconnect()


def test_a_silent_server_is_left() -> None:
    """No pong, no link; ``run`` opens another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = client_of(f"ws://127.0.0.1:{port}/", connect_timeout_s=0.3)
        since = time.monotonic()
        assert not client.connect()
        assert time.monotonic() - since < 3.0
        assert client.last_error is not None
        assert client.last_error.timed_out


@pytest.mark.peer(16)
@pytest.mark.row("N21", "returns at once, no deadlock")
def test_disconnect_ends_a_receive_without_a_timeout(stopwatch: Stopwatch) -> None:
    """A program must be able to end while a thread of it listens."""
    got: list[Frame | None] = []
    with serving(echo) as server:
        client = client_of(url_of(server))
        assert client.connect()
        thread = threading.Thread(target=lambda: got.append(client.receive()))
        thread.start()
        stopwatch.start()
        client.disconnect()
        thread.join(WAIT_S)
        stopwatch.detected(1.0)
        assert got == [None]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "not a url"])
def test_a_url_that_is_none(url: str) -> None:
    """Said when it is written down, not when it is dialled."""
    with pytest.raises(ValueError, match="url"):
        WebSocketClient(url)


def test_no_thread_before_connect() -> None:
    before = threading.active_count()
    client = client_of("ws://127.0.0.1:9/")
    assert threading.active_count() == before
    client.disconnect()
