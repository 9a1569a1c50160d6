"""Upkeep of an open journal: room, retention, the write-ahead log, and alerts.

A commit waits for one small step at most; the rest is done when the writer says that it is idle.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from actors.policy.alerts import Alert
from actors.ports import Clock
from actors.ports.commands import CloseHold, JournalCommand, StoreDelivery, StoreFrames
from actors.ports.journal import JournalFullError
from actors.sections import JournalSettings
from gateway.journal import schema
from gateway.journal.files import backups
from gateway.journal.files.backup import last_backup
from gateway.journal.upkeep import quota
from gateway.journal.upkeep.backlog import Backlog
from gateway.journal.upkeep.checkpoint import Checkpointer
from gateway.journal.upkeep.dead_letter_size import DeadLetterSize
from gateway.journal.upkeep.quota import Room
from gateway.journal.upkeep.retention import Pruned, Retention

LOOK_S: Final = 1.0
"""Seconds between two checks of the free room."""

STEP_S: Final = 0.05
"""Seconds between two steps of retention while commits are coming."""

ROUND_S: Final = 600.0
"""Seconds between two rounds of retention."""

WATCH_S: Final = 60.0
"""Seconds between two rounds of looking for alerts."""

CALM_S: Final = 60.0
"""The alert ends only after there was enough room for this long: at its bound a journal frees and
fills a little again and again."""

FAILED_S: Final = 60.0
"""Seconds to wait after a step that failed."""

BUDGET_S: Final = 0.05
"""Longest time of upkeep at a time in an idle journal."""

_CHECKPOINT_COMMITS: Final = 256
"""An idle journal with fewer commits since the last checkpoint leaves its log as it is."""

GRACE_MS: Final = 3600 * 1000
"""How much longer than promised an id is kept: the platform's clock may be ahead of ours, and a
copy that came in time may have waited for the disk."""

_DAY_MS: Final = 24 * 3600 * 1000


class Upkeep:
    """The upkeep of one journal, on the thread that commits.

    Args:
        path: The file.
        limits: What it may take.
        clock: Time.
        log: A structlog logger.

    Attributes:
        concerns: What a person should look at; another object whenever it changes.
    """

    def __init__(self, path: Path, limits: JournalSettings, clock: Clock, log: Any) -> None:
        self._path = path
        self._limits = limits
        self._clock = clock
        self._log = log
        self._retention = Retention()
        self._dead_letter_size = DeadLetterSize()
        self._backlog = Backlog(limits)
        self._room, self._why = Room.ENOUGH, ""
        self._letters, self._letters_why = Room.ENOUGH, ""
        self._weighing = False
        self._filling: Alert | None = None
        self._set_aside: Alert | None = None
        self._backup_late: Alert | None = None
        self._calm_at = 0.0
        self._look_at = self._step_at = self._watch_at = float("-inf")
        self.concerns: tuple[Alert, ...] = ()
        self._commits = 0
        self._checkpointer = Checkpointer(path, log)

    @property
    def oldest_ms(self) -> int | None:
        """Return our Unix time when the oldest pending event came, as of the last round."""
        return self._backlog.oldest_ms

    def admit(self, connection: sqlite3.Connection, commands: Sequence[JournalCommand]) -> None:
        """Refuse what adds rows when there is no room, after trying to make some.

        Raises:
            JournalFullError: There is none; says why and what to do.
        """
        none_left = Room.NONE in (self._room, self._letters)
        if none_left or self._clock.monotonic() >= self._look_at:
            self._look(connection)
        if Room.NONE not in (self._room, self._letters) or not any(map(_adds, commands)):
            return
        if self._letters is Room.NONE:
            raise JournalFullError(
                f"the journal {self._path} takes no more: {self._letters_why}; "
                "drop or replay some, or raise that"
            )
        self.prune(connection, BUDGET_S)
        self._look(connection)
        if self._room is Room.NONE:
            raise JournalFullError(f"the journal {self._path} has no room: {self._why}")

    def committed(self, connection: sqlite3.Connection) -> None:
        """Take one small step if one is due; never fails what has just been stored."""
        self._commits += 1
        self._checkpointer.committed(connection)
        now = self._clock.monotonic()
        if now >= self._watch_at:  # rarer, and short
            self._watch(connection, now)
        elif now >= self._step_at:
            self._step(connection)

    def idle(self, connection: sqlite3.Connection) -> bool:
        """Look after the file for a moment; True: there is more to do.

        Raises:
            sqlite3.Error: The log could not be written into the file.
        """
        more = False
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look(connection)
        if now >= self._step_at:
            more = self.prune(connection, BUDGET_S).more
        watching = self._watch(connection, now, pause_s=0.0)
        while watching and self._clock.monotonic() < now + BUDGET_S:
            watching = self._watch(connection, now, pause_s=0.0)
        more = more or watching
        if self._commits >= _CHECKPOINT_COMMITS or self._log_bytes() > schema.WAL_BYTES:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._commits = 0
        return more

    def prune(self, connection: sqlite3.Connection, budget_s: float) -> Pruned:
        """Take steps of retention for this many seconds, at least one step."""
        until = self._clock.monotonic() + budget_s
        total = self._step(connection)
        while total.more and self._clock.monotonic() < until:
            total += self._step(connection)
        return total

    def begin_anew(self) -> None:
        """Let go of the file: another one has its name."""
        self._checkpointer.stop()
        self._checkpointer = Checkpointer(self._path, self._log)

    def note_set_aside(self, copies: Sequence[Mapping[str, Any]]) -> None:
        """Return alerts about rows that could not be read, until a person removed their copies."""
        self._set_aside = quota.set_aside([f"{each['table']} {each['key']}" for each in copies])
        self._tell()

    def stop(self) -> None:
        """End what goes on beside the commits. Idempotent."""
        self._checkpointer.stop()

    def close(self, connection: sqlite3.Connection) -> None:
        """Write the log into the file and leave none behind.

        Raises:
            sqlite3.Error: It could not be written; nothing is lost, the log stays.
        """
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --- inside ---

    def _step(self, connection: sqlite3.Connection) -> Pruned:
        now = self._clock.monotonic()
        kept_ms = int(self._limits.retention_days * _DAY_MS) + GRACE_MS
        now_ms = self._clock.unix_ms()
        try:
            pruned = self._retention.step(connection, now_ms=now_ms, kept_ms=kept_ms)
            if not pruned.more and self._room is not Room.ENOUGH:
                pruned += self._retention.strip(connection)
                self._look(connection)
        except Exception as error:  # noqa: BLE001  # whatever a row holds, commits go on
            self._step_at = now + FAILED_S
            self._log.warning("journal.upkeep_failed", reason=_told(error))
            return Pruned()
        self._step_at = now + (STEP_S if pruned.more else ROUND_S)
        return pruned

    def _look(self, connection: sqlite3.Connection) -> None:
        self._look_at = self._clock.monotonic() + LOOK_S
        before, limits = self._room, self._limits
        used, free = used_bytes(connection), free_bytes(self._path)
        self._room, self._why = quota.room(limits, used_bytes=used, free_bytes=free)
        if self._room not in (Room.ENOUGH, before):
            self._step_at = float("-inf")
        if self._room is not Room.ENOUGH:
            self._filling, self._calm_at = (
                quota.filling(self._why, self._room),
                self._look_at + CALM_S,
            )
        elif self._look_at >= self._calm_at:
            self._filling = None
        if self._letters is not Room.ENOUGH:
            self._dead_letter_size.count(connection)  # a person may be dropping some
        self._letters, self._letters_why = quota.letters_room(
            limits, letter_bytes=self._dead_letter_size.estimate()
        )
        self._tell()

    def _watch(
        self, connection: sqlite3.Connection, now: float, *, pause_s: float = STEP_S
    ) -> bool:
        """Take a small step of looking for what a person should know; True: there is more."""
        if now < self._watch_at:
            return False
        self._watch_at = now + FAILED_S
        try:
            if self._weighing:
                more = self._weighing = self._dead_letter_size.step(connection)
            else:  # when that round is over, the other begins
                more = True
                self._weighing = not self._backlog.step(connection, self._clock.unix_ms())
            if not more:
                last = last_backup(self._path)
                self._backup_late = backups.late(last, self._clock.unix_ms())
                self._look(connection)
        except Exception as error:  # noqa: BLE001  # whatever a row holds, commits go on
            self._log.warning("journal.upkeep_failed", reason=_told(error))
            return False
        self._watch_at = now + (pause_s if more else WATCH_S)
        return more

    def _tell(self) -> None:
        found = (self._filling, self._set_aside, self._backup_late)
        concerns = [each for each in found if each is not None]
        if self._letters is not Room.ENOUGH:
            concerns.append(quota.letters_alert(self._letters, self._letters_why))
        told = (*concerns, *self._backlog.found)
        if told != self.concerns:
            self.concerns = told

    def _log_bytes(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size  # noqa: PTH116  # once a second, no Path
        except OSError:
            return 0


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of the pages that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages - free) * schema.PAGE_BYTES


def free_bytes(path: Path) -> int | None:
    """Return what this user may still write on the disk of a file; None: unknown."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__name__


def _adds(command: JournalCommand) -> bool:
    return isinstance(command, StoreDelivery) or (
        isinstance(command, StoreFrames | CloseHold) and bool(command.frames)
    )
