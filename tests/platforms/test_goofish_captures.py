"""Every recorded payload decodes to what the index says of it: all facts, no exception."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from actors.values import Decoded, Event, SignalKind
from gateway.events import UndecodableEvent, as_dict
from gateway.platforms import get
from gateway.platforms.goofish import decode_any, decode_entry, decode_history, facts
from gateway.platforms.goofish.subtypes import NO_ENTRIES
from tests.platforms.goofish_captures import INDEX, items, new_session, read

REMARKS = {"text_note", "create_time_note", "note", "action"}
"""What the index says to people."""


def _told(event: Event, exp: dict[str, Any]) -> dict[str, Any]:
    told = as_dict(event) | facts(event)
    told["event_type"] = told["kind"]
    told["create_time"] = told.get("occurred_at_ms")
    told.setdefault("encoding", "undecodable" if exp.get("encoding") == "undecodable" else None)
    written = str(told.get("text"))
    told["text_sha256"] = hashlib.sha256(written.encode()).hexdigest()
    told["text_chars"] = len(written)
    told["text_utf8_bytes"] = len(written.encode())
    told["text_head"] = written[:40]
    return told


def _agree(event: Event, exp: dict[str, Any], *also_known: str) -> None:
    told = _told(event, exp)
    for name, value in exp.items():
        if name in REMARKS or name in also_known:
            continue
        # A time that came as text is a number in an event.
        wanted = int(value) if name == "create_time" and isinstance(value, str) else value
        assert told.get(name) == wanted, name
    if isinstance(event, UndecodableEvent):
        assert event.reason
        assert isinstance(event.raw, str)


def test_all_captures_are_here() -> None:
    assert len(INDEX) == 121


@pytest.mark.parametrize("item", items("data-entry"), ids=lambda item: str(item["name"]))
def test_entry(item: dict[str, Any]) -> None:
    data, exp = read(item), item["expect"]
    if exp["event_type"] == "malformed_frame":
        decoded = new_session().decode(base64.b64decode(data), received_at_ms=1)
        assert decoded.fault
        assert (decoded.ack, decoded.events) == (None, ())
        return
    event = decode_entry(data, item["bizType"], item["objectType"])
    _agree(event, {"encoding": item["encoding"], **exp}, "own")
    assert event.raw == data
    lines = list(decode_any(data + "\n"))
    assert len(lines) == 1
    assert lines[0]["kind"] == exp["event_type"]


@pytest.mark.parametrize("item", items("frame"), ids=lambda item: str(item["name"]))
def test_frame(item: dict[str, Any]) -> None:
    frame, exp = read(item), item["expect"]
    decoded = new_session().decode(frame, received_at_ms=7)
    _frame_agrees(decoded, exp)
    # As bytes it means the same; a client was seen that decodes binary frames (protocol 1).
    binary = new_session().decode(frame.encode(), received_at_ms=7)
    assert (binary.events, binary.ack, binary.reply) == (
        list(decoded.events) if isinstance(binary.events, list) else decoded.events,
        decoded.ack,
        decoded.reply,
    )
    shown = [line for line in decode_any(frame) if line.get("subtype") != NO_ENTRIES]
    if "entries" in exp:
        for line, entry in zip(shown, exp["entries"], strict=True):
            assert line["kind"] == entry["event_type"]
            for name in entry.keys() & {"bizType", "objectType"}:
                assert line.get(name) == entry[name]
    if "distinct_messages" in exp:
        assert len({event.event_id for event in decoded.events}) == exp["distinct_messages"]


@pytest.mark.parametrize("item", items("frame-sequence"), ids=lambda item: str(item["name"]))
def test_sequence(item: dict[str, Any]) -> None:
    exp = item["expect"]
    session = new_session()
    decoded = [
        session.decode(json.dumps(frame, ensure_ascii=False), received_at_ms=place)
        for place, frame in enumerate(json.loads(read(item)))
    ]
    for one, expected in zip(decoded, exp["frames"], strict=True):
        _frame_agrees(one, expected)
    if "distinct_messages" in exp:
        ids = {event.event_id for one in decoded for event in one.events}
        assert len(ids) == exp["distinct_messages"]
    if "acks" in exp:
        assert len({one.ack for one in decoded}) == exp["acks"]
    gaps = [place for place, one in enumerate(decoded) if one.signal is not None]
    assert gaps == ([exp["gap_before_frame_index"]] if "gap_before_frame_index" in exp else [])


def test_history() -> None:
    (item,) = items("history-body")
    events = decode_history(read(item))
    for event, exp in zip(events, item["expect"]["models"], strict=True):
        assert event.recovered
        _agree(event, exp)
    assert [line["message_id"] for line in decode_any(read(item))] == [
        exp["message_id"] for exp in item["expect"]["models"]
    ]


def _frame_agrees(decoded: Decoded, exp: dict[str, Any]) -> None:
    assert decoded.fault is None
    if exp["role"] == "response":
        assert decoded.reply is not None
        assert (decoded.reply.code, decoded.ack, decoded.events) == (exp["code"], None, ())
        assert decoded.reply.mid == exp["mid"].split()[0]
        return
    assert decoded.reply is None
    if exp.get("ack_possible") is False:
        assert decoded.ack is None
    else:
        assert isinstance(decoded.ack, str)
        assert json.loads(decoded.ack) == {"code": 200, "headers": exp["ack_echo_headers"]}
    if "entries" in exp:
        entries = [event for event in decoded.events if _subtype(event) != NO_ENTRIES]
        for event, entry in zip(entries, exp["entries"], strict=True):
            _agree(event, entry, "bizType", "objectType")
        assert len(entries) == len(decoded.events) or exp["entry_count"] is None
    if exp.get("sync_extra_type") in {1, 2}:
        assert decoded.signal is not None
        assert decoded.signal.kind is SignalKind.BACKLOG_CUT
    if exp["lwp"] == "/s/vulcan":
        assert decoded.signal is not None
        assert decoded.signal.kind is SignalKind.READY


def _subtype(event: Event) -> str | None:
    return as_dict(event).get("subtype")


def test_own_echo_is_known() -> None:
    (item,) = [item for item in INDEX if item["name"] == "syn_text_own_echo"]
    push = {"data": [{"data": read(item)}], "endSeq": 1, "startSeq": 1}
    frame = {"lwp": "/s/sync", "headers": {"mid": "1 0"}, "body": {"syncPushPackage": push}}
    (event,) = new_session().decode(json.dumps(frame), received_at_ms=1).events
    assert event.own is item["expect"]["own"]
    (anonymous,) = get("goofish").decode(json.dumps(frame)).events
    assert not anonymous.own
