"""Wire shapes of orders: trade cards, their updates, red reminders (``protocol.md`` 12, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.testing.platform.packing import Packable
from gateway.testing.platform.shapes import (
    DOMAIN,
    EXTENSION_UPDATE,
    MESSAGE,
    Entry,
    Message,
    entry_from,
    json_text,
)

_CARD = 26
_TEMPLATE = "idlefish_message_trade_chat_card"
_TEMPLATE_VERSION = "1667222052767"
_UPGRADE = (
    "https://h5.m.goofish.com/app/idleFish-F2e/fm-downlaod/home.html"
    "?noRedriect=true&canBack=true&checkVersion=true"
)


class Stage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a trade card says at one stage of an order (``protocol.md`` 12.2, 13)."""

    title: str
    desc: str
    button: str
    button_url: str
    heading: str
    task: str
    update_key: str
    reminder: str
    style: str


_LOGISTICS = (
    "https://h5.m.goofish.com/wow/moyu/moyu-project/idle-logistics/pages/noPostageRequired"
    "?kun=true&opaque=false&orderId={order_id}"
)
OrderStage = Literal["placed", "paid", "closed", "done"]
STAGES: Mapping[OrderStage, Stage] = {
    "placed": Stage(
        title="我已拍下，待付款",
        desc="请双方沟通及时确认价格",
        button="修改价格",
        button_url="fleamarket://adjust_price?flutter=true&bizOrderId={order_id}",
        heading="买家已拍下，待付款",
        task="已拍下_未付款_卖家",
        update_key="1_not_pay_seller",
        reminder="等待买家付款",
        style="1",
    ),
    "paid": Stage(
        title="我已付款，等待你发货",
        desc="请按约定处理",
        button="去发货",
        button_url=_LOGISTICS,
        heading="买家已付款",
        task="已付款_未发货_卖家",
        update_key="64:TRADE_PAID_DONE_SELLER:26",
        reminder="等待卖家发货",
        style="1",
    ),
    "closed": Stage(
        title="未付款，买家关闭了订单",
        desc="订单已关闭",
        button="查看详情",
        button_url="fleamarket://order_detail?id={order_id}&role=seller",
        heading="交易消息",
        task="买家关闭订单_卖家",
        update_key="3:TRADE_CLOSED_SELLER:26",
        reminder="交易关闭",
        style="11",
    ),
    "done": Stage(
        title="买家确认收货，交易成功",
        desc="快给ta一个评价吧~",
        button="去评价",
        button_url="fleamarket://order_detail?id={order_id}&role=seller",
        heading="交易消息",
        task="交易成功_卖家",
        update_key="10:BUYER_RATE_SELLER:26",
        reminder="交易成功",
        style="10",
    ),
}


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the shapes of an order need; ``task_id`` and ``group`` are opaque to all."""

    order_id: str
    conversation_id: str
    item_id: str
    buyer_id: str
    seller_id: str
    business_id: str
    task_id: str = "3exQJHOTmPU1"
    group: str = "3exQJHOTmPU1_JSdiJGsWZPKt"
    masked_nick: str = ""


def card_content(order: Order, stage: Stage) -> str:
    """Return content type 26."""
    args = {"source": "im", "task_id": order.task_id, "msg_id": order.business_id}
    button = {
        "bgColor": "#FFE60F",
        "borderColor": "#FFE60F",
        "clickParam": {"arg1": "MsgCardAction", "args": args},
        "fontColor": "#333333",
        "targetUrl": stage.button_url.format(order_id=order.order_id),
        "text": stage.button,
    }
    main = {
        "clickParam": {"arg1": "MsgCard", "args": args},
        "exContent": {
            "bgColor": "#FFFFFF",
            "button": button,
            "desc": stage.desc,
            "descColor": "#A3A3A3",
            "title": stage.title,
            "upgrade": {"targetUrl": _UPGRADE, "version": "7.7.90"},
        },
        "targetUrl": f"fleamarket://order_detail?id={order.order_id}&role=seller",
    }
    template = {
        "name": _TEMPLATE,
        "url": f"https://dinamicx.alibabausercontent.com/pub/{_TEMPLATE}/{_TEMPLATE_VERSION}/"
        f"{_TEMPLATE}.zip",
        "version": _TEMPLATE_VERSION,
    }
    card = {"item": {"main": main}, "template": template}
    return json_text({"contentType": _CARD, "dxCard": card})


def card_extension(order: Order, stage: Stage) -> dict[str, str]:
    """Return field ``1.10`` of a trade card, keys in the captures' order."""
    task, business_id = order.task_id, order.business_id
    nick = f"&peerUserNick={order.masked_nick}" if order.masked_nick else ""
    channels = {
        "huawei": "EXPRESS",
        "xiaomi": "108000",
        "oppo": "EXPRESS",
        "honor": "NORMAL",
        "agoo": "product",
        "vivo": "ORDER",
    }
    summary = f"[{stage.title}]"
    return {
        "bizTag": json_text(
            {
                "sourceId": f"C2C:{task}",
                "taskName": stage.task,
                "materialId": task,
                "taskId": task,
            }
        ),
        "closePushReceiver": "false",
        "closeUnreadNumber": "false",
        "detailNotice": summary,
        "extJson": json_text(
            {
                "msgArgs": {"task_id": task, "source": "im", "msg_id": business_id},
                "quickReply": "1",
                "msgArg1": "MsgCard",
                "updateKey": f"{order.conversation_id}:{order.order_id}:{stage.update_key}",
                "messageId": business_id,
                "multiChannel": channels,
                "contentType": str(_CARD),
                "correlationGroupId": order.group,
            }
        ),
        "receiver": order.seller_id,
        "redReminder": stage.reminder,
        "redReminderStyle": stage.style,
        "reminderContent": summary,
        "reminderNotice": stage.heading,
        "reminderTitle": stage.heading,
        "reminderUrl": (
            f"fleamarket://message_chat?itemId={order.item_id}&peerUserId={order.buyer_id}{nick}"
            f"&sid={order.conversation_id}&messageId={business_id}&adv=no"
        ),
        "senderUserId": order.buyer_id,
        "senderUserType": "0",
        "sessionType": "1",
        "updateHead": "true",
    }


