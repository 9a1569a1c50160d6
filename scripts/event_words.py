"""What the rows of docs/events.md mean, in English and Chinese; ``draw_events.py`` takes them.

A row without words here stops the drawing, which names it.
"""

from __future__ import annotations

from typing import Final

HEADS: Final = (
    """\
# Events

[简体中文](events.zh-CN.md)

Drawn by `scripts/draw_events.py` from the code and from the captures in `tests/data/goofish`;
do not edit. A handler gets these events; `tail --json` prints and a `jsonl` sink writes them.
A line of JSON has the attributes of its event (`gateway/events.py`), but for those that are empty.
Each line below is what the codec makes of a capture; a row without a line has no capture.
Subtypes are those of `platform: goofish`. `platform: plain` makes only `ChatMessage`, with the
subtype `text` or `binary`.
""",
    """\
# 事件

[English](events.md)

由 `scripts/draw_events.py` 根据代码和 `tests/data/goofish` 里的抓包生成，请勿手改。
处理函数收到、`tail --json` 打印、`jsonl` sink 写下的都是这些事件。
一行 JSON 就是事件的属性（`gateway/events.py`），不适用的省去。
下面每一行都是解码器读抓包的结果；没有抓包的就没有样例。
子类型是 `platform: goofish` 的；`platform: plain` 只有 `ChatMessage`，子类型 `text` 或 `binary`。
""",
)
NOTICES: Final = (
    "A notice may be dropped once it is stale.\n",
    "通知过时以后可能被丢弃。\n",
)
MARKED: Final = (
    "A message with marks of the trade system is an `OrderStatusChanged` of any subtype.\n",
    "带交易系统标记的消息，不论子类型，都是 `OrderStatusChanged`。\n",
)
ORDER_WORDS: Final = (
    "Words that nobody knows yet have no state; `order_text` has them as they came.\n",
    "平台的新说法没有状态，原文在 `order_text`。\n",
)
OTHER_REASONS: Final = (
    """\
Another reason is in words of the platform, of the codec or of the journal. Each line is what
`POST /v1/send` says of a captured answer.
""",
    "其他原因是平台、解码器或日志库的原话。每行样例是 `POST /v1/send` 对一个抓到的答复的说法。\n",
)
FAILED: Final = (
    "Another reason says what the handlers raised, without secrets, and names the handlers.\n",
    "其他原因是处理函数抛出的异常（不含秘密）和处理函数的名字。\n",
)

CLASSES: Final = {
    "ChatMessage": (
        "a message of another user, or with `own` of the account itself",
        "对方发的消息；带 `own` 的是账号自己发的",
    ),
    "OrderStatusChanged": (
        "an order changed its state, or the platform reported its state",
        "订单状态变了，或平台报告了订单状态",
    ),
    "UserInteraction": ("another user read a message or is typing", "对方读了消息，或正在输入"),
    "SystemNotification": ("a notice by the platform itself", "平台自己的通知"),
    "UnknownEvent": (
        "an entry that decodes and of which nobody knows the meaning; `raw` holds it",
        "能解码但含义未知的条目；`raw` 里是原文",
    ),
    "UndecodableEvent": (
        "an entry that cannot be decoded; `reason` says why, `raw` holds it",
        "解不开的条目；`reason` 是原因，`raw` 里是原文",
    ),
}

SUBTYPES: Final = {
    "text": ("a text; `text` is what was written", "文本；`text` 是内容"),
    "image": ("an image; its address stands in `raw`", "图片；地址在 `raw` 里"),
    "audio": ("a voice message", "语音"),
    "video": ("a video", "视频"),
    "expression": ("a sticker", "表情"),
    "text_card": ("a card with a text", "文字卡片"),
    "item_card": ("a card of goods", "商品卡片"),
    "tip": ("a grey line in the conversation", "会话里的灰色提示"),
    "order_card": ("a card of an order", "订单卡片"),
    "trade_card": ("a card of the trade system", "交易卡片"),
    "dynamic_card": ("a change of such a card, e.g. by a refund", "这种卡片的变化，例如退款"),
    "content_type_{}": ("content of another number", "其他编号的内容"),
    "read_receipt": ("messages were read", "消息已读"),
    "typing": ("somebody is typing, or stopped", "正在输入，或停止输入"),
    "new_message_marker": (
        "something about the message `message_id`; if the journal lacks it, the gateway reads it",
        "与消息 `message_id` 有关；日志库里没有它时，网关去读",
    ),
    "message_extension_update": (
        "what belongs to a message changed, such as its card",
        "消息的附属内容变了，例如卡片",
    ),
    "red_reminder": ("the red word beside a conversation", "会话旁边的红字提醒"),
    "order_context": ("which order a conversation is about", "会话涉及哪个订单"),
    "session_arouse": (
        "the platform suggests to go on with a conversation",
        "平台提示继续某个会话",
    ),
    "kickout": (
        "another client of the account took the session over",
        "账号的另一个客户端顶替了会话",
    ),
    "session_removed": ("the platform ended the session", "平台结束了会话"),
    "unknown": ("an entry of unknown shape", "形状未知的条目"),
    "/…": ("a push on an unknown path; the path is the subtype", "未知路径的推送；子类型就是路径"),
    "undecodable": ("a damaged entry", "损坏的条目"),
    "no_data_field": ("an entry without the field `data`", "没有 `data` 字段的条目"),
    "no_entry_list": ("a push without the list of its entries", "没有条目列表的推送"),
    "malformed_frame": (
        "a text that is no frame; only the command `decode` prints it",
        "不是帧的文本；只有命令 `decode` 会打印",
    ),
    "history_page": ("a page of history that cannot be read", "读不懂的一页历史"),
}

