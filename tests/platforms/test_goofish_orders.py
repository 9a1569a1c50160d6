"""Order words: which state, which order, and whom to believe (protocol 12, 13)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.platforms.goofish.orders import Trade, read_trade


def trade(
    summary: str | None = None,
    *,
    source: str = "C2C:t1",
    key: str | None = None,
    reminder: str | None = None,
    button: Any = None,
    target: str | None = None,
) -> Trade:
    """Read the trade marks of a card."""
    more = {"msgArg1": "MsgCard"} | ({"updateKey": key} if key else {})
    extension = {
        "bizTag": json.dumps({"sourceId": source}),
        "extJson": json.dumps(more if source.startswith("C2C") else {}),
    } | ({"redReminder": reminder} if reminder else {})
    main = {"exContent": {"button": button}, "targetUrl": target}
    return read_trade(extension, {"dxCard": {"item": {"main": main}}}, summary)


@pytest.mark.parametrize(
    ("summary", "status"),
    [
        ("[我已拍下，待付款]", "unpaid"),
        ("我已修改价格，等待你付款", "unpaid"),
        ("【买家已付款】", "paid"),
        ("我已小刀，待刀成", "bargaining"),
        ("我已成功小刀，待发货", "paid"),
        ("你已发货", "shipped"),
        ("[买家确认收货，交易成功]", "done"),
        ("我发起了退款申请", "refund_asked"),
        ("[退款成功，钱款已原路退返]", "closed"),
        ("我完成了评价", None),
        (None, None),
    ],
)
def test_words_of_cards(summary: str | None, status: str | None) -> None:
    assert trade(summary).status == status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("已同意", "refunding"),
        ("已撤销", "refund_withdrawn"),
        ("已拒绝", None),
        ("去处理", "refund_asked"),
    ],
)
def test_button_decides_about_a_refund(text: str, status: str | None) -> None:
    assert trade("我发起了退款申请", button={"text": text}).status == status


@pytest.mark.parametrize(
    ("reminder", "status"),
    [
        ("等待买家付款", "unpaid"),
        ("等待卖家发货", "paid"),
        ("等待买家收货", "shipped"),
        ("交易成功", "done"),
        ("交易关闭", "closed"),
        ("有新交易评价", None),
    ],
)
def test_reminder_words(reminder: str, status: str | None) -> None:
    found = trade("随便", source="S:1", reminder=reminder)
    assert (found.marked, found.status, found.red_reminder) == (True, status, reminder)


def test_anybody_can_type_the_words() -> None:
    """A buyer who types them must not make the gateway ship (protocol 13)."""
    assert trade("我已付款，等待你发货", source="S:1") == Trade()


def test_reminder_goes_before_words_of_a_person() -> None:
    assert trade("退款成功，钱款已原路退返", source="S:1", reminder="等待卖家发货").status == "paid"


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        ("1_not_pay_seller", "unpaid"),
        ("64:TRADE_PAID_DONE_SELLER:26", "paid"),
        ("2:TRADE_MODIFY_FEE_BUYER:26", "unpaid"),
        ("BUYER_CREATE_ORDER", "unpaid"),
        ("10:BUYER_RATE_SELLER:26", None),
    ],
)
def test_stage_is_the_last_resort(stage: str, status: str | None) -> None:
    found = trade("新词", key=f"5:77:{stage}")
    assert (found.marked, found.status, found.order_id) == (True, status, "77")


def test_order_id_in_the_order_of_the_protocol() -> None:
    button = {"targetUrl": "f://x?orderId=3&id=4&bizOrderId=2"}
    assert trade(button=button, target="f://o?id=5&role=Seller", key="1:6:x").order_id == "2"
    assert trade(button={"targetUrl": "f://x?id=4&orderId=3"}).order_id == "3"
    assert trade(button={"targetUrl": "f://x?id=4"}, target="f://o?id=5").order_id == "4"
    assert trade(target="f://o?role=buyer&id=5", key="1:6:x").order_id == "5"
    assert trade(key="1:6:x").order_id == "6"
    assert trade(key="1").order_id is None
    assert trade(target="f://o?id=abc").order_id is None
    assert trade().order_id is None


def test_role_keeps_its_spelling() -> None:
    assert trade(target="f://o?id=5&role=Seller").role == "Seller"
    assert trade(button={"targetUrl": "f://o?id=5&role=buyer"}).role == "buyer"
    assert trade(target="f://o?id=5&role=").role is None


def test_made_by_trade_without_meaning_is_no_mark() -> None:
    """`快给ta一个评价吧~` comes as MsgTips and is no order event."""
    assert not trade("快给ta一个评价吧~").marked
