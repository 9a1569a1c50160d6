"""The compiled cutter and masker against the plain ones, which say what is meant."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable

import pytest

from actors.ports import Incoming
from actors.values import Frame
from gateway.transport import frames, rfc6455, usual

compiled = pytest.mark.skipif(
    frames.cut_texts is usual.cut_texts,
    reason="the compiled readers were not built; tests/platforms/test_compiled_push.py says why",
)
CUTTERS = pytest.mark.parametrize("cut", [usual.cut_texts, frames.cut_texts], ids=["plain", "used"])
MASKERS = pytest.mark.parametrize(
    "mask", [usual.mask_frames, frames.mask_frames], ids=["plain", "used"]
)


def counted() -> Callable[[], bytes]:
    """Return keys that can be foreseen."""
    numbers = itertools.count(1)
    return lambda: (next(numbers) * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4, "big")


def text(payload: bytes) -> bytes:
    """Return a lone text frame of a server."""
    return rfc6455.header(usual.LONE_TEXT, len(payload), 0) + payload


@CUTTERS
def test_texts_that_follow_each_other(cut: Callable[..., int]) -> None:
    sizes = (0, 1, 125, 126, 127, 65_535)
    stream = b"".join(text(b"x" * size) for size in sizes)
    out: list[Incoming] = []
    assert cut(stream + b"\x81", 0, 1 << 20, out) == len(stream)
    assert out == ["x" * size for size in sizes]


@CUTTERS
@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"\x81",
        b"\x81\x7e\x00",
        b"\x81\x05four",
        b"\x81\x7e\x00\x7dnot minimal" + b"x" * 125,  # RFC 6455 5.2
        b"\x81\x7f" + bytes(8),  # 64 bits of length are for the slow way
        b"\x81\x85mask",
        b"\x01\x01x",  # a fragment
        b"\x82\x01x",
        b"\x89\x00",
        b"\xc1\x01x",  # a reserved bit
    ],
)
def test_it_stops_before_anything_else(cut: Callable[..., int], rest: bytes) -> None:
    out: list[Incoming] = []
    assert cut(text(b"one") + rest, 0, 1000, out) == 5
    assert out == ["one"]


@CUTTERS
def test_it_stops_at_the_limit_and_at_bad_utf8(cut: Callable[..., int]) -> None:
    out: list[Incoming] = []
    assert cut(text(b"x" * 11), 0, 10, out) == 0
    with pytest.raises(UnicodeDecodeError):
        cut(text(b"\xff"), 0, 10, out)
    assert out == []


@MASKERS
def test_masked_frames(mask: Callable[..., bytes]) -> None:
    messages: list[Frame] = [
        "",
        "中文",
        b"\x00\xff",
        "x" * 125,
        "x" * 126,
        b"x" * 65_535,
        "x" * 65_536,
    ]
    wire = mask(messages, counted())
    reader = frames.FrameWire(server=True)
    assert reader.feed(wire) == messages


@MASKERS
def test_what_can_not_be_masked(mask: Callable[..., bytes]) -> None:
    with pytest.raises(UnicodeEncodeError):
        mask(["\ud800"], counted())


@compiled
def test_both_are_the_same_on_anything() -> None:
    seed = int(os.environ.get("GATEWAY_DAMAGE_SEED", random.randrange(2**32)))
    print(f"GATEWAY_DAMAGE_SEED={seed}")  # noqa: T201  # shown when it fails
    dice = random.Random(seed)
    for _ in range(3000):
        raw = bytes(
            dice.randrange(256) if dice.random() < 0.2 else dice.choice(b"\x81\x05\x7e\x00\xc8AB")
            for _ in range(dice.randrange(300))
        )
        assert _cut(frames.cut_texts, raw) == _cut(usual.cut_texts, raw)
        messages: list[Frame] = [
            "中é" * dice.randrange(60)
            if dice.random() < 0.5
            else dice.randbytes(dice.randrange(300))
            for _ in range(dice.randrange(4))
        ]
        assert frames.mask_frames(messages, counted()) == usual.mask_frames(messages, counted())


def _cut(cut: Callable[..., int], raw: bytes) -> tuple[int, list[Incoming]]:
    out: list[Incoming] = []
    try:
        return cut(raw, 0, 1000, out), out
    except UnicodeDecodeError:
        return -1, out
