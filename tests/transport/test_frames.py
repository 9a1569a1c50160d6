"""FrameWire against literal bytes: what RFC 6455 section 5 shows, and what it forbids."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import pytest

from actors.ports import Beaten, Incoming, PeerClosed, Pinged, WireBroken
from gateway.transport.frames import FrameWire
from gateway.transport.masking import MULTIPLIED_BYTES, MaskKeys, ones, xor

KEY = bytes.fromhex("37fa213d")


def fixed_key(size: int) -> bytes:
    return KEY * (size // 4)


def hexed(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def verdict(items: list[Incoming]) -> tuple[int, str]:
    """The last item, which must be a verdict, as code and reason."""
    assert items
    last = items[-1]
    assert isinstance(last, WireBroken), items
    assert last.detail
    return last.code, last.reason


def bytewise(wire: FrameWire, data: bytes) -> list[Incoming]:
    return [item for at in range(len(data)) for item in wire.feed(data[at : at + 1])]


EXAMPLES: list[tuple[str, str, list[Incoming]]] = [
    ("text", "81 05 48656c6c6f", ["Hello"]),
    ("empty text", "81 00", [""]),
    ("binary", "82 03 00ff7f", [b"\x00\xff\x7f"]),
    ("empty binary", "82 00", [b""]),
    ("two fragments", "01 03 48656c 80 02 6c6f", ["Hello"]),
    ("binary fragments", "02 01 ff 00 00 80 01 fe", [b"\xff\xfe"]),
    ("ping", "89 05 48656c6c6f", [Pinged(b"Hello")]),
    ("pong", "8a 05 48656c6c6f", [Beaten(b"Hello")]),
    ("ping between fragments", "01 01 61 89 01 70 00 00 80 01 62", [Pinged(b"p"), "ab"]),
    ("character cut by a fragment", "01 01 e9 80 02 97b2", ["\u95f2"]),
    ("several frames", "81 01 61 82 01 62 81 01 63", ["a", b"b", "c"]),
    ("16-bit length", "82 7e 0100" + "ab" * 256, [b"\xab" * 256]),
    ("16-bit text", "81 7e 0080" + "61" * 128, ["a" * 128]),
    ("64-bit length", "82 7f 0000000000010000" + "cd" * 65536, [b"\xcd" * 65536]),
    ("64-bit text", "81 7f 0000000000010000" + "61" * 65536, ["a" * 65536]),
    ("close without body", "88 00", [PeerClosed(None)]),
    ("close", "88 02 03e8", [PeerClosed(1000)]),
    ("close with reason", "88 05 03e9 e997b2", [PeerClosed(1001, "\u95f2")]),
    ("close with our own code", "88 02 1387", [PeerClosed(4999)]),
]


@pytest.mark.parametrize(
    ("data", "expected"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
@pytest.mark.parametrize("whole", [True, False])
def test_frames_become_messages(data: str, expected: list[Incoming], *, whole: bool) -> None:
    wire = FrameWire()
    raw = hexed(data)
    assert (wire.feed(raw) if whole else bytewise(wire, raw)) == expected


BREACHES = [
    ("first reserved bit", "c1 00", 1002, "reserved_bits"),
    ("second reserved bit", "a1 00", 1002, "reserved_bits"),
    ("third reserved bit", "91 00", 1002, "reserved_bits"),
    ("reserved bit on a ping", "c9 00", 1002, "reserved_bits"),
    *[(f"opcode {code}", f"8{code} 00", 1002, "unknown_opcode") for code in "34567bcdef"],
    ("masked by the server", "81 85 37fa213d 7f9f4d5158", 1002, "masked_frame"),
    ("fragmented ping", "09 00", 1002, "fragmented_control"),
    ("fragmented close", "08 00", 1002, "fragmented_control"),
    ("ping of 126 bytes", "89 7e 007e", 1002, "long_control"),
    ("ping with 64-bit length", "89 7f 0000000000000001", 1002, "long_control"),
    ("continuation of nothing", "80 01 61", 1002, "stray_continuation"),
    ("continuation after the end", "01 01 61 80 01 62 80 01 63", 1002, "stray_continuation"),
    ("message inside a message", "01 01 61 81 01 62", 1002, "interleaved_message"),
    ("binary inside a text", "01 01 61 02 01 62", 1002, "interleaved_message"),
    ("16-bit length below 126", "81 7e 007d", 1002, "length_not_minimal"),
    ("64-bit length below 65536", "82 7f 000000000000ffff", 1002, "length_not_minimal"),
    ("length with the top bit", "82 7f 8000000000000000", 1002, "length_too_long"),
    ("close with one byte", "88 01 03", 1002, "bad_close_code"),
    *[
        (f"close code {code}", f"88 02 {code:04x}", 1002, "bad_close_code")
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ],
    ("close reason no UTF-8", "88 03 03e8 ff", 1007, "bad_utf8"),
    ("text no UTF-8", "81 02 c328", 1007, "bad_utf8"),
    ("text ends inside a character", "81 02 e997", 1007, "bad_utf8"),
    ("surrogate", "81 03 eda080", 1007, "bad_utf8"),
    ("overlong", "81 02 c080", 1007, "bad_utf8"),
    ("above U+10FFFF", "81 04 f4908080", 1007, "bad_utf8"),
    ("fragments end inside a character", "01 01 61 80 02 e997", 1007, "bad_utf8"),
    ("bad in the first fragment already", "01 01 ff", 1007, "bad_utf8"),
    ("bad early in an unfinished frame", "81 7e ffff 6161ff", 1007, "bad_utf8"),
    ("second byte shows it", "81 7e ffff f490", 1007, "bad_utf8"),
    ("frame too big", "82 7f 0000010000000000", 1009, "frame_too_big"),
    ("text frame too big", "81 7f 0000000000100001", 1009, "frame_too_big"),
]


@pytest.mark.row("D13", "refused with its close code; see also docs/autobahn.md")
@pytest.mark.parametrize(
    ("data", "code", "reason"), [b[1:] for b in BREACHES], ids=[b[0] for b in BREACHES]
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_breach_is_refused_and_nothing_after_it_is_read(
    data: str, code: int, reason: str, *, whole: bool
) -> None:
    wire = FrameWire()
    raw = hexed("81 01 61") + hexed(data)
    items = wire.feed(raw) if whole else bytewise(wire, raw)
    assert items[0] == "a"
    assert verdict(items) == (code, reason)
    assert wire.feed(hexed("81 01 62")) == []


def test_nothing_is_read_after_the_peer_closed() -> None:
    wire = FrameWire()
    assert wire.feed(hexed("88 02 03e8 81 01 61")) == [PeerClosed(1000)]
    assert wire.feed(hexed("81 01 61")) == []


def test_the_server_role_wants_masks_and_sends_none() -> None:
    server = FrameWire(server=True)
    assert server.feed(hexed("81 85 37fa213d 7f9f4d5158")) == ["Hello"]
    assert server.encode(["Hello"]) == hexed("81 05 48656c6c6f")
    assert verdict(server.feed(hexed("81 05 48656c6c6f"))) == (1002, "unmasked_frame")


def test_the_server_role_takes_masked_frames_byte_by_byte() -> None:
    client = FrameWire()
    sent = client.encode(["\u95f2" * 50, b"\xfe" * 300]) + client.ping(b"are you there")
    expected: list[Incoming] = ["\u95f2" * 50, b"\xfe" * 300, Pinged(b"are you there")]
    assert bytewise(FrameWire(server=True), sent) == expected


def test_what_is_sent_is_masked_with_the_key_before_it() -> None:
    wire = FrameWire(mask_source=fixed_key)
    assert wire.encode(["Hello"]) == hexed("81 85 37fa213d 7f9f4d5158")
    assert wire.pong(b"Hello") == hexed("8a 85 37fa213d 7f9f4d5158")
    assert wire.ping(b"") == hexed("89 80 37fa213d")
    assert wire.close(1000) == hexed("88 82 37fa213d 3412")


@pytest.mark.parametrize("size", [0, 125, 126, 127, 400, 2047, 2048, 2049, 65535, 65536])
def test_every_length_is_read_as_it_was_written(size: int) -> None:
    text, data = "x" * size, bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert FrameWire(server=True).feed(FrameWire().encode([text, data])) == [text, data]
    sent = FrameWire(server=True).encode([text, data])
    assert FrameWire(max_frame_bytes=1 << 17).feed(sent) == [text, data]


def test_each_frame_has_a_key_of_its_own() -> None:
    """A key that comes twice lets a page script choose the bytes on the wire (RFC 6455 10.3)."""
    sent = FrameWire().encode(["x" * 200] * 3000)
    keys = {sent[at + 4 : at + 8] for at in range(0, len(sent), 208)}
    assert len(keys) > 2990


def test_entropy_is_drawn_4_kib_at_a_time() -> None:
    draws: list[int] = []

    def source(size: int) -> bytes:
        draws.append(size)
        return bytes(size)

    FrameWire(mask_source=source).encode(["x"] * 1025)
    assert draws == [4096, 4096]


def test_forgotten_keys_are_not_given() -> None:
    keys = MaskKeys(lambda size: b"\1" * size)
    assert keys.next() == b"\1" * 4
    keys.forget()
    assert keys._keys == []


def test_masking_takes_the_key_in_turn() -> None:
    ones.cache_clear()
    for size in (0, 1, 5, MULTIPLIED_BYTES, MULTIPLIED_BYTES + 3):
        payload = bytes(index % 251 for index in range(size))
        slow = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))
        assert xor(payload, KEY) == slow


def test_a_long_close_reason_is_cut_between_characters() -> None:
    assert FrameWire(server=True).feed(FrameWire().close(1000, "x" + "\u95f2" * 50)) == [
        PeerClosed(1000, "x" + "\u95f2" * 40)
    ]


@pytest.mark.parametrize(
    "say",
    [
        lambda wire: wire.ping(b"x" * 126),
        lambda wire: wire.pong(b"x" * 126),
        lambda wire: wire.close(1005),
        lambda wire: wire.close(5000),
        lambda wire: wire.encode(["\ud800"]),
    ],
)
def test_what_must_not_be_sent_is_not(say: Callable[[FrameWire], bytes]) -> None:
    with pytest.raises(ValueError, match=r"125|close code|surrogates"):
        say(FrameWire())


# --- limits -------------------------------------------------------------------------------


def fragment(opcode: int, size: int) -> bytes:
    return struct.pack(">BBQ", opcode, 127, size) + bytes(size)


def test_a_message_above_the_limit_is_refused_from_the_header_that_passes_it() -> None:
    wire = FrameWire()
    assert wire.feed(fragment(2, 1 << 20)) == []
    for _ in range(3):
        assert wire.feed(fragment(0, 1 << 20)) == []
    assert verdict(wire.feed(hexed("00 01"))) == (1009, "message_too_big")


def test_a_message_of_exactly_the_limit_is_fine() -> None:
    wire = FrameWire(max_frame_bytes=300, max_message_bytes=600)
    part = hexed("7e012c") + b"a" * 300
    assert wire.feed(b"\x01" + part + b"\x80" + part) == ["a" * 600]
    assert wire.feed(b"\x81" + part) == ["a" * 300]
    assert verdict(wire.feed(hexed("81 7e 012d") + b"a" * 301)) == (1009, "frame_too_big")


def test_a_lone_frame_obeys_the_smaller_of_both_limits() -> None:
    wire = FrameWire(max_message_bytes=10)
    assert verdict(wire.feed(hexed("81 0b") + b"a" * 11)) == (1009, "message_too_big")


def test_endless_empty_fragments_end() -> None:
    wire = FrameWire()
    assert wire.feed(hexed("01 00")) == []
    assert wire.feed(hexed("00 00") * 1023) == []
    assert verdict(wire.feed(hexed("00 00"))) == (1009, "message_too_big")


def test_a_message_may_have_as_many_fragments_as_allowed() -> None:
    wire = FrameWire()
    assert wire.feed(hexed("01 00") + hexed("00 00") * 1022 + hexed("80 01 61")) == ["a"]


@pytest.mark.parametrize("header", ["82 7f 0000010000000000", "82 7f 7fffffffffffffff"])
def test_a_claimed_giant_costs_no_memory(header: str) -> None:
    tracemalloc.start()
    try:
        assert verdict(FrameWire().feed(hexed(header))) == (1009, "frame_too_big")
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opcode", [1, 2])
def test_an_endless_message_costs_no_more_than_the_limit(opcode: int) -> None:
    wire = FrameWire()
    read = 1 << 16
    piece = struct.pack(">BBQ", 0, 127, read) + b"a" * read
    tracemalloc.start()
    try:
        items = wire.feed(bytes((opcode,)) + piece[1:])
        while not items:
            items = wire.feed(piece)
        assert verdict(items) == (1009, "message_too_big")
        # bytearray grows an eighth ahead; the rest is the read itself, cut and checked.
        assert tracemalloc.get_traced_memory()[1] < (4 << 20) * 9 / 8 + 4 * read
        assert wire._held is None
    finally:
        tracemalloc.stop()


def test_a_large_message_in_small_reads_takes_linear_time() -> None:
    """Twice the bytes must not cost four times the copies: counted, not timed."""
    wire = FrameWire()
    sent = FrameWire(server=True).encode(["x" * (1 << 20)])
    items = [item for at in range(0, len(sent), 100) for item in wire.feed(sent[at : at + 100])]
    assert items == ["x" * (1 << 20)]
    assert wire._rest == b""
    assert wire._held is None


def test_what_arrives_is_known_while_it_does() -> None:
    """The heartbeat must not cut a link for an answer that stands behind a large message."""
    wire = FrameWire()
    assert not wire.arriving
    for data, arriving in (
        (b"\x81", False),  # not even a header
        (b"\x7e\x00\x80" + b"a" * 100, True),
        (b"a" * 28, False),
        (b"\x01\x01a", True),  # whole, and more of the message follows
        (b"\x8a\x00", True),  # a pong between two of its frames
        (b"\x80\x01b", False),
        (b"\x01\x01a\x83\x00", False),  # broken: nothing arrives any more
    ):
        wire.feed(data)
        assert wire.arriving is arriving, data
