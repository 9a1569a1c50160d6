"""WebSocketClient called from anywhere: several threads, its own callback, a signal handler.

Programs renew a token in one thread and listen in another; what they get must be one link,
and nothing of it may be left when they are done.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from market import WAIT_S, Log
from test_websocket_client import QUICK, client_of, echo, running, serving, url_of
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from actors.state import ConnectionState
from actors.values import Frame
from gateway import WebSocketClient


class Counted:
    """A server's handler that counts the links it has at one time."""

    def __init__(self, *greetings: str) -> None:
        self.now = self.most = self.all = 0
        self.changed = threading.Condition()
        self._greetings = greetings

    def __call__(self, connection: ServerConnection) -> None:
        with self.changed:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        try:
            for greeting in self._greetings:
                connection.send(greeting)
            echo(connection)
        except ConnectionClosed:
            pass
        finally:
            with self.changed:
                self.now -= 1
                self.changed.notify_all()

    def wait(self, done: Callable[[Counted], bool]) -> None:
        """Wait until it is so."""
        with self.changed:
            assert self.changed.wait_for(lambda: done(self), WAIT_S)


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Call each in a thread of its own, all from one moment on; give what they returned."""
    gate = threading.Barrier(len(calls))
    got: list[object] = [None] * len(calls)

    def one(place: int, call: Callable[[], object]) -> None:
        gate.wait(WAIT_S)
        got[place] = call()

    threads = [threading.Thread(target=one, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    return got


@contextlib.contextmanager
def mute_server() -> Iterator[tuple[str, Callable[[], socket.socket]]]:
    """Serve a port that never answers the upgrade; give its URL, and a way to accept."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_S)
        accepted: list[socket.socket] = []

        def accept() -> socket.socket:
            accepted.append(server.accept()[0])
            return accepted[-1]

        yield f"ws://127.0.0.1:{server.getsockname()[1]}/", accept
        for sock in accepted:
            sock.close()


def alone(nth: int, it: Counted) -> bool:
    """Return whether the ``nth`` link has come, and the one before has gone."""
    return it.all == nth and it.now == 1


class Door:
    """A lock that remembers who asked for it."""

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self.asked.add(threading.get_ident())
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_connect_at_once_share_one_link() -> None:
    """Two would mean: one that nobody closes, and a session that the platform counts twice."""
    counted = Counted()
    with serving(counted) as server:
        for round_ in range(1, 11):
            client = client_of(url_of(server))
            assert at_once(*[client.connect] * 4) == [True] * 4
            assert client.send("one")
            assert client.receive(WAIT_S) == "one"
            client.disconnect()
            counted.wait(lambda it: it.now == 0)
            assert (counted.most, counted.all) == (1, round_)


