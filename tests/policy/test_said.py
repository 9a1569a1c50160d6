"""What of an event stands in a transcript."""

from __future__ import annotations

import pytest

from actors.values import Event
from gateway.events import ChatMessage
from gateway.reading.messages import AHEAD_MS, ASKS, LATE, MOST_CHARS, RECOVERED, legible, said


def message(**keys: object) -> ChatMessage:
    given: dict[str, object] = {
        "account": "a", "event_id": "e", "conversation_id": "c", "lane_seq": 7, "text": "hello",
        "received_at_ms": 5_000, "sender_id": "77001", "sender_nick": "小王", **keys,
    }  # fmt: skip
    return ChatMessage(**given)  # type: ignore[arg-type]  # as a test gives them


def test_a_question_of_a_buyer() -> None:
    line = said(message(occurred_at_ms=4_000, recovered=True), late=True)
    assert line is not None
    assert (line.seq, line.at_ms, line.received_at_ms) == (7, 4_000, 5_000)
    assert (line.peer, line.who, line.text) == ("77001", "小王", "hello")
    assert line.flags == LATE | RECOVERED | ASKS


def test_nobody_waits_for_an_answer_to_what_we_or_a_group_said() -> None:
    own, group = (
        said(message(own=True), late=False),
        said(message(session_type="group"), late=False),
    )
    assert own is not None
    assert group is not None
    assert (own.flags, own.peer, group.flags) == (0, None, 0)


def test_what_is_of_no_conversation_is_no_line() -> None:
    assert said(message(conversation_id=None), late=False) is None
    assert said(message(lane_seq=None), late=False) is None
    assert (
        said(Event(account="a", event_id="e", conversation_id="c", lane_seq=1), late=False) is None
    )


@pytest.mark.parametrize("occurred", [None, 0, -1, 5_001 + AHEAD_MS, 1 << 70])
def test_a_time_that_cannot_be_is_when_it_came(occurred: int | None) -> None:
    line = said(message(occurred_at_ms=occurred), late=False)
    assert line is not None
    assert line.at_ms == 5_000


def test_texts_are_bounded_and_legible() -> None:
    line = said(message(text="x" * 200_000, sender_nick="\ud800" * 900), late=False)
    assert line is not None
    assert line.text is not None
    assert len(line.text) == MOST_CHARS
    assert line.who == "\\ud800" * 500
    assert legible("a\0b") == "a\u2400b"
    empty = said(message(text=""), late=False)
    assert empty is not None
    assert empty.text is None
