"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the tree.

A recipe that no longer works costs whoever comes first the evening, and then the patch.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = ("A platform", "A sink", "An event type")
BESIDE = "SystemNotification"
"""A new event stands beside it in ``gateway/__init__.py``, says the page."""


class Block(NamedTuple):
    """A block of the page and where it goes: a new file, or a line of one that is there."""

    path: str
    way: str
    anchor: str
    text: str


def blocks(recipe: str) -> list[Block]:
    """Return the blocks of a recipe that name a file."""
    section = PAGE.split(f"### {recipe}\n")[1].split("\n### ")[0]
    found = re.findall(
        r"^```\w+ (\S+)(?: (below|above) ([^\n]*))?\n(.*?)^```$", section, re.DOTALL | re.MULTILINE
    )
    return [Block(*each) for each in found]


def follow(block: Block, tree: Path) -> None:
    """Do what a block says."""
    file = tree / block.path
    if not block.anchor:
        assert not file.exists(), f"{block.path} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, "utf-8")
        return
    lines = file.read_text("utf-8").splitlines(keepends=True)
    (place,) = [n for n, line in enumerate(lines) if line.startswith(block.anchor)]
    lines.insert(place + (block.way == "below"), block.text)
    file.write_text("".join(lines), "utf-8")


def name_it(tree: Path, name: str) -> None:
    """Add a public name beside another, wherever that stands."""
    file = tree / "gateway" / "__init__.py"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    assert sum(BESIDE in line for line in lines) == len(["_HOMES", "TYPE_CHECKING", "__all__"])
    added = [line + line.replace(BESIDE, name) if BESIDE in line else line for line in lines]
    file.write_text("".join(added), "utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the recipes were followed."""
    copy = tmp_path_factory.mktemp("recipes") / "tree"
    for part in ("actors", "gateway", "tests/data", "tests/platforms", "tests/sinks"):
        ignored = shutil.ignore_patterns("__pycache__", "fuzz")
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    shutil.copy(ROOT / "setup.cfg", copy)
    for recipe in RECIPES:
        steps = blocks(recipe)
        assert steps, recipe
        for block in steps:
            follow(block, copy)
    name_it(copy, "MessageRecalled")
    return copy


def run(tree: Path, *command: str) -> str:
    """Run Python in the copy; give what it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(120)
def test_what_the_recipes_make_passes_the_suite(tree: Path) -> None:
    """The platform with its recorded frames, the event among them, and the sink."""
    told = run(
        tree,
        *("-m", "pytest", "-vv", "--noconftest", "-p", "no:cacheprovider", "-p", "no:randomly"),
        *("tests/platforms/test_conformance.py", "tests/platforms/test_registry.py"),
        *("tests/sinks/test_sink_conformance.py", "tests/sinks/test_contract.py"),
        *("-k", "mychat or csv or registry or contract"),
    )
    assert len(re.findall(r"\[mychat-\w+\] PASSED", told)) >= 15
    assert len(re.findall(r"\[csv-\w+\] PASSED", told)) >= 8
    assert "FAILED" not in told


def test_the_event_is_public_and_found_in_its_frame(tree: Path) -> None:
    code = (
        "import gateway\n"
        "from gateway import MessageRecalled\n"
        "from gateway.platforms import get\n"
        f"assert gateway.__file__.startswith({str(tree)!r})\n"
        "frame = open('tests/data/mychat/recall.json', encoding='utf-8').read()\n"
        "(event,) = get('mychat').decode(frame).events\n"
        "assert isinstance(event, MessageRecalled)\n"
        "print(event.kind)\n"
    )
    assert run(tree, "-c", code).strip() == "message_recalled"


def test_the_text_platform_of_the_page_is_short() -> None:
    """What a newcomer writes is what only he knows."""
    (block,) = [each for each in blocks("A platform") if each.path.endswith("mychat.py")]
    written = [line for line in block.text.splitlines() if line.strip()]
    assert len(written) <= 75
