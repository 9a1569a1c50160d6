"""Write docs/openapi.json from the tables of routes and answers.

Usage: draw_openapi.py [--check]

With --check nothing is written; exit code 1 if the file is not what the tables say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.web import description, openapi  # noqa: E402  # found through the line above

FILE = ROOT / description.FILE


def drawn() -> str:
    """Return what the file holds."""
    return msgspec.json.format(msgspec.json.encode(openapi.document()), indent=1).decode() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return 1 if it differs."""
    parser = argparse.ArgumentParser(description="write docs/openapi.json from the routes")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args(arguments).check:
        same = FILE.exists() and FILE.read_text("utf-8") == drawn()
        if not same:
            sys.stderr.write("docs/openapi.json is out of date: run scripts/draw_openapi.py\n")
        return 0 if same else 1
    FILE.write_text(drawn(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
