"""Pages for users: each in two languages, and generated parts as their generators write them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from scripts.autobahn_zh import chinese
from scripts.soaking import page

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md") if not path.name.endswith(".zh-CN.md"))


@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_its_twin(name: str) -> None:
    """Who reads one language must not meet the other in the middle of a fault."""
    twin = DOCS / name.replace(".md", ".zh-CN.md")
    text = twin.read_text("utf-8")
    assert f"({name})" in text.split("\n\n")[1]
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 100
    assert f"({twin.name})" in (DOCS / name).read_text("utf-8").split("\n\n")[1]


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_bound_names_a_test_that_is_there() -> None:
    """A bound without a test is a hope."""
    english, twin = (
        re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (DOCS / name).read_text("utf-8"))
        for name in ("limits.md", "limits.zh-CN.md")
    )
    assert len(english) >= 12
    assert english == twin
    for path, name in english:
        assert f"def {name}(" in (DOCS.parent / path).read_text("utf-8"), (path, name)


def test_the_readmes_name_the_same_pages() -> None:
    root = DOCS.parent
    english, twin = (
        re.findall(r"\]\(docs/([\w.-]+\.md)\)", (root / name).read_text("utf-8"))
        for name in ("README.md", "README.zh-CN.md")
    )
    assert {name.replace(".md", ".zh-CN.md") for name in english} == set(twin)


def test_the_autobahn_twin_says_the_same() -> None:
    text = (DOCS / "autobahn.md").read_text("utf-8")
    assert (DOCS / "autobahn.zh-CN.md").read_text("utf-8") == chinese(text)
    assert "Run on" not in chinese(text)


def test_a_soak_puts_its_table_into_both_pages(tmp_path: Path) -> None:
    for name in page.PAGES:
        shutil.copy(DOCS / name, tmp_path)
    page.write("lost 0\nno breach", tmp_path)
    assert [page.block(name, tmp_path) for name in page.PAGES] == ["lost 0\nno breach"] * 2
    assert len({page.block(name) for name in page.PAGES}) == 1
    (tmp_path / page.PAGES[1]).write_text("nothing")
    with pytest.raises(ValueError, match="0 blocks"):
        page.write("", tmp_path)
