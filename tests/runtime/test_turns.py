"""One account's flood is its own trouble: a turn has a share, in frames and not only in bytes.

A gulp of 64 KiB holds 32,000 frames of two bytes; handed over at once they were a second of
work for the actors, and everybody else's messages waited for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from actors.messages import FramesReceived
from actors.ports import Beaten, Incoming, PeerClosed, Pinged
from actors.runtime.clock import SystemClock
from actors.runtime.links.flow import Flow
from actors.runtime.links.reading import FLOOD_FRAMES, TURN_FRAMES
from actors.runtime.pool.manual import ManualClock
from actors.values import ErrorClass
from gateway.transport.frames import FrameWire
from tests.runtime.doubles import WAIT_S, PrefixWire, packed, text
from tests.runtime.test_poller import Exchange, Line


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """Yield lines on one poller, which runs."""
    exchange = Exchange(SystemClock())
    exchange.pool.start()
    yield exchange
    exchange.close()


def sizes(line: Line) -> list[int]:
    """Return how many frames each turn handed over."""
    return [len(gulp.frames) for gulp in line.got.all]


def flooded(exchange: Exchange, count: int, *, flow: Flow | None = None, tls: bool = False) -> Line:
    """Make a link that finds so many frames, and the peer's goodbye behind them."""
    line = exchange.line(flow=flow, tls=tls, add=False)
    sent = b"".join(text(str(number)) for number in range(count)) + packed(b"c", b"\x03\xe8")
    line.peer.settimeout(WAIT_S)
    thread = threading.Thread(target=line.peer.sendall, args=(sent,))
    thread.start()
    if not tls and len(sent) < 100_000:
        thread.join(WAIT_S)  # all of it in one gulp or two
    exchange.poller.add(line.link)
    thread.join(WAIT_S)
    return line


@pytest.mark.parametrize("tls", [False, True])
def test_a_flood_comes_in_shares_in_order_and_its_end_last(
    exchange: Exchange,
    tls: bool,  # noqa: FBT001
) -> None:
    count = 5_000
    line = flooded(exchange, count, tls=tls)
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "close_1000")
    assert line.frames(count) == [str(number) for number in range(count)]
    assert max(sizes(line)) <= TURN_FRAMES
    assert line.link.frames_in == count


def test_a_neighbour_is_read_between_two_shares(exchange: Exchange) -> None:
    """It comes while the flood is under way, not after it."""
    neighbour = exchange.line()
    count, seen = 20_000, list[int]()

    def note(gulp: FramesReceived) -> None:
        if not seen:
            neighbour.peer.sendall(text("me, too"))
        seen.append(len(gulp.frames))
        if neighbour.got.all and sum(seen) < count:
            late.set()

    late = threading.Event()
    line = exchange.line(frames_to=note, add=False, wire=PrefixWire(text("x") * count))
    exchange.poller.add(line.link)
    assert neighbour.frames(1) == ["me, too"]
    assert late.wait(WAIT_S)


def test_who_presses_rests_while_its_neighbour_is_read() -> None:
    """It takes as much of the reader's time as it leaves, and less at a time."""
    clock = ManualClock()
    exchange = Exchange(clock)  # nobody leads the poller: each turn is taken here
    flood, count = exchange.line(), 2_000
    neighbour = exchange.line()
    flood.peer.sendall(text("x") * count)

    def turn(work_s: float = 0.0) -> list[int]:
        def act() -> bool:
            clock.advance(work_s)
            return True

        exchange.poller.turn(act, lambda: True)
        return sizes(flood)

    try:
        turn()  # the links are new
        before = sizes(flood)
        assert turn(0.002)[len(before) :] == [TURN_FRAMES]
        before = sizes(flood)
        assert turn(0.002)[len(before) :] == [FLOOD_FRAMES]  # it came at once: it presses
        before = sizes(flood)
        neighbour.peer.sendall(text("me, too"))
        assert turn()[len(before) :] == []
        assert [gulp.frames for gulp in neighbour.got.all] == [["me, too"]]
        clock.advance(0.01)
        turn()  # the rest is over
        assert turn()[len(before) :] == [FLOOD_FRAMES]
    finally:
        exchange.pool.start()
        exchange.close()


