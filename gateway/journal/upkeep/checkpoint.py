"""Copying the write-ahead log into the file while commits go on.

Left to itself, SQLite does it within the commit that makes the log too long: that one takes
tens of milliseconds, and whatever comes meanwhile waits. A passive checkpoint may run beside
the writer, so a thread copies every few megabytes what is there, and the one within a commit,
which lets the log begin anew, finds little left to do.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

EVERY_PAGES: Final = 1024
"""Estimated pages in the log between two runs; with twice as many p99 is twice as long."""

COMMIT_PAGES: Final = 4
"""Pages that every commit writes."""

ROWS_A_PAGE: Final = 4
"""Changed rows to a page, in large commits."""


class Checkpointer:
    """Copies the log of one journal. Its thread starts with the first run.

    Args:
        path: The file.
        log: A structlog logger.
    """

    def __init__(self, path: Path, log: Any) -> None:
        self._path = path
        self._log = log
        self._pages = 0
        self._changes = 0
        self._due = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None

    def committed(self, connection: sqlite3.Connection) -> None:
        """Count what a commit of the writer has added; have it copied when it is enough."""
        changes = connection.total_changes
        rows = changes - self._changes if changes >= self._changes else changes
        self._changes = changes
        self._pages += COMMIT_PAGES + rows // ROWS_A_PAGE
        if self._pages < EVERY_PAGES:
            return
        self._pages = 0
        self._due.set()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="journal-checkpoint", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Cut a run short and wait for the end of the thread. Idempotent."""
        self._stopping = True
        self._due.set()
        thread = self._thread
        while thread is not None and thread.is_alive():
            connection = self._connection
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.interrupt()  # lost if the statement has not begun
            thread.join(0.02)

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping:
                break
            try:
                self._copy()
            except sqlite3.Error as error:
                if not self._stopping:
                    self._log.warning("journal.upkeep_failed", reason=str(error))
                self._disconnect()
        self._disconnect()

    def _copy(self) -> None:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,  # stop() interrupts it
            )
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