ORDER_STATES: Final = {
    "bargaining": ("a price is being bargained for (小刀)", "小刀进行中"),
    "unpaid": ("ordered, not paid", "已拍下，未付款"),
    "paid": ("paid, not shipped", "已付款，未发货"),
    "shipped": ("shipped, not received", "已发货，未收货"),
    "refund_withdrawn": ("the buyer withdrew the refund", "买家撤销了退款"),
    "refund_asked": ("the buyer asks for a refund", "买家申请退款"),
    "refunding": ("the seller agreed to the refund", "卖家同意退款"),
    "done": ("received; the trade is over", "已收货，交易成功"),
    "closed": ("closed: cancelled or refunded", "已关闭：取消或已退款"),
}

SESSIONS: Final = {
    "private": ("two users", "两个用户"),
    "group": ("a group", "群聊"),
    "system": ("the platform's own helper", "平台自己的助手"),
}

STATES: Final = {
    "queued": ("waits for its turn", "排队"),
    "sending": ("an attempt is under way", "正在发送"),
    "unknown": (
        "nobody knows whether it arrived; the gateway reads the history, or a person decides",
        "不知道是否送达；网关查历史，或由人决定",
    ),
    "accepted": (
        "the platform took it; `message_id` is its id",
        "平台已接受；`message_id` 是它的 id",
    ),
    "refused": ("it was not sent; `reason` says why", "没有发出；`reason` 是原因"),
    "expired": ("its time was over before it could be sent", "过期未发"),
    "cancelled": ("a person or program cancelled it in time", "被人或程序及时取消"),
}

SENDS: Final = {
    "unwritten": (
        "no byte of the attempt left; it is tried again",
        "一个字节都没发出；会再试",
    ),
    "absent": (
        "the history shows twice that it did not arrive; it is tried again",
        "历史里两次都没有它；会再试",
    ),
    "no_answer": ("no answer came in `send.reply_s`", "在 `send.reply_s` 内没有答复"),
    "link_lost_before_answer": ("the link was lost before the answer", "答复之前连接断了"),
    "interrupted": (
        "the gateway stopped before the answer; the next start finds out",
        "答复之前网关停了；下次启动再查",
    ),
    "needs_review": (
        "the history does not show it: look, then `outbox resolve`",
        "历史里查不清：人看过之后 `outbox resolve`",
    ),
    "platform_does_not_confirm": ("this platform answers no sends", "这个平台不答复发送"),
    "pending": ("no outcome yet in the time of `result()`", "在 `result()` 的时间内还没有结果"),
    "link_closed_by_platform": (
        "the platform closed the link on each attempt",
        "每次发送平台都关闭连接",
    ),
    "unsendable": (
        "no frame can be made of it; the type of the error follows",
        "无法做成帧；后面是异常类型",
    ),
    "expired_before_sending": ("never tried in its time", "期限内没有发过"),
    "expired_after_proven_absent": (
        "tried, did not arrive, and its time is over",
        "发过、没到、已过期",
    ),
    "by_hand": ("a person or program cancelled or resolved it", "人或程序取消或裁定的"),
    "throttled": ("Goofish: too fast; the account slows down", "闲鱼：太快；账号放慢"),
    "code_{}": (
        "Goofish: the code of an answer without words; from 500 on `unknown`",
        "闲鱼：答复没有文字时的代码；500 以上为 `unknown`",
    ),
    "answer without messageId": ("Goofish: 200, and no id", "闲鱼：200，但没有 id"),
}

LETTERS: Final = {
    "crash_loop": (
        "the process ended again and again while the event was handled",
        "处理这条事件时进程一再结束",
    ),
    "handler_timed_out": (
        "a handler ran longer than `handlers.deadline_s`",
        "处理函数超过 `handlers.deadline_s`",
    ),
    "undecodable": (
        "a frame that an earlier version could read, and this one cannot",
        "旧版本能读、这个版本读不了的帧",
    ),
    "unstorable": (
        "the journal refuses what the handler left; its words follow",
        "日志库拒收处理结果；后面是它的话",
    ),
    "stale": (
        "older than `journal.retention_days` when it came: it may be a copy",
        "收到时比 `journal.retention_days` 还旧：可能是重复的",
    ),
    "unknown_effect": (
        'the process ended in a handler with `on_crash="park"`: look whether it was done',
        '进程在 `on_crash="park"` 的处理函数里结束：看看做没做',
    ),
}
