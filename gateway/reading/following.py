"""The thread that keeps the reading copy: opens both files, copies, cleans up, begins anew."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
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
from gateway.journal.upkeep.upkeep import free_bytes
from gateway.reading import schema, upkeep
from gateway.reading.copying import Copied, Copying
from gateway.reading.messages import legible
from gateway.reading.writing import Moved
from gateway.settings import ReadingSettings

THREAD: Final = "gateway/reading"

LOOK_S: Final = 1.0
"""Seconds between two looks at a journal in which nothing was new."""

AGAIN_S: Final = 15.0
"""Seconds to wait after a failure."""

READ_AGAIN_BYTES: Final = 256 << 20
"""A copy up to this size is read from end to end when it is opened, a larger one only where the
last life did not close it."""

LEAST_SHARE: Final = 0.1
"""Of ``events_per_s``: so fast it goes on while the process needs a core for itself."""

PATIENT_STEPS: Final = 100_000
"""Steps of SQLite's machine between two looks whether to stop."""

UPKEEP_S: Final = 600.0
"""Seconds between two deletions of what is old."""

MOST_MOVES: Final = 10_000
"""Changes of state that wait to be written; beyond, the oldest is left out."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the copy stands.

    Attributes:
        behind: It has not reached the end of the journal.
        behind_events: Events of the journal that it does not have yet, at most.
        failure: Why it does not go on; None: it does.
        built_ms: Our Unix time when it was begun anew in this process; None: it was not.
    """

    behind: bool = True
    behind_events: int = 0
    failure: str | None = None
    built_ms: int | None = None


