"""Puts the table of a run into docs/soak.md and its Chinese twin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGES: Final = ("soak.md", "soak.zh-CN.md")

_BLOCK: Final = re.compile(r"(?<=\n```\n).*?(?=\n```\n)", re.DOTALL)


def write(table: str, docs: Path = DOCS) -> None:
    """Replace the block of both pages.

    Raises:
        ValueError: A page has no block, or more than one.
    """
    for name in PAGES:
        path = docs / name
        text, count = _BLOCK.subn(lambda _: table.strip(), path.read_text("utf-8"))
        if count != 1:
            raise ValueError(f"{path} has {count} blocks, not one")
        path.write_text(text, "utf-8")


def block(name: str, docs: Path = DOCS) -> str:
    """Return the table that stands in a page."""
    found = _BLOCK.search((docs / name).read_text("utf-8"))
    return "" if found is None else found[0]
