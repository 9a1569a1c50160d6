"""Rescue: writes a journal again if its files were deleted or moved while it was open.

Who has it open is the last who knows what was acknowledged. The copy is whole before it gets the
name, and it never takes the place of another file.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from actors.ports.journal import JournalError
from gateway.journal.files import opening


def write_anew(connection: sqlite3.Connection, path: Path) -> None:
    """Put all that an open journal holds in its place, as a new file.

    Raises:
        JournalError: It cannot be written there, or something has the name by now.
        sqlite3.Error: The journal cannot be read, or the disk is full.
    """
    opening.prepare_directory(path)
    draft = opening.beside(path, ".new")
    endings = ("", "-wal", "-shm", "-journal")
    try:
        for ending in endings:
            opening.beside(draft, ending).unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        writing = sqlite3.connect(draft, isolation_level=None)
        try:
            writing.execute("PRAGMA synchronous=OFF")
            connection.backup(writing)
        finally:
            writing.close()
        opening.sync(draft)
        opening.put(draft, path)
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be written anew ({error.strerror}); "
            "make its directory writable; it goes on by itself"
        ) from error
    finally:
        for ending in endings:
            opening.beside(draft, ending).unlink(missing_ok=True)


def save_log(connection: sqlite3.Connection, path: Path) -> None:
    """Copy a log that has lost its name into the journal, which has not.

    Raises:
        JournalError: Another program reads an older state; it is tried again.
        sqlite3.Error: It cannot be written.
    """
    busy, pages, copied = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    if busy or pages != copied:
        raise JournalError(
            f"the log of the journal {path} has lost its name and cannot be copied yet; "
            "close the other program that has the file open"
        )
