"""The durable journal: one SQLite file, one process, one thread at a time.

What :meth:`SqliteJournal.commit` answered survives a kill and, with ``synchronous="FULL"``,
a power cut. Tables are in :mod:`gateway.journal.schema`, statements in
:mod:`~gateway.journal.inbound`, :mod:`~gateway.journal.settling` and
:mod:`~gateway.journal.sends`.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from actors.ports import Clock
from actors.storage import (
    JournalAnswer,
    JournalCommand,
    JournalError,
    MarkDelivery,
    Past,
    Pending,
    SettleEvents,
    StoreDelivery,
    StoreFrames,
    StorePast,
)
from actors.values import AccountId, Delivery, SendOutcome
from gateway.journal import files, inbound, schema, sends, settling, standing
from gateway.journal.lock import ProcessLock
from gateway.journal.rows import text
from gateway.journal.schema import FrameKind, Status
from gateway.journal.work import SettledBeforeError, Work

_PENDING: Final = (
    "SELECT raw, kind, idx, lane_seq, received_at, attempts FROM event CROSS JOIN inbox "
    "USING(raw_id) WHERE event.account=? AND status=0 AND lane_seq>? ORDER BY lane_seq LIMIT ?"
)
_CHECKPOINT_COMMITS: Final = 256
"""An idle journal with fewer commits since the last checkpoint leaves its log as it is."""


class SqliteJournal:
    """A :class:`actors.storage.Journal` on disk.

    Args:
        path: The file; made if it is not there, with its directory. ``<path>.lock`` beside it.
        synchronous: FULL: a commit survives a power cut. NORMAL: a kill, not a power cut.
        clock: For the times noted in rows.

    Raises:
        JournalError: Used by another process, damaged, foreign, or cannot be written.
    """

    durable = True

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        clock: Clock,
    ) -> None:
        self.path: Final = Path(path)
        self._synchronous = synchronous
        self._clock = clock
        self._faults: Counter[str] = Counter()
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._commits_since_checkpoint = 0
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        files.prepare_directory(self.path)
        self._lock: Final = ProcessLock(self.path.with_name(self.path.name + ".lock"))
        try:
            self._numbers: Final = itertools.count(self._open() + 1)
        except BaseException:
            self._disconnect()
            self._lock.release()
            raise

    def numbers(self) -> Iterator[int]:
        """Give the source of ``lane_seq``; drawing is one C call, safe on any thread."""
        return self._numbers

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do all commands in one transaction.

        Within it frames come first, then settlements, then sends and their marks. With no
        command it is the caller's way to say that it is idle: the log is checkpointed if it
        grew.

        A settlement of an event that is settled already is left out, replies included. A
        settlement with RETRY notes the attempts and leaves the event pending. A delivery
        whose ``outbox_id`` is known is not stored again.

        Raises:
            JournalError: The file cannot take it now. Nothing was done.
            ValueError: A command can never be stored, on any disk. Nothing was done.
        """
        try:
            if not commands:
                self._idle()
                return ()
            try:
                answers, changes = self._transact(commands, careful=False)
            except SettledBeforeError:
                answers, changes = self._transact(commands, careful=True)
        except (
            sqlite3.IntegrityError,
            sqlite3.DataError,
            sqlite3.InterfaceError,
            sqlite3.ProgrammingError,
            OverflowError,
        ) as error:
            raise ValueError(f"a command cannot be stored ({error})") from error
        except sqlite3.Error as error:
            if files.needs_new_handle(error):
                self._disconnect()
            raise files.failure(self.path, error) from error
        for (account, name), count in changes.items():
            self._counts[account][name] += count
        self._commits_since_checkpoint += 1
        return answers

    def pending(self, account: AccountId, after: int, limit: int) -> Sequence[Pending]:
        """Give unsettled events with ``lane_seq`` above ``after``, in its order."""
        return [
            Pending(
                frame=raw if kind != FrameKind.TEXT else text(raw),
                index=index,
                lane_seq=number,
                received_at_ms=received_at,
                attempts=attempts,
            )
            for raw, kind, index, number, received_at, attempts in self._read(
                _PENDING, (account, after, limit)
            )
        ]

    def unsent(self, account: AccountId) -> Sequence[tuple[Delivery, SendOutcome | None]]:
        """Give open sends in the order they were accepted; UNKNOWN if one was tried."""
        return [sends.sent_row(row) for row in self._read(sends.UNSENT, (account,))]

    def pasts(self) -> dict[AccountId, Past]:
        """Give what former lives left of each account that failed and was not stable since."""
        rows = map(standing.past_row, self._read(standing.PASTS, ()))
        return dict(row for row in rows if row is not None)

    def counts(self, account: AccountId) -> dict[str, int]:
        """Give the accounting identity (``reliability.md`` I12) of an account, exactly.

        ``received = duplicates + done + dead + ignored + parked + stale + pending``, over the
        life of the file.
        """
        counts = self._counts[account]
        ended = {status.name.lower(): counts[status.name.lower()] for status in list(Status)[1:]}
        return {
            "received": counts["stored"] + counts["duplicates"],
            "duplicates": counts["duplicates"],
            **ended,
            "pending": counts["stored"] - sum(ended.values()),
        }

    def close(self) -> None:
        """Checkpoint (SQLite does, as the last to leave) and release the file. Idempotent."""
        self._closed = True
        self._disconnect()
        self._lock.release()

    # --- inside ---

    def _open(self) -> int:
        """Open, check and count; give the highest number ever used."""
        try:
            if not self.path.exists():
                files.create(self.path, self._clock.unix_ms())
            connection = self._connected()
            schema.verify(connection, self.path)
            for account, status, count in connection.execute(
                "SELECT account, status, count(*) FROM event GROUP BY account, status"
            ):
                self._counts[account]["stored"] += count
                if status != Status.PENDING:
                    self._counts[account][Status(status).name.lower()] += count
            for account, count in connection.execute(
                "SELECT account, duplicates FROM account_state WHERE duplicates > 0"
            ):
                self._counts[account]["duplicates"] = count
            (highest,) = connection.execute(
                "SELECT max((SELECT coalesce(max(lane_seq), 0) FROM event),"
                " (SELECT coalesce(max(raw_id), 0) FROM inbox))"
            ).fetchone()
        except sqlite3.Error as error:
            raise files.failure(self.path, error) from error
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be made ({error.strerror}); "
                "check the owner, mode and free space of its directory"
            ) from error
        return int(highest)

    def _connected(self) -> sqlite3.Connection:
        """Give the connection; a new one if the last was given up after an error."""
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed; open it anew")
        if self._connection is None:
            self._connection = files.connect(self.path, self._synchronous)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _transact(
        self, commands: Sequence[JournalCommand], *, careful: bool
    ) -> tuple[list[JournalAnswer], Mapping[tuple[str, str], int]]:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            work = Work(
                connection,
                self._numbers,
                self._faults,
                now_ms=self._clock.unix_ms(),
                careful=careful,
            )
            answers = _run(work, commands)
            connection.execute("COMMIT")
        except BaseException:
            # After some errors (disk full) SQLite has rolled back already.
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        return answers, work.changes

    def _idle(self) -> None:
        if self._commits_since_checkpoint >= _CHECKPOINT_COMMITS:
            self._connected().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._commits_since_checkpoint = 0

    def _read(self, query: str, values: Sequence[str | int]) -> list[Any]:
        try:
            return self._connected().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise files.failure(self.path, error) from error


