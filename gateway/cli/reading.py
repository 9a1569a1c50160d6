"""``reading``: the copy of what was said, by its file; beside a running gateway or without one."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path
from typing import Any

from actors.ports.journal import JournalError
from gateway.cli import show
from gateway.config import load
from gateway.errors import UnknownAccountError
from gateway.journal.files.opening import JOURNAL_FILE
from gateway.reading import schema, upkeep
from gateway.settings import Settings
from gateway.web.problems import Problem


def main(arguments: argparse.Namespace) -> int:
    """Show how the copy stands, or forget what was said to an account."""
    settings = load(arguments.config, secrets=False)
    path = _path(settings)
    try:
        told = _told(path, settings, arguments)
    except (sqlite3.Error, JournalError, schema.DamagedError) as error:
        what = f"{path} cannot be used ({error})"
        fix = "try again; a running gateway builds a damaged one anew, and it may be deleted"
        raise Problem(503, "reading_failed", what, fix) from error
    if arguments.json:
        show.as_json(told)
    else:
        show.pairs(told)
    return 0


def _path(settings: Settings) -> Path:
    path = Path(settings.data_dir) / schema.FILE
    if not path.is_file():
        what = f"there is no reading copy {path}"
        fix = "check data_dir; a gateway with http.listen set and a journal on disk makes it"
        raise Problem(404, "no_reading_copy", what, fix)
    if not schema.is_ours(path):
        what = f"{path} is another program's database"
        raise Problem(409, "no_reading_copy", what, "move it away, or set another data_dir")
    return path


def _told(path: Path, settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.action == "show":
        return {"path": str(path), **upkeep.standing(path, path.with_name(JOURNAL_FILE))}
    lines = upkeep.purge(path, arguments.account, arguments.before)
    known = [each.id for each in settings.accounts]
    if not lines and arguments.account not in known:
        raise UnknownAccountError(arguments.account, known)
    return {"done": "purged", "account": arguments.account, "lines": lines}
