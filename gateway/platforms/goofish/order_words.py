"""Texts of the trade system about orders, and the states they stand for: data and look-ups.

A row is source, text, state. A state of None: the text is known and says nothing about the state.
Of the sources the words for people come first: they are new with each message. What is left, the
label of the task, the stage of the card and the red reminder, may be of an earlier moment, and none
is always the newest. What is stale lags behind, so of these the state furthest along counts.

No text is guessed at: one that stands in no row has no state, and is told as it came.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Source: TypeAlias = Literal["words", "task", "stage", "reminder", "button"]

TABLE: Final[tuple[tuple[Source, str, str | None], ...]] = (
    ("words", "我已拍下，待付款", "unpaid"),
    ("words", "你已拍下，待付款", "unpaid"),
    ("words", "买家已拍下，待付款", "unpaid"),
    ("words", "我已修改价格，等待你付款", "unpaid"),
    ("words", "等待买家付款", "unpaid"),
    ("words", "我已付款，等待你发货", "paid"),
    ("words", "你已付款，等待卖家发货", "paid"),
    ("words", "已付款，待发货", "paid"),
    ("words", "买家已付款", "paid"),
    ("words", "付款完成", "paid"),
    ("words", "记得及时发货", "paid"),
    ("words", "等待卖家发货", "paid"),
    ("words", "我已小刀，待刀成", "bargaining"),
    ("words", "我已成功小刀，待发货", "paid"),
    ("words", "已发货", "shipped"),
    ("words", "你已发货", "shipped"),
    ("words", "我已发货", "shipped"),
    ("words", "卖家已发货", "shipped"),
    ("words", "你已发货，请等待买家确认收货", "shipped"),
    ("words", "记得及时确认收货", "shipped"),
    ("words", "等待买家收货", "shipped"),
    ("words", "买家确认收货，交易成功", "done"),
    ("words", "买家已确认收货，交易成功", "done"),
    ("words", "你已确认收货，交易成功", "done"),
    ("words", "交易成功", "done"),
    ("words", "我发起了退款申请", "refund_asked"),
    ("words", "买家申请退款", "refund_asked"),
    ("words", "买家发起了退款申请", "refund_asked"),
    ("words", "卖家同意退款", "refunding"),
    ("words", "退款成功", "closed"),
    ("words", "退款成功，钱款已原路退返", "closed"),
    ("words", "你关闭了订单，钱款已原路退返", "closed"),
    ("words", "卖家关闭了订单，钱款已原路退返", "closed"),
    ("words", "未付款，买家关闭了订单", "closed"),
    ("words", "未付款，卖家关闭了订单", "closed"),
    ("words", "交易关闭", "closed"),
    ("words", "我完成了评价", None),
    ("words", "快给ta一个评价吧~", None),
    ("words", "卡片消息", None),
    ("words", "交易消息", None),
    ("task", "已拍下_未付款", "unpaid"),
    ("task", "已付款_未发货", "paid"),
    ("task", "已发货_未收货", "shipped"),
    ("task", "提醒发货已发货", "shipped"),
    ("task", "交易成功", "done"),
    ("task", "买家申请退款", "refund_asked"),
    ("task", "卖家同意退款", "refunding"),
    ("task", "退款成功", "closed"),
    ("task", "买家关闭订单", "closed"),
    ("task", "卖家关闭订单", "closed"),
    ("task", "交易关闭", "closed"),
    ("stage", "not_pay", "unpaid"),
    ("stage", "BUYER_CREATE_ORDER", "unpaid"),
    ("stage", "TRADE_MODIFY_FEE", "unpaid"),
    ("stage", "TRADE_PAID_DONE", "paid"),
    ("stage", "TRADE_SUCCESS", "done"),
    ("reminder", "等待买家付款", "unpaid"),
    ("reminder", "等待卖家发货", "paid"),
    ("reminder", "等待买家收货", "shipped"),
    ("reminder", "交易成功", "done"),
    ("reminder", "交易关闭", "closed"),
    ("reminder", "有新交易评价", None),
    # On the card of a refund that was asked for, the button says what became of it.
    ("button", "已同意", "refunding"),
    ("button", "已撤销", "refund_withdrawn"),
    ("button", "已拒绝", None),
)

ALONG: Final = (
    "bargaining", "unpaid", "paid", "shipped",
    "refund_withdrawn", "refund_asked", "refunding", "done", "closed",
)  # fmt: skip
"""The states in the order an order takes them."""

REFUND_ASKED: Final = "refund_asked"


def _of(source: Source) -> dict[str, str | None]:
    return {text: status for kind, text, status in TABLE if kind == source}


WORDS: Final = _of("words")
BUTTONS: Final = _of("button")
_TASKS: Final = _of("task")
_STAGES: Final = _of("stage")
_REMINDERS: Final = _of("reminder")
_ROLES: Final = ("_卖家", "_买家")


def plainly(words: str) -> str:
    """Return the words of a line as the table has them: no brackets, no ASCII comma."""
    return words.strip("[]【】「」 ").replace(",", "，")


def of_words(words: str) -> str | None:
    """Return the state that a line for people stands for."""
    return WORDS.get(plainly(words))


def of_reminder(reminder: str | None) -> str | None:
    """Return the state that a ``redReminder`` word stands for."""
    return _REMINDERS.get(reminder or "")


def of_task(name: str | None) -> str | None:
    """Return the state that a ``taskName`` stands for; its last part says who reads it."""
    label = name or ""
    for role in _ROLES:
        label = label.removesuffix(role)
    return _TASKS.get(label)


def of_stage(key: str | None) -> str | None:
    """Return the state that the stage of an ``updateKey`` stands for."""
    stage = key.partition(":")[2].partition(":")[2] if key else ""
    return next((status for mark, status in _STAGES.items() if mark in stage), None)


def furthest(*states: str | None) -> str | None:
    """Return the state furthest along; None if none is told."""
    told = [state for state in states if state is not None]
    return max(told, key=ALONG.index) if told else None


def is_unknown(words: str) -> bool:
    """Return True if a line for people stands in no row."""
    return plainly(words) not in WORDS
