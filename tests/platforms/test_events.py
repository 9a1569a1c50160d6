"""Events: their JSON form and their replies."""

from __future__ import annotations

import contextvars
import json
import threading

import msgspec
import pytest

from actors.values import Content, Event
from gateway.errors import EventSettledError
from gateway.events import (
    ChatMessage,
    UndecodableEvent,
    UnknownEvent,
    as_dict,
    deliver,
    to_json,
)

DESIGN_6 = [
    *("account", "kind", "subtype", "event_id", "message_id", "conversation_id", "sender_id"),
    *("sender_nick", "text", "summary", "content_type", "item_id", "order_id", "order_status"),
    *(
        "red_reminder",
        "role",
        "session_type",
        "own",
        "occurred_at_ms",
        "received_at_ms",
        "lane_seq",
    ),
    *("redelivered", "recovered", "late"),
]


def full() -> ChatMessage:
    """Give an event with every field set."""
    return ChatMessage(
        subtype="text",
        message_id="1.PNM",
        sender_id="2",
        sender_nick="甲",
        text="好\n",
        summary="好",
        content_type=1,
        item_id="3",
        order_id="4",
        order_status="paid",
        red_reminder="等待卖家发货",
        role="seller",
        session_type="private",
        account="a",
        event_id="a/1.PNM",
        conversation_id="5",
        lane_seq=6,
        occurred_at_ms=7,
        received_at_ms=8,
        raw="secret of the wire",
    )


def test_json_has_the_names_of_the_design_in_their_order() -> None:
    told = json.loads(to_json(full()))
    assert list(told) == DESIGN_6
    assert told["kind"] == "chat_message"
    assert b"\n" not in to_json(full())


def test_none_is_left_out() -> None:
    assert as_dict(UnknownEvent(raw="x")) == {
        "account": "",
        "kind": "unknown",
        "event_id": "",
        "own": False,
        "received_at_ms": 0,
        "redelivered": False,
        "recovered": False,
        "late": False,
        "raw": "x",
    }


def test_raw_of_what_nobody_read() -> None:
    assert as_dict(UndecodableEvent(raw=b"abc", reason="why"))["raw"] == "abc"
    told = as_dict(UndecodableEvent(raw=b"\xff", reason="why"))
    assert (told["raw_base64"], told["reason"]) == ("/w==", "why")


def test_an_event_of_the_kernel_has_a_json_form_too() -> None:
    assert as_dict(Event(raw="x"))["raw"] == "x"


def test_events_are_frozen_and_stay_themselves() -> None:
    event = full()
    with pytest.raises(AttributeError):
        event.text = "other"  # type: ignore[misc]
    again = msgspec.structs.replace(event, redelivered=True)
    assert isinstance(again, ChatMessage)
    assert again.text == event.text


def test_replies_are_collected_in_order() -> None:
    event = full()
    call = deliver(
        event, [lambda it: it.reply("one"), lambda it: it.reply_image("https://x", 3, 4)]
    )
    assert call.replies == [Content(text="one"), Content(image_url="https://x", width=3, height=4)]


def test_reply_outside_of_its_handling_fails_loudly() -> None:
    """A reply that vanishes is worse than an error."""
    event, other = full(), full()
    with pytest.raises(EventSettledError, match=r"a/1\.PNM"):
        event.reply("early")
    with pytest.raises(EventSettledError):
        deliver(event, [lambda _: other.reply("wrong one")])
    with pytest.raises(EventSettledError):
        event.reply("late")


def test_deliveries_nest_and_do_not_leak_over_errors() -> None:
    outer, inner = full(), full()

    def fail(_: object) -> None:
        raise KeyError

    def nest(event: ChatMessage) -> None:
        with pytest.raises(KeyError):
            deliver(inner, [fail])
        event.reply("still here")

    assert deliver(outer, [nest]).replies == [Content(text="still here")]


def test_another_thread_can_not_reply_nor_can_a_task_left_behind() -> None:
    event = full()
    failed: list[str] = []

    def late() -> None:
        try:
            event.reply("from elsewhere")
        except EventSettledError:
            failed.append("refused")

    def handler(_: object) -> None:
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(5)
        left_behind.append(contextvars.copy_context())

    left_behind: list[contextvars.Context] = []
    call = deliver(event, [handler])
    left_behind[0].run(late)
    assert (failed, call.replies) == (["refused", "refused"], [])
