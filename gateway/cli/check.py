"""``check``: is a configuration right, and what does it mean with every default filled in."""

from __future__ import annotations

import argparse
import sys

from gateway.cli import logins, show, speaking
from gateway.cli.paths import loaded
from gateway.config import effective
from gateway.errors import ConfigError
from gateway.notify.courier import missing

USAGE = 2


def main(arguments: argparse.Namespace) -> int:
    """Print the effective settings, secrets masked; what is wrong or noted goes to stderr."""
    tongue = speaking.of(arguments)
    try:
        settings = loaded(arguments.config)
    except ConfigError as error:
        count = len(error.problems)
        sys.stderr.write(tongue.text(f"{error}\n{count} problem{'s' * (count != 1)}\n"))
        return USAGE
    notes = [*settings.notes]
    notes += (f"{arguments.config}: {told}" for told in logins.notes(settings))
    if settings.notify.urls() and (told := missing()) is not None:
        notes.append(f"{arguments.config}: notify.to: {told}")
    shown = effective(settings)
    if arguments.json:
        show.as_json(shown)
    else:
        import yaml  # noqa: PLC0415  # a third of the start-up time, only wanted here

        yaml.safe_dump(shown, sys.stdout, allow_unicode=True, sort_keys=False)
    sys.stdout.flush()
    for note in notes:
        sys.stderr.write(tongue.text(f"{note}\n"))
    noted = f"; {len(notes)} to note, above" if notes else ""
    sys.stderr.write(tongue.text(f"OK: {len(settings.accounts)} accounts{noted}\n"))
    return 0
