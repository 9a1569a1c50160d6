"""Links and the poller over real sockets: everything read, everybody isolated, one end each."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from actors.messages import FramesReceived, LinkEnded, PongReceived
from actors.ports import Clock, Dialed, Incoming
from actors.runtime.clock import SystemClock
from actors.runtime.links.flow import Flow
from actors.runtime.links.link import Link
from actors.runtime.links.reading import TURN_BYTES
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.pool import Pool
from actors.values import ErrorClass
from tests.runtime.doubles import WAIT_S, Letters, PrefixWire, packed, text


class Line(NamedTuple):
    """A link, the peer's end of it, and what the link told."""

    link: Link
    peer: socket.socket
    got: Letters[FramesReceived]
    lost: Letters[LinkEnded]
    flow: Flow

    def frames(self, count: int) -> list[Any]:
        """Wait for so many frames; gives all that came."""
        gulps = self.got.wait(lambda all_: sum(len(gulp.frames) for gulp in all_) >= count)
        return [frame for gulp in gulps for frame in gulp.frames]

    def end(self) -> tuple[ErrorClass, str]:
        """Wait for the end of the link."""
        failure = self.lost.first().failure
        return failure.error_class, failure.reason


class Exchange:
    """Makes lines on one poller."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.poller = Poller(clock)
        self.pool = Pool(threads=1, name="test", poller=self.poller)
        self.lines: list[Line] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        authority = trustme.CA()
        self._server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._server_tls)
        self._client_tls = ssl.create_default_context()
        authority.configure_trust(self._client_tls)

    def line(
        self,
        *,
        tls: bool = False,
        wire: PrefixWire | None = None,
        flow: Flow | None = None,
        add: bool = True,
        **options: Any,
    ) -> Line:
        """Connect a link to a peer."""
        near = socket.create_connection(self._listener.getsockname())
        far, _ = self._listener.accept()
        far.settimeout(WAIT_S)
        if tls:
            near, far = self._secure(near, far)
        near.setblocking(False)
        got: Letters[FramesReceived] = Letters()
        lost: Letters[LinkEnded] = Letters()
        flow = flow or Flow(1 << 30, 0)
        pongs: Letters[PongReceived] = Letters()
        options.setdefault("frames_to", got.tell)
        link = Link(
            Dialed(sock=near, wire=wire or PrefixWire()),
            generation=len(self.lines) + 1,
            ended_to=lost.tell,
            pongs_to=pongs,
            flow=flow,
            clock=self.clock,
            **options,
        )
        line = Line(link, far, got, lost, flow)
        self.lines.append(line)
        if add:
            self.poller.add(link)
        return line

    def _secure(self, near: socket.socket, far: socket.socket) -> tuple[Any, Any]:
        served: list[ssl.SSLSocket] = []
        thread = threading.Thread(
            target=lambda: served.append(self._server_tls.wrap_socket(far, server_side=True))
        )
        thread.start()
        secured = self._client_tls.wrap_socket(near, server_hostname="127.0.0.1")
        thread.join(WAIT_S)
        return secured, served[0]

    def close(self) -> None:
        """Stop the poller and put the peers away."""
        assert self.poller.stop(WAIT_S) == []
        assert self.pool.stop(WAIT_S) == []
        self._listener.close()
        for line in self.lines:
            line.peer.close()


@pytest.fixture
def exchange(clock: SystemClock) -> Iterator[Exchange]:
    exchange = Exchange(clock)
    exchange.pool.start()
    yield exchange
    exchange.close()
    for line in exchange.lines:
        assert len(line.lost.all) == 1, "each link must be told lost exactly once"
        assert line.link.fileno() == -1


TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


def _read_until_eof(peer: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(OSError):
        while chunk := peer.recv(1 << 16):
            data += chunk
    return data


def _read(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = peer.recv(1 << 16)
        assert chunk, data
        data += chunk
    return data


# --- reading -----------------------------------------------------------------------------


@TLS
def test_frames_arrive_whole_and_in_order(exchange: Exchange, tls: bool) -> None:  # noqa: FBT001
    line = exchange.line(tls=tls)
    sent = [f"{number} " + "x" * (number % 3000) for number in range(2000)]
    stream = b"".join(text(words) for words in sent)
    before_ms = exchange.clock.unix_ms()
    line.peer.sendall(stream)
    assert line.frames(2000) == sent
    assert line.link.frames_in == 2000
    assert line.link.bytes_in == len(stream)
    assert line.flow.in_hand == 2000
    assert all(gulp.generation == 1 for gulp in line.got.all)
    assert all(gulp.received_at_ms >= before_ms for gulp in line.got.all)
    assert len(line.got.all) < 200, "a gulp is one message, not one a frame"


def test_one_byte_at_a_time(exchange: Exchange) -> None:
    line = exchange.line()
    line.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in text("slowly") + packed(b"b", b"\0\1"):
        line.peer.send(bytes((byte,)))
    assert line.frames(2) == ["slowly", b"\0\1"]


@TLS
def test_what_came_with_the_handshake_is_delivered(
    exchange: Exchange,
    tls: bool,  # noqa: FBT001
) -> None:
    """A server may send its first push in the packet of the 101."""
    line = exchange.line(tls=tls, wire=PrefixWire(text("early") + text("half")[:6]))
    line.peer.sendall(text("half")[6:])
    assert line.frames(2) == ["early", "half"]


def test_a_ping_is_answered_while_nobody_takes_the_frames(exchange: Exchange) -> None:
    """The reader never runs user code."""
    gate = threading.Event()
    consumer = exchange.line(flow=Flow(1, 0))
    line = exchange.line()
    consumer.peer.sendall(text("blocked"))
    consumer.frames(1)
    assert not gate.is_set()
    for number in range(50):
        payload = b"%d" % number
        line.peer.sendall(packed(b"p", payload))
        assert _read(line.peer, 5 + len(payload)) == packed(b"o", payload)


def test_every_ping_of_a_gulp_is_answered(exchange: Exchange) -> None:
    line = exchange.line()
    line.peer.sendall(b"".join(packed(b"p", b"%d" % n) for n in range(10)) + text("x"))
    pongs = b"".join(packed(b"o", b"%d" % n) for n in range(10))
    assert _read(line.peer, len(pongs)) == pongs
    assert line.frames(1) == ["x"]


def test_our_ping_is_answered(exchange: Exchange) -> None:
    line = exchange.line(add=False)
    pongs: Letters[PongReceived] = Letters()
    line.link.pongs_to = pongs
    exchange.poller.add(line.link)
    assert line.link.ping(b"12345678")
    assert _read(line.peer, 13) == packed(b"p", b"12345678")
    line.peer.sendall(packed(b"o", b"12345678"))
    assert pongs.first() == PongReceived(generation=1, payload=b"12345678")


def test_a_full_account_is_not_read_and_the_others_are(exchange: Exchange) -> None:
    """contract.md 2.10: the socket is the queue; nothing is dropped."""
    full = exchange.line(flow=Flow(10, 2))
    other = exchange.line()
    full.peer.sendall(b"".join(text(str(n)) for n in range(10)))
    assert full.frames(10) == [str(n) for n in range(10)]
    assert full.flow.full
    full.peer.sendall(text("later"))
    for number in range(20):
        other.peer.sendall(text("x"))
        other.frames(number + 1)
    assert len(full.frames(10)) == 10, "it was read although it is full"
    full.flow.returned(8)
    assert full.frames(11)[-1] == "later"


def test_a_full_tls_account_goes_on_where_openssl_left_off(exchange: Exchange) -> None:
    """What OpenSSL has decrypted is known to no selector: a resumed link must look itself."""
    line = exchange.line(tls=True, flow=Flow(1, 0))
    total = 3 * TURN_BYTES // 1000
    blob = b"".join(text("x" * 995) for _ in range(total))
    sender = threading.Thread(target=line.peer.sendall, args=(blob,))
    sender.start()
    seen = 0
    while seen < total:
        seen = len(line.frames(seen + 1))
        line.flow.returned(line.flow.in_hand)
    sender.join(WAIT_S)
    assert seen == total


def test_a_flood_leaves_the_quiet_link_its_turn(exchange: Exchange) -> None:
    """256 KiB of one account, then the next one: a hop beside a flood stays short."""
    flooded, quiet = exchange.line(), exchange.line()
    stop = threading.Event()
    blob = text("f" * 1000) * 256

    def flood() -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                flooded.peer.sendall(blob)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        flooded.frames(2000)
        for number in range(30):  # the flood does not end before they were heard
            quiet.peer.sendall(text("q"))
            quiet.frames(number + 1)
    finally:
        stop.set()
        flooded.link.shut("test")
        thread.join(WAIT_S)
    largest = max(sum(len(frame) for frame in gulp.frames) for gulp in flooded.got.all)
    assert largest <= TURN_BYTES + (64 << 10) + 2000


# --- writing -----------------------------------------------------------------------------


@TLS
def test_frames_of_one_call_leave_in_one_write(
    exchange: Exchange,
    tls: bool,  # noqa: FBT001
) -> None:
    line = exchange.line(tls=tls)
    assert line.link.write_frames(["one", b"two"])
    expected = text("one") + packed(b"b", b"two")
    assert _read(line.peer, len(expected)) == expected
    assert line.link.bytes_out == len(expected)


@TLS
def test_what_the_kernel_does_not_take_follows_in_order(
    exchange: Exchange,
    tls: bool,  # noqa: FBT001
) -> None:
    """Writes from several threads to a slow peer: nothing lost, no frame torn."""
    line = exchange.line(tls=tls, send_limit_bytes=64 << 20)
    each, writers = 150, 3

    def write(writer: int) -> None:
        for number in range(each):
            assert line.link.write(text(f"{writer} {number} " + "x" * 20_000))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    line.peer.sendall(text("read beside the writing"))
    wire, seen = PrefixWire(), list[Incoming]()
    while len(seen) < each * writers:
        seen += wire.feed(line.peer.recv(1 << 16))
    for thread in threads:
        thread.join(WAIT_S)
    numbers = [tuple(map(int, str(item).split()[:2])) for item in seen]
    for writer in range(writers):
        assert [n for w, n in numbers if w == writer] == list(range(each))
    assert line.frames(1) == ["read beside the writing"]


@TLS
def test_a_peer_that_does_not_read_loses_the_link_at_the_bound(
    exchange: Exchange,
    tls: bool,  # noqa: FBT001
) -> None:
    line = exchange.line(tls=tls, send_limit_bytes=100_000)
    blob = text("x" * 50_000)
    began = time.monotonic()
    while line.link.write(blob):
        assert time.monotonic() - began < WAIT_S
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "send_timeout")
    assert not line.link.write(b"x")
    _read_until_eof(line.peer)


def test_a_peer_that_does_not_read_loses_the_link_at_the_deadline(exchange: Exchange) -> None:
    line = exchange.line(send_limit_bytes=64 << 20, send_deadline_s=0.1)
    assert line.link.write(text("x" * (16 << 20)))
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "send_timeout")


def test_a_peer_that_takes_a_large_message_slowly_keeps_the_link(exchange: Exchange) -> None:
    """What it takes is life; a ping behind the message, or another one, does not end it."""
    line = exchange.line(send_limit_bytes=100_000, send_deadline_s=0.2)
    size = 16 << 20
    assert line.link.write(text("x" * size))
    assert line.link.ping(b"1")
    assert line.link.write(text("after"))
    traffic = line.link.traffic()
    assert traffic.leaving
    rest = packed(b"p", b"1") + text("after")
    began, left, end = time.monotonic(), size + 5 + len(rest), b""
    while left:
        piece = line.peer.recv(256 << 10)
        assert piece, line.lost.all
        left -= len(piece)
        end = (end + piece)[-len(rest) :]
        if time.monotonic() - began < 0.5:  # well beyond the deadline
            threading.Event().wait(0.02)
    assert end == rest
    assert line.link.traffic().taken > traffic.taken
    assert line.lost.all == []


def test_a_peer_that_trickles_loses_the_link(exchange: Exchange) -> None:
    """Taking a few bytes now and then must not keep a stalled frame alive for ever."""
    line = exchange.line(send_limit_bytes=64 << 20, send_deadline_s=0.2)
    assert line.link.write(text("x" * (32 << 20)))
    began = time.monotonic()
    while not line.lost.all and time.monotonic() - began < WAIT_S:
        line.peer.recv(100)
        threading.Event().wait(0.01)
    assert line.end()[1] == "send_timeout"


def test_a_slow_peer_in_time_is_no_trouble(exchange: Exchange) -> None:
    line = exchange.line(send_limit_bytes=64 << 20, send_deadline_s=WAIT_S)
    size = 8 << 20
    assert line.link.write(text("x" * size))
    assert line.link.wants_write
    assert len(_read(line.peer, size + 5)) == size + 5
    assert line.link.write(text("after"))
    assert _read(line.peer, 10) == text("after")
    assert line.lost.all == []


# --- ends --------------------------------------------------------------------------------


def test_peer_closes(exchange: Exchange) -> None:
    """The code is echoed once, frames before it come first, nothing comes after it."""
    line = exchange.line()
    line.peer.sendall(text("last words") + PrefixWire().close(1001, "bye") + text("never"))
    assert line.end()[0] is ErrorClass.UNEXPECTED_CLOSE
    assert line.lost.all[0].failure.close_code == 1001
    assert line.lost.all[0].generation == 1
    assert _read_until_eof(line.peer) == PrefixWire().close(1001)
    assert line.frames(1) == ["last words"]


def test_peer_closes_without_a_code(exchange: Exchange) -> None:
    line = exchange.line()
    line.peer.sendall(packed(b"c"))
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "closed")
    assert _read_until_eof(line.peer) == PrefixWire().close(1000)


def test_wire_broken(exchange: Exchange) -> None:
    line = exchange.line()
    line.peer.sendall(text("fine") + packed(b"?", b"junk") + text("never") * 10_000)
    assert line.end() == (ErrorClass.PROTOCOL, "bad_opcode")
    assert line.lost.all[0].failure.close_code == 1002
    assert _read_until_eof(line.peer) == PrefixWire().close(1002)
    assert line.frames(1) == ["fine"]


@TLS
def test_end_of_stream(exchange: Exchange, tls: bool) -> None:  # noqa: FBT001
    line = exchange.line(tls=tls)
    line.peer.sendall(text("whole") + text("cut in half")[:8])
    line.peer.close()
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "eof")
    assert line.frames(1) == ["whole"]


def test_reset(exchange: Exchange) -> None:
    line = exchange.line()
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    line.peer.close()
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "reset")


def test_a_broken_write_still_hears_why_the_peer_left(exchange: Exchange) -> None:
    """A kick is told in a close frame; our own write must not run over it into a reset."""
    line = exchange.line(flow=Flow(1, 0))
    line.peer.sendall(text("fill"))
    line.frames(1)  # full: what follows stays in the kernel
    line.peer.sendall(text("why") + PrefixWire().close(1012))
    line.peer.close()
    began = time.monotonic()
    while line.link.write(text("into the void")):
        assert time.monotonic() - began < WAIT_S
    assert line.end()[0] is ErrorClass.SERVER_RESTART
    assert line.frames(2) == ["fill", "why"]


@TLS
def test_shut_from_another_thread(exchange: Exchange, tls: bool) -> None:  # noqa: FBT001
    line = exchange.line(tls=tls)
    line.link.shut("heartbeat_dead")
    line.link.shut("again")
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "heartbeat_dead")
    assert not line.link.write(b"late")
    assert not line.link.ping(b"late")
    line.link.close(1000)
    _read_until_eof(line.peer)


def test_shut_before_the_poller_knows_it(exchange: Exchange) -> None:
    line = exchange.line(add=False)
    line.link.shut("attempt_expired")
    exchange.poller.add(line.link)
    assert line.end()[1] == "attempt_expired"


def test_abort_in_tls_traffic_gives_no_bogus_frames(exchange: Exchange) -> None:
    """SSLSocket.shutdown would drop the TLS layer, and ciphertext would be read as frames."""
    for round_ in range(40):
        line = exchange.line(tls=True)
        stop = threading.Event()

        def push(line: Line = line, stop: threading.Event = stop) -> None:
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    line.peer.sendall(text("genuine") * 50)

        thread = threading.Thread(target=push)
        thread.start()
        line.frames(50 + round_)
        line.link.shut("abort")
        assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "abort")
        stop.set()
        line.peer.close()
        thread.join(WAIT_S)
        told = len(line.got.all)
        assert {frame for gulp in line.got.all for frame in gulp.frames} == {"genuine"}
        assert len(line.got.all) == told


@TLS
def test_orderly_close(exchange: Exchange, tls: bool) -> None:  # noqa: FBT001
    line = exchange.line(tls=tls)
    line.link.close(1000, "bye")
    line.link.close(1000, "twice")
    assert not line.link.write(b"late")
    close = PrefixWire().close(1000, "bye")
    assert _read(line.peer, len(close)) == close
    line.peer.sendall(text("on its way") + PrefixWire().close(1000))
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "closed")
    assert line.frames(1) == ["on its way"]
    assert _read_until_eof(line.peer) == b"", "the close must not be sent twice"


def test_orderly_close_of_a_peer_that_just_goes(exchange: Exchange) -> None:
    line = exchange.line()
    line.link.close(1000)
    line.peer.close()
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "closed")


def test_orderly_close_does_not_wait_for_a_silent_peer(exchange: Exchange) -> None:
    line = exchange.line(send_limit_bytes=64 << 20)
    line.link.write(text("x" * (16 << 20)))  # a later deadline must not hide the nearer one
    began = time.monotonic()
    line.link.close(1000)
    assert line.end()[1] == "close_timeout"
    assert 0.9 <= time.monotonic() - began < WAIT_S


def test_one_links_trouble_is_its_own(exchange: Exchange) -> None:
    """A bug in what takes the frames ends that link, with a reason; the thread goes on."""

    def explode(_: FramesReceived) -> None:
        raise ValueError("token=secret")

    bad, good = exchange.line(frames_to=explode), exchange.line()
    bad.peer.sendall(text("x"))
    assert bad.end() == (ErrorClass.OTHER, "poller_error")
    detail = bad.lost.all[0].failure.detail
    assert "ValueError at" in detail
    assert "secret" not in detail
    good.peer.sendall(text("x"))
    assert good.frames(1) == ["x"]


def test_a_mailbox_that_fails_on_the_news_is_survived(clock: SystemClock) -> None:
    exchange = Exchange(clock)
    exchange.pool.start()

    class Broken(Letters[LinkEnded]):
        def tell(self, message: LinkEnded) -> bool:
            super().tell(message)
            raise RuntimeError("broken mailbox")

    bad, good = exchange.line(add=False), exchange.line()
    broken = Broken()
    bad.link.ended_to = broken.tell
    exchange.poller.add(bad.link)
    bad.peer.close()
    assert broken.first().failure.reason == "eof"
    good.peer.sendall(text("x"))
    good.frames(1)
    exchange.close()


# --- the poller's life -------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_stop_closes_every_socket(clock: SystemClock) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counts only
    exchange = Exchange(clock)
    exchange.pool.start()
    lines = [exchange.line(tls=number % 4 == 0) for number in range(20)]
    for line in lines:
        line.peer.sendall(text("x"))
        line.frames(1)
    exchange.close()
    assert {line.end()[1] for line in lines} == {"poller_stopped"}
    late = socket.socketpair()
    late[0].setblocking(False)
    lost: Letters[LinkEnded] = Letters()
    exchange.poller.add(
        Link(
            Dialed(sock=late[0], wire=PrefixWire()),
            generation=1,
            frames_to=lambda _: None,
            ended_to=lost.tell,
            pongs_to=Letters(),
            flow=Flow(1, 0),
            clock=clock,
        )
    )
    assert lost.first().failure.reason == "poller_stopped"
    late[1].close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  # counts only


def test_stop_without_a_start(clock: SystemClock) -> None:
    exchange = Exchange(clock)
    line = exchange.line()
    exchange.close()
    exchange.close()
    assert line.end()[1] == "poller_stopped"


def test_idle_links_cost_nothing(exchange: Exchange) -> None:
    """No turn looks at a link that has nothing: 300 idle ones beside a busy one."""
    idle = [exchange.line() for _ in range(300)]
    busy = exchange.line()
    for line in (*idle, busy):
        line.peer.sendall(text("x"))
        line.frames(1)
    looked: list[Link] = []
    guard = exchange.poller._guard

    def spy(link: Link, events: int) -> None:
        looked.append(link)
        guard(link, events)

    exchange.poller._guard = spy  # type: ignore[method-assign]  # counting is the point
    for number in range(20):
        busy.peer.sendall(text("x"))
        busy.frames(number + 2)
    assert set(looked) == {busy.link}


def test_links_come_and_go_from_many_threads(exchange: Exchange) -> None:
    """Wake-ups are coalesced; none may be lost."""
    lines = [exchange.line(flow=Flow(1, 0)) for _ in range(8)]

    def drive(line: Line) -> None:
        for number in range(100):
            line.peer.sendall(text(str(number)))
            line.frames(number + 1)
            line.flow.returned(1)
            line.link.write(text("answer"))
        line.link.shut("done")

    threads = [threading.Thread(target=drive, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    for line in lines:
        assert line.end()[1] == "done"
        assert line.frames(100) == [str(number) for number in range(100)]
