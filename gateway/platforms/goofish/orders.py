"""Orders as cards, tips and reminders tell them (protocol 12.1, 12.2, 13)."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.platforms.goofish.fields import at, ident, query, text
from gateway.platforms.goofish.payload import mending, unpack_json

TIP = 14
TRADE_CARD = 26
DYNAMIC_CARD = 32

_BY_REMINDER = {
    "等待买家付款": "unpaid",
    "等待卖家发货": "paid",
    "等待买家收货": "shipped",
    "交易成功": "done",
    "交易关闭": "closed",
}

_BY_TEXT = {
    "我已拍下，待付款": "unpaid",
    "我已修改价格，等待你付款": "unpaid",
    "我已付款，等待你发货": "paid",
    "已付款，待发货": "paid",
    "买家已付款": "paid",
    "付款完成": "paid",
    "记得及时发货": "paid",
    "我已小刀，待刀成": "bargaining",
    "我已成功小刀，待发货": "paid",
    "你已发货": "shipped",
    "你已发货，请等待买家确认收货": "shipped",
    "记得及时确认收货": "shipped",
    "买家确认收货，交易成功": "done",
    "你已确认收货，交易成功": "done",
    "我发起了退款申请": "refund_asked",
    "退款成功，钱款已原路退返": "closed",
    "你关闭了订单，钱款已原路退返": "closed",
    "未付款，买家关闭了订单": "closed",
}

_BY_REFUND_BUTTON = {"已同意": "refunding", "已撤销": "refund_withdrawn", "已拒绝": None}

_BY_STAGE = {
    "not_pay": "unpaid",
    "BUYER_CREATE_ORDER": "unpaid",
    "TRADE_MODIFY_FEE": "unpaid",
    "TRADE_PAID_DONE": "paid",
}


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What an entry says about an order.

    Attributes:
        marked: Made by the trade system, so that its words can be believed; anybody can
            type them (protocol 13).
    """

    marked: bool = False
    order_id: str | None = None
    status: str | None = None
    red_reminder: str | None = None
    role: str | None = None


def order_status(reminder: str | None) -> str | None:
    """Give the state a ``redReminder`` word stands for."""
    return _BY_REMINDER.get(reminder) if reminder else None


def read_trade(extension: Any, content: Any, summary: str | None) -> Trade:
    """Read the order marks of a message or of the update of one.

    Args:
        extension: The extension map (protocol 12.1).
        content: The decoded content JSON, or None.
        summary: The line for display.
    """
    reminder = text(at(extension, "redReminder")) or None
    key = update_key(extension)
    main = _card(content)
    button = at(main, "exContent", "button")
    made_by_trade = _made_by_trade(extension)
    told = _told(summary, text(at(button, "text")))
    status = told if made_by_trade else None
    status = status or order_status(reminder) or (told if reminder else None)
    if status is None and made_by_trade:
        status = _stage(key)
    return Trade(
        marked=reminder is not None or (made_by_trade and (key is not None or status is not None)),
        order_id=_order_id(main, button, key),
        status=status,
        red_reminder=reminder,
        role=query(at(main, "targetUrl"), "role") or query(at(button, "targetUrl"), "role"),
    )


def update_key(extension: Any) -> str | None:
    """Give ``<cid>:<order>:<stage>`` of a card."""
    return text(at(inner(at(extension, "extJson")), "updateKey")) or None


def task_name(extension: Any) -> str | None:
    """Give the readable label of a trade message, e.g. ``已拍下_未付款_卖家``."""
    return text(at(inner(at(extension, "bizTag")), "taskName"))


def inner(value: Any) -> Any:
    """Decode JSON that stands inside a text; None if it is none."""
    if type(value) is not str:
        return None
    try:
        return mending(unpack_json, value)
    except (ValueError, RecursionError):
        return None


def _made_by_trade(extension: Any) -> bool:
    source = text(at(inner(at(extension, "bizTag")), "sourceId")) or ""
    return source.startswith("C2C:") or at(inner(at(extension, "extJson")), "msgArg1") in (
        "MsgCard",
        "MsgTips",
    )


def _card(content: Any) -> Any:
    changed = at(content, "dynamicOperation", "changeContent")
    return at(content if changed is None else changed, "dxCard", "item", "main")


def _told(summary: str | None, button: str | None) -> str | None:
    status = _BY_TEXT.get((summary or "").strip("[]【】 "))
    if status == "refund_asked" and button in _BY_REFUND_BUTTON:
        return _BY_REFUND_BUTTON[button]
    return status


def _stage(key: str | None) -> str | None:
    stage = key.partition(":")[2].partition(":")[2] if key else ""
    return next((status for mark, status in _BY_STAGE.items() if mark in stage), None)


def _order_id(main: Any, button: Any, key: str | None) -> str | None:
    url = at(button, "targetUrl")
    found = (
        query(url, "bizOrderId")
        or query(url, "orderId")
        or query(url, "id")
        or query(at(main, "targetUrl"), "id")
        or (key.split(":")[1] if key and ":" in key else None)
    )
    return ident(found) if found and found.isdigit() else None
