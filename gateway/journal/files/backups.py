"""Backups that are made again and again: their names, which of them are kept, when one is late.

A file that does not bear a name of ours is nobody's business here and never touched.
"""

from __future__ import annotations

import contextlib
import re
import time
from itertools import chain, count
from pathlib import Path
from typing import Final

from actors.policy.alerts import Alert
from gateway.commands import command
from gateway.journal.files.backup import Backup

FOLDER: Final = "backups"
"""Beside the journal."""

MOST_KEPT: Final = 1000

LATE_MS: Final = 3 * 86_400_000
"""So old the last backup of a series may be."""

SERIES: Final = re.compile(r"series-\d{8}-\d{6}\.sqlite3")
"""Names of a series; they sort by time."""

BEFORE_SCHEMA: Final = re.compile(r"before-schema-\d+(-\d+)?\.sqlite3")
BEFORE_SCHEMA_KEPT: Final = 2


def name_at(unix_ms: int, *, series: bool) -> str:
    """Return the name of a backup by its time (UTC): one of a series, or one that stays."""
    kind = "series" if series else "journal"
    return time.strftime(f"{kind}-%Y%m%d-%H%M%S.sqlite3", time.gmtime(unix_ms / 1000))


def drop_old(newest: Path, keep: int) -> list[str]:
    """Delete the older backups of a series, and return their paths.

    Args:
        newest: The one just made; it stays, whatever the clock said when others were made.
        keep: How many stay, this one included.

    Raises:
        OSError: One could not be deleted; the others are gone.
    """
    others = sorted((each for each in _named(newest, SERIES) if each != newest), reverse=True)
    return _drop(others[max(0, keep - 1) :])


def before_schema(folder: Path, version: int) -> Path:
    """Return a free name of a backup before a migration; who rolled back migrates again."""
    name = f"before-schema-{version}"
    free = (folder / f"{name}-{number}.sqlite3" for number in count(2))
    first = folder / f"{name}.sqlite3"
    return next(each for each in chain([first], free) if not each.exists())


def drop_old_schemas(newest: Path) -> list[str]:
    """Delete the older backups before migrations; what cannot be deleted stays."""
    others = [each for each in _named(newest, BEFORE_SCHEMA) if each != newest]
    others.sort(key=lambda each: each.stat().st_mtime_ns, reverse=True)
    with contextlib.suppress(OSError):
        return _drop(others[BEFORE_SCHEMA_KEPT - 1 :])
    return []


def late(last: Backup | None, now_ms: int) -> Alert | None:
    """Return the alert of a series that stopped; None: there is none, or it goes on."""
    if last is None or not last.series or now_ms - last.at_ms < LATE_MS:
        return None
    days = (now_ms - last.at_ms) // 86_400_000
    return Alert(
        name="journal.backup_late",
        detail=f"the last backup, {last.path}, is {days} days old",
        next_step="look why its timer does not run (systemctl status xianyu-gateway-backup), then "
        f"make one: {command('journal backup --keep 7')}",
    )


def _named(beside: Path, names: re.Pattern[str]) -> list[Path]:
    return [
        each
        for each in beside.parent.iterdir()
        if names.fullmatch(each.name) and each.is_file() and not each.is_symlink()
    ]


def _drop(files: list[Path]) -> list[str]:
    failed: OSError | None = None
    for each in files:
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed
    return [str(each) for each in files]
