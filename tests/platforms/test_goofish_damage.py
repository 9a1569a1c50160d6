"""Damaged and hostile payloads: never an exception, never a guess, never a feast of memory."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.values import Event
from gateway.events import ChatMessage, UndecodableEvent
from gateway.platforms.goofish import decode_any, decode_entry, decode_history
from gateway.platforms.goofish.entries import read_entry
from gateway.platforms.goofish.fields import ident
from gateway.platforms.goofish.identity import Arrival
from gateway.platforms.goofish.payload import DEEPEST, MAX_CHARS
from gateway.platforms.goofish.quick import quick_text
from tests.platforms.goofish_captures import (
    BadError,
    Reference,
    chat_value,
    items,
    new_session,
    read,
)

PACKED = [
    base64.b64decode(read(item))
    for item in items("data-entry")
    if item["encoding"] == "base64-msgpack" and item["name"] != "syn_base64_no_padding"
]
TEXT = base64.b64decode(read("syn_text_web.b64"))
ARRIVAL = Arrival(account="shop-a", user_id="2220374065332", received_at_ms=5, lane_seq=9)


def _data(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def _both_ways_agree(data: str) -> Event:
    """Read it in full, and hold the short way to the same event."""
    event = read_entry(data, ARRIVAL)
    quick = quick_text(data, "shop-a", "2220374065332", 5, 9)
    assert quick is None or quick == event
    return event


@pytest.mark.parametrize("item", items("data-entry"), ids=lambda item: str(item["name"]))
def test_short_way_agrees_on_captures(item: dict[str, Any]) -> None:
    _both_ways_agree(read(item))


def test_ordinary_texts_take_the_short_way() -> None:
    """Otherwise the product is three times slower and no other test would notice."""
    for name in ("syn_text_web", "syn_text_android", "syn_text_own_echo", "real_android_text"):
        assert quick_text(read(f"{name}.b64"), "shop-a", None, 5, 9) is not None


@given(cut=st.integers(0, len(TEXT) - 1))
def test_cut_payload_is_undecodable(cut: int) -> None:
    assert isinstance(_both_ways_agree(_data(TEXT[:cut])), UndecodableEvent)


@given(packed=st.sampled_from(PACKED), tail=st.binary(min_size=1, max_size=40))
def test_trailing_bytes_are_undecodable(packed: bytes, tail: bytes) -> None:
    """A decoder that ignores them takes a spliced payload for a message (protocol 11)."""
    assert isinstance(_both_ways_agree(_data(packed + tail)), UndecodableEvent)


@settings(max_examples=600)
@example(packed=TEXT, changes=[(TEXT.index(b"\x07\x02\x08\x01"), 1)])  # a second key 1, no map
@given(
    packed=st.sampled_from([TEXT, *PACKED]),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_changed_bytes_never_make_up_a_message(
    packed: bytes, changes: list[tuple[int, int]]
) -> None:
    """A message is believed only if an independent strict reader reads the very same one."""
    damaged = bytearray(packed)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    event = _both_ways_agree(_data(bytes(damaged)))
    if isinstance(event, ChatMessage):
        message = Reference(bytes(damaged), refuse_exotic=False).read()[1]
        assert event.message_id == message.get(3)
        assert event.sender_id == ident(_named(message.get(1), 1))
        shown = _named(_named(message.get(6), 3), 2)
        assert event.summary in {shown, _named(message.get(10), "reminderContent")}
    elif isinstance(event, UndecodableEvent):
        with pytest.raises((BadError, UnicodeError)):
            _container(Reference(bytes(damaged), refuse_exotic=True).read())


def _named(value: Any, key: str | int) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _container(value: Any) -> None:
    if not isinstance(value, dict | list):
        raise BadError


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=4),
    st.sampled_from(["", "@goofish", "x@goofish", "\\u0043", '{"sourceId":"C2C:1"}', "1", 1.0]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.integers(0, 12), st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=8,
)
EXTENSION = st.dictionaries(
    st.sampled_from(
        ["reminderTitle", "reminderUrl", "bizTag", "extJson", "redReminder", "senderNick"]
    ),
    st.one_of(
        ANYTHING,
        st.sampled_from(
            [
                "f://c?itemId=1&x=2",
                "f://c?itemId=",
                "f://c?itemId=&itemId=3",
                "f://c?a=1&itemId=9",
                '{"msgArg1":"MsgCard","updateKey":"1:2:not_pay"}',
                '{"\\u006dsgArg1":"MsgCard","updateKey":"1:2:not_pay"}',
                '{"sourceId":"C2C:x"}',
                '{"sourceId":"\\u0043\\u0032\\u0043:x"}',
                "等待买家付款",
            ]
        ),
    ),
)


@settings(max_examples=500)
@given(
    where=st.sampled_from(["_1", "_2", "_3", "_5", "_6", "_10"]),
    part=ANYTHING,
    extension=EXTENSION,
    keep=st.booleans(),
)
def test_both_ways_agree_on_odd_messages(
    where: str,
    part: Any,
    extension: dict[str, Any],
    keep: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    value = chat_value(**{where: part})
    if keep and isinstance(value[1].get(10), dict):
        value[1][10] |= extension
    _both_ways_agree(_data(msgspec.msgpack.encode(value)))


@settings(max_examples=300)
@given(place=st.integers(1, 5), part=ANYTHING)
def test_both_ways_agree_on_odd_bodies(place: int, part: Any) -> None:
    body = chat_value()[1][6][3] | {place: part}
    value = chat_value(_6={1: 101, 3: body})
    _both_ways_agree(_data(msgspec.msgpack.encode(value)))


@settings(max_examples=300)
@given(value=ANYTHING)
def test_any_value_is_an_event(value: Any) -> None:
    packed = _data(msgspec.msgpack.encode(value))
    assert decode_entry(packed).raw == packed
    history = json.dumps({"userMessageModels": [{"message": {"content": {}}}, 5, None]})
    assert len(decode_history(history)) == 3


@settings(max_examples=300)
@given(frame=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_any_frame_is_something(frame: str | bytes) -> None:
    decoded = new_session().decode(frame, received_at_ms=1)
    assert decoded.fault is not None or decoded.events or decoded.reply is not None


@settings(max_examples=400)
@given(
    item=st.sampled_from(items("frame")),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.characters()), min_size=1, max_size=3),
)
def test_changed_frames_never_raise(item: dict[str, Any], places: list[tuple[float, str]]) -> None:
    frame = list(read(item))
    for place, character in places:
        frame[int(place * len(frame))] = character
    text = "".join(frame)
    decoded = new_session().decode(text, received_at_ms=1)
    assert decoded.raw == text
    for line in decode_any(text):
        assert line["kind"]


@given(text=st.text(max_size=80))
def test_decode_any_never_raises(text: str) -> None:
    for line in decode_any(text):
        assert line["kind"]


BOMBS = {
    "maps": _data(b"\x81\x01" * 10_000 + b"\x01"),
    "lists": _data(b"\x91" * 10_000 + b"\x01"),
    "a million lists": _data(b"\x91" * 700_000),
    "list header of 4 billion": _data(b"\xdd\xff\xff\xff\xff\x01"),
    "map header of 4 billion": _data(b"\xdf\xff\xff\xff\xff\x01"),
    "string header of 4 GiB": _data(b"\x81\x01\xdb\xff\xff\xff\xffabc"),
    "nested list headers": _data(b"\xdd\x00\x10\x00\x00" * 300),
    "json": _data(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "json text": "[" * 10_000 + "]" * 10_000,
    "too large": "A" * (MAX_CHARS + 4),
}


SLOWER = 10
"""A machine may be so much slower; what grows with the square of a bomb is slower still."""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_bounded(name: str) -> None:
    """10,000 levels, or a length that lies: at most 100 ms and 16 MiB, and an event."""
    tracemalloc.start()
    began = time.thread_time()
    event = _both_ways_agree(BOMBS[name])
    took_s = time.thread_time() - began
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(event, UndecodableEvent)
    assert event.raw == BOMBS[name]
    assert peak_bytes < 16 << 20
    assert took_s < 0.1 * SLOWER


@pytest.mark.parametrize(
    "frame",
    [
        '{"x":' * 10_000 + "1" + "}" * 10_000,
        '{"lwp":"/s/sync","headers":{"mid":"1 0"},"body":' + "[" * 10_000 + "]" * 10_000 + "}",
    ],
)
def test_deep_frames_are_faults(frame: str) -> None:
    decoded = new_session().decode(frame, received_at_ms=1)
    assert decoded.fault == "nested too deeply"
    assert [line["subtype"] for line in decode_any(frame)] == ["malformed_frame"]


def test_deep_history_page_is_kept_whole() -> None:
    page = '{"userMessageModels":[{"message":' + "[" * 1500 + "]" * 1500 + "}]}"
    (event,) = decode_history(page)
    assert (event.kind, event.raw, event.recovered) == ("undecodable", page, True)


def deep(levels: int) -> str:
    """Return JSON of so many levels, with brackets in a text that are none."""
    return '{"a\\"[{":' * (levels - 1) + '["\\\\","[[["]' + "}" * (levels - 1)


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1])
def test_nesting_has_a_bound_of_its_own(levels: int) -> None:
    """The stack of the interpreter differs from one CPython to the next; what is read must not."""
    fits = levels <= DEEPEST
    text = deep(levels)
    assert isinstance(decode_entry(text), UndecodableEvent) != fits
    packed: Any = []
    for _ in range(levels - 1):
        packed = [packed] if levels % 2 else {1: packed}
    data = base64.b64encode(msgspec.msgpack.encode(packed)).decode()
    for event in (decode_entry(data), decode_entry(base64.b64encode(text.encode()).decode())):
        assert isinstance(event, UndecodableEvent) != fits
        assert fits or event.reason == "too_deep"  # type: ignore[attr-defined]
    inner = deep(levels - 1)
    frame = f'{{"lwp":"/s/sync","headers":{{"mid":"1 0"}},"x":{inner}}}'
    assert (new_session().decode(frame, received_at_ms=1).fault is None) == fits
    (event,) = decode_history(f'{{"userMessageModels":[{{"x":{deep(levels - 3)}}}]}}')
    assert isinstance(event, UndecodableEvent) != fits
    content = f'{{"text":{{"text":"hi"}},"x":{inner}}}'
    value = chat_value(f6={1: 101, 3: {2: "hi", 4: 1, 5: content}})
    event = decode_entry(json.dumps(value))
    assert isinstance(event, ChatMessage)
    assert event.text == ("hi" if fits else None)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    wide = json.dumps([[], {}] * DEEPEST)
    assert decode_entry(wide).kind == "unknown"
    packed = base64.b64encode(msgspec.msgpack.encode([[], {}, {1: 2}] * DEEPEST)).decode()
    assert decode_entry(packed).kind == "unknown"


def test_half_a_surrogate_pair_does_not_cost_the_page() -> None:
    """A page that vanishes silently is a loss nobody sees."""
    models = r'{"userMessageModels":[{"message":{"x":"\ud800 \ud83d\ude00 \\ud83d"}},{"other":1}]}'
    first, second = decode_history(models)
    assert (first.kind, second.kind) == ("unknown", "unknown")
    assert first.raw == r'{"message":{"x":"\ufffd \ud83d\ude00 \\ud83d"}}'


def test_half_a_surrogate_pair_does_not_cost_the_frame() -> None:
    frame = r'{"lwp":"/s/new","headers":{"mid":"1 0"},"body":{"x":"\ud800"}}'
    decoded = new_session().decode(frame, received_at_ms=1)
    assert decoded.ack == '{"code":200,"headers":{"mid":"1 0"}}'
    assert [event.raw for event in decoded.events] == [frame]


def test_bad_history_model_costs_only_itself() -> None:
    bad, unknown = decode_history('{"userMessageModels":[{"message":1e999},{"other":1}]}')
    assert (bad.kind, unknown.kind) == ("undecodable", "unknown")
    assert bad.recovered
    assert unknown.recovered
