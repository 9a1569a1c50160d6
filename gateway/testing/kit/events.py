"""Events made by hand, for tests of handlers: no frame, no platform, no network."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from gateway.events import (
    ChatMessage,
    OrderStatusChanged,
    PlatformEvent,
    SystemNotification,
    UserInteraction,
)

ACCOUNT: Final = "shop-a"
"""The account of an event unless told."""

_BEGAN_MS: Final = 1_700_000_000_000
_numbers = count(1)


def _fields(subtype: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return what every event has; ids are new each time, times grow with them."""
    number = next(_numbers)
    account = more.get("account", ACCOUNT)
    known = {
        "account": account,
        "event_id": f"{account}/test-{number}",
        "message_id": f"{number}.PNM",
        "conversation_id": "50000000001",
        "lane_seq": number,
        "occurred_at_ms": _BEGAN_MS + number,
        "received_at_ms": _BEGAN_MS + number,
        "sender_id": "3301",
        "sender_nick": "测试买家",
        "subtype": subtype,
        "raw": f"test-{number}",
    }
    return known | more


def chat(text: str = "还在吗？", **fields: Any) -> ChatMessage:
    """Return a message of a customer.

    Args:
        text: What it says.
        fields: Any field of :class:`~gateway.events.PlatformEvent`, e.g. ``sender_id``,
            ``conversation_id``, ``own=True``, ``redelivered=True``.

    Raises:
        TypeError: ``text`` is no ``str``, or there is no such field.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    return ChatMessage(**_fields("text", {"text": text, "summary": text, **fields}))


def picture(**fields: Any) -> ChatMessage:
    """Return a picture of a customer."""
    return ChatMessage(**_fields("image", {"summary": "[图片]", **fields}))


def order(order_status: str = "unpaid", **fields: Any) -> OrderStatusChanged:
    """Return an order that moved; ``order_status`` as on :class:`~gateway.events.PlatformEvent`."""
    known = {"order_status": order_status, "order_id": "2500000000001", "role": "seller"}
    return OrderStatusChanged(**_fields("trade_card", {**known, **fields}))


def interaction(subtype: str = "typing", **fields: Any) -> UserInteraction:
    """Return somebody who reads or types."""
    return UserInteraction(**_fields(subtype, fields))


def notification(summary: str = "平台通知", **fields: Any) -> SystemNotification:
    """Return a word of the platform's own."""
    return SystemNotification(**_fields("notice", {"summary": summary, **fields}))


def of_account(event: PlatformEvent, account: str) -> PlatformEvent:
    """Return the same event for another account."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**fields | {"account": account})
