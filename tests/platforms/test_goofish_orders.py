"""Order words: which state, which order, and whom to believe (protocol 12, 13)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.events import OrderStatusChanged
from gateway.platforms.goofish import decode_entry
from gateway.platforms.goofish.order_words import ALONG, TABLE
from gateway.platforms.goofish.orders import Trade, read_trade
from tests.platforms.goofish_captures import chat_value, new_session


def trade(
    summary: str | None = None,
    *,
    source: str = "C2C:t1",
    key: str | None = None,
    reminder: str | None = None,
    button: Any = None,
    target: str | None = None,
    title: str | None = None,
    task: str | None = None,
    **also: Any,
) -> Trade:
    """Read the trade marks of a card; ``also`` are fields of its extension."""
    more = {"msgArg1": "MsgCard"} | ({"updateKey": key} if key else {})
    extension = {
        "bizTag": json.dumps({"sourceId": source} | ({"taskName": task} if task else {})),
        "extJson": json.dumps(more if source.startswith("C2C") else {}),
    } | ({"redReminder": reminder} if reminder else {})
    extension |= also
    main = {"exContent": {"button": button, "title": title}, "targetUrl": target}
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
        ("[买家申请退款]", "refund_asked"),
        ("[卖家同意退款]", "refunding"),
        ("已发货", "shipped"),
        ("买家已确认收货,交易成功", "done"),
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


def test_every_row_has_a_state_we_know_and_no_text_stands_twice() -> None:
    rows = [(source, text) for source, text, _ in TABLE]
    assert len(rows) == len(set(rows))
    assert {status for _, _, status in TABLE} <= {*ALONG, None}


@pytest.mark.parametrize(
    "place",
    [
        {"reminderContent": "[我已付款，等待你发货]"},
        {"detailNotice": "我已付款，等待你发货"},
        {"title": "我已付款，等待你发货"},
        {"reminderTitle": "买家已付款"},
        {"task": "已付款_未发货_卖家"},
        {"key": "5:77:64:TRADE_PAID_DONE_SELLER:26"},
        {"_CONTENT_MAP_UPDATE_PRE_dxCard.item.main.exContent.title": "买家已付款"},
        {"_CONTENT_MAP_UPDATE_PRE_dxCard.item.main.exContent.title": '"买家已付款"'},
    ],
)
def test_paid_order_is_told_beside_a_stale_reminder(place: dict[str, str]) -> None:
    """Who ships by our word must not wait for ever because the reminder lags behind."""
    found = trade("[卡片消息]", reminder="等待买家付款", **place)
    assert (found.status, found.red_reminder) == ("paid", "等待买家付款")


@pytest.mark.parametrize(
    ("task", "status"),
    [
        ("提醒发货已发货_卖家", "shipped"),
        ("已拍下_未付款_买家", "unpaid"),
        ("买家申请退款_卖家", "refund_asked"),
        ("买家关闭订单_卖家", "closed"),
        ("新任务_卖家", None),
        (None, None),
    ],
)
def test_label_of_the_task(task: str | None, status: str | None) -> None:
    assert trade("[卡片消息]", task=task).status == status


def test_words_of_the_message_go_before_what_may_be_old() -> None:
    found = trade("[已付款，待发货]", task="已拍下_未付款_卖家", key="5:77:1_not_pay_seller")
    assert (found.status, found.words) == ("paid", "[已付款，待发货]")
    # A new order in the conversation of one that was closed.
    assert trade("我已拍下，待付款", reminder="交易关闭").status == "unpaid"


@pytest.mark.parametrize("tag", [{"taskName": "已拍下_未付款_卖家"}, {}])
def test_update_without_a_source(tag: dict[str, str]) -> None:
    """As published: it says that the order is paid, and its reminder that it is not."""
    extension = {
        "reminderContent": "[已付款，待发货]",
        "redReminder": "等待买家付款",
        "bizTag": json.dumps(tag),
        "extJson": json.dumps({"contentType": "26"}),
    }
    value = {"1": "3561803398877.PNM", "2": "5@goofish", "3": 1, "4": extension}
    event = decode_entry(json.dumps(value))
    assert isinstance(event, OrderStatusChanged)
    assert (event.order_status, event.order_text) == ("paid", "[已付款，待发货]")


def test_button_of_an_update_decides_about_a_refund() -> None:
    part = "_CONTENT_MAP_UPDATE_PRE_dxCard.item.main.exContent.button"
    button = {part: json.dumps({"text": "已同意", "targetUrl": "f://x?orderId=12"})}
    found = trade("我发起了退款申请", **button)
    assert (found.status, found.order_id) == ("refunding", "12")


def test_refund_that_was_refused_leaves_the_state_to_the_reminder() -> None:
    refused: dict[str, Any] = {"button": {"text": "已拒绝"}, "task": "买家申请退款_卖家"}
    assert trade("我发起了退款申请", **refused, reminder="等待卖家发货").status == "paid"
    assert trade("我发起了退款申请", **refused).status is None


def test_words_nobody_knows_are_kept_and_counted_and_not_guessed_at() -> None:
    """A new word of the platform: a person must see it, and no state may be made up."""
    extension = chat_value()[1][10] | {
        "bizTag": json.dumps({"sourceId": "C2C:1", "taskName": "x"}),
        "extJson": json.dumps({"msgArg1": "MsgCard", "updateKey": "5:77:new"}),
    }
    content = json.dumps({"dxCard": {"item": {"main": {"exContent": {"title": "订单已签收"}}}}})
    body: dict[int, Any] = {2: "[卡片消息]", 4: 26, 5: content}
    entry = json.dumps(chat_value(f6={1: 101, 3: body}, f10=extension))
    push = {"lwp": "/s/sync", "headers": {"mid": "a 0"}}
    for package in ({"data": [{"data": entry}]}, {"data": [{"data": entry}, {}]}):
        frame = json.dumps(push | {"body": {"syncPushPackage": package}})
        decoded = new_session().decode(frame, received_at_ms=1)
        event = decoded.events[0]
        assert isinstance(event, OrderStatusChanged)
        assert (event.order_status, event.order_text) == (None, "订单已签收")
        assert decoded.strange == ("订单已签收",)
    body[5] = content.replace(json.dumps("订单已签收"), json.dumps("卡片消息"))
    entry = json.dumps(chat_value(f6={1: 101, 3: body}, f10=extension))
    frame = json.dumps(push | {"body": {"syncPushPackage": {"data": [{"data": entry}]}}})
    assert new_session().decode(frame, received_at_ms=1).strange == ()


def test_tip_and_card_under_a_persons_source() -> None:
    """Nobody types a card or a tip; the reminder beside it goes first all the same."""
    extension = {"bizTag": '{"sourceId":"S:1"}', "redReminder": "有新交易评价"}
    tip = {"tip": {"tip": "交易成功"}}
    assert read_trade(extension, tip, None).status == "done"
    assert read_trade(extension, {"text": {"text": "交易成功"}}, "交易成功").status is None
