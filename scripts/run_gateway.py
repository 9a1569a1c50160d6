"""The gateway from a checkout: ``python3 scripts/run_gateway.py -c my.yaml``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway with its control over
HTTP, and becomes its command line. Every command passes through it, e.g. ``check -c my.yaml``,
``status`` or ``--help``; options alone are those of ``run``.
"""

from __future__ import annotations

import sys

try:
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from scripts.environment import command_line
except KeyboardInterrupt:  # before anything could hear it
    sys.exit(130)

_HELP = ("-h", "--help")


def main(arguments: list[str]) -> int:
    """Pass a command on; without one it is ``run``."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        arguments = ["run", *arguments]
    return command_line(arguments, "run_gateway.py", extra="http")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