def test_threads_that_wait_for_a_dial_share_its_failure() -> None:
    """Eight callers with a deadline of twenty seconds must not wait one after the other."""
    log = Log()
    with mute_server() as (url, accept):
        client = client_of(url, log=log)
        door = Door()
        client._lifecycle = door  # type: ignore[assignment]
        threads = [threading.Thread(target=client.connect) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(door.asked) < len(threads):
            threads[0].join(0.001)
        accept().close()
        for thread in threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()
    assert len(log.found("connection.attempt_failed")) == 1


def test_run_in_one_thread_reconnect_in_another() -> None:
    """A renewed token is the usual reason; the old link must go before the new one comes."""
    heard: list[Frame] = []
    counted = Counted("hello")
    with serving(counted) as server:
        client = client_of(url_of(server), on_message=heard.append)
        with running(client):
            counted.wait(lambda it: it.now == 1)
            for nth in range(2, 8):
                assert client.reconnect()
                counted.wait(partial(alone, nth))
            assert client.is_connected
        counted.wait(lambda it: it.now == 0)
    assert counted.most <= 2, "the server may hear of the old link's end after the new one"
    assert set(heard) == {"hello"}


def test_any_calls_from_any_threads_leave_nothing() -> None:
    """No order of calls may leave a link or a thread, or hang."""
    counted = Counted("hello")
    with serving(counted) as server:
        client = client_of(url_of(server), on_message=lambda _: None)
        for _ in range(8):
            at_once(
                client.connect,
                client.reconnect,
                client.disconnect,
                client.connect,
                lambda: client.receive(0.01),
                lambda: client.send("x"),
            )
        with running(client):
            at_once(client.reconnect, client.connect, client.reconnect)
        client.disconnect()
        counted.wait(lambda it: it.now == 0)
    assert (client.is_connected, client.state) == (False, ConnectionState.DISCONNECTED)


def test_disconnect_wins_over_a_connect_under_way() -> None:
    """Who wants to end must not wait for a server that does not answer."""
    log = Log()
    got: list[bool] = []
    with mute_server() as (url, accept):
        client = client_of(url, log=log)
        thread = threading.Thread(target=lambda: got.append(client.connect()))
        thread.start()
        accept()
        client.disconnect()
        thread.join(WAIT_S)
        assert got == [False]
        assert client.state is ConnectionState.DISCONNECTED
        assert log.found("connection.attempt_failed", reason="disconnected")
        assert client.last_error is None, "nothing failed"


def test_a_signal_handler_may_disconnect_the_thread_that_connects() -> None:
    """SIGTERM comes when it likes; the handler runs on the thread that holds the lock."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are handled on the main thread only")
    with mute_server() as (url, accept):
        client = client_of(url)
        answers: list[bool] = []

        def stop(*_: object) -> None:
            answers.append(client.connect())  # nonsense, and no deadlock either
            client.disconnect()

        before = signal.signal(signal.SIGUSR1, stop)
        try:

            def knock() -> None:
                accept()
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

            thread = threading.Thread(target=knock)
            thread.start()
            assert not client.connect()
            thread.join(WAIT_S)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert answers == [False]
        assert client.state is ConnectionState.DISCONNECTED
        assert not client._inside


def test_a_second_run_waits_and_returns_with_the_first() -> None:
    """Two threads that deliver would turn the order around."""
    threads: set[int] = set()
    heard: list[Frame] = []
    enough = threading.Event()

    def hear(message: Frame) -> None:
        threads.add(threading.get_ident())
        heard.append(message)
        if len(heard) == 50:
            enough.set()

    counted = Counted(*(str(number) for number in range(50)))
    with serving(counted) as server:
        client = client_of(url_of(server), on_message=hear)
        with running(client), running(client):
            assert enough.wait(WAIT_S)
    assert heard == [str(number) for number in range(50)]
    assert len(threads) == 1


def test_a_run_after_a_disconnect_waits_for_the_one_before() -> None:
    """``disconnect()`` and ``run()`` again, while the old callback still works."""
    first, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def hear(_: Frame) -> None:
        if first.is_set():
            again.set()
        first.set()
        assert go_on.wait(WAIT_S)

    with serving(Counted("hello")) as server:
        client = client_of(url_of(server), on_message=hear)
        old = threading.Thread(target=client.run)
        old.start()
        assert first.wait(WAIT_S)
        client.disconnect()
        with running(client):
            go_on.set()
            old.join(WAIT_S)
            assert again.wait(WAIT_S)


def test_run_inside_its_callback_goes_on_until_disconnect() -> None:
    heard: list[Frame] = []

    def hear(message: Frame) -> None:
        heard.append(message)
        if message == "1":
            client.run()
        if message == "3":
            client.disconnect()

    with serving(Counted("1", "2", "3")) as server:
        client = client_of(url_of(server), on_message=hear)
        client.run()
    assert heard == ["1", "2", "3"]
    assert not client.is_connected


def test_nothing_is_delivered_after_disconnect() -> None:
    """Who has closed a database does not want one more message; ``receive`` still gives it."""
    heard: list[Frame] = []
    came = threading.Event()

    def hear(message: Frame) -> None:
        heard.append(message)
        assert came.wait(WAIT_S)
        client.disconnect()

    with serving(Counted("1", "2")) as server:
        client = client_of(url_of(server), on_message=hear)
        thread = threading.Thread(target=client.run)
        thread.start()
        while len(client._messages) + len(heard) < 2:
            thread.join(0.001)
        came.set()
        thread.join(WAIT_S)
    assert heard == ["1"]
    assert [client.receive(), client.receive()] == ["2", None]


def test_what_was_not_received_outlives_a_reconnect() -> None:
    """Every message in the order it came, and the bound on them holds over all links."""
    counted = Counted("1", "2", "3")
    with serving(counted) as server:
        client = client_of(url_of(server))
        assert client.connect()
        assert client.receive(WAIT_S) == "1"
        while len(client._messages) < 2:
            counted.wait(lambda it: it.now == 1)
        assert client.reconnect()
        assert [client.receive(WAIT_S) for _ in range(5)] == ["2", "3", "1", "2", "3"]
        assert (client._flow.in_hand, client._flow.in_hand_bytes) == (0, 0)
        client.disconnect()


def test_a_raised_exit_ends_the_link() -> None:
    """Ctrl-C in the callback, or ``sys.exit``: ``run`` raises it, and leaves no link."""

    def hear(_: Frame) -> None:
        raise SystemExit(3)

    counted = Counted("1")
    with serving(counted) as server:
        client = client_of(url_of(server), on_message=hear)
        with pytest.raises(SystemExit):
            client.run()
        assert not client.is_connected
        counted.wait(lambda it: it.now == 0)


@pytest.mark.parametrize("timeout", [float("inf"), 1e10, 10**400, float("nan"), -1, 0])
def test_receive_takes_any_number_of_seconds(timeout: float) -> None:
    """An infinite wait is what people write for "as long as it lives"."""
    with serving(Counted("hello")) as server:
        client = client_of(url_of(server))
        assert client.connect()
        while (message := client.receive(timeout)) is None:
            assert client.is_connected
        assert message == "hello"
        client.reconnect_delay = timeout if timeout <= 0 else 0.0
        assert client.reconnect()
        client.disconnect()
        assert client.receive(timeout) is None or client.receive(timeout) is None


@pytest.mark.parametrize("timeout", ["5", True, [1]])
def test_receive_says_what_is_no_number(timeout: Any) -> None:
    client = client_of("ws://127.0.0.1:9/")
    with pytest.raises(TypeError, match="timeout must be seconds"):
        client.receive(timeout)


class Markup(str):
    """A text of a template engine."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("好的\ud83d", "half_a_character"),
        (bytearray(b"abc"), "not_a_message: bytearray"),
        (memoryview(b"abc"), "not_a_message: memoryview"),
        ({"a": 1}, "not_a_message: dict"),
        (None, "not_a_message: None"),
        (5, "not_a_message: int"),
    ],
)
def test_what_is_no_message_is_refused(message: Any, reason: str) -> None:
    """False with a reason, and the link stays as good as it was."""
    log = Log()
    with serving(echo) as server:
        client = client_of(url_of(server), log=log)
        assert client.connect()
        assert client.send(message) is False
        (line,) = log.found("send.refused")
        assert line["reason"] == reason
        assert client.send(Markup("fine"))
        assert client.receive(WAIT_S) == "fine"
        client.disconnect()


