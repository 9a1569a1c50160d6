"""What every script that draws pages does with them: write them, or compare what lies there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def main(
    arguments: Sequence[str] | None,
    pages: Callable[[], Mapping[Path, str]],
    *,
    told: str,
    script: str,
) -> int:
    """Write pages, or with ``--check`` compare them; return the exit code.

    Args:
        arguments: Of the command line; None: those of the process.
        pages: Draws them.
        told: What the script does, for ``--help``.
        script: Its name.
    """
    parser = argparse.ArgumentParser(description=told)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    return publish(pages(), check=parser.parse_args(arguments).check, script=script)


def publish(pages: Mapping[Path, str], *, check: bool, script: str) -> int:
    """Write pages, or compare them; return 1 if one was compared and differs."""
    stale = False
    for path, drawn in pages.items():
        if not check:
            path.write_text(drawn, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != drawn:
            stale = True
            print(f"{path} is not what is drawn: run scripts/{script}", file=sys.stderr)
    return 1 if stale else 0
