"""The proxy between real sockets: each fault, and that nothing is left of it."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.testing import FakePlatform, FaultProxy, Shop
from gateway.testing.proxy.pipe import Conditions, Pipe

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Dial

Connect = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(3.0)
        yield server


@pytest.fixture
def proxy(listener: socket.socket) -> Iterator[FaultProxy]:
    with FaultProxy(f"127.0.0.1:{listener.getsockname()[1]}", seed=7) as made:
        yield made


@pytest.fixture
def connect(proxy: FaultProxy, listener: socket.socket) -> Iterator[Connect]:
    """Yield both ends of a connection through the proxy."""
    with ExitStack() as sockets:

        def both() -> tuple[socket.socket, socket.socket]:
            client = socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0)
            sockets.enter_context(client)
            server, _ = listener.accept()
            sockets.enter_context(server)
            server.settimeout(3.0)
            return client, server

        yield both


def read(sock: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        data = sock.recv(65536)
        if not data:
            break
        found += data
    return found


def silent(sock: socket.socket, for_s: float = 0.05) -> bool:
    sock.settimeout(for_s)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(3.0)
    return False


def test_without_faults_it_is_transparent(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    blob = random.Random(1).randbytes(3_000_000)
    feeder = threading.Thread(target=client.sendall, args=(blob,))
    feeder.start()
    assert read(server, len(blob)) == blob
    feeder.join()
    server.sendall(b"answer")
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""  # a half close passes, and the other half stays
    assert read(client, 6) == b"answer"
    server.close()
    assert client.recv(1) == b""
    proxy.wait_open(0)
    counted = proxy.counters
    assert (counted.up_bytes, counted.down_bytes) == (len(blob), 6)
    assert (counted.accepted, counted.reset, counted.dropped) == (1, 0, 0)


def test_a_black_hole_each_way_and_after_it(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    proxy.black_hole("down")
    client.sendall(b"up")
    assert read(server, 2) == b"up"
    server.sendall(b"down")
    assert silent(client)
    proxy.black_hole("up")
    client.sendall(b"again")
    assert silent(server)
    server.close()
    assert silent(client)  # not even the end comes through
    proxy.heal()
    assert read(client, 4) == b"down"
    assert client.recv(1) == b""


def test_a_black_hole_takes_new_connections_nowhere(
    proxy: FaultProxy, listener: socket.socket
) -> None:
    proxy.black_hole()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0) as client:
        client.sendall(b"hello")
        proxy.wait_open(1)
        assert silent(client)
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()
        listener.settimeout(3.0)
        proxy.heal()
        server, _ = listener.accept()
        with server:
            assert read(server, 5) == b"hello"


def test_one_byte_at_a_time(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    proxy.slice(1, every_s=0.001, way="up")
    began = time.monotonic()
    client.sendall(b"x" * 50)
    pieces = 0
    got = 0
    while got < 50:
        got += len(server.recv(65536))
        pieces += 1
    assert time.monotonic() - began >= 0.049
    assert pieces > 10
    with pytest.raises(ValueError, match="at least 1"):
        proxy.slice(0)


def test_latency_delays_and_keeps_order(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    proxy.latency(0.5, jitter_s=0.02, way="up")
    began = time.monotonic()
    for number in range(5):
        client.sendall(bytes((number,)))
    assert read(server, 5) == bytes(range(5))
    assert time.monotonic() - began >= 0.5
    server.sendall(b"at once")
    began = time.monotonic()
    assert read(client, 7) == b"at once"
    assert time.monotonic() - began < 0.5


def test_bandwidth_is_a_limit(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    proxy.bandwidth(100_000)
    began = time.monotonic()
    client.sendall(b"x" * 20_000)
    read(server, 20_000)
    assert time.monotonic() - began > 0.15
    with pytest.raises(ValueError, match="black_hole"):
        proxy.bandwidth(0)


@pytest.mark.parametrize("reset", [True, False])
def test_a_cut_behind_an_exact_byte(
    reset: bool,  # noqa: FBT001  # a parameter of the test
    connect: Connect,
    proxy: FaultProxy,
) -> None:
    client, server = connect()
    proxy.cut_after(1003, reset=reset)
    server.sendall(b"a" * 1000)
    assert read(client, 1000) == b"a" * 1000
    server.sendall(b"b" * 1000)
    assert read(client, 3) == b"bbb"
    if reset:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    else:
        assert client.recv(1) == b""
    again, behind = connect()  # once only
    behind.sendall(b"c" * 2000)
    assert read(again, 2000) == b"c" * 2000
    assert proxy.counters.cut == 1
    with pytest.raises(ValueError, match="at least 1"):
        proxy.cut_after(0)


def test_reset_drop_and_refuse(connect: Connect, proxy: FaultProxy) -> None:
    client, server = connect()
    proxy.reset()
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    client, server = connect()
    proxy.drop()
    assert client.recv(1) == server.recv(1) == b""
    client, server = connect()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0)
    server.sendall(b"still here")
    assert read(client, 10) == b"still here"
    proxy.heal()
    connect()
    assert (proxy.counters.reset, proxy.counters.dropped, proxy.counters.open) == (1, 1, 2)


def test_a_reset_passes_from_either_side(connect: Connect, proxy: FaultProxy) -> None:
    for which in (0, 1):
        ends = connect()
        ends[which].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        ends[which].close()
        with pytest.raises(ConnectionResetError):
            ends[1 - which].recv(1)
    proxy.wait_open(0)
    assert proxy.counters.reset == 2


def test_a_server_that_is_gone_resets_the_client(
    proxy: FaultProxy, listener: socket.socket
) -> None:
    listener.close()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0) as client,
    ):
        client.recv(1)
    proxy.wait_open(0)
    assert proxy.counters.unreachable == 1


def test_what_waits_is_bounded(connect: Connect, proxy: FaultProxy) -> None:
    client, _ = connect()
    proxy.latency(60.0)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.sendall(b"x" * (64 << 20))
    tunnel = next(iter(proxy._relay.tunnels))
    assert tunnel.pipes["up"]._waiting_bytes < 128 * 1024


def test_it_starts_again_on_its_port_and_leaves_nothing(listener: socket.socket) -> None:
    proxy = FaultProxy(f"127.0.0.1:{listener.getsockname()[1]}")
    proxy.heal()
    proxy.refuse()
    proxy.stop()
    with proxy:
        port = proxy.port
        proxy.start()
        client = socket.create_connection(("127.0.0.1", port), timeout=3.0)
        proxy.wait_open(1)
    with client:
        assert client.recv(1) == b""
    proxy.latency(1.0)  # switching a proxy that does not run is no error
    with proxy:
        assert proxy.port == port
        with pytest.raises(TimeoutError, match="0 connections are there, not 1"):
            proxy.wait_open(1, 0.01)


@pytest.mark.parametrize("upstream", ["127.0.0.1", "example.com:80", "ws://10.0.0.1:1/"])
def test_only_loopback_with_a_port(upstream: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        FaultProxy(upstream)


def test_a_gateway_protocol_through_bad_weather(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    with FaultProxy(fake.url, seed=3) as proxy:
        proxy.slice(7)
        proxy.latency(0.001, jitter_s=0.002)
        client = dial(proxy.url(shop.url), "t-1")
        for number in range(5):
            shop.buyer("3301").says(f"{number}")
        for _ in range(5):
            client.push()
        shop.wait_acked(5)
        fake.check(all_acked=True)
        proxy.heal()


CONDITIONS = st.builds(
    Conditions,
    slice_bytes=st.integers(1, 50) | st.none(),
    latency_s=st.floats(0, 2),
    jitter_s=st.floats(0, 2),
    bytes_per_s=st.integers(50, 5000) | st.none(),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=400), max_size=8),
    CONDITIONS,
    st.randoms(use_true_random=False),
)
def test_a_pipe_keeps_every_byte_in_order(
    chunks: list[bytes], conditions: Conditions, dice: random.Random
) -> None:
    """Whatever delays it: what comes out is what went in, and never before it is due."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for sock in (ours, theirs):
            sock.setblocking(False)
        pipe = Pipe(ours, ours)
        now = 0.0
        for chunk in [*chunks, b""]:
            pipe.take(chunk, conditions, now, dice)
            now += 0.1 * dice.random()
        out = b""
        now = 0.0
        while not pipe.finished:
            at = pipe.due_at(conditions)
            assert at is not None
            assert pipe.give(conditions, at - 0.001) == 0
            now = max(now, at)
            pipe.give(conditions, now)
            while True:
                try:
                    data = theirs.recv(65536)
                except BlockingIOError:
                    break
                out += data
                if not data:
                    break
        assert out == b"".join(chunks)
        assert now >= conditions.latency_s
        assert not pipe.wants_more(conditions)
