"""The short way for the commonest entry: an ordinary text somebody wrote.

It knows one shape and gives up on anything else; :mod:`entries` then says what it is.
Both must give the same event, which a property test holds them to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.events import ChatMessage
from gateway.platforms.goofish.fields import SUFFIX, query
from gateway.platforms.goofish.messages import TEXT, decode_text
from gateway.platforms.goofish.payload import BROKEN, MAX_CHARS, unpack_msgpack

_UNLIKE = (KeyError, IndexError, TypeError, AttributeError, *BROKEN)
_convert = msgspec.convert
_ITEM = "?itemId="
_ITEM_CHARS = len(_ITEM)


def quick_text(
    data: str, account: str, user_id: str | None, received_at_ms: int, lane_seq: int | None
) -> ChatMessage | None:
    """Give the event of an ordinary text, or None if the entry may be anything else."""
    if len(data) > MAX_CHARS:
        return None
    try:
        value: Any = unpack_msgpack(_convert(data, bytes))
        message = value[1]
        body = message[6].get(3)
        extension = message[10]
        content_type = body[4]
        content = body[5]
        summary = body[2]
        message_id = message[3]
        created_ms = message[5]
        sender_id = message[1].get(1).removesuffix(SUFFIX)
        conversation_id = message[2].removesuffix(SUFFIX)
        nick = extension["reminderTitle"]
        url = extension["reminderUrl"]
        tag = extension["bizTag"]
        more = extension["extJson"]
        if (
            type(value) is not dict
            or type(message) is not dict
            or type(body) is not dict
            or type(content_type) is not int
            or type(created_ms) is not int
            or type(content) is not str
            or type(summary) is not str
            or type(message_id) is not str
            or type(nick) is not str
            or content_type != TEXT
            or not (message_id and sender_id and conversation_id and nick)
            # Anything that smells of an order, or hides behind an escape.
            or "redReminder" in extension
            or "C2C:" in tag
            or "\\" in tag
            or "msgArg1" in more
            or "\\" in more
        ):
            return None
        text = decode_text(content).text.text
        start = url.find(_ITEM) + _ITEM_CHARS
        end = url.find("&", start)
        item_id = url[start:end] if _ITEM_CHARS <= start < end else query(url, "itemId")
    except _UNLIKE:
        return None
    return ChatMessage(
        "text",
        message_id,
        sender_id,
        nick,
        text,
        summary,
        TEXT,
        item_id,
        account=account,
        event_id=f"{account}/{message_id}",
        conversation_id=conversation_id,
        lane_seq=lane_seq,
        occurred_at_ms=created_ms,
        received_at_ms=received_at_ms,
        own=sender_id == user_id,
        raw=data,
    )
