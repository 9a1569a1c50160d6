"""A gateway under mixed faults: ``python3 scripts/soak.py --minutes 30``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway, and runs
``python -m scripts.soaking`` with the same arguments.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import launch

if __name__ == "__main__":
    sys.exit(launch("scripts.soaking", "soak.py"))