@pytest.mark.parametrize(
    "option",
    [
        {"connect_timeout_s": 0},
        {"connect_timeout_s": float("inf")},
        {"heartbeat_interval_s": -1.0},
        {"heartbeat_reply_s": float("nan")},
        {"heartbeat_interval_s": "15"},
    ],
)
def test_a_duration_that_cannot_be_is_refused_at_once(option: dict[str, Any]) -> None:
    """It would end an actor or the timers at the first connect."""
    with pytest.raises((TypeError, ValueError), match=next(iter(option))):
        WebSocketClient("ws://127.0.0.1:9/", delays=QUICK, **option)


def test_a_system_without_threads_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a limit on processes: False, and what was started ends."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def bounded(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    client = client_of("ws://127.0.0.1:9/")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", bounded)
        assert not client.connect()
    assert client.last_error is not None
    assert client.last_error.reason == "no_thread"
    assert len(started) == 2


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("url", 1),
        ("url", b"ws://x/"),
        ("headers", [("a", "b")]),
        ("headers", {"a": 1}),
        ("headers", {1: "a"}),
        ("proxy", 1),
        ("ca_file", 1),
        ("verify", "no"),
        ("delays", 1),
        ("max_message_bytes", "1"),
        ("max_message_bytes", 0),
        ("max_fragments", None),
        ("queue_limit", 1.5),
        ("queue_limit", 0),
    ],
)
def test_what_a_client_is_made_of_is_checked_when_it_is_made(name: str, wrong: object) -> None:
    """Wrong delays hung the first connection; a wrong bound ended it at the first message."""
    keys: dict[str, Any] = {"url": "ws://127.0.0.1:9/", name: wrong}
    with pytest.raises((TypeError, ValueError), match=name):
        WebSocketClient(**keys)
