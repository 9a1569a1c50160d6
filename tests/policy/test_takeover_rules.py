"""Who wrote an own message, and until when he has the conversation to himself."""

from __future__ import annotations

import pytest

from actors.policy.sends import DOUBT_MS, LATE_S, SLACK_MS
from actors.policy.takeover import Author, Explanation, author, may_begin, until_ms
from actors.values import Event, SendState
from gateway.events import ChatMessage, OrderStatusChanged

NOW = 1_700_000_000_000
AUTO = 30 * 60_000


def message(occurred_at_ms: int | None = NOW, received_at_ms: int = NOW) -> ChatMessage:
    """Make what the account itself said."""
    return ChatMessage(
        own=True,
        conversation_id="c1",
        occurred_at_ms=occurred_at_ms,
        received_at_ms=received_at_ms,
    )


def sent(
    state: SendState = SendState.ACCEPTED,
    *,
    same: bool | None = False,
    message_id: str | None = None,
    tried: bool = True,
    first_ms: int | None = NOW - 1_000,
    last_ms: int | None = NOW,
) -> Explanation:
    """Make a send of the conversation."""
    ended = state not in (SendState.QUEUED, SendState.SENDING) and last_ms is not None
    return Explanation(
        state=state,
        ended=ended,
        tried=tried,
        same=same,
        message_id=message_id,
        first_ms=first_ms,
        last_ms=last_ms,
    )


@pytest.mark.parametrize(
    "event",
    [
        ChatMessage(conversation_id="c1"),
        ChatMessage(own=True),
        OrderStatusChanged(own=True, conversation_id="c1"),
        Event(own=True, conversation_id="c1"),
    ],
)
def test_only_what_the_account_says_begins_it(event: Event) -> None:
    assert may_begin(message())
    assert not may_begin(event)


@pytest.mark.parametrize(
    ("occurred", "received", "platform", "until"),
    [
        (NOW, NOW, NOW, NOW + AUTO),
        (NOW - 60_000, NOW, NOW, NOW + AUTO - 60_000),
        (NOW - AUTO, NOW, NOW, None),
        (NOW - AUTO + 1, NOW, NOW, NOW + 1),
        (NOW + 5_000, NOW, NOW, NOW + AUTO),  # the platform's machines differ a little
        (NOW - 7 * AUTO, NOW, NOW - 7 * AUTO, NOW + AUTO),  # our clock is hours ahead
        (NOW - 60_000, NOW, None, NOW + AUTO - 60_000),
        (None, NOW - 60_000, NOW - 7 * AUTO, NOW + AUTO - 60_000),
        (None, NOW - AUTO, NOW, None),
    ],
)
def test_it_lasts_from_the_message_on(
    occurred: int | None, received: int, platform: int | None, until: int | None
) -> None:
    event = message(occurred, received)
    assert until_ms(event, auto_ms=AUTO, now_ms=NOW, platform_ms=platform) == until


def test_zero_minutes_are_none_at_all() -> None:
    assert until_ms(message(), auto_ms=0, now_ms=NOW, platform_ms=NOW) is None


def test_what_no_send_explains_is_a_persons() -> None:
    assert author("m1", NOW, ()) is Author.PERSON
    assert author(None, None, ()) is Author.PERSON
    others = [sent(message_id="m2"), sent(SendState.QUEUED, same=True, tried=False, last_ms=None)]
    assert author("m1", NOW, others) is Author.PERSON


@pytest.mark.parametrize("state", list(SendState))
def test_the_id_of_a_send_is_proof(state: SendState) -> None:
    assert author("m1", NOW, [sent(), sent(state, message_id="m1")]) is Author.OURS


def test_an_open_send_may_explain_it_whatever_it_says() -> None:
    """A platform may change the words."""
    doubtful = sent(SendState.UNKNOWN, last_ms=None)
    for send in (sent(SendState.SENDING, last_ms=None), doubtful):
        assert author("m1", NOW, [send]) is Author.OPEN
        assert author("m1", NOW, [send, sent(message_id="m1")]) is Author.OURS


def test_what_was_said_before_an_open_send_was_tried_is_not_its() -> None:
    send = sent(SendState.SENDING, last_ms=None, first_ms=NOW)
    assert author("m1", NOW - SLACK_MS - 1, [send]) is Author.PERSON
    assert author("m1", NOW - SLACK_MS, [send]) is Author.OPEN


@pytest.mark.parametrize("state", [SendState.UNKNOWN, SendState.EXPIRED, SendState.ACCEPTED])
def test_a_send_without_an_id_explains_its_own_words(state: SendState) -> None:
    assert author("m1", NOW, [sent(state, same=True)]) is Author.OURS
    assert author("m1", None, [sent(state, same=True)]) is Author.OURS
    assert author("m1", NOW, [sent(state, same=False)]) is Author.PERSON
    assert author("m1", NOW, [sent(state, same=None)]) is Author.OPEN


def test_a_refused_send_explains_nothing() -> None:
    assert author("m1", NOW, [sent(SendState.REFUSED, same=True)]) is Author.PERSON


def test_old_words_explain_nothing_new() -> None:
    send = sent(SendState.UNKNOWN, same=True)
    last_ms = NOW + round(LATE_S * 1000) + DOUBT_MS
    assert author("m1", last_ms, [send]) is Author.OURS
    assert author("m1", last_ms + 1, [send]) is Author.PERSON
    endless = sent(SendState.UNKNOWN, same=True, first_ms=None, last_ms=None)
    assert author("m1", last_ms + 1, [endless]) is Author.OPEN
