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
from scripts import drawing  # noqa: E402

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
    """Write or compare; return the exit code."""
    told = "Draw gateway/_completions from the parser."
    return drawing.main(
        arguments,
        lambda: {FOLDER / shell: drawn(shell) for shell in SHELLS},
        told=told,
        script="draw_completions.py",
    )


if __name__ == "__main__":
    sys.exit(main())
