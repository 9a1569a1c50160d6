"""``check``: is a configuration right, and what does it mean with every default filled in."""

from __future__ import annotations

import argparse
import sys

from gateway.cli import logins, show
from gateway.cli.paths import loaded
from gateway.config import effective


def main(arguments: argparse.Namespace) -> int:
    """Print the effective settings, secrets masked; problems and notes go to stderr."""
    settings = loaded(arguments.config)
    found = (f"{arguments.config}: {told}" for told in logins.notes(settings))
    for note in (*settings.notes, *found):
        sys.stderr.write(f"{note}\n")
    shown = effective(settings)
    if arguments.json:
        show.as_json(shown)
    else:
        import yaml  # noqa: PLC0415  # a third of the start-up time, only wanted here

        yaml.safe_dump(shown, sys.stdout, allow_unicode=True, sort_keys=False)
    return 0
