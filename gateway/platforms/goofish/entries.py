"""From the ``data`` text of a package entry to its event (protocol 12, 13).

Entries are told apart by their shape, which holds for a bare entry too; shapes overlap,
so the type of a field decides, not the set of keys (protocol 12.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from actors.values import Event
from gateway.events import (
    OrderStatusChanged,
    PlatformEvent,
    SystemNotification,
    UndecodableEvent,
    UnknownEvent,
    UserInteraction,
)
from gateway.platforms.goofish.fields import at, ident, integer, plain_id, query, session_type, text
from gateway.platforms.goofish.identity import Arrival, about_message, by_content
from gateway.platforms.goofish.messages import message_event, pushed_message
from gateway.platforms.goofish.order_words import is_unknown, of_reminder
from gateway.platforms.goofish.orders import read_trade
from gateway.platforms.goofish.payload import UndecodableError, unpack
from gateway.platforms.goofish.subtypes import (
    AROUSE,
    EXTENSION,
    MARKER,
    ORDER,
    READ,
    REMINDER,
    TYPING,
    UNDECODABLE,
    UNKNOWN,
)


def read_entry(data: str, arrival: Arrival) -> PlatformEvent:
    """Decode a ``data`` text. Never raises."""
    try:
        value, _ = unpack(data)
    except UndecodableError as error:
        return undecodable(str(error), data, arrival)
    return read_value(value, data, arrival)


def read_value(value: Any, data: str, arrival: Arrival) -> PlatformEvent:
    """Return the event of a decoded entry; ``data`` is the text it came from."""
    message = pushed_message(value)
    if message is not None:
        return message_event(message, data, arrival)
    return (
        _arouse(value, data, arrival)
        or _about_messages(value, data, arrival)
        or _about_conversation(value, data, arrival)
        or UnknownEvent(
            **base(arrival, data),
            event_id=by_content(arrival, UNKNOWN, data),
            weak_id=True,
            subtype=UNKNOWN,
        )
    )


def mentioned_by(event: PlatformEvent) -> str | None:
    """Return the id of the message a marker speaks of (protocol 12.3); None: it is no marker."""
    return event.message_id if event.subtype == MARKER else None


def unknown_words(events: Sequence[Event]) -> tuple[str, ...]:
    """Return the words about orders that stand in no row of our table."""
    return tuple(
        event.order_text
        for event in events
        if type(event) is OrderStatusChanged
        and event.order_status is None
        and event.order_text is not None
        and is_unknown(event.order_text)
    )


def undecodable(
    reason: str, raw: str, arrival: Arrival, *, subtype: str = UNDECODABLE, repeats: bool = False
) -> UndecodableEvent:
    """Return the event of something that cannot be read; it keeps all of it.

    Args:
        reason: Why, safe to log.
        raw: What came.
        arrival: Where it came in.
        subtype: Finer than undecodable.
        repeats: It says so little that two equal ones are two.
    """
    return UndecodableEvent(
        **base(arrival, raw),
        event_id=by_content(arrival, subtype, raw, repeats=repeats or not raw),
        weak_id=True,
        subtype=subtype,
        reason=reason,
    )


class _Base(TypedDict):
    account: str
    lane_seq: int | None
    received_at_ms: int
    recovered: bool
    raw: str


def base(arrival: Arrival, raw: str) -> _Base:
    """Return the fields that any event has, whatever it is."""
    return {
        "account": arrival.account,
        "lane_seq": arrival.lane_seq,
        "received_at_ms": arrival.received_at_ms,
        "recovered": arrival.recovered,
        "raw": raw,
    }


def _about_messages(value: Any, data: str, arrival: Arrival) -> PlatformEvent | None:
    """Read receipts, typing and extension updates: field 1 is no conversation."""
    first = at(value, 1)
    if type(first) is list and first:
        if text(first[0]):
            return _read_many(value, data, arrival)
        return _typing(first, data, arrival)
    if not text(first):
        return None
    if type(at(value, 4)) is dict and text(at(value, 2)):
        return _extension_update(value, data, arrival)
    if integer(at(value, 2)) is not None and text(at(value, 4)) and at(value, 6) is not None:
        return _read_one(value, data, arrival)
    return None


def _read_one(value: Any, data: str, arrival: Arrival) -> PlatformEvent:
    message_id = at(value, 1)
    when = integer(at(value, 6))
    return UserInteraction(
        **base(arrival, data),
        event_id=about_message(arrival, message_id, "read", integer(at(value, 2)), when),
        subtype=READ,
        message_id=message_id,
        conversation_id=ident(at(value, 4)),
        occurred_at_ms=when,
    )


def _read_many(value: Any, data: str, arrival: Arrival) -> PlatformEvent | None:
    if not text(at(value, 3)):
        return None
    conversation_id = ident(at(value, 3))
    when = integer(at(value, 5))
    return UserInteraction(
        **base(arrival, data),
        event_id=by_content(arrival, READ, conversation_id, when, data),
        weak_id=True,
        subtype=READ,
        conversation_id=conversation_id,
        occurred_at_ms=when,
    )


def _typing(signals: list[Any], data: str, arrival: Arrival) -> PlatformEvent | None:
    conversation_id = ident(at(signals[0], 1))
    if conversation_id is None:
        return None
    return UserInteraction(
        **base(arrival, data),
        event_id=by_content(arrival, TYPING, data, repeats=True),
        weak_id=True,
        subtype=TYPING,
        conversation_id=conversation_id,
    )


def _extension_update(value: Any, data: str, arrival: Arrival) -> PlatformEvent:
    extension = at(value, 4)
    message_id = at(value, 1)
    conversation_id = ident(at(value, 2))
    when = integer(at(value, 5))
    sender_id = ident(at(extension, "senderUserId"))
    summary = text(at(extension, "reminderContent"))
    trade = read_trade(extension, None, summary)
    kind = OrderStatusChanged if trade.marked else SystemNotification
    return kind(
        **base(arrival, data),
        event_id=by_content(arrival, "update", message_id, conversation_id, when, data),
        weak_id=True,
        subtype=EXTENSION,
        message_id=message_id,
        conversation_id=conversation_id,
        occurred_at_ms=when,
        own=arrival.user_id is not None and sender_id == arrival.user_id,
        sender_id=sender_id,
        summary=summary,
        item_id=query(at(extension, "reminderUrl"), "itemId"),
        order_id=trade.order_id,
        order_status=trade.status,
        red_reminder=trade.red_reminder,
        session_type=session_type(at(extension, "sessionType")),
        order_text=trade.words,
    )


def _about_conversation(value: Any, data: str, arrival: Arrival) -> PlatformEvent | None:
    """Red reminder, order context and marker share a key set; field 3 tells them apart."""
    told = at(value, 3)
    conversation_id = ident(at(value, 1))
    when = integer(at(value, 4))
    if conversation_id is None or when is None:
        return None
    if text(told):
        return SystemNotification(
            **base(arrival, data),
            event_id=about_message(arrival, told, "marker", when),
            subtype=MARKER,
            message_id=told,
            conversation_id=conversation_id,
            occurred_at_ms=when,
        )
    reminder = text(at(told, "redReminder")) or None
    order_id = plain_id(at(told, "orderId"))
    if reminder is None and order_id is None:
        return None
    subtype = ORDER if reminder is None else REMINDER
    return OrderStatusChanged(
        **base(arrival, data),
        event_id=by_content(arrival, subtype, conversation_id, when, data),
        weak_id=True,
        subtype=subtype,
        conversation_id=conversation_id,
        occurred_at_ms=when,
        item_id=plain_id(at(told, "itemId")),
        order_id=order_id,
        order_status=of_reminder(reminder),
        red_reminder=reminder,
    )


def _arouse(value: Any, data: str, arrival: Arrival) -> PlatformEvent | None:
    operation = at(value, "operation")
    arouse = at(operation, "content", "sessionArouse")
    if arouse is None:
        return None
    session = at(operation, "sessionInfo")
    when = integer(at(arouse, "sessionArouseInfo", "arouseTimeStamp"))
    if when is None:
        when = integer(at(session, "createTime"))
    conversation_id = ident(at(value, "sessionId")) or ident(at(session, "sessionId"))
    return SystemNotification(
        **base(arrival, data),
        # The same ones come again at every connection (protocol 8).
        event_id=by_content(arrival, AROUSE, conversation_id, when, data),
        weak_id=True,
        subtype=AROUSE,
        conversation_id=conversation_id,
        occurred_at_ms=when,
        item_id=plain_id(at(session, "extensions", "itemId")),
        order_id=plain_id(at(session, "extensions", "orderId")),
        session_type=session_type(at(session, "sessionType")),
    )
