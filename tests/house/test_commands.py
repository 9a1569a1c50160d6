"""What messages and pages tell a person to type is there: in a checkout, which is all there is.

Placeholders are in capitals (``FILE``, ``ID``).
"""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from pathlib import Path

import pytest

from gateway.cli import parser
from gateway.commands import START

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path for folder in ("gateway", "actors", "scripts") for path in (ROOT / folder).rglob("*.py")
)
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "config").glob("*.y*ml")),
]
NOT_ON_THE_PATH = re.compile(r"xianyu-gateway +[a-z]")
INSTALLS = re.compile(r"pip install ([^`\n#]*)")
EXTRAS = {f"-e '.[{extra}]'" for extra in ("http", "qr", "test", "dev", "bench", "browser")} | {
    "-e ."
}


def texts_of(path: Path) -> list[str]:
    """Return the texts of a module that a person may see: all but its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def prescribed_by(path: Path) -> list[str]:
    """Return what a module passes to ``command``."""
    return [
        str(ast.literal_eval(node.args[0]))  # a constant, or this test cannot read it
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "command"
    ]


def parses(words: str) -> bool:
    try:
        parser().parse_args(shlex.split(words))
    except SystemExit:
        return False
    return True


def test_no_message_names_a_command_that_is_on_no_path() -> None:
    """After a clone there is no ``xianyu-gateway``, and nothing of that name to be fetched."""
    for path in SHIPPED:
        if path.name == "commands.py":
            continue
        for text in texts_of(path):
            assert not NOT_ON_THE_PATH.search(text), (path, text)
            if path.is_relative_to(ROOT / "gateway") or path.is_relative_to(ROOT / "actors"):
                assert "pip install" not in text, f"{path}: say gateway.commands.install(…): {text}"
            for what in INSTALLS.findall(text):
                assert what.strip() in EXTRAS, (path, text)


def test_every_command_of_a_message_parses() -> None:
    found = [(path, words) for path in SHIPPED for words in prescribed_by(path)]
    assert len(found) >= 10
    for path, words in found:
        assert parses(words), (path, words)
    assert not parses("journal mend")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not NOT_ON_THE_PATH.search(text)
    for script in re.findall(r"(?<![\w/.])(scripts/\w+(?:\.py)?)", text):
        assert (ROOT / script).exists(), script
    for what in INSTALLS.findall(text):
        assert what.strip(" )") in EXTRAS | {"'.[http]'"}, what
    for words in re.findall(rf"{re.escape(START)} ([^`\n#]*)", text):
        assert parses(f"run {words}" if words.startswith("-c") else words), words


def test_the_metadata_names_licence_and_addresses() -> None:
    """What the index shows of a package before anybody installs it."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    told = setup["metadata"]
    assert told["license_expression"] == "Apache-2.0"
    assert told["license_files"].split() == ["LICENSE", "NOTICE"]
    assert (ROOT / "NOTICE").exists()
    for line in [told["url"], *told["project_urls"].split("\n")[1:]]:
        assert line.rpartition(" ")[2].startswith("https://"), line
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in licence
    assert len(licence.splitlines()) > 200, "the whole text"
