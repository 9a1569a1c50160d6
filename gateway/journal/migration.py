"""Brings a journal of an older schema up to date, whole or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from actors.ports import Clock
from actors.ports.journal import JournalError
from gateway.journal import schema
from gateway.journal.files import backups
from gateway.journal.files.backup import backup

LARGE_BYTES: Final = 1 << 30
"""From this size on, a copy before a migration is made only if a person wants it."""


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Make a file of version ``found`` one of this program's, in one transaction.

    A kill at any moment leaves the old version or the new one.

    Raises:
        sqlite3.Error: It could not be written; nothing was changed.
    """
    if found == schema.VERSION:
        return
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {schema.steps(found)} COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def save_first(path: Path, found: int, *, whatever_size: bool, clock: Clock) -> Path | None:
    """Copy a file that will be brought up to date, so that an older program can have it back.

    The newest two such copies are kept.

    Args:
        path: The journal, locked by this process.
        found: The version of its schema.
        whatever_size: Also a file of :data:`LARGE_BYTES` or more, which takes minutes.
        clock: For the time noted.

    Returns:
        The copy; None: there is none, for the file is up to date or large.

    Raises:
        JournalError: It cannot be made; nothing was changed.
    """
    large = path.stat().st_size >= LARGE_BYTES and not whatever_size
    if found == schema.VERSION or large:
        return None
    target = backups.before_schema(path.parent / backups.FOLDER, schema.VERSION)
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        backup(path, target, clock=clock, noted=False)
    except OSError as error:
        raise JournalError(
            f"{path} has journal schema {found} and would be brought to {schema.VERSION}, but its "
            f"copy {target} cannot be made first ({error.strerror}); make its folder writable"
        ) from error
    backups.drop_old_schemas(target)
    return target
