"""The content of a send is found again in what came, from a push or from history."""

from __future__ import annotations

import msgspec
import pytest

from actors.values import Content, Delivery, Event, Reply
from gateway.events import ChatMessage
from gateway.testing import shapes
from tests.platforms.goofish_captures import SELLER, new_session

URL = 'https://img.example/a"b.png'
PICTURE = shapes.image_content(URL, width=4, height=3)
TEXT = shapes.text_content("在")


def history_of(sender: str, content: str) -> Event:
    """Return the event of one history model."""
    message = shapes.Message(
        message_id="9.PNM",
        conversation_id="55",
        sender_id=sender,
        created_at_ms=7,
        content=content,
        summary="s",
        content_type=2 if content is PICTURE else 1,
    )
    body = msgspec.json.encode({"userMessageModels": [shapes.history_model(message)]})
    page = new_session().history.messages(Reply(mid="1", code=200, body=body), received_at_ms=1)
    assert page is not None
    (event,) = page.events
    assert isinstance(event, ChatMessage)
    pushed = msgspec.structs.replace(event, raw=shapes.entry_of(message).data)
    for content_wanted in (Content(text="在"), Content(image_url=URL)):
        wanted = delivery(content_wanted)
        assert new_session().echoed(event, wanted) == new_session().echoed(pushed, wanted)
    return event


def delivery(content: Content, conversation_id: str = "55") -> Delivery:
    return Delivery(
        outbox_id="o",
        uuid="u",
        account="shop-a",
        conversation_id=conversation_id,
        to=None,
        content=content,
        expires_at_ms=1,
    )


@pytest.mark.parametrize(
    ("sender", "came", "wanted", "found"),
    [
        (SELLER, TEXT, delivery(Content(text="在")), "9.PNM"),
        (SELLER, TEXT, delivery(Content(text="不在")), None),
        (SELLER, TEXT, delivery(Content(image_url=URL)), None),
        (SELLER, PICTURE, delivery(Content(image_url=URL)), "9.PNM"),
        (SELLER, PICTURE, delivery(Content(image_url=URL + "?")), None),
        (SELLER, PICTURE, delivery(Content(text="在")), None),
        (SELLER, TEXT, delivery(Content(text="在"), "56"), None),
        ("77001", TEXT, delivery(Content(text="在")), None),
    ],
)
def test_own_content_is_known_again(
    sender: str, came: str, wanted: Delivery, found: str | None
) -> None:
    assert new_session().echoed(history_of(sender, came), wanted) == found


def test_what_can_not_be_read_matches_nothing() -> None:
    event = msgspec.structs.replace(history_of(SELLER, PICTURE), raw="?")
    assert new_session().echoed(event, delivery(Content(image_url=URL))) is None
