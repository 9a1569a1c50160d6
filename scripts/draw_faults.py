"""Draw docs/faults.md and its Chinese twin: the fault matrix, its tests, and their times.

Usage: draw_faults.py [--check | --run [--slow]]

With --check nothing is written; exit code 1 if a page is not what the suite says. With
--run the suite runs first and its times replace those that were kept.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "matrix" / "kit")]

from chinese import CHINESE  # noqa: E402  # found through the line above
from rows import ELSEWHERE, ROWS  # noqa: E402  # found through the line above

from scripts import drawing  # noqa: E402

PAGE: Final = ROOT / "docs" / "faults.md"
TWIN: Final = ROOT / "docs" / "faults.zh-CN.md"
MEASURED: Final = ROOT / "tests" / "matrix" / "measured.json"

HEAD: Final = """\
# Faults and what becomes of them

[简体中文](faults.zh-CN.md)

Drawn by `scripts/draw_faults.py` from the fault matrix (`tests/matrix/kit/rows.py`) and from the
tests that name its rows; do not edit. *Bound* is what the product promises with its default
settings. *Measured* is the slowest of the last recorded run, detect / recover in seconds, with
scaled waits, over loopback and between network namespaces (`netns/`, where root is at hand). Unless
a row says otherwise the other accounts keep their first session.

| Row | Fault | Outcome | Bound | Measured | Test |
|---|---|---|---|---|---|
"""
HEAD_ZH: Final = """\
# 各种故障及其结果

[English](faults.md)

由 `scripts/draw_faults.py` 根据故障矩阵（`tests/matrix/kit/rows.py`）和标明其行的测试生成，
请勿手改。“期限”是默认设置下的承诺。“实测”是最近一次记录中最慢的一次：发现 / 恢复，单位秒，
等待时间经过缩放；在本机回环上，有 root 时也在网络命名空间之间（`netns/`）。
除非某行另有说明，其他账号都保持第一个会话。

| 行 | 故障 | 结果 | 期限 | 实测 | 测试 |
|---|---|---|---|---|---|
"""
MISSING: Final = "\n\n## Not shown by this suite\n\n| Row | Fault | Why |\n|---|---|---|\n"
MISSING_ZH: Final = "\n\n## 本套测试尚未展示的\n\n| 行 | 故障 | 原因 |\n|---|---|---|\n"


class Shown(NamedTuple):
    """A test that shows a row."""

    expected: str
    test: str
    slow: bool


@functools.cache
def shown() -> dict[str, list[Shown]]:
    """Find every test that names a row, by the row."""
    found: dict[str, list[Shown]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                names = [ast.unparse(each) for each in node.decorator_list]
                slow = "pytest.mark.slow" in names
                for name, expected in _rows(node):
                    place = f"{path.relative_to(ROOT / 'tests')}::{node.name}"
                    found[name].append(Shown(expected, place, slow))
    return found


def _rows(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for each in function.decorator_list:
        if isinstance(each, ast.Call) and ast.unparse(each.func) in ("row", "pytest.mark.row"):
            name, expected = map(ast.literal_eval, each.args)
            yield str(name), str(expected)


def pages(measured: Mapping[str, Mapping[str, float]]) -> dict[Path, str]:
    """Return both pages."""
    return {
        PAGE: _page(measured, HEAD, MISSING, "; ", lambda text: text),
        TWIN: _page(measured, HEAD_ZH, MISSING_ZH, "；", lambda text: CHINESE.get(text, text)),
    }


def untranslated() -> set[str]:
    """Return the words that stand in English on the Chinese page."""
    words = {each.expected for tests in shown().values() for each in tests}
    words |= {row.fault for row in ROWS} | set(ELSEWHERE.values())
    return words - set(CHINESE)


def _page(
    measured: Mapping[str, Mapping[str, float]],
    head: str,
    between: str,
    comma: str,
    say: Callable[[str], str],
) -> str:
    tests = shown()
    lines, missing = [], []
    for row in ROWS:
        if row.name not in tests:
            missing.append(f"| {row.name} | {say(row.fault)} | {say(ELSEWHERE[row.name])} |")
            continue
        took = measured.get(row.name, {})
        times = " / ".join(
            "—" if what not in took else f"{took[what]:.1f}" for what in ("detect_s", "recover_s")
        )
        expected = comma.join(dict.fromkeys(say(each.expected) for each in tests[row.name]))
        places = dict.fromkeys(
            f"`{each.test}`{' (slow)' if each.slow else ''}" for each in tests[row.name]
        )
        lines.append(
            f"| {row.name} | {say(row.fault)} | {expected} | {say(row.detect)} / "
            f"{say(row.recover)} | {times} | {'<br>'.join(places)} |"
        )
    return head + "\n".join(lines) + between + "\n".join(missing) + "\n"


def run(*, slow: bool) -> int:
    """Run the suite and keep its times; give its exit code."""
    MEASURED.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-m", "row" if slow else "row and not slow"]
    environment = {**os.environ, "GATEWAY_MEASURED": str(MEASURED)}
    return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the page; give the exit code."""
    parser = argparse.ArgumentParser(description="Draw docs/faults.md from the fault matrix.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    parser.add_argument(
        "--run", action="store_true", help="run the suite first, and keep its times"
    )
    parser.add_argument(
        "--slow", action="store_true", help="with --run: also the tests marked slow"
    )
    options = parser.parse_args(arguments)
    if options.run and run(slow=options.slow):
        print("the suite failed: the pages are left as they were", file=sys.stderr)
        return 1
    measured = json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}
    code = drawing.publish(pages(measured), check=options.check, script="draw_faults.py")
    for text in sorted(untranslated()):
        print(f"English on the Chinese page: {text!r}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