def _run(work: Work, commands: Sequence[JournalCommand]) -> list[JournalAnswer]:
    """Do all commands: what came in first, then settlements, then sends."""
    answers: list[JournalAnswer] = [None] * len(commands)
    frames: list[tuple[int, StoreFrames]] = []
    settles: list[tuple[int, SettleEvents]] = []
    deliveries: list[tuple[int, Delivery]] = []
    marks: list[MarkDelivery] = []
    pasts: list[StorePast] = []
    for place, command in enumerate(commands):
        if isinstance(command, StoreFrames):
            frames.append((place, command))
        elif isinstance(command, SettleEvents):
            settles.append((place, command))
        elif isinstance(command, StoreDelivery):
            answers[place] = command.delivery
            deliveries.append((place, command.delivery))
        elif isinstance(command, StorePast):
            pasts.append(command)
        else:
            marks.append(command)
    if frames:
        inbound.store(work, frames, answers)
    if settles:
        settling.settle(work, settles, answers, deliveries)
    # The outbox keeps the order of the commands, whichever kind they were.
    deliveries.sort(key=_place)
    sends.accept(work, [delivery for _, delivery in deliveries])
    for note in marks:
        sends.mark(work, note)
    for past in pasts:
        standing.store(work, past)
    return answers


def _place(placed: tuple[int, Delivery]) -> int:
    return placed[0]
