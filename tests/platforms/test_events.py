"""Events: their JSON form and their replies."""

from __future__ import annotations

import contextvars
import copy
import json
import pickle
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from actors.values import Content, Event
from gateway.delivering import deliver
from gateway.errors import EventCopiedError, EventSettledError
from gateway.events import (
    ChatMessage,
    UndecodableEvent,
    UnknownEvent,
    as_dict,
    to_json,
)

DESIGN_6 = [
    *("account", "kind", "subtype", "event_id", "message_id", "conversation_id", "sender_id"),
    *("sender_nick", "text", "summary", "content_type", "item_id", "order_id", "order_status"),
    *(
        "red_reminder",
        "role",
        "session_type",
        "order_text",
        "own",
        "occurred_at_ms",
        "received_at_ms",
        "lane_seq",
    ),
    *("redelivered", "recovered", "late", "taken_over"),
]


def full() -> ChatMessage:
    """Return an event with every field set."""
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
        order_text="我已付款，等待你发货",
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
        "taken_over": False,
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


COPIES: dict[str, Callable[[ChatMessage], ChatMessage]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda event: pickle.loads(pickle.dumps(event)),  # our own bytes
    "replace": lambda event: msgspec.structs.replace(event, text="another"),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_can_be_kept_and_not_be_answered(how: str) -> None:
    """Nobody would hear of its reply; the error says what to do instead."""
    event = full()

    def handle(it: ChatMessage) -> None:
        again = COPIES[how](it)
        assert again.event_id == it.event_id
        with pytest.raises(EventCopiedError, match=r"this is a copy .* gw\.send") as caught:
            again.reply("x")
        assert isinstance(caught.value, TypeError)
        with pytest.raises(EventSettledError):
            again.note("k", "v")

    assert deliver(event, [handle]).replies == []


def test_a_thread_of_the_handler_can_not_answer() -> None:
    """It may come after the settlement; the event is not settled yet, and nobody says so."""
    event, caught = full(), queue.Queue[str]()

    def answer(it: ChatMessage) -> None:
        try:
            it.reply("from a thread")
        except EventSettledError as error:
            caught.put(str(error))

    def handle(it: ChatMessage) -> None:
        thread = threading.Thread(target=answer, args=(it,))
        thread.start()
        thread.join()

    assert deliver(event, [handle]).replies == []
    told = caught.get_nowait()
    assert "on this thread" in told
    assert "gw.send(" in told
    assert "settled" not in told


def test_what_a_thread_leaves_while_the_handler_returns_is_refused() -> None:
    """With the handler's own context a thread may answer, for as long as it is waited for."""
    event = full()
    context: list[contextvars.Context] = []

    def handle(it: ChatMessage) -> None:
        context.append(contextvars.copy_context())
        context[0].run(it.reply, "in time")

    assert deliver(event, [handle]).replies == [Content(text="in time")]
    with pytest.raises(EventSettledError):
        context[0].run(event.reply, "late")


@pytest.mark.parametrize("wrong", [None, 4, 4.5, b"hi", ["x"], {"text": "x"}, object(), Path("x")])
def test_an_answer_that_is_no_text_fails_its_handler(wrong: object) -> None:
    """``b"hi"`` once reached the buyer as ``aGk=``, and a dict stopped the outbox for good."""
    more: dict[str, tuple[object, ...]] = {"reply": (), "reply_image": (3, 4), "note": ("value",)}
    for answer, rest in more.items():
        event = full()

        def handle(it: ChatMessage, answer: str = answer, rest: tuple[object, ...] = rest) -> None:
            getattr(it, answer)(wrong, *rest)

        with pytest.raises(TypeError, match=r"^(text|url|key) must be str, not "):
            deliver(event, [handle])


def test_an_answer_is_plain_text_within_its_bounds() -> None:
    class Markup(str):
        __slots__ = ()

    call = deliver(full(), [lambda it: it.reply(Markup("<b>")), lambda it: it.note("k", None)])
    assert [type(each.text) for each in call.replies] == [str]
    wrong: list[tuple[Callable[[ChatMessage], None], str]] = [
        (lambda it: it.reply(""), "must not be empty"),
        (lambda it: it.reply("长" * 30_000), "90,000 bytes, at most 65,536"),
        (lambda it: it.reply("\ud83d"), "half of a character"),
        (lambda it: it.reply_image("file:///etc/passwd", 3, 4), "http"),
        (lambda it: it.reply_image("https://x", 0, 4), "width must be 1 to"),
        (lambda it: it.note("k" * 201, "v"), "201 characters, at most 200"),
    ]
    for answer, why in wrong:
        with pytest.raises(ValueError, match=why):
            deliver(full(), [answer])
    with pytest.raises(TypeError, match="height must be int, not None"):
        deliver(full(), [lambda it: it.reply_image("https://x", 3, None)])
    with pytest.raises(TypeError, match="value must be str, not list; keep text"):
        deliver(full(), [lambda it: it.note("k", ["a"])])
    with pytest.raises(TypeError, match="account_wide must be True or False"):
        deliver(full(), [lambda it: it.note("k", "v", account_wide=1)])


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
