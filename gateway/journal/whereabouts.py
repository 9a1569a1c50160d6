"""Checks that the files of an open journal still have their names.

A file that was deleted, moved or replaced goes on working for who has it open, and is gone for
the next start: what is stored there must not be acknowledged. So the names are looked at within
each transaction, before it is committed; two calls of ``stat`` are nothing beside a commit.
"""

from __future__ import annotations

import os
import sys
from enum import Enum
from pathlib import Path
from typing import Final

from actors.policy.alerts import Alert
from actors.ports.journal import JournalError
from gateway.commands import page
from gateway.journal.files import opening

_LOG_MAGIC: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_LEAST_BYTES: Final = 512
"""A journal file is never smaller, nor smaller than it was."""

NEXT_STEP: Final = (
    f"stop the gateway, see which file holds what ({page('docs/journal.md')}), put the right one "
    "in its place, and start"
)

_Number = tuple[int, int]


class Astray(Enum):
    """What happened to the files; the value is for people."""

    GONE = "was deleted or moved"
    LOG_GONE = "has lost its log (-wal or -shm), which was deleted, moved or replaced"
    REPLACED = "was replaced by another file"
    CUT = "was cut short by another program"
    LOG_CUT = "has a log (-wal) that was cut short by another program"


class AstrayError(Exception):
    """Raised within a transaction that must not be committed.

    Attributes:
        astray: Why.
    """

    def __init__(self, astray: Astray) -> None:
        super().__init__(astray.value)
        self.astray = astray


class Whereabouts:
    """The files of one journal, by device and inode. Any one thread at a time.

    Where an open file keeps its name (Windows) nothing is looked at.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = str(path)
        self._log: Final = str(opening.beside(path, "-wal"))
        self._index: Final = str(opening.beside(path, "-shm"))
        self._journal: _Number | None = None
        self._beside: _Number | None = None
        self._indexed: _Number | None = None
        self._log_bytes = 0
        self._least_bytes = _LEAST_BYTES
        self.shrunk = False
        """The log is shorter than it was: copied and begun anew, or cut; the next commit tells."""

    def opened(self) -> None:
        """Remember the journal that was just opened; its log is remembered at the next look."""
        self.closed()
        self._journal, self._least_bytes = _number(self._path), _LEAST_BYTES

    def closed(self) -> None:
        """Expect another log: the last process that closes a journal removes it."""
        self._beside = self._indexed = None
        self._log_bytes, self.shrunk = 0, False

    def forget(self) -> None:
        """Take whatever is opened next for ours."""
        self.closed()
        self._journal = None

    def look(self, *, within: bool) -> Astray | None:  # noqa: PLR0911  # one a finding
        """Return what became of the journal and its log; None: they are where they were.

        Args:
            within: In a transaction, so that the log is there.
        """
        if self._journal is None or sys.platform == "win32":
            return None
        try:
            found = os.stat(self._path)  # noqa: PTH116  # within each commit, no Path
        except OSError:
            return Astray.GONE
        if (found.st_dev, found.st_ino) != self._journal:
            return Astray.REPLACED
        if found.st_size < self._least_bytes:
            return Astray.CUT
        self._least_bytes = found.st_size  # it only grows: nothing here gives pages back
        if self._beside is None and not within:
            return None
        try:
            found = os.stat(self._log)  # noqa: PTH116  # the same
        except OSError:
            return Astray.LOG_GONE
        if self._beside is None:
            self._beside, self._indexed = (found.st_dev, found.st_ino), _number(self._index)
        if (found.st_dev, found.st_ino) != self._beside:
            return Astray.LOG_GONE
        if within:
            self.shrunk = self.shrunk or found.st_size < max(1, self._log_bytes)
            self._log_bytes = found.st_size
        return None

    def look_closer(self, *, failed: bool = False) -> Astray | None:
        """Return whether the log begins as a log does; once in a while, it opens the file.

        Args:
            failed: Reading failed: a log that is empty was cut, not copied and begun anew.
        """
        if self._journal is None or sys.platform == "win32":
            return None
        if self._indexed is not None and _number(self._index) != self._indexed:
            return Astray.LOG_GONE
        try:
            with open(self._log, "rb", buffering=0) as log:  # noqa: PTH123  # as above
                begin = log.read(4)
        except OSError:
            return None
        if begin in _LOG_MAGIC:
            self.shrunk = False
            return None
        return Astray.LOG_CUT if begin or failed else None


def rescued(path: Path) -> Alert:
    """Return the alert of a journal that was written anew."""
    return Alert(
        name="journal.rescued",
        detail=f"files of the journal {path} were deleted or moved while it was open; "
        "what they held was saved at their place",
        next_step="see who takes files out of data_dir (a tidy job, a backup script)",
    )


def lost(path: Path, astray: Astray) -> JournalError:
    """Return the alert about files that only a person can set right."""
    return JournalError(f"the journal {path} {astray.value} while it was open; {NEXT_STEP}")


def alert(path: Path, astray: Astray) -> Alert:
    """Return the alert of a journal whose files are astray."""
    return Alert(
        name="journal.lost",
        detail=f"the journal {path} {astray.value} while it is open; nothing is acknowledged",
        next_step=NEXT_STEP,
    )


def _number(path: str) -> _Number | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # as above
    except OSError:
        return None
    return found.st_dev, found.st_ino
