"""Draw docs/states.md from the transition table in actors/state.py.

Usage: draw_states.py [--check]

With --check nothing is written; exit code 1 if the page is not what the table says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from actors.state import TRANSITIONS, Row  # noqa: E402  # found through the line above

PAGE = ROOT / "docs" / "states.md"

HEAD = """\
# States of a connection

Drawn from `TRANSITIONS` in `actors/state.py` by `scripts/draw_states.py`; do not edit.
A pair that is not listed is illegal and fails loudly. What keeps the state has no row, and
whatever carries an old generation is dropped before the table is asked.
"""


def diagram(rows: Sequence[Row]) -> str:
    """Give the Mermaid diagram: one arrow for each pair of states."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, cause, after, _ in rows:
        arrows.setdefault((before.name, after.name), []).append(cause.value)
    lines = [
        f"    {before} --> {after}: {'<br/>'.join(causes)}"
        for (before, after), causes in arrows.items()
    ]
    body = "\n".join(["stateDiagram-v2", "    [*] --> DISCONNECTED", *lines, "    CLOSED --> [*]"])
    return f"```mermaid\n{body}\n```\n"


def table(rows: Sequence[Row]) -> str:
    """Give the table: one line for each row."""
    lines = [
        f"| {before.name} | `{cause.value}` | {after.name} | {note} |"
        for before, cause, after, note in rows
    ]
    return "\n".join(["| In | On | To | Note |", "|---|---|---|---|", *lines]) + "\n"


def page(rows: Sequence[Row]) -> str:
    """Give the whole page."""
    return "\n".join([HEAD, diagram(rows), table(rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the page; give the exit code."""
    parser = argparse.ArgumentParser(description="Draw docs/states.md from the transition table.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    options = parser.parse_args(arguments)
    drawn = page(TRANSITIONS)
    if not options.check:
        PAGE.write_text(drawn, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{PAGE} is not what the table says: run scripts/draw_states.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
