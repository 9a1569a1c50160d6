"""What `xianyu-gateway decode` can be given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.values import Event
from gateway.events import ChatMessage, PlatformEvent, UserInteraction
from gateway.platforms.goofish import decode_any, decode_entry, facts
from gateway.platforms.goofish.fields import query
from tests.platforms.goofish_captures import chat_value, read

ENTRY = read("syn_text_web.b64")
FRAME = read("syn_frame_big_numbers.json")
MODEL = json.loads(read("real_history_10_newest.json"))["userMessageModels"][0]


def kinds(text: str) -> list[str]:
    """Return the kind of each line."""
    return [line["kind"] for line in decode_any(text)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (ENTRY, 1),
        (f'"{ENTRY}"', 1),
        ("\ufeff" + FRAME + "\n", 1),
        (json.dumps({"data": ENTRY, "bizType": 40}), 1),
        (json.dumps(json.loads(FRAME), indent=2), 1),
        (f"{FRAME}\n\n{ENTRY}\n{FRAME}\n", 3),
        (f"[{FRAME},{FRAME}]", 2),
        (f'["{ENTRY}","{ENTRY}"]', 2),
        (json.dumps([json.loads(FRAME)] * 2, indent=1), 2),
        (json.dumps(MODEL), 1),
        (f"[{json.dumps(MODEL)}]", 1),
        (json.dumps({"userMessageModels": [MODEL, MODEL]}, indent=2), 2),
        (json.dumps({"code": 200, "headers": {}, "body": {"userMessageModels": [MODEL]}}), 1),
        (json.dumps({str(k): v for k, v in chat_value().items()}), 1),
    ],
)
def test_forms(text: str, count: int) -> None:
    assert kinds(text) == ["chat_message"] * count


@pytest.mark.parametrize(
    "name", ["syn_resp_heartbeat", "syn_resp_get_state", "syn_frame_sync_too_long"]
)
def test_frames_without_entries_give_nothing(name: str) -> None:
    assert kinds(read(f"{name}.json")) == []


@pytest.mark.parametrize(
    ("text", "subtype"),
    [
        ("", "undecodable"),
        ("hello world", "undecodable"),
        ('"hello', "undecodable"),
        ('"\\ud800"', "undecodable"),
        ("5", "undecodable"),
        ('{"lwp":"/s/sy', "malformed_frame"),
        ('{"lwp":5,"x":1}', "malformed_frame"),
        ('{"bizType":40}', "no_data_field"),
        ('{"bizType":40,"data":{"a":1}}', "no_data_field"),
        ("[" * 5000, "undecodable"),
        ("{\udcff}", "malformed_frame"),
    ],
)
def test_undecodable_is_told(text: str, subtype: str) -> None:
    lines = list(decode_any(text))
    if not text:
        assert [line["kind"] for line in lines] == ["undecodable"]
        return
    (line,) = lines
    assert (line["kind"], line["subtype"]) == ("undecodable", subtype)
    assert line["reason"]
    assert json.dumps(line, ensure_ascii=False).encode()


def test_list_that_is_an_entry() -> None:
    assert kinds("[1,2]") == ["unknown"]


def test_types_beside_an_entry_are_told() -> None:
    (line,) = decode_any(json.dumps({"data": ENTRY, "bizType": "40", "objectType": 40000}))
    assert (line["bizType"], line["objectType"], line["need_push"]) == (40, 40000, "true")
    (new,) = decode_any(read("syn_frame_unknown_push.json"))
    assert "bizType" not in new


@pytest.mark.parametrize(
    ("told", "session"),
    [
        ("1", "private"),
        ("30", "group"),
        ("25", "system"),
        (30, "group"),
        ("7", None),
        (None, None),
        ([1], None),
    ],
)
def test_session_a_message_belongs_to(told: Any, session: str | None) -> None:
    """A handler that answers a group, or the platform's own helper, answers strangers."""
    extension = chat_value()[1][10] | {"sessionType": told}
    entry = json.dumps(chat_value(f10=extension))
    history = json.dumps(MODEL | {"message": MODEL["message"] | {"extension": extension}})
    (pushed,), (read_back,) = session_of(entry), session_of(history)
    assert pushed == read_back == session
    update = {"1": "5.PNM", "2": "6@goofish", "3": 1, "4": {"sessionType": told}, "5": 7}
    assert session_of(json.dumps(update)) == [session]
    arouse = {"operation": {"content": {"sessionArouse": {}}, "sessionInfo": {"sessionType": told}}}
    assert session_of(json.dumps(arouse)) == [session]


def session_of(text: str) -> list[str | None]:
    """Return the word that `decode` says for the session of each entry."""
    return [line.get("session_kind") for line in decode_any(text)]


def test_events_say_the_word_and_decode_keeps_the_number() -> None:
    """Programs that read captures know the wire's number; handlers need not (ADR 15)."""
    for name, number, word in (("group", "30", "group"), ("system", "25", "system")):
        data = read(f"syn_text_{name}_session.b64")
        assert decode_entry(data).session_type == word
        (line,) = decode_any(data)
        assert (line["session_type"], line["session_kind"]) == (number, word)
    assert PlatformEvent().session_type is None
    read_receipt = decode_entry('{"1":"5.PNM","2":2,"4":"6@goofish","6":7}')
    assert isinstance(read_receipt, UserInteraction)
    assert read_receipt.session_type is None


def test_facts_never_raise() -> None:
    raws: list[str | bytes] = [
        b"\xff",
        "x",
        "[1]",
        '{"1":[]}',
        '{"1":[7]}',
        '{"1":"x","4":"y"}',
        '{"1":5,"operation":{"receiverIds":5}}',
        ENTRY.encode(),
    ]
    found: list[dict[str, Any]] = [facts(ChatMessage(raw=raw)) for raw in raws]
    assert found[:2] == [{}, {}]
    assert found[5]["message_ids"] == ["x"]
    assert found[7]["platform"] == "web"
    assert facts(Event(raw=ENTRY))["platform"] == "web"


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("f://x?a=1&b=2", "2"),
        ("f://x?b=2", "2"),
        ("f://x?ab=1&b=3&c", "3"),
        ("f://x?ab=1", None),
        ("f://x?b=&c=1", None),
        (None, None),
    ],
)
def test_query(url: str | None, value: str | None) -> None:
    assert query(url, "b") == value
