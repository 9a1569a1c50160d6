"""Draw gateway/_completions: what lets a shell complete ``xianyu-gateway``, from its parser.

Usage: draw_completions.py [--check]

With --check nothing is written; exit code 1 if a file is not what the parser says. Needs shtab
(extra ``dev``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import shtab

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.cli import parser as make  # noqa: E402  # found through the line above
from gateway.cli.arguments import SHELLS  # noqa: E402
from gateway.cli.completions import FOLDER  # noqa: E402

COMMAND: Final = "xianyu-gateway"
_COMPLETE: Final = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def drawn(shell: str) -> str:
    """Return the script of a shell."""
    top = make()
    top.prog = COMMAND
    for action in _actions(top):
        if action.dest == "dir" or action.metavar in _COMPLETE:
            named = "DIR" if action.dest == "dir" else str(action.metavar)
            action.complete = _COMPLETE[named]  # type: ignore[attr-defined]  # shtab's own
    return shtab.complete(top, shell=shell).rstrip("\n") + "\n"


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001  # argparse lists them nowhere else
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # the same
            for each in action.choices.values():
                yield from _actions(each)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; give the exit code."""
    parser = argparse.ArgumentParser(description="Draw gateway/_completions from the parser.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check, stale = parser.parse_args(arguments).check, False
    for shell in SHELLS:
        path, text = FOLDER / shell, drawn(shell)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale = True
            print(f"{path} is stale: run scripts/draw_completions.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
