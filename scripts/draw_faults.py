"""Draw docs/faults.md from the fault matrix, the tests that show its rows, and their times.

Usage: draw_faults.py [--check | --run [--slow]]

With --check nothing is written; exit code 1 if the page is not what the suite says. With
--run the suite runs first and its times replace those that were kept.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "matrix" / "kit"))

from rows import ELSEWHERE, ROWS  # noqa: E402  # found through the line above

PAGE: Final = ROOT / "docs" / "faults.md"
MEASURED: Final = ROOT / "tests" / "matrix" / "measured.json"

HEAD: Final = """\
# Faults and what becomes of them

Drawn by `scripts/draw_faults.py` from the fault matrix (`tests/matrix/kit/rows.py`) and from the
tests that name its rows; do not edit. *Bound* is what the product promises with its default
settings. *Measured* is the slowest of the last recorded run, detect / recover in seconds, with
scaled waits, over loopback and between network namespaces (`netns/`, where root is at hand). Unless
a row says otherwise the other accounts keep their first session.
"""


class Shown(NamedTuple):
    """A test that shows a row."""

    expected: str
    test: str
    slow: bool


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


def page(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Give the whole page."""
    tests = shown()
    lines = ["| Row | Fault | Outcome | Bound | Measured | Test |", "|---|---|---|---|---|---|"]
    missing = ["| Row | Fault | Why |", "|---|---|---|"]
    for row in ROWS:
        if row.name not in tests:
            missing.append(f"| {row.name} | {row.fault} | {ELSEWHERE[row.name]} |")
            continue
        took = measured.get(row.name, {})
        times = " / ".join(
            "—" if what not in took else f"{took[what]:.1f}" for what in ("detect_s", "recover_s")
        )
        expected = dict.fromkeys(each.expected for each in tests[row.name])
        places = dict.fromkeys(
            f"`{each.test}`{' (slow)' if each.slow else ''}" for each in tests[row.name]
        )
        lines.append(
            f"| {row.name} | {row.fault} | {'; '.join(expected)} | {row.detect} / {row.recover} "
            f"| {times} | {'<br>'.join(places)} |"
        )
    rows = "\n".join(lines)
    return f"{HEAD}\n{rows}\n\n## Not shown by this suite\n\n" + "\n".join(missing) + "\n"


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
        print("the suite failed: the page is left as it was", file=sys.stderr)
        return 1
    measured = json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}
    drawn = page(measured)
    if not options.check:
        PAGE.write_text(drawn, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{PAGE} is not what the suite says: run scripts/draw_faults.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
