"""Whether a file is a usable journal: checks before the start, and checks beside a running one.

Small files are read whole. Of large ones everything but the frames is: so the tables that say
what is pending are always proven before anything is built on them. Their frames, nine tenths
of a file, are read by a thread of its own when there is a reason (``docs/adr/0009``).
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from actors.ports.journal import JournalError
from gateway.commands import command
from gateway.journal import schema

FULL_CHECK_BYTES: Final = 128 * 1024 * 1024
"""Files up to this size are checked whole at each start."""

CHECK_DAYS: Final = 7
"""Days after which the frames of a large file are checked again."""

FRAMES: Final = "inbox"


def identify(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of a journal.

    Raises:
        JournalError: Not ours, or newer than we are; names the file and what to do.
        sqlite3.DatabaseError: SQLite itself could not read it.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID:
        raise JournalError(
            f"{path} is not a journal of this program and was left as it is; "
            "move it away, restore the journal there, or set another data_dir"
        )
    if not schema.OLDEST <= version <= schema.VERSION:
        raise JournalError(
            f"{path} has journal schema {version}, this program knows {schema.VERSION}; "
            "run the version that wrote it, or a newer one, or put back the copy that was made "
            "before (before-schema-… in backups beside it)"
        )
    return int(version)


def verify(connection: sqlite3.Connection, path: Path) -> bool:
    """Check what must be sound before anything is built on it.

    Returns:
        True if that was the whole file.

    Raises:
        JournalError: The file is damaged.
        sqlite3.DatabaseError: SQLite itself could not read it.
    """
    if path.stat().st_size <= FULL_CHECK_BYTES:
        problems = problems_in(connection)
    else:
        named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = [name for (name,) in named.fetchall() if name != FRAMES]
        problems = [text for table in tables for text in problems_in(connection, table)]
    if problems:
        raise JournalError(damaged(path, f"quick_check: {problems[0]}"))
    return path.stat().st_size <= FULL_CHECK_BYTES


def problems_in(
    connection: sqlite3.Connection, table: str | None = None, *, thorough: bool = False
) -> list[str]:
    """Return what SQLite finds wrong with a file or a table of it, at most 20 lines.

    Args:
        connection: Of the file.
        table: One of it; None: all, and the free pages.
        thorough: Compare each index with its table, too; takes several times as long.
    """
    pragma = "integrity_check" if thorough else "quick_check"
    argument = "(20)" if table is None else f"({table})"
    found = [str(text) for (text,) in connection.execute(f"PRAGMA {pragma}{argument}").fetchall()]
    return [line for line in found if line != "ok"][:20]


def damaged(path: Path, cause: str) -> str:
    """Say that a file is damaged and that it was not touched."""
    return (
        f"the journal {path} is damaged ({cause}) and was left as it is; stop the gateway, "
        f"then restore a backup, or run {command('journal salvage -c FILE')}"
    )


class FrameCheck:
    """Reads the frames of a large file on a thread and a connection of its own.

    Commits go on meanwhile; the write-ahead log cannot shrink until it is done.

    Args:
        connection: Its own; closed by :meth:`stop`.

    Attributes:
        finished: All frames were read.
        damage: What was wrong with them; empty: nothing so far.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.finished = False
        self.damage = ""
        self._connection = connection
        self._thread = threading.Thread(target=self._run, name="journal-check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cut it short and wait for its end. Idempotent."""
        while not self.wait(0.02):
            self._connection.interrupt()  # lost if the statement has not begun
        self._connection.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; False if it takes longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            problems = problems_in(self._connection, FRAMES)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                return
            problems = [str(error)]
        self.damage = problems[0] if problems else ""
        self.finished = True
