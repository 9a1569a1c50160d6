"""The open file of a journal: its connection, its lock, and what becomes of its files meanwhile.

A connection that cannot be trusted any more is given up, and the next who needs one gets
another. What only the open files hold is saved when they lose their names.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from actors.policy.alerts import Alert
from actors.ports import Clock
from actors.ports.journal import JournalError
from gateway.journal import rescue, wal, whereabouts
from gateway.journal.files import integrity, opening
from gateway.journal.files.lock import ProcessLock
from gateway.journal.upkeep.upkeep import LOOK_S
from gateway.journal.whereabouts import Astray, AstrayError, Whereabouts

RESCUED_S: Final = 3600.0
"""So long a person is told that the files were deleted or moved."""

_SYNC: Final = "INSERT OR REPLACE INTO log_meta(key, value) VALUES('synced_at', ?)"


class Handle:
    """The file of one journal while it is open. Any one thread at a time.

    It is locked from the beginning, and read from :meth:`open` on.

    Args:
        path: The file; its directory is made if it is not there. ``<path>.lock`` beside it.
        synchronous: FULL: commits wait for the disk when they are asked to. NORMAL: never.
        clock: Time.
        log: A structlog logger.
        reopened: Called with each connection that takes the place of one given up.
        let_go: Called before a file that has lost its name is closed: each closes what else
            has it open.

    Attributes:
        path: The file.
        connection: The open one; None: :meth:`connected` opens another.
        lost: What became of the files, if only a person can set it right.

    Raises:
        JournalError: Used by another process, or its directory cannot be written.
    """

    def __init__(
        self,
        path: Path,
        synchronous: Literal["FULL", "NORMAL"],
        clock: Clock,
        log: Any,
        *,
        reopened: Callable[[sqlite3.Connection], None],
        let_go: Sequence[Callable[[], None]],
    ) -> None:
        self.path: Final = path
        self.connection: sqlite3.Connection | None = None
        self.lost: Astray | None = None
        self._synchronous = synchronous
        self._clock = clock
        self._log = log
        self._reopened = reopened
        self._let_go = let_go
        self._synced = True
        self._closed = self._given_up = self._marked = False
        self._where: Final = Whereabouts(path)
        self._look_at = float("-inf")
        self._damaged: tuple[Alert, ...] = ()
        self._rescued_until = float("-inf")
        opening.prepare_directory(path)
        for lax in opening.tighten(path):
            log.warning("journal.permissions_lax", path=str(lax))
        self._lock: Final = ProcessLock(opening.beside(path, ".lock"))

    def open(self) -> tuple[int, bool]:
        """Open the file and check it; make it if it is not there.

        Returns:
            The version of its schema, and whether the whole file was checked.

        Raises:
            JournalError: Used by another process, damaged, or foreign.
            sqlite3.Error: SQLite cannot read it.
            OSError: It cannot be made.
        """
        opening.refuse_half_salvaged(self.path)
        if not self.path.exists():
            opening.create(self.path, self._clock.unix_ms())
        self._lock.guard(self.path)
        if wal.gone(self.path, self._lock.owner.inode):
            self._damaged = (wal.alert_gone(self.path),)
        connection = self.connected()
        version = integrity.identify(connection, self.path)
        opening.use_log(connection, self.path)
        whole = integrity.verify(connection, self.path)
        dropped = wal.dropped(connection, self.path, self._clock.unix_ms())
        if dropped is not None:  # the disk is to blame
            self._damaged += (wal.alert(self.path, dropped),)
        return version, whole

    def connected(self) -> sqlite3.Connection:
        """Return the connection; a new one if the last was given up after an error.

        Raises:
            JournalError: The journal is closed, or its files are lost.
            sqlite3.Error: SQLite cannot open it.
        """
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed; open it anew")
        if self.connection is None:
            astray = self.lost or self._where.look(within=False) or self._where.look_closer()
            if astray is not None:
                raise whereabouts.lost(self.path, astray)
            connection = opening.connect(self.path, self._synchronous)
            try:
                if self._given_up:
                    self._reopened(connection)
            except BaseException:
                connection.close()
                raise
            self.connection, self._synced, self._given_up = connection, True, False
            self._where.opened()
        return self.connection

    def sync(self, connection: sqlite3.Connection, *, wanted: bool) -> None:
        """Let the next commit wait for the disk, or not; a sync covers all commits before it."""
        if wanted != self._synced and self._synchronous == "FULL":
            connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._synced = wanted

    def flush(self, connection: sqlite3.Connection) -> None:
        """Wait for the disk once for all commits that did not."""
        if not self._synced:
            self.sync(connection, wanted=True)
            connection.execute(_SYNC, (self._clock.unix_ms(),))

    def look(self, *, within: bool) -> None:
        """See that what is stored now is there for the next start, too.

        Args:
            within: In a transaction, so that the log is there.

        Raises:
            AstrayError: It would not be.
            JournalError: Another process has the lock file by now.
        """
        astray = self._where.look(within=within)
        now = self._clock.monotonic()
        if astray is None and now >= self._look_at:
            self._look_at = now + LOOK_S
            astray = self._where.look_closer()
            if astray is None:
                self._lock.keep()
        if astray is not None:
            raise AstrayError(astray)

    def committed(self) -> None:
        """Note that the file is in use; see that a log that was shorter than before is whole.

        Raises:
            AstrayError: It is not, and what was just written is lost with it.
        """
        if not self._marked:
            self._lock.mark(self.path.stat().st_ino)
            self._marked = True
        if self._where.shrunk:
            astray = self._where.look_closer()
            if astray is not None:
                raise AstrayError(astray)

    def failed(self, error: sqlite3.Error) -> JournalError:
        """Return what failed; give the connection up if it would not heal by itself."""
        if opening.needs_new_handle(error):
            unread = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
            self.lost = self.lost or self._where.look_closer(failed=unread)
            self._disconnect()
            self._given_up = True
        return opening.failure(self.path, error)

    def mend(self, astray: Astray) -> JournalError:
        """Save what only the open files hold; return why nothing is acknowledged now.

        Raises:
            JournalError: It could not be saved yet.
        """
        connection = self.connection
        if connection is None or astray not in (Astray.GONE, Astray.LOG_GONE):
            if astray in (Astray.CUT, Astray.LOG_CUT):
                self.lost = astray  # what is missing does not come back
            return whereabouts.lost(self.path, astray)
        try:
            if astray is Astray.GONE:
                rescue.write_anew(connection, self.path)
            else:
                rescue.save_log(connection, self.path)
            for let_go in self._let_go:
                let_go()
            self._where.forget()
            self._disconnect()
            self._marked = False
            if astray is Astray.GONE:
                for ending in ("-wal", "-shm"):  # of the old one; what they held is in the new
                    opening.beside(self.path, ending).unlink(missing_ok=True)
                self._lock.move(self.path)
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error
        self._rescued_until = self._clock.monotonic() + RESCUED_S
        self._log.error("journal.rescued", path=str(self.path), reason=astray.value)
        return JournalError(
            f"the journal {self.path} {astray.value} while it was open; what it held was saved "
            "there, and it goes on by itself"
        )

    def concerns(self) -> list[Alert]:
        """Return what a person should know of the files."""
        found = [*self._damaged]
        astray = self.lost or self._where.look(within=False)
        if astray is not None:
            found.append(whereabouts.alert(self.path, astray))
        if self._clock.monotonic() < self._rescued_until:
            found.append(whereabouts.rescued(self.path))
        return found

    def prepare_close(self) -> None:
        """Save what only the open files hold, if it can be saved."""
        astray = None if self._closed else self._where.look(within=False)
        if astray is not None:
            with contextlib.suppress(JournalError):
                self.mend(astray)

    def ended(self) -> None:
        """Note that the file is not in use any more, so that it may lack its log."""
        self._lock.mark(0)

    def close(self) -> None:
        """Close the file for good and unlock it. Idempotent."""
        self._closed = True
        self._disconnect()
        self._lock.release()

    def _disconnect(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            self._where.closed()