def test_who_is_alone_never_rests() -> None:
    clock = ManualClock()
    exchange = Exchange(clock)
    flood = exchange.line()
    flood.peer.sendall(text("x") * 2_000)

    def act() -> bool:
        clock.advance(0.01)
        return True

    try:
        for _ in range(10):
            exchange.poller.turn(act, lambda: True)
        assert sum(sizes(flood)) == 2_000
        assert set(sizes(flood)) <= {0, TURN_FRAMES, 2_000 % TURN_FRAMES}
    finally:
        exchange.pool.start()
        exchange.close()


def test_what_was_read_and_not_handed_over_waits_for_flow_control(exchange: Exchange) -> None:
    """Nothing more comes over the socket, so no selector tells that there is work."""
    flow = Flow(TURN_FRAMES, 10)
    count = 3 * TURN_FRAMES
    line = flooded(exchange, count, flow=flow)
    for turn in range(1, 4):
        line.frames(turn * TURN_FRAMES)
        assert sum(sizes(line)) == turn * TURN_FRAMES, "no more than it has room for"
        assert line.lost.all == []
        flow.returned(TURN_FRAMES, line.got.all[-1].size_bytes)
    assert line.end() == (ErrorClass.UNEXPECTED_CLOSE, "close_1000")


def test_many_pongs_are_one_message_each(exchange: Exchange) -> None:
    """Ten thousand of them, unasked, are not ten thousand messages to the heartbeat."""
    line = exchange.line()
    line.peer.sendall(packed(b"o", b"1") * 100 + packed(b"o", b"2") + text("after"))
    assert line.frames(1) == ["after"]
    assert [pong.payload for pong in line.link.pongs_to.all] == [b"1", b"2"]  # type: ignore[attr-defined]


FLOODS: list[tuple[bytes, Incoming]] = [
    (b"\x81\x00", ""),
    (b"\x82\x00", b""),
    (b"\x89\x00", Pinged(b"")),
    (b"\x8a\x00", Beaten(b"")),
]


@pytest.mark.parametrize(("frame", "item"), FLOODS[1:])
def test_a_wire_cuts_no_more_than_it_is_told(frame: bytes, item: Incoming) -> None:
    """Each costs a step of Python: thirty thousand of them hold up every other link."""
    wire = FrameWire()
    assert wire.feed(frame * 300, 128) == [item] * 128
    assert wire.uncut
    assert wire.feed(b"", 128) == [item] * 128
    assert wire.feed(frame, 128) == [item] * 45
    assert not wire.uncut


def test_fragments_count_as_the_frames_they_are() -> None:
    wire = FrameWire()
    assert wire.feed(b"\x01\x01a" + b"\x00\x01a" * 200 + b"\x80\x00", 128) == []
    assert wire.uncut
    assert wire.feed(b"", 128) == ["a" * 201]
    assert not wire.uncut


def test_cutting_in_steps_gives_what_cutting_at_once_gives() -> None:
    """Whatever frames stand beside each other, and wherever the gulps end."""
    data = b"".join(frame for frame, _ in FLOODS) + b"\x81\x05Hello\x01\x01a\x89\x01p\x80\x01b"
    data = data * 3 + b"\x88\x02\x03\xe8" + b"\x81\x00"
    whole = FrameWire().feed(data)
    assert whole[-1] == PeerClosed(1000, "")
    for most in (1, 2, 5):
        for size in (1, 3, 7, len(data)):
            wire, got = FrameWire(), list[Incoming]()
            for at in range(0, len(data), size):
                got += wire.feed(data[at : at + size], most)
                while wire.uncut:
                    got += wire.feed(b"", most)
            assert got == whole
