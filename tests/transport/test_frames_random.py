"""FrameWire under random input: cuts must not matter, noise must not hurt."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.ports import Incoming, PeerClosed, WireBroken
from actors.values import Frame
from gateway.transport.frames import FrameWire

LIMIT = 4096

frames = st.lists(st.text(max_size=300) | st.binary(max_size=3000), max_size=8)
cuts = st.lists(st.integers(min_value=1, max_value=700), min_size=1, max_size=20)
unmasked_heads = st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0xC1])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames that are mostly right: real headers, random payloads, random order."""
    data = b""
    for _ in range(draw(st.integers(0, 12))):
        payload = draw(st.binary(max_size=140) | st.text(max_size=80).map(str.encode))
        head = draw(unmasked_heads)
        if len(payload) < 126:
            data += bytes((head, len(payload))) + payload
        else:
            data += bytes((head, 126)) + len(payload).to_bytes(2) + payload
    return data + draw(st.binary(max_size=8))


def fed(wire: FrameWire, data: bytes, sizes: list[int]) -> list[Incoming]:
    """Feed in pieces of the given sizes, over and over; never more is held than allowed."""
    items: list[Incoming] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        items += wire.feed(data[at : at + size])
        held = 0 if wire._held is None else len(wire._held)
        assert held <= LIMIT
        assert len(wire._rest) <= 139
        at, turn = at + size, turn + 1
    return items


def essence(items: list[Incoming]) -> list[Incoming | int]:
    """A broken stream may be refused for another breach if cut elsewhere, never with more read."""
    return [item.code if isinstance(item, WireBroken) else item for item in items]


@given(sent=frames, sizes=cuts)
@settings(deadline=None)
def test_what_the_client_sends_the_server_reads(sent: list[Frame], sizes: list[int]) -> None:
    data = FrameWire().encode(sent)
    assert fed(FrameWire(server=True, max_message_bytes=LIMIT), data, sizes) == sent


@given(sent=frames, sizes=cuts)
@settings(deadline=None)
def test_what_the_server_sends_the_client_reads(sent: list[Frame], sizes: list[int]) -> None:
    data = FrameWire(server=True).encode(sent)
    assert fed(FrameWire(max_message_bytes=LIMIT), data, sizes) == sent


@given(data=streams(), sizes=cuts)
@settings(max_examples=300, deadline=None)
def test_any_cut_gives_the_same_items(data: bytes, sizes: list[int]) -> None:
    whole = FrameWire(max_message_bytes=LIMIT).feed(data)
    assert essence(fed(FrameWire(max_message_bytes=LIMIT), data, sizes)) == essence(whole)


@given(data=st.binary(max_size=5000), sizes=cuts, masked=st.booleans())
@settings(max_examples=300, deadline=None)
def test_noise_never_raises_and_ends_with_a_verdict(
    data: bytes, sizes: list[int], *, masked: bool
) -> None:
    wire = FrameWire(server=masked, max_message_bytes=LIMIT, max_frame_bytes=LIMIT)
    items = fed(wire, data, sizes)
    ends = [index for index, item in enumerate(items) if isinstance(item, PeerClosed | WireBroken)]
    assert ends in ([], [len(items) - 1])
