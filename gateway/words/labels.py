"""Short words of tables and lists in 简体中文: headings, states, names of findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # of `status`
    "needs a person": "需要处理",
    "gateway": "网关",
    "running": "运行中",
    "journal": "日志库",
    "accounts": "账号",
    "paused": "已暂停",
    "in trouble": "有麻烦",
    "alerts": "告警",
    "since": "自",
    "yes": "是",
    "no": "否",
    "none": "无",
    # columns
    "ID": "账号",
    "STATE": "状态",
    "PAUSED": "已暂停",
    "SINCE": "自",
    "ATTEMPT": "第几次",
    "NEXT RETRY S": "几秒后重试",
    "DEAD LETTERS": "死信",
    "LAST ERROR": "最近的错误",
    # of `notify test`
    "sent": "已送达",
    # states of an account
    "disconnected": "未连接",
    "connecting": "连接中",
    "connected": "已连接",
    "reconnecting": "重连中",
    "failed": "已放弃",
    "closed": "已关闭",
    # findings of `doctor`
    "ok  ": "正常",
    "warn": "注意",
    "FAIL": "错误",
    "python": "Python",
    "sqlite": "SQLite",
    "readers": "读取器",
    "websocket": "WebSocket",
    "http": "HTTP",
    "configuration": "配置",
    "sinks": "输出端",
    "credentials": "凭据",
    "notify": "通知",
    "tls": "TLS",
    "proxy": "代理",
    "descriptors": "描述符",
    "data_dir": "data_dir",
    "disk": "磁盘",
    "fsync": "fsync",
    "file system": "文件系统",
    "backup": "备份",
    "dead letters": "死信",
    "dial": "连接",
    "dial dns": "连接：域名解析",
    "dial proxy": "连接：代理",
    "dial tcp": "连接：TCP",
    "dial tls": "连接：TLS",
    "dial upgrade": "连接：升级",
}
