"""Any WebSocket server: proof that nothing but the codec knows Goofish."""

from __future__ import annotations

import itertools

import pytest

from actors.ports import Identity, Platform, Session
from actors.values import Content, Delivery, Reply, SendOutcome
from gateway.events import ChatMessage
from gateway.platforms import get
from gateway.platforms.plain import CONVERSATION

REPLY = Reply(mid="1", code=200)


def new_session(user_agent: str | None = None) -> Session:
    platform: Platform = get("plain")
    return platform.session(Identity(account="a", user_agent=user_agent))


def delivery_of(content: Content) -> Delivery:
    return Delivery(
        outbox_id="o",
        uuid="u",
        account="a",
        conversation_id=CONVERSATION,
        to=None,
        content=content,
        expires_at_ms=1,
    )


def test_a_frame_is_a_message() -> None:
    for frame, text in (("hi", "hi"), (b"\x00\xff", None), ("", "")):
        decoded = new_session().decode(frame, received_at_ms=5)
        (event,) = decoded.events
        assert isinstance(event, ChatMessage)
        assert (event.text, event.raw, event.conversation_id) == (text, frame, CONVERSATION)
        assert event.subtype == ("binary" if text is None else "text")
        assert (decoded.ack, decoded.fault, decoded.reply) == (None, None, None)
    assert get("plain").decode("x").events


def test_two_equal_frames_are_two_messages() -> None:
    session = new_session()
    ids = {
        event.event_id for _ in range(3) for event in session.decode("hi", received_at_ms=5).events
    }
    assert len(ids) == 3
    numbers = itertools.count(7)
    first, second = (
        session.decode("hi", received_at_ms=5, numbers=numbers).events[0] for _ in range(2)
    )
    assert (first.event_id, second.event_id) == ("a/7", "a/8")
    replayed = session.decode("hi", received_at_ms=5, numbers=iter([7])).events[0]
    assert replayed == first
    stored = get("plain").reader("a", None).decode("hi", received_at_ms=5, numbers=iter([7]))
    assert stored.events == (first,)


def test_nothing_is_asked_or_answered() -> None:
    session = new_session()
    delivery = delivery_of(Content(text="x"))
    assert session.register("1") is None
    assert session.registered(REPLY) is None
    assert session.beat("1") is None
    assert session.send("1", delivery) == "x"
    assert session.sent(REPLY).outcome is SendOutcome.UNKNOWN
    (event,) = session.decode("x", received_at_ms=1).events
    assert session.echoed(event, delivery) is None
    assert session.history is None


def test_ids_and_headers() -> None:
    session = new_session()
    assert session.mid(17, 0.5) == get("plain").uuid(17, 0.5) == "17-500000"
    assert session.upgrade_headers() == {}
    assert new_session("UA").upgrade_headers() == {"User-Agent": "UA"}


def test_images_can_not_be_carried() -> None:
    with pytest.raises(ValueError, match="text only"):
        new_session().send("1", delivery_of(Content(image_url="https://x")))


def test_no_time_is_told() -> None:
    assert new_session().told_ms(REPLY) is None
