"""What the bell says in 简体中文."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALERTS: Final[Mapping[str, tuple[str, str]]] = {
    "account.failed": (
        "账号已放弃重试，保持离线。",
        "在页面或用 `status` 查看原因，处理后重置该账号。",
    ),
    "accounts.crashing": (
        "一分钟内有许多账号崩溃，正在慢慢重连。",
        "这不是某一个账号的问题：查看日志中的 `actor.died` 并反馈。",
    ),
    "answer.overdue": (
        "有买家在等回复。",
        "请回复他们，或查明机器人为何没有回答。",
    ),
    "credentials.expiring": (
        "令牌一小时内到期，且未能续期。",
        "检查网络和平台是否可达；会自动再试。",
    ),
    "credentials.needs_human": (
        "平台要求本人操作，登录无法自动续期。",
        "重新登录，或粘贴新的 cookie。",
    ),
    "credentials.sign_in_due": (
        "登录将在三天内失效。",
        "请在失效前重新登录。",
    ),
    "credentials.unsaved": (
        "新的凭据无法保存，目前只在内存里。",
        "检查磁盘和 data_dir 的权限；每分钟会再试。",
    ),
    "gateway.crashing": (
        "所有账号共用的部件反复崩溃，网关即将退出。",
        "若没有服务管理器自动重启，请重启网关；原因见日志。",
    ),
    "handler.pool_exhausted": (
        "卡住的处理函数太多，网关即将退出。",
        "若没有服务管理器自动重启，请重启网关；见日志中的 `handler.abandoned`。",
    ),
    "history.oversized": (
        "历史里有一条消息过大，它之后的内容不会补读。",
        "若这种消息属于正常，请调大该账号的 `limits`。",
    ),
    "journal.backup_late": (
        "消息日志库最近一次备份已是三天前。",
        "检查备份为何停了：定时任务，或存放备份的磁盘。",
    ),
    "journal.commit_slow": (
        "磁盘很慢：一次提交超过两秒。",
        "检查磁盘；提交完成之前不会回执任何消息。",
    ),
    "journal.filling": (
        "消息日志库的空间快用完了。",
        "清理磁盘，或调大 `journal.max_bytes`。",
    ),
    "journal.log_damaged": (
        "磁盘读回的内容与写入的不同，可能丢了消息。",
        "数量和副本见日志；若再次发生，请更换磁盘。",
    ),
    "journal.lost": (
        "消息日志库的文件在使用中被移动或删除。",
        "把它放回原处；在此之前不会回执任何消息。",
    ),
    "journal.refused": (
        "收到的内容中有消息日志库永远无法保存的，未回执。",
        "停止网关并运行 `journal check`；若没有发现问题，请反馈。",
    ),
    "journal.rescued": (
        "消息日志库的文件曾被移动或删除，内容已救回。",
        "查清是谁动了 data_dir，并加以避免。",
    ),
    "journal.rows_set_aside": (
        "消息日志库有些行无法读取，其余正常。",
        "停止网关并运行 `journal repair`。",
    ),
    "journal.unavailable": (
        "消息日志库无法保存，所有账号已主动离线。",
        "修好磁盘；所有账号会自动重连。",
    ),
    "lane.backlogged": (
        "一个会话里积压了许多事件。",
        "查看该账号日志中的 `handler.failed` 和 `handler.abandoned`。",
    ),
    "letters.filling": (
        "死信占用了大部分空间，到上限后将不再保存任何内容。",
        "重放或丢弃一些。",
    ),
    "letters.waiting": (
        "有消息没有处理成功，可能有客户在等回复。",
        "用 `dead-letters list` 查看，然后逐条重放或丢弃。",
    ),
    "link.failing": (
        "连接因意外原因连续失败十次。",
        "查看该账号的最后一个错误；会一直再试。",
    ),
    "link.flapping": (
        "连接总是很快断开，账号在两次连接之间等待。",
        "检查该账号是否在别处登录，以及网络状况。",
    ),
    "link.oversized": (
        "平台发来几条过大的消息，未能接收。",
        "若这种消息属于正常，请调大该账号的 `limits`。",
    ),
    "link.untrusted": (
        "服务器证书不受信任，不会建立连接。",
        "检查本机时钟、tls.ca_file 以及途中的代理。",
    ),
    "listener.behind": (
        "你的监听函数处理不过来，有些调用被略去。",
        "查看它们在等什么。",
    ),
    "notify.failing": (
        "有一个通知目标收不到消息。",
        "运行 `notify test`，并改正它的地址。",
    ),
    "sink.failing": (
        "有一个输出端不接收事件；事件在等待，超过一千个会被略去。",
        "错误见日志；会自动再试。",
    ),
}

PHRASES: Final[Mapping[str, str]] = {
    "all": "网关",
    "unknown": "出现告警 {name}。",
    "look": "请看页面，或运行 `status`。",
    "title_on": "{subject}：需要你处理",
    "title_over": "{subject}：已恢复",
    "title_many": "有 {count} 件事需要你处理",
    "title_news": "有 {count} 条新情况",
    "on": "{subject}：{what}",
    "still": "{subject}：已持续 {lasted}：{what}",
    "over": "{subject}：已恢复，历时 {lasted}：{what}",
    "was": "{subject}：曾持续 {lasted}，现已恢复：{what}",
    "since": "自 {moment}",
    "times": "共 {count} 次",
    "do": "怎么办：{step}",
    "more": "还有 {count} 条：请看页面",
    "last": "消息太多：下一条在 {moment} 之后。",
    "test_title": "测试",
    "test": "这是一条通知测试，没有任何问题。",
    "days": "{count} 天",
    "hours": "{count} 小时",
    "minutes": "{count} 分钟",
    "seconds": "{count} 秒",
}
