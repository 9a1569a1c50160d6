"""Opens a journal file, and explains to people why SQLite cannot.

Never makes an empty journal where one should be: a new file is built beside and renamed, so
a file that is empty, foreign or damaged is always somebody's loss and refused.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from actors.ports.journal import JournalError
from gateway.commands import command
from gateway.journal import schema
from gateway.journal.files import integrity

_NEXT_STEPS: Final = {
    sqlite3.SQLITE_FULL: "free space on that disk; it goes on by itself",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable; it goes on by itself",
    sqlite3.SQLITE_IOERR: "look at the disk (system log); it goes on by itself once writes work",
    sqlite3.SQLITE_CANTOPEN: "check that the directory exists and is writable",
    sqlite3.SQLITE_PERM: "check the owner and mode of the file",
    sqlite3.SQLITE_BUSY: "close the other program that has the file open",
    sqlite3.SQLITE_LOCKED: "close the other program that has the file open",
}

JOURNAL_FILE: Final = "journal.sqlite3"
"""Name of the journal in ``data_dir``."""

SALVAGED: Final = ".salvaged"
"""Ending of a salvaged journal that is not in its place yet."""

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


def lax(path: Path) -> list[Path]:
    """Return what of a journal others than its owner may read or write."""
    if os.name != "posix":
        return []
    named = (path.parent, path, beside(path, "-wal"), beside(path, "-shm"))
    return [each for each in named if each.exists() and each.stat().st_mode & 0o077]


def tighten(path: Path) -> list[Path]:
    """Make the file its owner's alone; return what others could read or write.

    The directory is only told of: it may hold more than a journal.
    """
    found = lax(path)
    for each in found:
        if each != path.parent:
            with contextlib.suppress(OSError):
                each.chmod(stat.S_IMODE(each.stat().st_mode) & 0o700)
    return found


def create(path: Path, now_ms: int) -> None:
    """Build a new journal, mode 0600, and put it in place whole.

    Raises:
        JournalError: The log of a lost journal lies there; it may hold messages.
    """
    log = beside(path, "-wal")
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"{path} is missing, but its log {log.name} is there and may hold messages; "
            "put the journal file back, or move the log away to begin anew"
        )
    draft = beside(path, ".new")
    for leftover in (draft, beside(draft, "-wal"), beside(draft, "-shm")):
        leftover.unlink(missing_ok=True)
    begin(draft, now_ms)
    sync(draft)
    draft.replace(path)
    sync_directory(path)


def begin(draft: Path, now_ms: int) -> None:
    """Make an empty journal, mode 0600, of a name nothing else has."""
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        schema.create(connection, now_ms)
    finally:
        connection.close()


def put(draft: Path, target: Path) -> None:
    """Give a finished file its name, if nothing has it.

    Raises:
        JournalError: Something has it by now.
    """
    try:
        os.link(draft, target)
    except FileExistsError as error:
        raise JournalError(f"{target} exists and was left as it is; name a new file") from error
    except OSError:  # a file system without links
        draft.rename(target)
    else:
        draft.unlink()
    sync_directory(target)


def sync(path: Path) -> None:
    """Wait until a closed file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there, for its owner alone, and wait for the disk.

    Raises:
        OSError: It is there, or it cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path)


def sync_directory(path: Path) -> None:
    """Wait until the name of a file is on the disk."""
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def refuse_half_salvaged(path: Path) -> None:
    """Refuse to begin while a salvaged journal waits to be put in place.

    Raises:
        JournalError: It does; the old file may lack its log already.
    """
    whole = beside(path, SALVAGED)
    if whole.exists():
        raise JournalError(
            f"a salvage of {path} was cut short ({whole.name} is there); "
            f"run {command('journal salvage -c FILE')} again, it goes on where it was"
        )


def must_exist(path: Path) -> None:
    """Refuse a journal that is not there.

    Raises:
        JournalError: It is not.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}; check data_dir")


def reader(path: Path) -> sqlite3.Connection:
    """Open a journal that may be in use, to read only.

    Raises:
        JournalError: It is not there.
        sqlite3.Error: It cannot be opened.
    """
    must_exist(path)
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def use_log(connection: sqlite3.Connection, path: Path) -> None:
    """Have commits go to a log beside the journal; a copy by other means may have none.

    Raises:
        JournalError: Another program keeps it from that.
        sqlite3.Error: The same.
    """
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"the journal {path} cannot be switched to a write-ahead log (it is in mode {mode}); "
            "close the other programs that have it open, and keep it on a disk of this machine"
        )


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
    """Return what failed, where, and what helps; never what was being stored."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return JournalError(integrity.damaged(path, str(error)))
    step = _NEXT_STEPS.get(code, "look at the disk and the system log")
    return JournalError(f"the journal {path} failed ({error}); {step}")


def needs_new_handle(error: sqlite3.Error) -> bool:
    """Return whether the open connection cannot be trusted to heal (``contract.md`` J2, J4).

    It keeps damaged pages in memory, so it would not see that the file was mended.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    unusable = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return code in (*unusable, *_DAMAGED)


def beside(path: Path, ending: str) -> Path:
    """Return the name of a file that belongs to a journal, e.g. its log."""
    return path.with_name(path.name + ending)
