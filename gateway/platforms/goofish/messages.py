"""The one normal form of a message, whichever way it came (protocol 12.1, 15).

A push and a history model become the same :class:`Message` and so the same event.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.events import OrderStatusChanged, PlatformEvent
from gateway.platforms.goofish.fields import at, ident, integer, plain_id, query, session_type, text
from gateway.platforms.goofish.identity import Arrival, by_content, of_message
from gateway.platforms.goofish.orders import Trade, inner, read_trade
from gateway.platforms.goofish.payload import check_depth
from gateway.platforms.goofish.subtypes import TEXT, of_content


class _Text(msgspec.Struct, frozen=True, gc=False):
    text: str


class _TextContent(msgspec.Struct, frozen=True, gc=False):
    text: _Text


_decode_text = msgspec.json.Decoder(_TextContent).decode


def decode_text(content: str) -> _TextContent:
    """Decode the content of a text.

    Raises:
        ValueError: It holds none.
        RecursionError: It is nested too deeply.
    """
    check_depth(content)
    return _decode_text(content)


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message as push and history tell it; nothing is taken as given."""

    sender_id: str | None
    conversation_id: str | None
    message_id: str | None
    created_ms: int | None
    summary: str | None
    content_type: int | None
    content: str | None
    extension: Any
    need_push: str | None


def pushed_message(value: Any) -> Message | None:
    """Read the map of a push (protocol 12.1); None if it is no message."""
    message = at(value, 1)
    body = at(message, 6, 3)
    conversation_id = ident(at(message, 2))
    message_id = plain_id(at(message, 3))
    if type(body) is not dict or not (conversation_id or message_id):
        return None
    extension = at(message, 10)
    return Message(
        sender_id=ident(at(message, 1, 1)),
        conversation_id=conversation_id,
        message_id=message_id,
        created_ms=integer(at(message, 5)),
        summary=_summary(at(body, 2), extension),
        content_type=integer(at(body, 4)),
        content=_content(text(at(body, 5)) or text(at(body, 1))),
        extension=extension,
        need_push=text(at(value, 3, "needPush")),
    )


def history_message(model: Any) -> Message | None:
    """Read one of ``userMessageModels[]`` (protocol 15); None if it is no message."""
    message = at(model, "message")
    custom = at(message, "content", "custom")
    conversation_id = ident(at(message, "cid"))
    message_id = plain_id(at(message, "messageId"))
    if type(custom) is not dict or not (conversation_id or message_id):
        return None
    extension = at(message, "extension")
    return Message(
        sender_id=ident(at(message, "sender", "uid")),
        conversation_id=conversation_id,
        message_id=message_id,
        created_ms=integer(at(message, "createAt")),
        summary=_summary(at(custom, "summary"), extension),
        content_type=integer(at(custom, "type")),
        content=_content(text(at(custom, "data"))),
        extension=extension,
        need_push=text(at(model, "userExtension", "needPush")),
    )


def message_event(message: Message, raw: str, arrival: Arrival) -> PlatformEvent:
    """Turn a message into its event, by the classes of protocol 13."""
    content = inner(message.content)
    content_type = message.content_type
    if content_type is None:
        content_type = integer(at(content, "contentType"))
    extension = message.extension
    trade = read_trade(extension, content, message.summary)
    subtype, usual = of_content(content_type)
    kind, nick, trade = _classify(usual, extension, trade)
    strong = message.message_id is not None
    return kind(
        account=arrival.account,
        event_id=of_message(arrival, message.message_id)
        if message.message_id is not None
        else by_content(arrival, "message", message.conversation_id, message.created_ms, raw),
        weak_id=not strong,
        conversation_id=message.conversation_id,
        lane_seq=arrival.lane_seq,
        occurred_at_ms=message.created_ms,
        received_at_ms=arrival.received_at_ms,
        own=arrival.user_id is not None and message.sender_id == arrival.user_id,
        recovered=arrival.recovered,
        raw=raw,
        subtype=subtype,
        message_id=message.message_id,
        sender_id=message.sender_id,
        sender_nick=nick,
        text=_written(message.content) if content_type == TEXT else None,
        summary=message.summary,
        content_type=content_type,
        item_id=query(at(extension, "reminderUrl"), "itemId"),
        order_id=trade.order_id,
        order_status=trade.status,
        red_reminder=trade.red_reminder,
        role=trade.role,
        session_type=session_type(at(extension, "sessionType")),
        order_text=trade.words,
    )


def _classify(
    usual: type[PlatformEvent], extension: Any, trade: Trade
) -> tuple[type[PlatformEvent], str | None, Trade]:
    """Return the class, the sender's nick and what of the order marks counts."""
    if trade.marked or usual is OrderStatusChanged:
        # The title of a trade entry is a heading, not a name (protocol 12.1).
        return OrderStatusChanged, None, trade
    nick = text(at(extension, "reminderTitle")) or text(at(extension, "senderNick")) or None
    return usual, nick, Trade()


def _summary(value: Any, extension: Any) -> str | None:
    found = text(value)
    return text(at(extension, "reminderContent")) if found is None else found


def _written(content: str | None) -> str | None:
    """Return the text of a text message; None if its JSON is damaged."""
    try:
        return decode_text(content or "").text.text
    except (ValueError, RecursionError):
        return text(at(inner(content), "text"))  # some clients write it without its wrapper


def _content(told: str | None) -> str | None:
    """Return the content as JSON text; history has it in base64, and some pushes do."""
    if not told or told.lstrip().startswith("{"):
        return told
    try:
        return msgspec.convert(told, bytes).decode()
    except ValueError:
        return told
