"""The compiled reader of pushes against the plain one: the same, or nothing at all."""

from __future__ import annotations

import base64
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.values import Decoded
from gateway.platforms.goofish import frames
from gateway.platforms.goofish.entries import read_entry
from gateway.platforms.goofish.identity import Arrival
from gateway.platforms.goofish.quick import UNREAD, PushReader
from tests.platforms.goofish_captures import items, read

ACCOUNT, USER, AT_MS = "shop-a", "2220374065332", 1_700_000_000_000
COMPILED = frames.UsualReader is not PushReader
pytestmark = pytest.mark.skipif(
    not COMPILED and shutil.which("cc") is None,
    reason="no C compiler was at hand at the installation; install one and run it again",
)

followed = frames.UsualReader(ACCOUNT, USER).follow
followed_plainly = PushReader(ACCOUNT, USER).follow
plain = PushReader(ACCOUNT, USER).read

PACKED = [
    base64.b64decode(read(item))
    for item in items("data-entry")
    if item["encoding"] == "base64-msgpack" and item["name"] != "syn_base64_no_padding"
]
FRAMES = [
    line for item in items("frame") for line in read(item).splitlines() if '"syncPush' in line
]
TEXT = base64.b64decode(read("syn_text_web.b64"))


def compiled(frame: str | bytes, at_ms: int, numbers: Iterator[int] | None) -> Any:
    """Read a push that is not the next of its numbers: all that it says is given."""
    return followed(frame, at_ms, numbers, {})


def push(*entries: bytes, spaced: bool = False, **package: object) -> str:
    """Write a push of packed entries."""
    data = [{"bizType": 40, "data": base64.b64encode(each).decode()} for each in entries]
    body = {"syncPushPackage": {"startSeq": 4, "endSeq": 5, **package, "data": data}}
    frame = {"headers": {"mid": "7 0", "ua": "x/1"}, "lwp": "/s/sync", "body": body}
    return json.dumps(frame, separators=None if spaced else (",", ":"))


def agree(frame: str) -> bool:
    """Hold both readers to the same push, entry by entry; True if the compiled one took it."""
    numbers: Iterator[int] = itertools.count(3)
    found = compiled(frame, AT_MS, numbers)
    if found is None:
        assert next(numbers) == 3, "it drew numbers for a frame it left to others"
        return False
    expected = plain(frame, AT_MS, itertools.count(3))
    assert expected is not None, f"only the compiled reader takes {frame!r}"
    assert found[:8] == expected[:8]
    agree_on_what_follows(frame, found)
    odd = found[9] or []
    assert [data for _, data, _ in odd] == [
        json.loads(frame)["body"]["syncPushPackage"]["data"][place]["data"] for place, _, _ in odd
    ]
    for place, (mine, theirs) in enumerate(zip(found[8], expected[8], strict=True)):
        if mine is UNREAD:
            continue
        if theirs is UNREAD:  # the full reader has the last word
            data = json.loads(frame)["body"]["syncPushPackage"]["data"][place]["data"]
            arrival = Arrival(
                account=ACCOUNT, user_id=USER, received_at_ms=AT_MS, lane_seq=3 + place
            )
            assert mine == read_entry(data, arrival)
        else:
            assert mine == theirs
    return True


def agree_on_what_follows(frame: str, push: Any) -> None:
    """Hold both readers to the same end of a push that is the next, or is not."""
    lwp, ack, first, last, points, _, _, _, events, odd = push
    for start in ({lwp: first}, {lwp: first + 1}, {}):
        mine, theirs = dict(start), dict(start)
        found = followed(frame, AT_MS, itertools.count(3), mine)
        plainly = followed_plainly(frame, AT_MS, itertools.count(3), theirs)
        if isinstance(found, Decoded):
            assert found == Decoded(raw=frame, events=events, ack=ack, point=points)
            assert mine == {lwp: last + 1}
        else:
            assert (found, mine) == (push, start)
        if not odd and UNREAD not in plain(frame, AT_MS, itertools.count(3))[8]:  # type: ignore[index]
            assert (type(found), mine) == (type(plainly), theirs)
            assert plainly == found or not isinstance(found, Decoded)


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    assert COMPILED, "the compiled readers were not built; python3 scripts/test.py builds them"


def test_ordinary_texts_take_the_short_way() -> None:
    """Otherwise an event costs twice as much and no other test would notice."""
    found = compiled(push(TEXT), AT_MS, itertools.count(1))
    assert found is not None
    assert found[8][0].kind == "chat_message"
    assert found[9] is None


