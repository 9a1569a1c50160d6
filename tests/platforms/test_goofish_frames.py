"""What frames mean besides their entries: acks, signals, replies, identity."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import msgspec
import pytest

from actors.values import Event, SignalKind
from gateway.events import ChatMessage
from gateway.platforms import get
from gateway.platforms.goofish import decode_any, decode_entry
from gateway.platforms.goofish.subtypes import NO_ENTRIES
from tests.platforms.goofish_captures import chat_value, new_session, read

TEXT_CONTENT = '{"contentType":1,"text":{"text":"在吗"}}'
MARKER = '{"1":"5@goofish","2":1,"3":"1.PNM","4":17}'
TYPING = '{"1":[{"1":"5@goofish","2":1,"3":1,"4":"9@goofish"}]}'


def push(*data: Any, lwp: str = "/s/sync", **package: Any) -> str:
    """Return a push of entries; other names are fields of its package."""
    body = {"syncPushPackage": {"data": [{"data": one} for one in data], **package}}
    return json.dumps({"lwp": lwp, "headers": {"mid": "ab 0", "sid": "s"}, "body": body})


def only(frame: str, *, at_ms: int = 1) -> Event:
    """Return the one event of a frame."""
    (event,) = new_session().decode(frame, received_at_ms=at_ms).events
    return event


@pytest.mark.parametrize(
    "headers",
    [
        '{ "mid" : "1 0",\t"x":"\\u00e9 \\/ é","n":[1, 2.50,{"a":null}] }',
        '{"sid":"s","mid":"ab 0","ua":"a\\"b","dt":"j"}',
        '{"mid":5}',
    ],
)
def test_ack_echoes_headers_byte_for_byte(headers: str) -> None:
    for lwp in ("/s/sync", "/s/new", "/push/kickout"):
        frame = f'{{"headers":{headers},"lwp":"{lwp}","body":{{"syncPushPackage":{{"data":[]}}}}}}'
        decoded = new_session().decode(frame, received_at_ms=1)
        assert decoded.ack == f'{{"code":200,"headers":{headers}}}'


@pytest.mark.parametrize("headers", ["null", "{}", '{"mid":""}', '{"mid":null}', "[]", "7"])
def test_without_mid_no_ack(headers: str) -> None:
    frame = f'{{"headers":{headers},"lwp":"/s/sync","body":{{"syncPushPackage":{{"data":[]}}}}}}'
    decoded = new_session().decode(frame, received_at_ms=1)
    assert (decoded.ack, decoded.fault) == (None, None)


def test_beat_answer_is_known_by_the_front_of_its_mid() -> None:
    frame = '{"headers":{"mid":"12 0 7","server-timestamp":"1"},"code":"200"}'
    reply = new_session().decode(frame, received_at_ms=1).reply
    assert reply is not None
    assert (reply.mid, reply.code, reply.body) == ("12", 200, b"")
    assert reply.headers == b'{"mid":"12 0 7","server-timestamp":"1"}'
    bare = new_session().decode('{"code":200}', received_at_ms=1).reply
    assert bare is not None
    assert (bare.mid, bare.headers) == ("", b"")


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("", "no JSON object: Input data was truncated"),
        ("[1]", "no JSON object: Expected `object`, got `array`"),
        ("{}", "neither lwp nor code"),
        ('{"lwp":5}', "neither lwp nor code"),
        ('{"code":"x"}', "neither lwp nor code"),
        ('{"code":1e999}', "neither lwp nor code"),
        (b"\xff{}", "not UTF-8"),
        ("\ud800", "not UTF-8"),
    ],
)
def test_faults(frame: str | bytes, fault: str) -> None:
    decoded = new_session().decode(frame, received_at_ms=1)
    assert (decoded.fault, decoded.ack, decoded.events) == (fault, None, ())


def test_entries_are_numbered_in_their_order() -> None:
    numbers = itertools.count(10)
    session = new_session()
    for frame in (read("syn_frame_mixed.json"), read("syn_frame_entry_variants.json")):
        events = session.decode(frame, received_at_ms=1, numbers=numbers).events
        assert [event.lane_seq for event in events] == sorted(
            event.lane_seq or 0 for event in events
        )
    unknown = session.decode(read("syn_frame_unknown_push.json"), received_at_ms=1, numbers=numbers)
    assert unknown.events[0].lane_seq == 10 + 8 + 7


# --- signals --------------------------------------------------------------------------


def signals(*frames: tuple[str, int]) -> list[SignalKind | None]:
    """Return what one session makes of frames with their times of arrival."""
    session = new_session()
    decoded = [session.decode(frame, received_at_ms=at_ms) for frame, at_ms in frames]
    return [one.signal.kind if one.signal else None for one in decoded]


def numbered(start: int, end: int, lwp: str = "/s/sync") -> str:
    return push(lwp=lwp, startSeq=start, endSeq=end)


def test_gap_is_noticed_once_and_per_path() -> None:
    assert signals(
        (numbered(1, 2), 1),
        (numbered(1, 1, "/s/sync_failover"), 2),
        (numbered(3, 3), 3),
        (numbered(6, 6), 4),
        (numbered(7, 9), 5),
        (numbered(2, 4), 6),
        (numbered(10, 10), 7),
        (numbered(0, 0), 8),
    ) == [None, None, None, SignalKind.GAP, None, None, None, None]


def test_replayed_frames_do_not_disturb_the_numbers() -> None:
    """The journal replays frames through the same codec; their numbers are history."""
    assert signals(
        (numbered(1, 1), 100), (numbered(40, 40), 50), (numbered(2, 2), 101), (numbered(4, 4), 102)
    ) == [None, None, None, SignalKind.GAP]


def test_registration_starts_the_numbers_again() -> None:
    session = new_session()
    session.decode(numbered(1, 8), received_at_ms=1)
    session.register("7 0")
    assert session.decode(numbered(1, 1), received_at_ms=2).signal is None
    session.register("8 0")
    signal = session.decode(numbered(3, 3), received_at_ms=3).signal
    assert signal is not None, "its first two got lost"
    assert signal.kind is SignalKind.GAP


def test_has_more_is_a_gap_also_when_it_is_a_boolean() -> None:
    for more in (1, True, "1"):
        assert signals((push(hasMore=more), 1)) == [SignalKind.GAP]
    none_left: list[Any] = [0, False, "0", None, [1], {}]
    for less in none_left:
        assert signals((push(hasMore=less), 1)) == [None]


def test_backlog_cut_goes_before_everything() -> None:
    for lwp in ("/s/sync", "/s/vulcan"):
        body = {"syncPushPackage": {"data": [], "hasMore": 1}, "syncExtraType": {"type": 2}}
        frame = json.dumps({"lwp": lwp, "headers": {"mid": "1"}, "body": body})
        assert signals((frame, 1)) == [SignalKind.BACKLOG_CUT]


def test_kicks_are_kept_acknowledged_and_told() -> None:
    decoded = new_session().decode(read("syn_frame_kickout.json"), received_at_ms=1)
    assert decoded.signal is not None
    assert decoded.signal.detail == "other device login"
    assert [event.kind for event in decoded.events] == ["system_notification"]
    again = new_session().decode(read("syn_frame_kickout.json"), received_at_ms=9)
    assert again.events[0].event_id == decoded.events[0].event_id


def test_401_after_the_registration_is_told() -> None:
    session = new_session()
    session.register("5 0")
    answers = [
        session.decode(f'{{"headers":{{"mid":"{mid} 0"}},"code":401}}', received_at_ms=1)
        for mid in (5, 6)
    ]
    assert [one.signal and one.signal.kind for one in answers] == [None, SignalKind.AUTH_EXPIRED]


# --- pushes without entries -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "body_missing"),
        (',"body":{}', "data_missing"),
        (',"body":[]', "data_missing"),
        (',"body":{"syncPushPackage":null}', "data_missing"),
        (',"body":{"syncPushPackage":{"data":{}}}', "data_not_list"),
    ],
)
def test_push_without_entries_is_kept_whole(body: str, reason: str) -> None:
    frame = f'{{"lwp":"/s/sync","headers":{{"mid":"1 0"}}{body}}}'
    event = only(frame)
    told = msgspec.structs.asdict(event)
    assert (told["subtype"], told["reason"], event.raw) == (NO_ENTRIES, reason, frame)
    assert only(frame.replace("1 0", "2 0")).event_id == event.event_id


def test_bare_sync_signal_has_no_event() -> None:
    frame = read("rebuilt_frame_sync_too_long2.json")
    assert new_session().decode(frame, received_at_ms=1).events == ()


def test_unknown_path_with_entries_has_their_events() -> None:
    event = only(push(MARKER, lwp="/s/brand_new"))
    assert (event.kind, event.conversation_id) == ("system_notification", "5")


# --- identity -------------------------------------------------------------------------


def test_redelivery_keeps_the_identity() -> None:
    for name in ("syn_frame_mixed", "syn_frame_arouse_batch", "syn_frame_32_texts"):
        frame = read(f"{name}.json")
        again = frame.replace('"mid":"', '"mid":"9').replace('"startSeq":', '"startSeq":1')
        first = new_session().decode(frame, received_at_ms=1)
        second = new_session().decode(again, received_at_ms=50)
        assert [event.event_id for event in first.events] == [
            event.event_id for event in second.events
        ]
        assert len({event.event_id for event in first.events}) == len(first.events)


def test_what_is_about_a_message_is_not_the_message() -> None:
    """Else a read receipt would hide the message it is about."""
    about = [
        '{"1":"1.PNM","2":2,"3":0,"4":"5@goofish","5":1,"6":17}',
        '{"1":"1.PNM","2":1,"3":0,"4":"5@goofish","5":1,"6":17}',
        '{"1":"1.PNM","2":2,"3":0,"4":"5@goofish","5":1,"6":18}',
        MARKER,
        '{"1":"1.PNM","2":"5@goofish","3":1,"4":{},"5":17}',
        '{"1":["1.PNM"],"2":2,"3":"5@goofish","4":1,"5":17}',
        '{"1":"5@goofish","2":1,"3":{"redReminder":"交易成功"},"4":17}',
        '{"1":"5@goofish","2":1,"3":{"orderId":"1"},"4":17}',
    ]
    message = {"1": chat_value(_3="1.PNM", _2="5@goofish")[1]}
    packed = json.dumps({"1": {str(key): value for key, value in message["1"].items()}})
    events = new_session().decode(push(packed, *about, endSeq=9), received_at_ms=1).events
    assert events[0].event_id == "shop-a/1.PNM"
    assert not events[0].weak_id
    assert len({event.event_id for event in events}) == len(about) + 1
    assert all(event.kind not in {"unknown", "undecodable"} for event in events)


def test_typing_again_is_another_event() -> None:
    """It carries no time, and no duplicate rule may touch unsequenced pushes (protocol 17.7)."""
    first = only(push(TYPING, lwp="/s/para", endSeq=0), at_ms=1)
    second = only(push(TYPING, lwp="/s/para", endSeq=0), at_ms=2)
    replayed = only(push(TYPING, lwp="/s/para", endSeq=0), at_ms=1)
    assert first.event_id != second.event_id
    assert first.event_id == replayed.event_id
    assert first.weak_id
    stamped = only(push(TYPING, endSeq=1, timestamp=5), at_ms=1)
    assert stamped.event_id == only(push(TYPING, endSeq=1, timestamp=5), at_ms=2).event_id


def test_two_entries_without_data_are_two() -> None:
    frame = push(None, None, "", "", endSeq=4, timestamp=5)
    events = new_session().decode(frame, received_at_ms=1).events
    assert len({event.event_id for event in events}) == 4


def test_message_without_id_is_weakly_known() -> None:
    value = chat_value()
    del value[1][3]
    packed = json.dumps(value)
    event = only(push(packed, endSeq=1))
    assert (event.kind, event.weak_id, event.conversation_id) == (
        "chat_message",
        True,
        "52114916274",
    )
    assert only(push(packed, endSeq=7), at_ms=9).event_id == event.event_id


def test_accounts_do_not_share_identities() -> None:
    frame = read("syn_frame_big_numbers.json")
    assert only(frame).event_id == "shop-a/3592372295013.PNM"
    assert get("goofish").decode(frame).events[0].event_id == "/3592372295013.PNM"


# --- shapes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "[1]",
        "{}",
        '{"1":[]}',
        '{"1":[5]}',
        '{"1":[{"1":""}]}',
        '{"1":["1.PNM"],"3":5}',
        '{"1":"x","2":1,"3":{},"4":5}',
        '{"1":"x","2":1,"3":5,"4":5}',
        '{"1":"x","2":1,"3":"1.PNM"}',
        '{"1":"x","2":1,"4":"y"}',
        '{"1":{"6":{"3":{}}}}',
        '{"1":{"6":{"3":5},"3":"1.PNM"}}',
        '{"operation":{"content":{}}}',
    ],
)
def test_odd_shapes_are_unknown_not_lost(data: str) -> None:
    event = decode_entry(data)
    assert (event.kind, event.raw, event.conversation_id) == ("unknown", data, None)


def test_ids_are_text_whatever_they_came_as() -> None:
    value = {1: {1: {1: 7}, 2: 8, 3: 9, 5: "17", 6: {3: {4: "1", 5: "{}"}}}}
    event = decode_entry(json.dumps(value))
    assert (event.sender_id, event.conversation_id, event.message_id) == ("7", "8", "9")
    assert (event.occurred_at_ms, event.content_type, event.text) == (17, 1, None)


def test_content_tells_its_type_where_the_field_is_missing() -> None:
    value = {1: {2: "8", 3: "9", 6: {3: {5: '{"contentType":2}'}}, 10: {"reminderContent": "图"}}}
    event = decode_entry(json.dumps(value))
    assert (event.subtype, event.content_type, event.summary) == ("image", 2, "图")


@pytest.mark.parametrize("time", ["inf", "", "１２", "9" * 30, None, True, float("inf"), [1]])
def test_times_that_are_none(time: Any) -> None:
    value = msgspec.msgpack.encode(chat_value(_5=time))
    event = decode_entry(msgspec.json.encode(value).decode().strip('"'))
    assert (event.kind, event.occurred_at_ms) == ("chat_message", None)


def test_arouse_without_its_own_time_takes_that_of_the_session() -> None:
    value = {
        "operation": {
            "content": {"sessionArouse": {}},
            "sessionInfo": {"createTime": 17, "sessionId": 5, "extensions": {"orderId": "4"}},
        }
    }
    event = decode_entry(json.dumps(value))
    assert (event.occurred_at_ms, event.conversation_id, event.order_id) == (17, "5", "4")


@pytest.mark.parametrize("data", [None, 5, "x", "AAA=", "/w=="])
def test_history_with_unreadable_content_keeps_the_message(data: Any) -> None:
    message = {
        "cid": "5@goofish",
        "messageId": "1.PNM",
        "content": {"custom": {"type": 1, "data": data, "summary": "见手机"}},
    }
    event = only(json.dumps({"message": message}))
    told = msgspec.structs.asdict(event)
    assert event.kind == "chat_message"
    assert (told["text"], told["summary"]) == (None, "见手机")


def test_history_gives_the_event_the_push_gave() -> None:
    model = json.loads(read("real_history_10_newest.json"))["userMessageModels"][1]
    message = model["message"]
    custom = message["content"]["custom"]
    value = {
        1: {
            1: {1: message["sender"]["uid"]},
            2: message["cid"],
            3: message["messageId"],
            5: message["createAt"],
            6: {
                3: {
                    2: custom["summary"],
                    4: custom["type"],
                    5: msgspec.convert(custom["data"], bytes).decode(),
                }
            },
            10: message["extension"],
        },
        3: model["userExtension"],
    }
    packed = msgspec.msgpack.encode(value)
    session = new_session()
    (pushed,) = session.decode(
        push(msgspec.json.encode(packed).decode().strip('"')), received_at_ms=3
    ).events
    # A lone model is no frame of the wire; a journal may keep and replay one as such.
    whole = json.dumps(model, ensure_ascii=False)
    (recovered,) = session.decode(whole, received_at_ms=3).events
    assert recovered.recovered
    assert recovered == msgspec.structs.replace(pushed, raw=whole, recovered=True)


@pytest.mark.parametrize(
    ("told", "content"),
    [
        (1, base64.b64encode(TEXT_CONTENT.encode()).decode()),
        (1, TEXT_CONTENT),
        (5, base64.b64encode(TEXT_CONTENT.encode()).decode()),
        (5, '{"contentType":1,"text":"在吗"}'),
    ],
)
def test_text_in_an_unusual_place(told: int, content: str) -> None:
    """Seen by others: what the buyer wrote must reach the handler however it is packed."""
    body = {1: "", 2: "在吗", 3: "", 4: 1, 5: ""} | {told: content}
    entry = json.dumps(chat_value(f6={1: 101, 3: body}))
    event = only(push(entry))
    assert isinstance(event, ChatMessage)
    assert event.text == "在吗"


@pytest.mark.parametrize(
    "content", ["", "在吗", "AAAA", "/w==", '{"text":{"text":5}}', '{"text":5}']
)
def test_content_that_holds_no_text(content: str) -> None:
    body = {1: "", 2: "在吗", 3: "", 4: 1, 5: content}
    event = only(push(json.dumps(chat_value(f6={1: 101, 3: body}))))
    assert isinstance(event, ChatMessage)
    assert (event.text, event.summary) == (None, "在吗")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"userConvs": [], "hasMore": 0}, 200),
        ({}, 200),
        ([1], 200),
        ({"code": "200", "x": 1}, 200),
        ({"code": 401}, 401),
        ({"code": "400600001", "reason": "slow"}, 400),
        ({"reason": "session removed"}, 400),
        ({"errorMsg": "no"}, 400),
    ],
)
def test_answer_without_a_code_is_known_by_its_mid(body: Any, code: int) -> None:
    """Some answers have none; a link that was left for it would be left again and again."""
    frame = json.dumps({"headers": {"mid": "12 0", "sid": "s"}, "body": body})
    decoded = new_session().decode(frame, received_at_ms=1)
    assert decoded.reply is not None
    assert (decoded.reply.mid, decoded.reply.code, decoded.fault) == ("12", code, None)
    assert json.loads(decoded.reply.body) == body
    assert list(decode_any(frame)) == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"headers":{"mid":"12 0"}}',
        '{"headers":{},"body":{}}',
        '{"body":{}}',
        '{"code":null,"headers":{"mid":"12 0"},"body":{}}',
    ],
)
def test_what_answers_nothing_is_a_fault(frame: str) -> None:
    decoded = new_session().decode(frame, received_at_ms=1)
    assert (decoded.reply, decoded.fault) == (None, "neither lwp nor code")
