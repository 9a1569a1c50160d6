"""``completions``: the script that lets a shell complete the command ``xianyu-gateway``.

The scripts are drawn from the parser by ``scripts/draw_completions.py`` and lie in the package.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "_completions"


def main(arguments: argparse.Namespace) -> int:
    """Print one."""
    sys.stdout.write((FOLDER / arguments.shell).read_text("utf-8"))
    return 0
