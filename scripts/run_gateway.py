"""The gateway from a checkout: ``python3 scripts/run_gateway.py -c my.yaml``.

Needs nothing but Python 3.11: it makes ``.venv``, installs the gateway with its control over
HTTP, and becomes its command line. Every command passes through it, e.g. ``check -c my.yaml``,
``status`` or ``--help``; options alone are those of ``run``. Without anything it offers ``init``.
"""

from __future__ import annotations

import sys

try:
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from scripts.environment import command_line
except KeyboardInterrupt:  # before anything could hear it
    sys.exit(130)

_OF_ALL = ("-h", "--help", "--version")
"""Options that belong to no command."""

_CONFIG = "gateway.yaml"
"""What ``init`` writes; a test compares."""


def main(arguments: list[str]) -> int:
    """Pass a command on; without one it is ``run``, without anything perhaps ``init``."""
    if not arguments:
        if not _init_is_wanted(sys.argv[0]):
            return 2
        arguments = ["init"]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _OF_ALL):
        arguments = ["run", *arguments]
    return command_line(arguments, "run_gateway.py", extra="http")


def _init_is_wanted(script: str) -> bool:
    """Say what to type; on a terminal ask whether to do it now."""
    typed = f"python3 {script}"
    if Path(_CONFIG).exists():
        print(f"name the configuration: {typed} -c {_CONFIG}", file=sys.stderr)
        return False
    print(
        f"no configuration is named (-c FILE) and there is no {_CONFIG} here.\n"
        f"{typed} init asks for what one needs, and writes it into this folder.",
        file=sys.stderr,
    )
    if not sys.stdin.isatty():
        return False
    print("Do that now? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip().lower() in {"y", "yes"}
    except (EOFError, KeyboardInterrupt):
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
