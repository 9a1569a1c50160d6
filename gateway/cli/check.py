"""``check``: is a configuration right, and what does it mean with every default filled in."""

from __future__ import annotations

import argparse
import json
import sys

from gateway.config import effective, load


def main(arguments: argparse.Namespace) -> int:
    """Print the effective settings, secrets masked; problems go to stderr."""
    shown = effective(load(arguments.config))
    if arguments.json:
        json.dump(shown, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        import yaml  # noqa: PLC0415  # a third of the start-up time, only wanted here

        yaml.safe_dump(shown, sys.stdout, allow_unicode=True, sort_keys=False)
    return 0
