"""A gateway under mixed faults: ``python3 scripts/soak.py --minutes 30``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway, and runs
``python -m scripts.soaking`` with the same arguments.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import ROOT, SetUpError, ensure


def main() -> int:
    """Soak; gives its exit code, or 2 if the environment can not be made."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is the table's
            python = ensure("")
    except SetUpError as error:
        print(f"soak.py: {error}", file=sys.stderr)
        return 2
    command = [str(python), "-m", "scripts.soaking", *sys.argv[1:]]
    try:
        return subprocess.run(command, check=False, cwd=ROOT).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
