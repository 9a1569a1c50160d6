"""Three accounts against the fake platform, live: ``python3 scripts/demo.py --seconds 20``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway with its page, and runs
its command ``demo`` with the same arguments.
"""

from __future__ import annotations

import sys

try:
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from scripts.environment import command_line
except KeyboardInterrupt:  # before anything could hear it
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(command_line(["demo", *sys.argv[1:]], "demo.py", extra="http"))
