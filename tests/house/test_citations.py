"""Citations: each page that is named exists, and each number cited from it is there.

A rule that stands in nobody's file binds nobody: a reader takes the docstring's word for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("actors", "gateway", "scripts", "tests", "docs", "config", "examples")
SINGLE = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "setup.cfg", "pyproject.toml")
ENDINGS = {".py", ".pyx", ".pxi", ".md", ".yaml", ".yml"}
SOURCES = sorted(
    [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in ENDINGS and path != Path(__file__)
    ]
    + [ROOT / name for name in SINGLE]
)

NAME = re.compile(r"(?<![\w/.*-])[\w-][\w./-]*\.md\b")
MADE = re.compile(r'tmp_path / "[\w.-]+"')
"""A page that a test writes for itself."""

_ONE = r"(?:[A-Z]\d{1,2}|\d{1,2}(?:\.\d{1,2})?)"
_LIST = rf"({_ONE}(?:(?:,|,? and|,? to)\s+{_ONE})*)(?![\w%])"
NUMBERED = re.compile(rf"([\w-]+(?:\.zh-CN)?\.md)(?:``|`|\))?\s+{_LIST}")
BARE_PROTOCOL = re.compile(rf"\bprotocol\s+{_LIST}")
BARE_RULES = re.compile(r"\(((?:[ACDHIJKNOSTUV]\d{1,2})(?:, [A-Z]\d{1,2})*)\)")

ANCHOR = re.compile(
    r"^(?:#+ (\d+(?:\.\d+)?)\.? |\| ([A-Z]\d+) \||- \*\*(\d+\.\d+)\*\*)", re.MULTILINE
)


def missing(path: Path, text: str) -> Iterator[str]:
    """Yield each page that a source names and that is not there."""
    for name in NAME.findall(MADE.sub("", text)):
        homes = (path.parent, ROOT, ROOT / "docs", ROOT / "docs" / "adr")
        if not any((home / name).exists() for home in homes):
            yield name


@cache
def anchors(page: str) -> frozenset[str]:
    """Return the numbers of a page: its sections and its named rules."""
    path = ROOT / "docs" / page
    text = path.read_text("utf-8") if path.exists() else ""
    return frozenset(number for found in ANCHOR.findall(text) for number in found if number)


def cited(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """Yield page and number of each citation that has a number."""
    for page, numbers in NUMBERED.findall(text):
        for number in re.findall(_ONE, numbers):
            yield page, number
    if path.suffix == ".md":
        return
    for numbers in BARE_PROTOCOL.findall(text):
        for number in re.findall(_ONE, numbers):
            yield "protocol.md", number
    for rules in BARE_RULES.findall(text):
        for rule in rules.split(", "):
            yield "contract.md" if rule[0] in "IOV" else "faults.md", rule


def unknown(path: Path, text: str) -> list[str]:
    """Return each citation of a number that its page does not have."""
    return [f"{page} {number}" for page, number in cited(path, text) if number not in anchors(page)]


def test_what_is_cited_is_there() -> None:
    """All of it at once, so that one run names every place."""
    found = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        wrong = [*missing(path, text), *unknown(path, text)]
        found += [f"{path.relative_to(ROOT)}: {each}" for each in wrong]
    assert found == []


def test_there_are_citations_at_all() -> None:
    """A pattern that finds nothing would pass for ever."""
    found = [each for path in SOURCES for each in cited(path, path.read_text("utf-8"))]
    assert {page for page, _ in found} >= {"contract.md", "protocol.md", "faults.md"}
    assert len(found) > 150
    assert {"2.10", "3", "5", "7", "I9", "J4", "V9"} <= anchors("contract.md")
    assert {"1", "6.4", "12.1", "17.5"} <= anchors("protocol.md")


@pytest.mark.parametrize(
    ("text", "pages", "numbers"),
    [
        ("see ``nowhere.md`` 3", ["nowhere.md"], ["nowhere.md 3"]),
        ("see ``contract.md`` I99", [], ["contract.md I99"]),
        ("see ``contract.md`` 2.3,\n    I9 and I98.", [], ["contract.md I98"]),
        ("[protocol.md](protocol.md) 77", [], ["protocol.md 77"]),
        ("the usual push (protocol 8, 91)", [], ["protocol.md 91"]),
        ("looked for first (K6, K77, O99)", [], ["faults.md K77", "contract.md O99"]),
    ],
)
def test_a_citation_of_nothing_is_found(text: str, pages: list[str], numbers: list[str]) -> None:
    here = ROOT / "actors" / "imagined.py"
    assert list(missing(here, text)) == pages
    assert unknown(here, text) == numbers


@pytest.mark.parametrize("name", ["contract", "protocol"])
def test_both_languages_have_the_same_numbers(name: str) -> None:
    assert anchors(f"{name}.md") == anchors(f"{name}.zh-CN.md")
