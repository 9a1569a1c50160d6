"""Facts of an entry that are rarely wanted, computed from ``raw`` on demand.

The names are those of the capture index. Nothing here runs on the path of a frame.
"""

from __future__ import annotations

from typing import Any

from actors.values import Event
from gateway.platforms.goofish.fields import at, ident, plain_id, text
from gateway.platforms.goofish.messages import Message, history_message, pushed_message
from gateway.platforms.goofish.orders import inner, task_name, update_key
from gateway.platforms.goofish.payload import UndecodableError, unpack
from gateway.platforms.goofish.subtypes import TEXT


def facts(event: Event) -> dict[str, Any]:
    """Return what the event's ``raw`` says beyond its fields; empty if it cannot be read.

    Names: ``encoding biz_message_id need_push platform session_type image_urls
    text_fallback update_key task_name red_reminder_style seller_action message_ids f2
    buyer_id seller_id signals account_id script_count receiver_ids read_status``. What
    does not apply is left out. Phone numbers of devices and addresses are never given.
    """
    try:
        value, encoding = unpack(event.raw if isinstance(event.raw, str) else event.raw.decode())
    except (UndecodableError, UnicodeDecodeError):
        return {}
    history = history_message(value)
    message = history or pushed_message(value)
    found: dict[str, Any] = {"encoding": encoding}
    if message is not None:
        found |= _of_message(message, event)
        found["read_status"] = at(value, "readStatus")
    else:
        found |= _of_receipt(value) | _of_conversation(value) | _of_arouse(value)
    return {name: fact for name, fact in found.items() if fact is not None}


def _of_message(message: Message, event: Event) -> dict[str, Any]:
    pictures = at(inner(message.content), "image", "pics")
    role = getattr(event, "role", None)
    unreadable = message.content_type == TEXT and getattr(event, "text", None) is None
    return {
        **_of_extension(message.extension),
        "need_push": message.need_push,
        "image_urls": [url for url in (text(at(one, "url")) for one in pictures) if url]
        if type(pictures) is list
        else None,
        "text_fallback": message.summary if unreadable else None,
        "seller_action": None if role is None else role.lower() == "seller",
    }


def _of_extension(extension: Any) -> dict[str, Any]:
    return {
        "biz_message_id": text(at(inner(at(extension, "bizTag")), "messageId"))
        or text(at(inner(at(extension, "extJson")), "messageId")),
        "platform": text(at(extension, "_platform")),
        "session_type": text(at(extension, "sessionType")),
        "update_key": update_key(extension),
        "task_name": task_name(extension),
        "red_reminder_style": text(at(extension, "redReminderStyle")),
    }


def _of_receipt(value: Any) -> dict[str, Any]:
    """Read receipts, updates and typing: what field 1 holds tells them apart."""
    first = at(value, 1)
    if type(first) is list:
        if first and type(first[0]) is str:
            return {"message_ids": [one for one in first if type(one) is str]}
        signals = [
            {
                "conversation_id": ident(at(one, 1)),
                "account_id": ident(at(one, 4)),
                "f2": at(one, 2),
                "f3": at(one, 3),
            }
            for one in first
        ]
        return {
            "signals": signals or None,
            "account_id": signals[0]["account_id"] if signals else None,
        }
    if type(at(value, 4)) is dict:
        return _of_extension(at(value, 4))
    if type(first) is str and type(at(value, 4)) is str:
        return {"message_ids": [first], "f2": at(value, 2)}
    return {}


def _of_conversation(value: Any) -> dict[str, Any]:
    told = at(value, 3)
    return {
        "red_reminder_style": text(at(told, "redReminderStyle")),
        "buyer_id": plain_id(at(told, "extUserId")),
        "seller_id": plain_id(at(told, "itemSellerId")),
    }


def _of_arouse(value: Any) -> dict[str, Any]:
    operation = at(value, "operation")
    scripts = at(operation, "content", "sessionArouse", "sessionArouseInfo", "arouseChatScriptInfo")
    receivers = at(operation, "receiverIds")
    return {
        "script_count": len(scripts) if type(scripts) is list else None,
        "receiver_ids": [ident(one) for one in receivers] if type(receivers) is list else None,
    }
