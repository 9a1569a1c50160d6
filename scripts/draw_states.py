"""Draw docs/states.md and its Chinese twin from the transition table in actors/state.py.

Usage: draw_states.py [--check]

With --check nothing is written; exit code 1 if a page is not what the table says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from actors.state import TRANSITIONS, Row  # noqa: E402  # found through the line above
from scripts import drawing  # noqa: E402

DOCS = ROOT / "docs"

HEAD = """\
# States of a connection

[简体中文](states.zh-CN.md)

Drawn from `TRANSITIONS` in `actors/state.py` by `scripts/draw_states.py`; do not edit.
A pair that is not listed is illegal and raises an error. An event that keeps the state has no row.
A message of an old generation is dropped before the table is consulted.
"""

HEAD_ZH = """\
# 连接的状态

[English](states.md)

由 `scripts/draw_states.py` 根据 `actors/state.py` 的 `TRANSITIONS` 生成，请勿手改。
表中没有的组合是非法的，会直接抛出错误。不改变状态的事没有行；带着旧代号（generation）的消息在查表之前就被丢弃。
"""

NOTES_ZH = {
    "next generation; ask the gate for a dial": "新的一代；向闸门申请拨号",
    "a verdict from before the restart still holds": "重启之前的结论仍然有效",
    "its actors crash too often": "它的 actor 崩溃过于频繁",
    "release everything": "释放一切",
    "start heartbeat, recovery and sends; arm the stable timer": "启动心跳、补读、发送；开始计时",
    "ask for a verdict; tell the circuit": "由 supervisor 裁决；告知熔断器",
    "abandon the dial; its late success is stale": "放弃这次拨号；迟到的成功作废",
    "not dialled yet: wait for the circuit, no attempt counted": "还没拨号：等熔断器放行，不计次数",
    "no token yet: wait for its renewal, no attempt counted, no dial slot taken": (
        "还没有 token：等它续期，不计次数，也不占拨号名额"
    ),
    "the link ended before the registration": "注册之前连接就断了",
    "the peer does not speak the platform's language": "对端说的不是平台的协议",
    "renew the credentials once at once": "立即更新一次凭据",
    "ask for a verdict: reclaim once or give up": "由 supervisor 裁决：夺回一次，或者放弃",
    "ask for a verdict: give up": "由 supervisor 裁决：放弃",
    "an actor of the link died; its restart is budgeted": "连接的一个 actor 死了；重启有预算",
    "shut the socket; nothing can be stored": "关闭套接字；现在什么都存不了",
    "shut the socket at once; another process owns the account": "立即关闭套接字；账号归另一个进程",
    "shut the socket; an operator wants it off": "关闭套接字；运维人员要它下线",
    "shut the socket, release everything": "关闭套接字，释放一切",
    "close frame of any code, end of stream, reset, send timeout": "任何关闭码、流结束、重置、超时",
    "no sign of life, or two answers in a row missing": "没有生命迹象，或连续缺两次应答",
    "alive but not pushing; renew the token": "活着但不推送；更新令牌",
    "three bad frames in a minute; samples are kept": "一分钟内三个坏帧；样本已保留",
    "our pipeline stood still too long": "我们的处理停滞太久",
    "planned: no delay, through the gate": "计划内：不等待，过闸门",
    "shut the socket; nothing was acknowledged meanwhile": "关闭套接字；期间没有确认任何消息",
    "shut the socket at once, no closing handshake": "立即关闭套接字，不做关闭握手",
    "close the link; an operator wants it off": "关闭连接；运维人员要它下线",
    "orderly shutdown": "有序停止",
    "the delay is over, or an operator would not wait": "等待结束，或运维人员不想等",
    "the verdict: a person has to look": "结论：需要人来看",
    "cancel the retry timer": "取消重试计时",
    "cancel the retry timer, release everything": "取消重试计时，释放一切",
    "failures forgotten; through the gate": "失败记录清零；过闸门",
    "only after crashes: every 15 min, three times": "仅在崩溃之后：每 15 分钟一次，共三次",
    "stopping twice is fine; a new life is a new actor": "停两次没关系；新的开始是新的 actor",
}
"""A note that is not here yet stays English; ``tests/policy/test_state.py`` names it."""


def diagram(rows: Sequence[Row]) -> str:
    """Return the Mermaid diagram: one arrow for each pair of states."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, cause, after, _ in rows:
        arrows.setdefault((before.name, after.name), []).append(cause.value)
    lines = [
        f"    {before} --> {after}: {'<br/>'.join(causes)}"
        for (before, after), causes in arrows.items()
    ]
    body = "\n".join(["stateDiagram-v2", "    [*] --> DISCONNECTED", *lines, "    CLOSED --> [*]"])
    return f"```mermaid\n{body}\n```\n"


def table(rows: Sequence[Row], head: str, notes: Mapping[str, str]) -> str:
    """Return the table: one line for each row, its note translated if ``notes`` has it."""
    lines = [
        f"| {before.name} | `{cause.value}` | {after.name} | {notes.get(note, note)} |"
        for before, cause, after, note in rows
    ]
    return "\n".join([head, "|---|---|---|---|", *lines]) + "\n"


def pages(rows: Sequence[Row]) -> dict[Path, str]:
    """Return both pages."""
    drawn = diagram(rows)
    english = table(rows, "| In | On | To | Note |", {})
    chinese = table(rows, "| 状态 | 原因 | 到 | 说明 |", NOTES_ZH)
    return {
        DOCS / "states.md": f"{HEAD}\n{drawn}\n{english}",
        DOCS / "states.zh-CN.md": f"{HEAD_ZH}\n{drawn}\n{chinese}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return the exit code."""
    told = "Draw docs/states.md from the transition table."
    return drawing.main(arguments, lambda: pages(TRANSITIONS), told=told, script="draw_states.py")


if __name__ == "__main__":
    sys.exit(main())
