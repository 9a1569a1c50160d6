"""What an account's standing means, in 简体中文."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ITSELF: Final = "无需处理：会自动再试。"
_SIGN_IN: Final = "重新登录，或粘贴新的 cookie。"

ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "connected": ("在线：消息能收到，回复能发出。", ""),
    "connecting": ("正在连接。", "无需处理：需要几秒。"),
    "closed": ("已随网关关闭。", "启动网关。"),
    "disconnected": ("尚未启动。", "启动网关。"),
    "paused": ("已被暂停：不收也不发。", "恢复该账号。"),
    "disabled": ("配置里没有启用它。", "恢复它，或设置 `enabled: true`。"),
    "failed.no_login": ("还没有在这里登录过。", "请登录，或粘贴 cookie。"),
    "reconnecting.no_login": ("还没有在这里登录过。", "请登录，或粘贴 cookie。"),
    "disconnected.journal_down": (
        "消息日志库无法保存，为不丢消息已断开连接。",
        "修好磁盘；账号会自动重连。",
    ),
    "disconnected.lease_lost": ("另一个进程正在服务该账号。", "若不应如此，请结束那个进程。"),
    "reconnecting": ("正在更换连接。", _ITSELF),
    "reconnecting.grant_awaited": (
        "正在等待平台给出新令牌。",
        "暂不用处理。若最近的错误一直存在，请重新登录。",
    ),
    "reconnecting.circuit_open": (
        "平台无法到达；由一个账号代表大家尝试。",
        "检查本机网络；网络恢复后所有账号会重连。",
    ),
    "reconnecting.max_age": ("正在按计划更换连接。", "无需处理：需要几秒。"),
    "reconnecting.reset": ("已重置，正在重新连接。", "无需处理：需要几秒。"),
    "reconnecting.heartbeat_dead": ("平台没有任何回应，连接已放弃。", _ITSELF),
    "reconnecting.zombie": ("连接还在，但平台没有推送任何内容。", _ITSELF),
    "reconnecting.backpressure": (
        "处理函数太慢，跟不上收到的消息，连接已放弃。",
        "查明为何变慢：见日志中的 `handler.slow` 和 `handler.abandoned`。",
    ),
    "reconnecting.child_crashed": (
        "账号的一个部件崩溃，已重新启动。",
        "请附上日志中的 `actor.died` 反馈；账号会自动重连。",
    ),
    "reconnecting.unexpected_close": ("平台断开了连接。", _ITSELF),
    "reconnecting.network": (
        "到平台的网络出了问题。",
        "暂不用处理。若持续存在，请检查本机的网络和代理。",
    ),
    "reconnecting.protocol": (
        "平台发来了本版本不认识的内容。",
        "暂不用处理。若持续存在，请看有没有新版网关。",
    ),
    "reconnecting.other": ("连接因其他原因失败。", _ITSELF),
    "reconnecting.server_restart": ("平台正在重启服务器。", _ITSELF),
    "reconnecting.server_overload": ("平台过载，要求稍候。", _ITSELF),
    "reconnecting.auth": (
        "平台拒绝了登录；正在续期并再试。",
        "暂不用处理。若持续存在，请重新登录。",
    ),
    "reconnecting.kicked": (
        "会话被另一处登录占用；会夺回一次。",
        "在占用该账号的地方退出登录，例如另一个程序。",
    ),
    "reconnecting.needs_human": ("平台要求本人操作。", _SIGN_IN),
    "reconnecting.tls_trust": (
        "服务器证书不受信任，不会建立连接。",
        "检查本机时钟、tls.ca_file 以及途中的代理。",
    ),
    "reconnecting.config": (
        "该账号的某项设置与平台不符。",
        "改正最近的错误所指的设置，然后重置该账号。",
    ),
    "failed": ("已放弃，保持离线。", "处理最近的错误所指的问题，然后重置该账号。"),
    "failed.auth": ("平台拒绝该登录，续期后仍被拒绝。", _SIGN_IN),
    "failed.needs_human": ("平台要求本人操作：刷脸或验证码。", _SIGN_IN),
    "failed.kicked": (
        "另一处登录不断占用会话。",
        "在占用该账号的地方退出登录，然后在这里重置。",
    ),
    "failed.session_removed": ("平台移除了会话。", "重新登录，然后重置该账号。"),
    "failed.config": (
        "该账号的某项设置有误。",
        "改正最近的错误所指的设置，重新载入配置，然后重置该账号。",
    ),
    "failed.tls_trust": (
        "服务器证书不受信任。",
        "检查时钟、tls.ca_file 以及途中的代理，然后重置该账号。",
    ),
    "failed.protocol": (
        "平台发来的内容本版本不认识。",
        "看有没有新版网关，然后重置该账号。",
    ),
    "failed.network": ("无法到达平台。", "检查本机的网络和代理，然后重置该账号。"),
    "failed.unexpected_close": (
        "平台不断断开连接。",
        "查看该账号是否在别处使用，然后重置。",
    ),
    "failed.server_restart": ("平台不断重启服务器。", "重置该账号。"),
    "failed.server_overload": ("平台一直过载。", "等几分钟，然后重置该账号。"),
    "failed.other": (
        "连接因其他原因不断失败。",
        "处理最近的错误所指的问题，然后重置该账号。",
    ),
    "failed.max_attempts": (
        "设置允许的次数已用完。",
        "处理最近的错误所指的问题，然后重置该账号。",
    ),
    "failed.crash_loop": (
        "账号的一个部件反复崩溃。",
        "请附上日志中的 `actor.died` 反馈，然后重置该账号。",
    ),
}
