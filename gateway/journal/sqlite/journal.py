"""The durable journal: one SQLite file, one process, one thread at a time.

What :meth:`SqliteJournal.commit` answered survives a kill and, with ``synchronous="FULL"``,
a power cut; only bare settlements wait for the next sync (ADR 7). Tables are in
:mod:`gateway.journal.schema`, the order of a batch in :mod:`~gateway.journal.batch`,
statements in :mod:`~gateway.journal.sqlite.frames`,
:mod:`~gateway.journal.sqlite.settlements`, :mod:`~gateway.journal.sqlite.dead_letters` and
:mod:`~gateway.journal.sqlite.outbox`. The open file is :mod:`~gateway.journal.sqlite.handle`;
rows are read by :mod:`~gateway.journal.sqlite.reader`.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from actors.policy.alerts import Alert
from actors.ports import Clock
from actors.ports.commands import JournalAnswer, JournalCommand, Past
from actors.ports.journal import (
    JournalError,
    Letter,
    PendingRows,
    RecoveryRecord,
    SendQuery,
    SendRecord,
    Standing,
    Tally,
)
from actors.sections import JournalSettings
from actors.values import AccountId
from gateway import logs
from gateway.journal import batch, migration, whereabouts
from gateway.journal.files import opening
from gateway.journal.rows import Value, storable, text
from gateway.journal.schema import VERSION, Status
from gateway.journal.sqlite import (
    accounts,
    counters,
    dead_letters,
    frames,
    outbox,
    pasts,
    settlements,
)
from gateway.journal.sqlite.checks import FrameChecks, Note
from gateway.journal.sqlite.handle import Handle
from gateway.journal.sqlite.reader import Reader
from gateway.journal.unreadable.finding import Depth
from gateway.journal.unreadable.sound import HIGHEST
from gateway.journal.upkeep.quota import UNBOUNDED
from gateway.journal.upkeep.retention import Pruned, Transaction
from gateway.journal.upkeep.upkeep import Upkeep
from gateway.journal.whereabouts import AstrayError
from gateway.journal.work import SettledBeforeError, Work
from gateway.redaction import Redactor

_HIGHEST: Final = (
    f"SELECT max((SELECT coalesce(max(lane_seq), 0) FROM event WHERE lane_seq<={HIGHEST}),"  # noqa: S608  # ours
    f" (SELECT coalesce(max(raw_id), 0) FROM inbox WHERE raw_id<={HIGHEST}),"
    f" (SELECT coalesce(max(value), 0) FROM log_meta WHERE key='numbers' AND value<={HIGHEST}))"
)

SMALL_BYTES: Final = 32 * 1024 * 1024
"""Of files up to this size every row is looked at at the start, whoever will read it."""


class SqliteJournal:
    """A :class:`actors.ports.journal.Journal` on disk.

    Args:
        path: The file; made if it is not there, with its directory. ``<path>.lock`` beside it.
        synchronous: FULL: a commit survives a power cut. NORMAL: a kill, not a power cut.
        clock: For the times noted in rows.
        limits: How long it keeps what is over, and how much it may take; by default everything.
        log: A structlog logger; None takes the package's polite default.
        backup_first: Copy even a large file before its schema is brought up to date.

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
        limits: JournalSettings = UNBOUNDED,
        log: Any = None,
        backup_first: bool = False,
    ) -> None:
        self.path: Final = Path(path)
        self._clock = clock
        self._faults: Counter[str] = Counter()
        self._log = log = logs.logger_for(log, Redactor())
        self._counts: Final = counters.Counts()
        self._upkeep: Final = Upkeep(self.path, limits, clock, log)
        self._notes: list[Note] = []
        self._concerns: Sequence[Alert] = ()
        self._told_of: tuple[Sequence[Alert], Sequence[Alert], Sequence[Alert]] = ((), (), ())
        self._checks: Final = FrameChecks(self.path, clock)
        self._handle: Final = Handle(
            self.path,
            synchronous,
            clock,
            log,
            reopened=self._counts.recount,
            let_go=(self._upkeep.begin_anew, self._checks.stop),
        )
        self._reader: Final = Reader(self._handle, self._counts, self._upkeep, clock, log)
        try:
            self._numbers: Final = itertools.count(self._open(backup_first=backup_first) + 1)
            self._park_left_running()
        except BaseException:
            self._handle.close()
            raise

    def numbers(self) -> Iterator[int]:
        """Return the source of ``lane_seq``; drawing is one C call, safe on any thread."""
        return self._numbers

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do all commands in one transaction.

        Within it frames come first, then settlements, then begun, parked, replayed and dropped
        events in their order, then sends and their marks. With no command it is the caller's
        way to say that it is idle: old rows are deleted and the log is checkpointed if it
        grew; the answer is not empty if there is more to do.

        A settlement of an event that is settled already is left out, replies included. A
        settlement with RETRY notes the attempts and leaves the event pending. A delivery
        whose ``outbox_id`` is known is not stored again.

        Raises:
            JournalFullError: There is no room for new messages. Nothing was done.
            JournalError: The file cannot take it now. Nothing was done.
            ValueError: A command can never be stored, on any disk. Nothing was done.
        """
        handle = self._handle
        try:
            self._checks.take_over(self._notes)
            if handle.lost is not None:
                raise whereabouts.lost(self.path, handle.lost)
            if not commands:
                handle.look(within=False)
                return (None,) if self._keep_house() else ()
            self._upkeep.admit(handle.connected(), commands)
            try:
                answers, changes = self._transact(commands, careful=False)
            except SettledBeforeError:
                answers, changes = self._transact(commands, careful=True)
        except AstrayError as error:
            raise handle.mend(error.astray) from error
        except (
            sqlite3.IntegrityError,
            sqlite3.DataError,
            sqlite3.InterfaceError,
            sqlite3.ProgrammingError,
            OverflowError,
        ) as error:
            raise ValueError(f"a command cannot be stored ({error})") from error
        except sqlite3.Error as error:
            raise handle.failed(error) from error
        self._counts.apply(changes)
        self._upkeep.committed(handle.connected())
        return answers

    def pending(
        self, account: AccountId, after: int, limit: int, *, lane: str | None = None
    ) -> PendingRows:
        """Return unsettled events with ``lane_seq`` above ``after``, in its order."""
        within = None if lane is None else storable(lane)
        return self._reader.page(account, after, limit, within)

    def pasts(self) -> dict[AccountId, Past]:
        """Return what former lives left of each account that failed and was not stable since."""
        rows = self._reader.rows(pasts.past_row, pasts.PASTS, ())
        return dict(row for row in rows if row is not None)

    def paused(self) -> frozenset[AccountId]:
        """Return the accounts that a person paused and nobody resumed since."""
        return frozenset(str(account) for (account,) in self._reader.fetch(pasts.PAUSED, ()))

    def kept_texts(self, prefix: str) -> dict[str, str]:
        """Return the texts whose names begin so, by name."""
        rows = self._reader.fetch(pasts.KEPT, pasts.kept_below(prefix))
        return {str(key).removeprefix(pasts.kept_key("")): str(value) for key, value in rows}

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Return the account's cursor and its hold."""
        found = self._reader.rows(accounts.record, accounts.RECORD, accounts.record_key(account))
        return found[0] if found else RecoveryRecord()

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Return which of these events are stored; True: it may have reached a handler."""
        held_from = self.recovery(account).held_from
        prefix = account + "/"
        asked = {storable(frames.local_id(each, prefix)): each for each in event_ids}
        values: list[Value] = [value for identity in asked for value in (identity, account)]
        known: dict[str, bool] = {}
        for query, part in accounts.KNOWN.parts(values):
            for identity, number, status in self._reader.fetch(query, part):
                waits = held_from is not None and number >= held_from
                known[asked[identity]] = not (waits and status == Status.PENDING)
        return known

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return sends in the order they were accepted."""
        return self._reader.rows(outbox.record, *outbox.select(query))

    def letters(
        self,
        account: AccountId | None,
        limit: int,
        *,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        """Return dead and parked events, the newest first."""
        at_ms, number = before or (dead_letters.NEVER, 0)
        asked = (frames, frames, account is None, account, at_ms, number, limit)
        return self._reader.rows(dead_letters.letter_row, dead_letters.LIST, asked)

    def letter(self, event_id: str) -> Letter | None:
        """Return one of them with its frame."""
        found = self._reader.rows(dead_letters.letter_row, dead_letters.SHOW, (storable(event_id),))
        return found[0] if found else None

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Return what handlers noted last."""
        asked = (account, storable(conversation_id), storable(key))
        found = self._reader.rows(lambda row: text(row[0]), settlements.NOTED, asked)
        return found[0] if found else None

    def concerns(self) -> Sequence[Alert]:
        """Return what a person should look at in the file, the same object until it changes."""
        ours = self._handle.concerns()
        kept, waiting = self._upkeep.concerns, self._counts.letters
        told = self._told_of
        if kept is not told[1] or waiting is not told[2] or ours != told[0]:
            self._told_of, self._concerns = (ours, kept, waiting), (*ours, *kept, *waiting)
        return self._concerns

    def tally(self, account: AccountId) -> Tally:
        """Return the counters of an account, exactly, over the life of the file."""
        return self._counts.of(account)

    def standings(self) -> dict[AccountId, Standing]:
        """Return what waits, by account. Any thread, beside a commit."""
        return self._counts.standings()

    def oldest_ms(self) -> int | None:
        """Return our Unix time when the oldest pending event came, as of the last round."""
        return self._upkeep.oldest_ms

    def prune(self, budget_s: float = 0.05) -> Pruned:
        """Delete what may go, for so many seconds; call it again while there is ``more``."""
        return self._upkeep.prune(self._handle.connected(), budget_s)

    def close(self) -> None:
        """Note the clean end, checkpoint, and release the file. Idempotent."""
        self._upkeep.stop()
        self._checks.end(self._notes)
        handle = self._handle
        handle.prepare_close()
        try:
            if handle.connection is not None:
                self._end(handle.connection)
        finally:
            handle.close()

    # --- inside ---

    def _open(self, *, backup_first: bool) -> int:
        """Open, check and count; return the highest number ever used."""
        try:
            version, whole = self._handle.open()
            connection = self._handle.connected()
            self._migrate(connection, version, backup_first=backup_first)
            small = whole and self.path.stat().st_size <= SMALL_BYTES
            self._reader.set_aside(Depth.TYPES if small else Depth.START)
            clean = self._load_counts(connection)
            if clean:
                self._notes.append((counters.BEGUN, ()))
            if not whole:
                self._checks.begin(connection, clean=clean)
            (highest,) = connection.execute(_HIGHEST).fetchone()
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be made ({error.strerror}); "
                "check the owner, mode and free space of its directory"
            ) from error
        return int(highest)

    def _migrate(self, connection: sqlite3.Connection, version: int, *, backup_first: bool) -> None:
        copy = migration.save_first(
            self.path, version, whatever_size=backup_first, clock=self._clock
        )
        migration.migrate(connection, version)
        if version != VERSION:
            where = None if copy is None else str(copy)
            self._log.info("journal.migrated", before=version, after=VERSION, backup=where)

    def _load_counts(self, connection: sqlite3.Connection) -> bool:
        try:
            return self._counts.load(connection)
        except (ValueError, TypeError, sqlite3.OperationalError) as error:
            if hasattr(error, "sqlite_errorcode"):
                raise
            self._reader.set_aside(Depth.CONTENT)  # of a large file a start reads only some rows
            return self._counts.load(connection)

    def _transact(
        self, commands: Sequence[JournalCommand], *, careful: bool
    ) -> tuple[list[JournalAnswer], Mapping[tuple[str, str], int]]:
        handle = self._handle
        connection = handle.connected()
        handle.sync(connection, wanted=not batch.bare_settlements(commands))
        connection.execute("BEGIN IMMEDIATE")
        try:
            work = Work(
                connection,
                self._numbers,
                self._faults,
                now_ms=self._clock.unix_ms(),
                careful=careful,
            )
            answers = batch.run(work, commands)
            for note in self._notes:
                connection.execute(*note)
            handle.look(within=True)
            connection.execute("COMMIT")
            self._notes.clear()
            handle.committed()
        except BaseException:
            # After some errors (disk full) SQLite has rolled back already.
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        return answers, work.changes

    def _keep_house(self) -> bool:
        """Wait for the disk once for all that did not, then look after the file."""
        connection = self._handle.connected()
        self._handle.flush(connection)
        return self._upkeep.idle(connection)

    def _park_left_running(self) -> None:
        """Park what was running when the last process ended (``contract.md`` I9)."""
        try:
            commands = dead_letters.left_running(self._handle.connected())
            if commands:
                self._counts.apply(self._transact(commands, careful=False)[1])
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error

    def _end(self, connection: sqlite3.Connection) -> None:
        """Leave word of the clean end, if the file was touched; then no log beside it.

        What fails here costs the next start some reading, and nothing else.
        """
        with contextlib.suppress(sqlite3.Error):
            if (counters.BEGUN, ()) not in self._notes:
                with Transaction(connection):
                    for note in self._notes:
                        connection.execute(*note)
                    self._counts.save(connection)
            self._upkeep.close(connection)
            self._handle.ended()
