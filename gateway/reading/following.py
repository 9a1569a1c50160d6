"""The thread that keeps the reading copy: opens both files, copies, cleans up, begins anew."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.messages import StateChanged
from actors.ports import Clock
from actors.ports.journal import JournalError
from actors.ports.platform import Reader
from actors.state import Cause, ConnectionState
from actors.values import AccountId
from gateway.journal.sqlite import following
from gateway.reading import schema, upkeep
from gateway.reading.copying import Copying
from gateway.reading.writing import Moved, write_moves
from gateway.settings import ReadingSettings

THREAD: Final = "gateway/reading"

LOOK_S: Final = 1.0
"""Seconds between two looks at a journal in which nothing was new."""

AGAIN_S: Final = 15.0
"""Seconds to wait after a failure."""

CHECK_S: Final = 60.0
"""Seconds between two looks whether the files are those that were opened."""

UPKEEP_S: Final = 600.0
"""Seconds between two deletions of what is old."""

MOST_MOVES: Final = 10_000
"""Changes of state that wait to be written; beyond, the oldest is left out."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the copy stands.

    Attributes:
        behind: It has not reached the end of the journal.
        failure: Why it does not go on; None: it does.
        built_ms: Our Unix time when it was begun anew in this process; None: it was not.
    """

    behind: bool = True
    failure: str | None = None
    built_ms: int | None = None


class Follower:
    """Keeps the copy, on a thread of its own.

    Args:
        journal: The journal's file.
        path: The copy's.
        settings: How much, how long, how fast.
        reader: Returns what reads the frames of an account; None: nobody can.
        clock: Time.
        log: A structlog logger.
        heard: Called after something new was written, on this thread.
    """

    def __init__(
        self,
        journal: Path,
        path: Path,
        settings: ReadingSettings,
        *,
        reader: Callable[[AccountId], Reader | None],
        clock: Clock,
        log: Any,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal_path = journal
        self._path = path
        self._settings = settings
        self._reader = reader
        self._clock = clock
        self._log = log
        self._heard = heard
        self._moves: deque[Moved] = deque(maxlen=MOST_MOVES)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.state = State()

    # --- any thread -------------------------------------------------------------------

    def moved(self, change: StateChanged) -> None:
        """Note a change of an account's state."""
        failure = change.failure
        lost = change.old is ConnectionState.CONNECTED
        self._moves.append(
            Moved(
                account=change.account,
                at_ms=change.at_ms,
                state=change.new.value,
                cause=change.cause.value,
                why=change.why,
                reason=None if failure is None else failure.reason,
                detail=None if failure is None else failure.detail,
                lost=lost and change.new is ConnectionState.RECONNECTING
                and change.cause is not Cause.MAX_AGE,
            )
        )  # fmt: skip

    def start(self) -> None:
        """Start the thread."""
        thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._log.error("reading.unavailable", reason="the machine gives no more threads")
            return
        self._thread = thread

    def stop(self, timeout_s: float) -> list[str]:
        """End; return the name of the thread if it did not in time."""
        self._stopping.set()
        if self._thread is None:
            return []
        self._thread.join(timeout_s)
        return [THREAD] if self._thread.is_alive() else []

    # --- its thread -------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._journal_path.exists():  # the gateway is about to start
                self._stopping.wait(LOOK_S)
                continue
            try:
                self._follow()
            except (sqlite3.Error, OSError, JournalError) as error:
                self._fails(error)
                self._stopping.wait(AGAIN_S)

    def _fails(self, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        if self.state.failure is None:
            self._log.warning("reading.failed", reason=told, again_s=AGAIN_S)
        self.state = msgspec.structs.replace(self.state, failure=told)

    def _follow(self) -> None:
        """Copy until the end, or until one of the files is not what was opened any more."""
        with (
            contextlib.closing(following.connect(self._journal_path)) as journal,
            contextlib.closing(self._opened(journal)) as copy,
        ):
            if self.state.failure is not None:
                self._log.info("reading.recovered")
            self.state = msgspec.structs.replace(self.state, failure=None)
            self._copy(journal, copy)

    def _copy(self, journal: sqlite3.Connection, copy: sqlite3.Connection) -> None:
        copying = Copying(journal, copy, self._reader)
        opened = _file_of(self._journal_path), _file_of(self._path)
        check_at = self._clock.monotonic() + CHECK_S
        upkeep_at = self._clock.monotonic()
        while not self._stopping.is_set():
            self._write_moves(copy)
            done = copying.step(self._clock.unix_ms())
            if self.state.behind != done.more:
                self.state = msgspec.structs.replace(self.state, behind=done.more)
            if done.new:
                self._heard()
            now = self._clock.monotonic()
            if now >= upkeep_at:
                more = upkeep.delete_old(copy, self._settings, self._clock.unix_ms())
                upkeep_at = now if more else now + UPKEEP_S
            if now >= check_at:
                if (_file_of(self._journal_path), _file_of(self._path)) != opened:
                    return
                check_at = now + CHECK_S
            pace_s = done.events / self._settings.events_per_s
            self._stopping.wait(pace_s if done.more else LOOK_S)

    def _write_moves(self, copy: sqlite3.Connection) -> None:
        moves = [self._moves.popleft() for _ in range(len(self._moves))]
        if moves:
            copy.execute("BEGIN IMMEDIATE")
            try:
                write_moves(copy, moves)
                copy.execute("COMMIT")
            except BaseException:
                copy.rollback()
                raise

    def _opened(self, journal: sqlite3.Connection) -> sqlite3.Connection:
        """Open the copy of this journal; one that is damaged or of another is built anew."""
        whose = following.identity(journal)
        if self._path.exists():
            copy = self._usable(whose, following.newest(journal))
            if copy is not None:
                return copy
            if not schema.is_ours(self._path):
                raise JournalError(f"{self._path} is another program's database; move it away")
            schema.delete(self._path)
            self._log.warning("reading.built_anew", path=str(self._path))
        copy = schema.create(self._path)
        copy.execute("INSERT INTO about VALUES('journal', ?)", (whose,))
        self.state = msgspec.structs.replace(self.state, built_ms=self._clock.unix_ms())
        return copy

    def _usable(self, whose: str, newest: int) -> sqlite3.Connection | None:
        """Return the copy that is there; None: it is not to be used."""
        try:
            copy = schema.connect(self._path)
        except sqlite3.Error:
            return None
        try:
            if schema.is_sound(copy):
                about = dict(copy.execute("SELECT key, value FROM about").fetchall())
                (last,) = copy.execute("SELECT coalesce(max(seq), 0) FROM said").fetchone()
                if about.get("journal") == whose and last <= newest:
                    return copy
        except sqlite3.DatabaseError:
            pass
        copy.close()
        return None


def _file_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