class Follower:
    """Keeps the copy, on a thread of its own.

    Args:
        journal: The journal's file.
        path: The copy's.
        settings: How much, how long, how fast.
        min_free_bytes: With less free on its disk it writes nothing: that room is the journal's.
        reader: Returns what reads the frames of an account; None: nobody can.
        ready: Whether the journal is open; until then, and when it is not any more, it is left
            alone.
        clock: Time.
        log: A structlog logger.
        heard: Called after something new was written, on this thread. Must not raise.
        again_s: Seconds to wait after a failure.

    Attributes:
        state: How the copy stands.
    """

    def __init__(
        self,
        journal: Path,
        path: Path,
        settings: ReadingSettings,
        *,
        min_free_bytes: int = 0,
        reader: Callable[[AccountId], Reader | None],
        ready: Callable[[], bool] = lambda: True,
        clock: Clock,
        log: Any,
        heard: Callable[[], None] = lambda: None,
        again_s: float = AGAIN_S,
    ) -> None:
        self._journal_path = journal
        self._path = path
        self._settings = settings
        self.min_free_bytes = min_free_bytes
        self._reader = reader
        self._ready = ready
        self._again_s = again_s
        self._damaged = False
        self._clock = clock
        self._log = log
        self._heard = heard
        self._share = _Share()
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
                reason=None if failure is None else legible(failure.reason),
                detail=None if failure is None or not failure.detail else legible(failure.detail),
                lost=lost and change.new is ConnectionState.RECONNECTING
                and change.cause is not Cause.MAX_AGE,
            )
        )  # fmt: skip

    def found_damaged(self) -> None:
        """Hear that the copy cannot be read: it is built anew."""
        self._damaged = True

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
            if not self._ready() or not self._journal_path.exists():
                self._stopping.wait(LOOK_S)
                continue
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001  # whatever the files hold, it goes on
                if self._stopping.is_set():
                    return
                self._damaged = self._damaged or isinstance(error, schema.DamagedError)
                self._fails(f"{type(error).__name__}: {error}")
                self._stopping.wait(self._again_s)

    def _fails(self, told: str) -> None:
        if self.state.failure is None:
            self._log.warning("reading.failed", reason=told, again_s=self._again_s)
        self.state = msgspec.structs.replace(self.state, failure=told)

    def _works(self) -> None:
        if self.state.failure is not None:
            self._log.info("reading.recovered")
            self.state = msgspec.structs.replace(self.state, failure=None)

    def _follow(self) -> None:
        """Copy until the end, or until one of the files is not what was opened any more."""
        if not self._has_room():
            self._stopping.wait(LOOK_S)
            return
        with (
            contextlib.closing(following.connect(self._journal_path)) as journal,
            contextlib.closing(self._opened(journal)) as copy,
        ):
            copy.set_progress_handler(self._stopping.is_set, PATIENT_STEPS)
            self._copy(journal, copy)
            copy.set_progress_handler(None, 0)
            if not self._damaged:
                schema.keep(copy, closed=1)

    def _copy(self, journal: sqlite3.Connection, copy: sqlite3.Connection) -> None:
        copying = Copying(journal, copy, self._reader)
        opened = _file_of(self._journal_path), _file_of(self._path)
        upkeep_at = self._clock.monotonic()
        while not self._stopping.is_set() and self._ready() and not self._damaged:
            if (_file_of(self._journal_path), _file_of(self._path)) != opened:
                return
            if not self._has_room():
                self._stopping.wait(LOOK_S)
                continue
            done = self._step(copying)
            self._works()
            now = self._clock.monotonic()
            if now >= upkeep_at:
                more = upkeep.delete_old(copy, self._settings, self._clock.unix_ms())
                upkeep_at = now if more else now + UPKEEP_S
            pace_s = done.read / self._settings.events_per_s / self._share.left()
            self._stopping.wait(pace_s if done.more else LOOK_S)

    def _step(self, copying: Copying) -> Copied:
        moves = [self._moves.popleft() for _ in range(len(self._moves))]
        try:
            done = copying.step(self._clock.unix_ms(), self._clock.monotonic(), moves)
        except BaseException:
            room = MOST_MOVES - len(self._moves)
            self._moves.extendleft(reversed(moves[len(moves) - min(room, len(moves)) :]))
            raise
        self.state = msgspec.structs.replace(
            self.state, behind=done.more, behind_events=done.behind
        )
        if done.written:
            self._heard()
        return done

    def _has_room(self) -> bool:
        """Return whether its disk has more free than the journal wants for itself."""
        free = free_bytes(self._path)
        if free is None or free >= self.min_free_bytes:
            return True
        self._fails(
            f"its disk has {free >> 20} MiB free, journal.min_free_bytes is "
            f"{self.min_free_bytes >> 20} MiB"
        )
        return False

    def _opened(self, journal: sqlite3.Connection) -> sqlite3.Connection:
        """Open the copy of this journal; one that is damaged or of another is built anew."""
        whose = following.identity(journal)
        if self._path.exists():
            if not schema.is_ours(self._path):
                raise JournalError(f"{self._path} is another program's database; move it away")
            copy, why = self._usable(whose, following.newest(journal))
            if copy is not None:
                schema.keep(copy, closed=0)
                return copy
            schema.delete(self._path)
            self._log.warning("reading.built_anew", path=str(self._path), reason=why)
        copy = schema.create(self._path)
        schema.keep(copy, journal=whose)
        self._damaged = False
        now_ms = self._clock.unix_ms()
        self.state = msgspec.structs.replace(self.state, built_ms=now_ms, behind=True)
        return copy

    def _usable(self, whose: str, newest: int) -> tuple[sqlite3.Connection | None, str]:
        """Return the copy that is there; None: it is not to be used, and why."""
        if self._damaged:
            return None, "it is damaged"
        try:
            copy = schema.connect(self._path)
        except schema.DamagedError:
            return None, "it is damaged"
        try:
            why = self._problem(copy, whose, newest)
        except schema.DamagedError:
            why = "it is damaged"
        except BaseException:
            copy.close()
            raise
        if why is None:
            return copy, ""
        copy.close()
        return None, why

    def _problem(self, copy: sqlite3.Connection, whose: str, newest: int) -> str | None:
        copy.set_progress_handler(self._stopping.is_set, PATIENT_STEPS)
        small = self._path.stat().st_size <= READ_AGAIN_BYTES
        why = schema.problem(copy, whole=small)
        if why is not None:
            return why
        about = schema.kept(copy)
        if not small and not about.get("closed"):
            schema.problem(copy, whole=True)
        if about.get("journal") != whose or int(about.get("floor", 0)) > newest:
            return "it is of another journal"
        return None


class _Share:
    """How much of a core the other threads of this process leave; on the copying thread."""

    def __init__(self) -> None:
        self._before = 0.0, 0.0

    def left(self) -> float:
        """Return the share since the last question, :data:`LEAST_SHARE` at least."""
        now = time.monotonic(), time.process_time() - time.thread_time()
        passed_s, busy_s = now[0] - self._before[0], now[1] - self._before[1]
        self._before = now
        return max(LEAST_SHARE, min(1.0, 1.0 - busy_s / max(passed_s, 1e-6)))


def _file_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