def card(order: Order, stage: Stage, *, message_id: str, created_at_ms: int) -> Message:
    """Return the message of a trade card."""
    return Message(
        message_id=message_id,
        conversation_id=order.conversation_id,
        sender_id=order.buyer_id,
        created_at_ms=created_at_ms,
        content=card_content(order, stage),
        content_type=_CARD,
        summary=f"[{stage.title}]",
        receivers=1,
        extension=card_extension(order, stage),
    )


def card_update(order: Order, stage: Stage, *, message_id: str, created_at_ms: int) -> Entry:
    """Return entry 40105: the extension of an older card changed."""
    button = {"bgColor": "#FFFFFF", "borderColor": "#CCCCCC", "text": stage.button}
    key = "_CONTENT_MAP_UPDATE_PRE_dxCard.item.main.exContent.button"
    extension = card_extension(order, stage) | {key: json_text(button)}
    value: Mapping[int, Packable] = {
        1: message_id,
        2: order.conversation_id + DOMAIN,
        3: 1,
        4: extension,
        5: created_at_ms,
    }
    return entry_from(value, EXTENSION_UPDATE, created_at_ms)


def red_reminder(conversation_id: str, stage: Stage, created_at_ms: int) -> Entry:
    """Return the order state of a conversation."""
    state = {"redReminder": stage.reminder, "redReminderStyle": stage.style}
    return entry_from({1: conversation_id + DOMAIN, 2: 1, 3: state, 4: created_at_ms}, MESSAGE,
                  created_at_ms)  # fmt: skip
