"""Which buyers wait for an answer: whoever had the last word, and is not us."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.values import Event
from gateway import ChatMessage, OrderStatusChanged
from gateway.notify.unanswered import Unanswered


def said(
    at_ms: int,
    lane: str | None = "c1",
    *,
    own: bool = False,
    account: str = "a",
    kind: str = "private",
) -> Event:
    return ChatMessage(
        account=account, conversation_id=lane, received_at_ms=at_ms, own=own, session_type=kind
    )


def test_the_first_message_without_an_answer_counts() -> None:
    waiting = Unanswered()
    for at_ms in (10, 20, 30):
        waiting.hear(said(at_ms), answered=False)
    waiting.hear(said(15, "c2"), answered=False)
    waiting.hear(said(15, "c1", account="b"), answered=False)
    assert waiting.overdue(9) == {}
    assert waiting.overdue(10) == {"a": 1}
    assert waiting.overdue(15) == {"a": 2, "b": 1}
    waiting.forget("a")
    assert waiting.overdue(99) == {"b": 1}


def test_a_reply_and_a_word_of_our_own_are_answers() -> None:
    waiting = Unanswered()
    waiting.hear(said(1), answered=False)
    waiting.hear(said(2), answered=True)
    assert not waiting.overdue(99)
    waiting.hear(said(3), answered=False)
    waiting.hear(said(4, own=True), answered=False)
    waiting.hear(said(5, own=True), answered=False)
    assert not waiting.overdue(99)


def test_only_private_words_of_a_person_wait() -> None:
    waiting = Unanswered(most=1)
    waiting.hear(said(1, None), answered=False)
    waiting.hear(said(1, kind="group"), answered=False)
    waiting.hear(OrderStatusChanged(account="a", conversation_id="c1"), answered=False)
    assert not waiting.overdue(99)
    waiting.hear(said(1), answered=False)
    waiting.hear(said(1, "beyond the bound"), answered=False)
    assert waiting.overdue(99) == {"a": 1}


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from(["buyer", "own", "replied"]))))
def test_it_agrees_with_the_last_words(talk: list[tuple[str, str]]) -> None:
    waiting, last = Unanswered(), dict[str, str]()
    for at_ms, (lane, who) in enumerate(talk):
        waiting.hear(said(at_ms, lane, own=who == "own"), answered=who == "replied")
        last[lane] = who
    assert waiting.overdue(10**9).total() == list(last.values()).count("buyer")
