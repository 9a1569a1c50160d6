"""Opening a journal file, and what to tell people when SQLite cannot.

Never makes an empty journal where one should be: a new file is built beside and renamed, so
a file that is empty, foreign or damaged is always somebody's loss and refused.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from actors.storage import JournalError
from gateway.journal import schema

_NEXT_STEPS: Final = {
    sqlite3.SQLITE_FULL: "free space on that disk; it goes on by itself",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable; it goes on by itself",
    sqlite3.SQLITE_IOERR: "look at the disk (system log); it goes on by itself once writes work",
    sqlite3.SQLITE_CANTOPEN: "check that the directory exists and is writable",
    sqlite3.SQLITE_PERM: "check the owner and mode of the file",
    sqlite3.SQLITE_BUSY: "close the other program that has the file open",
    sqlite3.SQLITE_LOCKED: "close the other program that has the file open",
}

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def prepare_directory(path: Path) -> None:
    """Make the directory of a journal, readable by its owner only if it is new.

    Raises:
        JournalError: It cannot be made, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"the journal directory {path.parent} cannot be made ({error.strerror}); "
            "set data_dir to a directory this user may write"
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise JournalError(
            f"the journal directory {path.parent} is not writable by this user; "
            "change its owner or mode, or set another data_dir"
        )


def create(path: Path, now_ms: int) -> None:
    """Build a new journal, mode 0600, and put it in place whole.

    Raises:
        JournalError: The log of a lost journal lies there; it may hold messages.
    """
    log = _beside(path, "-wal")
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"{path} is missing, but its log {log.name} is there and may hold messages; "
            "put the journal file back, or move the log away to begin anew"
        )
    draft = _beside(path, ".new")
    for leftover in (draft, _beside(draft, "-wal"), _beside(draft, "-shm")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        schema.create(connection, now_ms)
    finally:
        connection.close()
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open an existing file for any one thread at a time; nothing is read yet."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        schema.tune(connection, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def failure(path: Path, error: sqlite3.Error) -> JournalError:
    """Say what failed, where, and what helps; never what was being stored."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return JournalError(schema.damaged(path, str(error)))
    step = _NEXT_STEPS.get(code, "look at the disk and the system log")
    return JournalError(f"the journal {path} failed ({error}); {step}")


def needs_new_handle(error: sqlite3.Error) -> bool:
    """Say whether the open connection cannot be trusted to heal (``reliability.md`` J2)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
