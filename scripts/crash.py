"""A gateway killed under load: ``python3 scripts/crash.py --kills 200``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway, and runs
``python -m scripts.crashing`` with the same arguments.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import launch

if __name__ == "__main__":
    sys.exit(launch("scripts.crashing", "crash.py"))