def test_every_capture() -> None:
    taken = sum(agree(push(packed, spaced=bool(n & 1))) for n, packed in enumerate(PACKED))
    assert taken == len(PACKED)
    assert sum(map(agree, FRAMES)) > len(FRAMES) // 2


def test_packages() -> None:
    assert agree(push())
    assert agree(push(*[TEXT] * 32, maxPts=10**17, hasMore=1, timestamp=12))
    assert not agree(push(*[TEXT] * 129))  # more than it has room for
    assert agree(push(TEXT, *PACKED[:9], TEXT))


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{}",
        "[]",
        push(TEXT)[:-1],
        push(TEXT) + "x",
        push(TEXT).replace('"/s/sync"', '"/s/other"'),
        push(TEXT).replace('"mid"', '"nid"'),
        push(TEXT).replace('"7 0"', '""'),
        push(TEXT).replace('"7 0"', "7"),
        push(TEXT).replace('"x/1"', '"\\ud83d"'),
        push(TEXT).replace('"x/1"', '"中"'),
        push(TEXT).replace('"x/1"', '"\\q"'),
        push(TEXT).replace('"x/1"', "01"),
        push(TEXT).replace('"x/1"', "1."),
        push(TEXT).replace('"x/1"', "1e5"),
        push(TEXT).replace('"x/1"', "tru"),
        push(TEXT).replace('"x/1"', "[" * 40 + "]" * 40),
        push(TEXT).replace('"startSeq":4', '"startSeq":4.5'),
        push(TEXT).replace('"startSeq":4', '"startSeq":4,"startSeq":5'),
        push(TEXT).replace('"startSeq":4', f'"startSeq":{10**18}'),
        push(TEXT).replace('"lwp"', '"lwp":"/s/sync","lwp"'),
        push(TEXT).replace('"lwp"', '"l\\u0077p"'),
    ],
)
def test_what_is_not_usual_is_left_to_others(frame: str) -> None:
    assert not agree(frame)
    assert compiled(frame.encode(), AT_MS, None) is None


@pytest.mark.parametrize("value", ["-1.25", "true", "null", '"\\n\\"\\/"', "[ 1 , {} ]", "{ }"])
def test_what_nobody_reads_may_be_anything_well_formed(value: str) -> None:
    assert agree(push(TEXT).replace('"x/1"', value))
    assert agree(push(TEXT, spaced=True).replace('"x/1"', f" {value}\t"))


@pytest.mark.parametrize(
    "data", ["", "=", "A", "AA", "AAA", "AA==", "AB==", "AAB=", "A===", "AA=A"]
)
def test_odd_base64_is_an_odd_entry(data: str) -> None:
    frame = push(TEXT).replace(base64.b64encode(TEXT).decode(), data)
    assert agree(frame)
    found = compiled(frame, AT_MS, None)
    assert found is not None
    assert found[9] == [(0, data, None)]


def rebuilt(change: Callable[[dict[Any, Any]], None]) -> bytes:
    """Change the ordinary text's map, and pack it again."""
    value: dict[Any, Any] = msgspec.msgpack.decode(TEXT)
    change(value)
    return msgspec.msgpack.encode(value)


