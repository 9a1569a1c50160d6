"""When the frames of a large file are read for damage, and what is noted of that in the file.

They are read beside the work: after an end that was not clean, and when the last time is long
ago (``docs/adr/0009``). The outcome goes into the file with the next commit.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, TypeAlias

from actors.ports import Clock
from actors.ports.journal import JournalError
from gateway.journal.files import integrity, opening

Note: TypeAlias = tuple[str, tuple[int, ...]]
"""A statement with its values that goes with the next commit."""

_CHECKED: Final = "INSERT OR REPLACE INTO log_meta VALUES('checked_at', ?)"
_UNCHECKED: Final = "DELETE FROM log_meta WHERE key='checked_at'"
_OVERDUE: Final = (
    "SELECT NOT EXISTS (SELECT 1 FROM log_meta WHERE key='checked_at' AND value BETWEEN ? AND ?)"
)


class FrameChecks:
    """Of one journal, on the thread that commits.

    Args:
        path: The file.
        clock: Time.

    Attributes:
        running: The check that reads now, or has found damage; None: there is none.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self.running: integrity.FrameCheck | None = None

    def begin(self, connection: sqlite3.Connection, *, clean: bool) -> None:
        """Begin a check if one is due.

        Args:
            connection: Of the file.
            clean: The file was stopped cleanly; then only the time since the last one counts.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        if not clean or self._overdue(connection):
            self.running = integrity.FrameCheck(opening.reader(self._path))

    def take_over(self, notes: list[Note]) -> None:
        """Add to ``notes`` what a check has found that is done.

        Raises:
            JournalError: The frames are damaged: nothing more may be built on this file.
        """
        check = self.running
        if check is None:
            return
        if check.damage:
            raise JournalError(integrity.damaged(self._path, check.damage))
        if check.finished and not check.damage:  # it may have come since
            notes.append((_CHECKED, (self._clock.unix_ms(),)))
            self.stop()

    def end(self, notes: list[Note]) -> None:
        """Cut a check short; add to ``notes`` whether the frames are known to be sound."""
        check = self.running
        if check is None:
            return
        check.stop()
        if check.finished and not check.damage:
            notes.append((_CHECKED, (self._clock.unix_ms(),)))
            self.running = None
        else:
            notes.append((_UNCHECKED, ()))

    def stop(self) -> None:
        """Cut a check short and forget it. Idempotent."""
        if self.running is not None:
            self.running.stop()
            self.running = None

    def _overdue(self, connection: sqlite3.Connection) -> bool:
        now_ms = self._clock.unix_ms()
        since_ms = now_ms - integrity.CHECK_DAYS * 24 * 3600 * 1000
        return bool(connection.execute(_OVERDUE, (since_ms, now_ms)).fetchone()[0])
