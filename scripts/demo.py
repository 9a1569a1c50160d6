"""Three accounts against the fake platform, live: ``python3 scripts/demo.py --seconds 20``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway, and runs
``xianyu-gateway demo`` with the same arguments.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import SetUpError, ensure


def main() -> int:
    """Run the demo; gives its exit code, or 2 if the environment can not be made."""
    try:
        python = ensure("")
    except SetUpError as error:
        print(f"demo.py: {error}", file=sys.stderr)
        return 2
    try:
        return subprocess.run(
            [str(python), "-m", "gateway", "demo", *sys.argv[1:]], check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
