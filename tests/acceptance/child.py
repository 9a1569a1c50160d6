"""A gateway in a process of its own, for what only a process can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]


@contextmanager
def ourselves(code: str, config: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run code with a configuration; give the process and what it says. It is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(config)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        try:
            assert child.stdout is not None
            yield child, child.stdout
        finally:
            child.kill()