CHANGES: list[Callable[[dict[Any, Any]], object]] = [
    lambda v: v[1][10].update(redReminder="等待卖家发货"),
    lambda v: v[1][10].update(bizTag="C2C:1"),
    lambda v: v[1][10].update(bizTag="\\"),
    lambda v: v[1][10].update(bizTag='{"taskName":"已付款_未发货_卖家"}'),
    lambda v: v[1][10].update(extJson='{"msgArg1":1}'),
    lambda v: v[1][10].update(extJson="\\"),
    lambda v: v[1][10].update(reminderTitle=""),
    lambda v: v[1][10].update(reminderTitle=7),
    lambda v: v[1][10].update(reminderUrl="fleamarket://x?a=1&itemId=5"),
    lambda v: v[1][10].update(reminderUrl="?itemId="),
    lambda v: v[1][10].update(reminderUrl="?itemId=77"),
    lambda v: v[1][10].update(reminderUrl=""),
    lambda v: v[1][10].update({"deep": {"a": [1, -5, 2.5, None, True, b"x" * 300, "y" * 70_000]}}),
    lambda v: v[1][10].update({"deep": {1: 2, -3: 4}}),
    lambda v: v[1][10].update({7: "a key that is no text"}),
    lambda v: v[1][10].pop("sessionType"),
    lambda v: v[1][10].update(sessionType="30"),
    lambda v: v[1][10].update(sessionType="25"),
    lambda v: v[1][10].update(sessionType="2"),
    lambda v: v[1][10].update(sessionType=""),
    lambda v: v[1][10].update(sessionType=30),
    lambda v: v[1][10].update(sessionType=None),
    lambda v: v[1][10].update(sessionType=[1]),
    lambda v: v[1][6][3].update({4: 2}),
    lambda v: v[1][6][3].update({4: True}),
    lambda v: v[1][6][3].update({2: 5}),
    lambda v: v[1][6][3].update({2: "another summary"}),
    lambda v: v[1][6][3].update({5: '{"text":{"text":"a\\nb\\u4e2d"}}'}),
    lambda v: v[1][6][3].update({5: '{"text":{"text":"a"},"text":{"text":"b"}}'}),
    lambda v: v[1][6][3].update({5: '{"x":"\\u0041","text":{"y":[],"text":"中"}} '}),
    lambda v: v[1][6][3].update({5: '{"text":{"text":7}}'}),
    lambda v: v[1][6][3].update({5: "{"}),
    lambda v: v[1].update({5: 2**62}),
    lambda v: v[1].update({5: 2**64 - 1}),
    lambda v: v[1].update({5: -1}),
    lambda v: v[1].update({5: 1.5}),
    lambda v: v[1].update({2: "@goofish"}),
    lambda v: v[1].update({2: "x@other"}),
    lambda v: v[1].update({3: ""}),
    lambda v: v[1].update({1: {1: f"{USER}@goofish", 2: "z"}}),
    lambda v: v[1].update({1: {2: "z"}}),
    lambda v: v[1].update({7: msgspec.msgpack.Ext(5, b"x")}),
    lambda v: v.update({9: [[[[[]]]]]}),
    lambda v: v.update({"1": {}}),
    lambda v: v[1].pop(10),
    lambda v: v[1].pop(6),
    lambda v: v.pop(1),
]


@pytest.mark.parametrize("key", [1, 2, 3, 5, 6, 10])
def test_of_a_key_that_comes_twice_the_last_counts(key: int) -> None:
    value: dict[Any, Any] = msgspec.msgpack.decode(TEXT)
    seconds: list[Any] = [value[1][key], {}, {7: 1}, {3: {}}, "x", 5]
    for second in seconds:
        message = msgspec.msgpack.encode(value[1])
        pair = msgspec.msgpack.encode({key: second})[1:]
        packed = bytes([message[0] + 1]) + message[1:] + pair
        assert agree(push(b"\x81\x01" + packed))


@pytest.mark.parametrize("change", CHANGES)
def test_changed_texts(change: Callable[[dict[Any, Any]], None]) -> None:
    assert agree(push(rebuilt(change)))


@pytest.mark.parametrize(
    "character", ["\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff"]
)
def test_text_that_is_no_utf8_is_refused(character: str) -> None:
    bad = character.encode("latin-1")
    packed = TEXT.replace(b"reminderNotice", b"reminderNotic" + bad[:1], 1)
    assert agree(push(packed))
    found = compiled(push(packed), AT_MS, None)
    assert found is not None
    assert found[8] == [UNREAD]


def test_random_damage() -> None:
    """Bytes changed, cut out and put in, in the frame and in what it carries."""
    seed = int(os.environ.get("GATEWAY_DAMAGE_SEED", random.randrange(2**32)))
    print(f"GATEWAY_DAMAGE_SEED={seed}")  # noqa: T201  # shown when it fails
    dice = random.Random(seed)
    taken = 0
    for _ in range(int(os.environ.get("GATEWAY_DAMAGE_ROUNDS", "4000"))):
        packed = _damaged(dice, dice.choice((TEXT, dice.choice(PACKED))))
        taken += agree(push(packed))
        frame = dice.choice(FRAMES) if dice.random() < 0.5 else push(TEXT, packed)
        agree(_damaged(dice, frame.encode()).decode("latin-1"))
    assert taken


def _damaged(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 2, 5))):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                changed[at : at + dice.randrange(1, 9)] = b""
            case 2:
                changed[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 5)))
            case _:
                changed[at:at] = changed[at // 2 : at // 2 + dice.randrange(1, 20)]
    return bytes(changed)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES, st.text())
@settings(max_examples=200, deadline=None)
def test_anything_beside_the_text(value: object, text: str) -> None:
    def change(v: dict[Any, Any]) -> None:
        v[1][10]["beside"] = value
        v[8] = value
        v[1][6][3][5] = json.dumps({"text": {"text": text}}, ensure_ascii=False)

    assert agree(push(rebuilt(change)))
