"""Draw docs/peers.md and docs/peers.zh-CN.md: twenty behaviours, and the tests that show them.

Usage: draw_peers.py [--check]

A test shows a behaviour by ``@pytest.mark.peer(7)``. With --check nothing is written; exit code 1
if a page is not what the suite says.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import drawing  # noqa: E402  # found through the line above

DOCS: Final = ROOT / "docs"


class Behaviour(NamedTuple):
    """What no other client of this kind does; empty: nothing is missing.

    Attributes:
        en: In English.
        zh: In 简体中文.
        missing_en: What of it is not there yet.
        missing_zh: The same.
    """

    en: str
    zh: str
    missing_en: str = ""
    missing_zh: str = ""


BEHAVIOURS: Final[Mapping[int, Behaviour]] = {
    1: Behaviour(
        "A link that answers heartbeats and pushes nothing is found and left; a quiet one stays",
        "心跳有应答却不再推送的连接会被识别并更换；只是安静的连接不会被动",
    ),
    2: Behaviour(
        "Half-open is found in time, counted from the connect; the wall clock does not matter",
        "半开连接在期限内被发现，从建立连接起计时；系统时钟跳变无影响",
    ),
    3: Behaviour(
        "One hard deadline over DNS, TCP, proxy, TLS, upgrade and registration; no thread is left",
        "DNS、TCP、代理、TLS、升级、注册共用一个硬期限；不留下线程",
    ),
    4: Behaviour(
        "CONNECTED only once the platform has confirmed the registration",
        "平台确认注册之后才算 CONNECTED",
    ),
    5: Behaviour(
        "The class of the error decides what happens next, never its text",
        "下一步由错误类别决定，从不看错误文字",
    ),
    6: Behaviour(
        "Waits with jitter, forgotten only after a stable minute; a clean close is no exception",
        "带抖动的等待，稳定一分钟之后才清零；正常关闭也不例外",
    ),
    7: Behaviour(
        "All accounts together dial within a budget, in fair order",
        "所有账号合计的拨号有预算，次序公平",
        "a budget shared by several processes",
        "多个进程共用的预算",
    ),
    8: Behaviour(
        "An identity is replaced whole, the old session over first; a crowd makes one attempt",
        "身份整体更换；许多线程同时请求只有一次尝试；旧会话先结束",
    ),
    9: Behaviour(
        "What was missed comes out of the history, once and in order, or the gap is reported",
        "错过的消息从历史中补回，一次且有序；补不回就报告缺口",
    ),
    10: Behaviour(
        "Each entry is decoded and stored, then acknowledged once; the unreadable is kept raw",
        "每个条目先解码、存储，再确认一次；读不懂的原样保留",
    ),
    11: Behaviour(
        "Duplicates are known after a restart; a crash in a handler is one more run, flagged",
        "重启之后仍识别重复；处理函数中途崩溃只会再运行一次并带标记",
    ),
    12: Behaviour(
        "Order within a conversation, parallel across conversations",
        "会话之内有序，会话之间并行",
    ),
    13: Behaviour(
        "The reader runs no user code: pings are answered within 100 ms while all handlers block",
        "读线程从不运行用户代码：处理函数全部阻塞时 ping 仍在 100 毫秒内应答",
    ),
    14: Behaviour(
        "Every queue has a bound and a named policy; a flood never ends the session",
        "每个队列都有上限和明确的策略；洪水不会中断会话",
    ),
    15: Behaviour(
        "Durable sends with an honest result: accepted, refused, unknown, expired; never twice",
        "发送持久化，结果诚实：accepted、refused、unknown、expired；绝不发两次",
    ),
    16: Behaviour(
        "Every blocking call has a deadline; a peer that does not read blocks nobody",
        "每个阻塞调用都有期限；对端不读也不会卡住任何人",
    ),
    17: Behaviour(
        "Stopping is prompt, complete, repeatable and allowed from anywhere",
        "停止迅速、彻底、可重复，在任何地方都可以调用",
    ),
    18: Behaviour(
        "Exception, SystemExit, dead thread: only their account; a crash loop ends in FAILED",
        "异常、SystemExit、线程死亡都只影响自己的账号；循环崩溃以 FAILED 结束",
    ),
    19: Behaviour(
        "State, counters and failures of each account can be seen, and no secret ever is",
        "每个账号的状态、计数和错误都可见，秘密从不可见",
        "Prometheus text",
        "Prometheus 文本格式",
    ),
    20: Behaviour(
        "A test kit for users: fake platform, faults, clock, invariants; `check` and `doctor`",
        "给使用者的测试工具：模拟平台、故障、时钟、不变量；`check` 与 `doctor`",
    ),
}

PAGES: Final = {
    "peers.md": (
        """\
# Twenty behaviours

[简体中文](peers.zh-CN.md)

What the clients we compared do not do together. Each is a test that bears its number
(`pytest -m peer`). Drawn by `scripts/draw_peers.py`; do not edit.

| # | Behaviour | Tests |
|---|---|---|
""",
        "Not there yet: ",
    ),
    "peers.zh-CN.md": (
        """\
# 二十种行为

[English](peers.md)

我们比较过的客户端都没有同时做到这些。每一条都有带编号的测试（`pytest -m peer`）。
由 `scripts/draw_peers.py` 生成，请勿手改。

| # | 行为 | 测试 |
|---|---|---|
""",
        "尚未实现：",
    ),
}


def shown() -> dict[int, list[str]]:
    """Return the tests of each behaviour as ``path::name``."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                place = f"{path.relative_to(ROOT / 'tests')}::{node.name}"
                for number in _numbers(node):
                    found[number].append(place)
    return found


def _numbers(function: ast.FunctionDef) -> Iterator[int]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.peer":
            yield int(ast.literal_eval(mark.args[0]))


def page(name: str) -> str:
    """Return a whole page."""
    head, not_yet = PAGES[name]
    tests = shown()
    lines = []
    for number, each in BEHAVIOURS.items():
        chinese = name.endswith(".zh-CN.md")
        told, missing = (each.zh, each.missing_zh) if chinese else (each.en, each.missing_en)
        told += f"<br>*{not_yet}{missing}*" if missing else ""
        places = "<br>".join(f"`{place}`" for place in tests[number])
        lines.append(f"| {number} | {told} | {places} |\n")
    return head + "".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return the exit code."""
    told = "Draw docs/peers.md and its Chinese twin."
    return drawing.main(
        arguments,
        lambda: {DOCS / name: page(name) for name in PAGES},
        told=told,
        script="draw_peers.py",
    )


if __name__ == "__main__":
    sys.exit(main())
