"""docs/guarantees.md: a promise has its test, and the change it shows takes its mechanism away."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.guarantees import PAGE, ROOT, Promise, main, read

TWIN = PAGE.with_name("guarantees.zh-CN.md")
PROMISES = read(PAGE)


def names_in(file: Path) -> set[str]:
    """Return what a module defines at its top: functions, and names it assigns."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
def test_a_promise_names_only_what_there_is(promise: Promise) -> None:
    """If the lines have moved on, put the new ones into both pages, and run the script."""
    file, _, name = promise.test.partition("::")
    assert re.split(r"[:\[]", name)[0] in names_in(ROOT / file)
    text = (ROOT / promise.file).read_text(encoding="utf-8")
    compile(promise.broken(text), promise.file, "exec")


def test_both_pages_promise_the_same() -> None:
    assert read(TWIN) == PROMISES
    assert [promise.name for promise in PROMISES] == [f"G{n + 1}" for n in range(len(PROMISES))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [PAGE, TWIN], ids=["en", "zh"])
def test_links_and_commands_of_the_page_work(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    (command,) = re.findall(r"^python3 (\S+) (\S+) ", text, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_words_alone_are_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A change that takes nothing away must not count."""
    page = tmp_path / "page.md"
    page.write_text(
        "### G1 - words\n`tests/policy/test_overflow.py"
        "::test_what_a_full_lane_has_no_room_for_stays_in_the_journal`\n```diff\n"
        "--- actors/policy/overflow.py\n"
        "-            if left > 0:\n+            if not left <= 0:\n```\n"
    )
    assert main(["--page", str(page)]) == 1
    assert "does not fail without its mechanism" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
def test_a_promise_breaks_without_its_mechanism(promise: Promise) -> None:
    assert main([promise.name]) == 0
