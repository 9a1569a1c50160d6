"""The Autobahn page in 简体中文, made out of the English one."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = """\
# Autobahn 符合性

[English](autobahn.md)

Autobahn WebSocket 测试套件的全部未压缩用例（`autobahntestsuite==25.10.1`，本机回环上的服务器，
Python 2.7）。第 12、13 组测试压缩，本客户端从不协商压缩。本页由 `scripts/autobahn.py` 写成。

"""

WORDS: Final = {
    "| Group | Cases | OK | Non-strict | Informational | Failed | Close code wrong |": (
        "| 组 | 用例 | 通过 | 非严格 | 仅供参考 | 失败 | 关闭码错误 |"
    ),
    "| 1 framing |": "| 1 成帧 |",
    "| 2 pings and pongs |": "| 2 ping 与 pong |",
    "| 3 reserved bits |": "| 3 保留位 |",
    "| 4 opcodes |": "| 4 操作码 |",
    "| 5 fragmentation |": "| 5 分片 |",
    "| 6 UTF-8 |": "| 6 UTF-8 |",
    "| 7 close handshake |": "| 7 关闭握手 |",
    "| 9 large and chopped messages |": "| 9 大消息与切碎的消息 |",
    "| 10 automatic fragmentation |": "| 10 自动分片 |",
    "| **all** |": "| **合计** |",
    "- non-strict: ": "- 非严格：",
    "- informational: ": "- 仅供参考：",
    "- every case is plain OK": "- 每个用例都直接通过",
    "- **failed**": "- **失败**",
}

_RUN: Final = re.compile(r"Run on (\S+) with `([^`]+)`: (\d+) cases, (\d+) failed or .*")


def chinese(page: str) -> str:
    """Translate a whole page."""
    body = page[page.index("## ") :]
    for english, told in WORDS.items():
        body = body.replace(english, told)
    body = _RUN.sub(r"\1 以 `\2` 运行：\3 个用例，\4 个失败或关闭码错误。", body)
    return HEAD + body
