"""Write docs/openapi.json from the tables of routes and answers.

Usage: draw_openapi.py [--check]

With --check nothing is written; exit code 1 if the file is not what the tables say.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.web import description, openapi  # noqa: E402  # found through the line above
from scripts import drawing  # noqa: E402

FILE = ROOT / description.FILE


def drawn() -> str:
    """Return what the file holds."""
    return msgspec.json.format(msgspec.json.encode(openapi.document()), indent=1).decode() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return the exit code."""
    told = "Write docs/openapi.json from the routes."
    return drawing.main(arguments, lambda: {FILE: drawn()}, told=told, script="draw_openapi.py")


if __name__ == "__main__":
    sys.exit(main())
