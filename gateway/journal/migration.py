"""Brings a journal of an older schema up to date, whole or not at all."""

from __future__ import annotations

import contextlib
import sqlite3

from gateway.journal import schema


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
