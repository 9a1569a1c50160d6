"""A transcript as it is shown: who wrote it, what is cut, what has no text."""

from __future__ import annotations

import pytest

from actors.values import SendState
from gateway.host.send_view import SendView
from gateway.reading.answers import Line
from gateway.reading.messages import ASKS, LATE, RECOVERED
from gateway.web.pages.transcript import MEDIA, MOST, SHOWN, bubbles
from gateway.web.pages.words import WORDS


def line(**fields: object) -> Line:
    given: dict[str, object] = {
        "key": 2, "at_ms": 1, "own": False, "kind": "chat_message", "subtype": "text",
        "who": "小王", "text": "hello", "flags": ASKS, "outbox_id": None, "event_id": "a/1",
        "state": None, "reason": None, "answers": None,
    }  # fmt: skip
    return Line(**(given | fields))  # type: ignore[arg-type]  # fields are named by each test


def view(outbox_id: str, event_id: str | None = None) -> SendView:
    return SendView(
        outbox_id=outbox_id, account="a", conversation_id="c", to=None, text="just now",
        image_url=None, state=SendState.SENDING, outcome=None, reason=None, message_id=None,
        attempts=1, accepted_at_ms=9, expires_at_ms=99, ended_at_ms=None, event_id=event_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({}, "buyer"),
        ({"own": True}, "device"),
        ({"own": True, "outbox_id": "o1"}, "here"),
        ({"own": True, "outbox_id": "o1", "event_id": "a/1"}, "here"),
        ({"own": True, "outbox_id": "o1", "answers": "a/1"}, "bot"),
    ],
)
def test_who_wrote_it(fields: dict[str, object], author: str) -> None:
    (bubble,) = bubbles([line(**fields)])
    assert bubble.author == author
    assert bubble.own == (author != "buyer")


def test_a_long_text_is_cut_twice() -> None:
    text = "".join(chr(0x4E00 + number % 1000) for number in range(100_000))
    (bubble,) = bubbles([line(text=text)])
    assert len(bubble.text) == SHOWN
    assert bubble.text + bubble.rest == text[:MOST]
    (short,) = bubbles([line(text="x" * SHOWN)])
    assert (short.text, short.rest) == ("x" * SHOWN, "")


def test_what_has_no_text_is_named() -> None:
    for subtype in (*MEDIA, None, "content_type_77", "<script>"):
        (bubble,) = bubbles([line(text=None, subtype=subtype)])
        assert bubble.media == (subtype if subtype in MEDIA else "other")
        for words in WORDS.values():
            assert f"chat.media.{bubble.media}" in words
    (told,) = bubbles([line(text="[图片]", subtype="image")])
    assert (told.media, told.text) == ("", "[图片]")


def test_marks_and_lines_between() -> None:
    (bubble,) = bubbles([line(flags=LATE | RECOVERED, kind="order_status")])
    assert (bubble.late, bubble.recovered, bubble.note) == (True, True, True)
    assert bubbles([line(kind="order_status", text=None)]) == [], "it says nothing"
    (plain,) = bubbles([line()])
    assert (plain.late, plain.recovered, plain.note) == (False, False, False)


def test_what_was_just_sent_is_shown_once() -> None:
    before, after = bubbles([line()], view("o1"))
    assert (before.author, after.author) == ("buyer", "here")
    assert (after.text, after.state) == ("just now", "sending")
    kept = bubbles([line(own=True, outbox_id="o1", state="accepted")], view("o1"))
    assert [each.state for each in kept] == ["accepted"]
    assert bubbles([], view("o2", event_id="a/1"))[0].author == "bot"
    assert bubbles([]) == []


def test_no_answer_is_above_its_question() -> None:
    """The platform's clock may be ahead of ours."""
    lines = [
        line(at_ms=1, own=True, outbox_id="o1", answers="a/2", text="answer 2"),
        line(at_ms=2, event_id="a/1", text="question 1"),
        line(at_ms=3, own=True, outbox_id="o2", answers="a/2", text="more on 2"),
        line(at_ms=4, event_id="a/2", text="question 2"),
        line(at_ms=5, own=True, outbox_id="o3", answers="a/1", text="answer 1"),
        line(at_ms=6, own=True, outbox_id="o4", answers="a/0", text="answer of long ago"),
    ]
    assert [each.text for each in bubbles(lines)] == [
        "question 1", "question 2", "answer 2", "more on 2", "answer 1", "answer of long ago",
    ]  # fmt: skip
