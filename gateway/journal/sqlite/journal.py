"""The durable journal: one SQLite file, one process, one thread at a time.

What :meth:`SqliteJournal.commit` answered survives a kill and, with ``synchronous="FULL"``,
a power cut; only bare settlements wait for the next sync (ADR 7). Tables are in
:mod:`gateway.journal.schema`, the order of a batch in :mod:`~gateway.journal.batch`,
statements in :mod:`~gateway.journal.sqlite.frames`,
:mod:`~gateway.journal.sqlite.settlements`, :mod:`~gateway.journal.sqlite.dead_letters` and
:mod:`~gateway.journal.sqlite.outbox`.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

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
    Tally,
)
from actors.sections import JournalSettings
from actors.values import AccountId
from gateway import logs
from gateway.journal import batch, migration, rescue, wal, whereabouts
from gateway.journal.files import integrity, opening
from gateway.journal.files.lock import ProcessLock
from gateway.journal.rows import Value, storable, text
from gateway.journal.schema import Status
from gateway.journal.sqlite import (
    accounts,
    counters,
    dead_letters,
    frames,
    outbox,
    paging,
    pasts,
    settlements,
)
from gateway.journal.unreadable import aside, finding, reading
from gateway.journal.unreadable.finding import Depth, Unreadable
from gateway.journal.unreadable.sound import HIGHEST
from gateway.journal.upkeep.quota import UNBOUNDED
from gateway.journal.upkeep.retention import Pruned, Transaction
from gateway.journal.upkeep.upkeep import LOOK_S, Upkeep
from gateway.journal.whereabouts import Astray, AstrayError, Whereabouts
from gateway.journal.work import SettledBeforeError, Work
from gateway.redaction import Redactor

RESCUED_S: Final = 3600.0
"""So long a person is told that the files were deleted or moved."""

_HIGHEST: Final = (
    f"SELECT max((SELECT coalesce(max(lane_seq), 0) FROM event WHERE lane_seq<={HIGHEST}),"  # noqa: S608  # ours
    f" (SELECT coalesce(max(raw_id), 0) FROM inbox WHERE raw_id<={HIGHEST}),"
    f" (SELECT coalesce(max(value), 0) FROM log_meta WHERE key='numbers' AND value<={HIGHEST}))"
)
_SYNC: Final = "INSERT OR REPLACE INTO log_meta(key, value) VALUES('synced_at', ?)"
_CHECKED: Final = "INSERT OR REPLACE INTO log_meta VALUES('checked_at', ?)"
_UNCHECKED: Final = "DELETE FROM log_meta WHERE key='checked_at'"
_OVERDUE: Final = (
    "SELECT NOT EXISTS (SELECT 1 FROM log_meta WHERE key='checked_at' AND value BETWEEN ? AND ?)"
)

SMALL_BYTES: Final = 32 * 1024 * 1024
"""Of files up to this size every row is looked at at the start, whoever will read it."""

SEEK_S: Final = 60.0
"""Between two looks through the whole file for rows that cannot be read."""

T = TypeVar("T")


class SqliteJournal:
    """A :class:`actors.ports.journal.Journal` on disk.

    Args:
        path: The file; made if it is not there, with its directory. ``<path>.lock`` beside it.
        synchronous: FULL: a commit survives a power cut. NORMAL: a kill, not a power cut.
        clock: For the times noted in rows.
        limits: How long it keeps what is over, and how much it may take; by default everything.
        log: A structlog logger; None takes the package's polite default.

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
    ) -> None:
        self.path: Final = Path(path)
        self._synchronous = synchronous
        self._clock = clock
        self._faults: Counter[str] = Counter()
        self._synced = True
        self._log = log = logs.logger_for(log, Redactor())
        self._sought_at = float("-inf")
        self._counts: Final = counters.Counts()
        self._upkeep: Final = Upkeep(self.path, limits, clock, log)
        self._check: integrity.FrameCheck | None = None
        self._notes: list[tuple[str, tuple[int, ...]]] = []
        self._connection: sqlite3.Connection | None = None
        self._closed = self._given_up = self._marked = False
        self._where: Final = Whereabouts(self.path)
        self._lost: Astray | None = None
        self._damaged: tuple[Alert, ...] = ()
        self._look_at = float("-inf")
        self._rescued_until = float("-inf")
        self._concerns: Sequence[Alert] = ()
        self._told_of: tuple[Sequence[Alert], Sequence[Alert], Sequence[Alert]] = ((), (), ())
        opening.prepare_directory(self.path)
        for lax in opening.tighten(self.path):
            log.warning("journal.permissions_lax", path=str(lax))
        self._lock: Final = ProcessLock(self.path.with_name(self.path.name + ".lock"))
        try:
            self._numbers: Final = itertools.count(self._open() + 1)
            self._park_left_running()
        except BaseException:
            self._disconnect()
            self._lock.release()
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
        try:
            self._look_at_check()
            if self._lost is not None:
                raise whereabouts.lost(self.path, self._lost)
            if not commands:
                self._look_at_files(within=False)
                return (None,) if self._keep_house() else ()
            self._upkeep.admit(self._connected(), commands)
            try:
                answers, changes = self._transact(commands, careful=False)
            except SettledBeforeError:
                answers, changes = self._transact(commands, careful=True)
        except AstrayError as error:
            raise self._mend(error.astray) from error
        except (
            sqlite3.IntegrityError,
            sqlite3.DataError,
            sqlite3.InterfaceError,
            sqlite3.ProgrammingError,
            OverflowError,
        ) as error:
            raise ValueError(f"a command cannot be stored ({error})") from error
        except sqlite3.Error as error:
            if opening.needs_new_handle(error):
                unread = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
                self._lost = self._lost or self._where.look_closer(failed=unread)
                self._disconnect()
                self._given_up = True
            raise opening.failure(self.path, error) from error
        self._counts.apply(changes)
        self._upkeep.committed(self._connected())
        return answers

    def pending(
        self, account: AccountId, after: int, limit: int, *, lane: str | None = None
    ) -> PendingRows:
        """Return unsettled events with ``lane_seq`` above ``after``, in its order."""
        within = None if lane is None else storable(lane)

        def read() -> PendingRows:
            try:
                return paging.read(self._connected(), account, after, limit, within)
            except sqlite3.Error as error:
                raise opening.failure(self.path, error) from error

        try:
            page = read()
        except reading.ERRORS as error:
            if isinstance(error, JournalError) and not reading.is_no_text(error):
                raise
            self._seek()
            page = read()
        lost = [
            Unreadable(table="event", key=(number,), why="its frame cannot be read")
            for number in page.unreadable
        ]
        if lost:
            self._mend_rows(lambda: self._take_out(lost))
            page.unreadable.clear()
        return page

    def pasts(self) -> dict[AccountId, Past]:
        """Return what former lives left of each account that failed and was not stable since."""
        rows = self._rows(pasts.past_row, pasts.PASTS, ())
        return dict(row for row in rows if row is not None)

    def paused(self) -> frozenset[AccountId]:
        """Return the accounts that a person paused and nobody resumed since."""
        return frozenset(str(account) for (account,) in self._read(pasts.PAUSED, ()))

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Return the account's cursor and its hold."""
        found = self._rows(accounts.record, accounts.RECORD, accounts.record_key(account))
        return found[0] if found else RecoveryRecord()

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Return which of these events are stored; True: it may have reached a handler."""
        held_from = self.recovery(account).held_from
        prefix = account + "/"
        asked = {storable(frames.local_id(each, prefix)): each for each in event_ids}
        values: list[Value] = [value for identity in asked for value in (identity, account)]
        known: dict[str, bool] = {}
        for query, part in accounts.KNOWN.parts(values):
            for identity, number, status in self._read(query, part):
                waits = held_from is not None and number >= held_from
                known[asked[identity]] = not (waits and status == Status.PENDING)
        return known

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return sends in the order they were accepted."""
        return self._rows(outbox.record, *outbox.select(query))

    def letters(self, account: AccountId | None, limit: int) -> Sequence[Letter]:
        """Return dead and parked events, the newest first."""
        return self._rows(
            dead_letters.letter_row, dead_letters.LIST, (account is None, account, limit)
        )

    def letter(self, event_id: str) -> Letter | None:
        """Return one of them with its frame."""
        found = self._rows(dead_letters.letter_row, dead_letters.SHOW, (storable(event_id),))
        return found[0] if found else None

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Return what handlers noted last."""
        asked = (account, storable(conversation_id), storable(key))
        found = self._rows(lambda row: text(row[0]), settlements.NOTED, asked)
        return found[0] if found else None

    def concerns(self) -> Sequence[Alert]:
        """Return what a person should look at in the file, the same object until it changes."""
        ours: list[Alert] = [*self._damaged]
        astray = self._lost or self._where.look(within=False)
        if astray is not None:
            ours.append(whereabouts.alert(self.path, astray))
        if self._clock.monotonic() < self._rescued_until:
            ours.append(whereabouts.rescued(self.path))
        kept, waiting = self._upkeep.concerns, self._counts.letters
        told = self._told_of
        if kept is not told[1] or waiting is not told[2] or ours != told[0]:
            self._told_of, self._concerns = (ours, kept, waiting), (*ours, *kept, *waiting)
        return self._concerns

    def tally(self, account: AccountId) -> Tally:
        """Return the counters of an account, exactly, over the life of the file."""
        return self._counts.of(account)

    def prune(self, budget_s: float = 0.05) -> Pruned:
        """Delete what may go, for so many seconds; call it again while there is ``more``."""
        return self._upkeep.prune(self._connected(), budget_s)

    def close(self) -> None:
        """Note the clean end, checkpoint, and release the file. Idempotent."""
        self._upkeep.stop()
        if self._check is not None:
            self._check.stop()
            self._look_at_check(stopping=True)
        astray = None if self._closed else self._where.look(within=False)
        if astray is not None:
            with contextlib.suppress(JournalError):
                self._mend(astray)
        try:
            if self._connection is not None and not self._closed:
                self._end(self._connection)
        finally:
            self._closed = True
            self._disconnect()
            self._lock.release()

    # --- inside ---

    def _open(self) -> int:
        """Open, check and count; give the highest number ever used."""
        try:
            opening.refuse_half_salvaged(self.path)
            if not self.path.exists():
                opening.create(self.path, self._clock.unix_ms())
            self._lock.guard(self.path)
            if wal.gone(self.path, self._lock.owner.inode):
                self._damaged = (wal.alert_gone(self.path),)
            connection = self._connected()
            found = integrity.identify(connection, self.path)
            opening.use_log(connection, self.path)
            whole = integrity.verify(connection, self.path)
            self._look_at_log(connection)
            migration.migrate(connection, found)
            small = whole and self.path.stat().st_size <= SMALL_BYTES
            self._set_aside(Depth.TYPES if small else Depth.START)
            clean = self._load_counts(connection)
            if clean:
                self._notes.append((counters.BEGUN, ()))
            if not whole and (not clean or self._overdue(connection)):
                self._check = integrity.FrameCheck(opening.reader(self.path))
            (highest,) = connection.execute(_HIGHEST).fetchone()
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be made ({error.strerror}); "
                "check the owner, mode and free space of its directory"
            ) from error
        return int(highest)

    def _load_counts(self, connection: sqlite3.Connection) -> bool:
        try:
            return self._counts.load(connection)
        except (ValueError, TypeError, sqlite3.OperationalError) as error:
            if hasattr(error, "sqlite_errorcode"):
                raise
            self._set_aside(Depth.CONTENT)  # of a large file a start reads only some rows
            return self._counts.load(connection)

    def _look_at_log(self, connection: sqlite3.Connection) -> None:
        """Tell what SQLite dropped of the log, if the disk is to blame."""
        lost = wal.dropped(connection, self.path, self._clock.unix_ms())
        if lost is not None:
            self._damaged += (wal.alert(self.path, lost),)

    def _connected(self) -> sqlite3.Connection:
        """Return the connection; a new one if the last was given up after an error."""
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed; open it anew")
        if self._connection is None:
            astray = self._lost or self._where.look(within=False) or self._where.look_closer()
            if astray is not None:
                raise whereabouts.lost(self.path, astray)
            connection = opening.connect(self.path, self._synchronous)
            try:
                if self._given_up:
                    self._counts.recount(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._synced, self._given_up = connection, True, False
            self._where.opened()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            self._where.closed()

    def _look_at_files(self, *, within: bool) -> None:
        """See that what is stored now is there for the next start, too.

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

    def _look_behind(self) -> None:
        """See that the log is whole which was shorter than before the commit.

        Raises:
            AstrayError: It is not, and what was just written is lost with it.
        """
        if self._where.shrunk:
            astray = self._where.look_closer()
            if astray is not None:
                raise AstrayError(astray)

    def _mend(self, astray: Astray) -> JournalError:
        """Save what only the open files hold; return why nothing is acknowledged now.

        Raises:
            JournalError: It could not be saved yet.
            sqlite3.Error: The same.
        """
        connection = self._connection
        if connection is None or astray not in (Astray.GONE, Astray.LOG_GONE):
            if astray in (Astray.CUT, Astray.LOG_CUT):
                self._lost = astray  # what is missing does not come back
            return whereabouts.lost(self.path, astray)
        try:
            if astray is Astray.GONE:
                rescue.write_anew(connection, self.path)
            else:
                rescue.save_log(connection, self.path)
            self._upkeep.begin_anew()
            if self._check is not None:
                self._check.stop()
                self._check = None
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

    def _transact(
        self, commands: Sequence[JournalCommand], *, careful: bool
    ) -> tuple[list[JournalAnswer], Mapping[tuple[str, str], int]]:
        connection = self._connected()
        self._sync(connection, wanted=not batch.bare_settlements(commands))
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
            self._look_at_files(within=True)
            connection.execute("COMMIT")
            self._notes.clear()
            if not self._marked:
                self._lock.mark(self.path.stat().st_ino)
                self._marked = True
            self._look_behind()
        except BaseException:
            # After some errors (disk full) SQLite has rolled back already.
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        return answers, work.changes

    def _sync(self, connection: sqlite3.Connection, *, wanted: bool) -> None:
        """Let the next commit wait for the disk, or not; a sync covers all commits before it."""
        if wanted != self._synced and self._synchronous == "FULL":
            connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._synced = wanted

    def _keep_house(self) -> bool:
        """Wait for the disk once for all that did not, then look after the file."""
        connection = self._connected()
        if not self._synced:
            self._sync(connection, wanted=True)
            connection.execute(_SYNC, (self._clock.unix_ms(),))
        return self._upkeep.idle(connection)

    def _park_left_running(self) -> None:
        """Park what was running when the last process ended (``contract.md`` I9)."""
        try:
            commands = dead_letters.left_running(self._connected())
            if commands:
                self._counts.apply(self._transact(commands, careful=False)[1])
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error

    def _overdue(self, connection: sqlite3.Connection) -> bool:
        now_ms = self._clock.unix_ms()
        since_ms = now_ms - integrity.CHECK_DAYS * 24 * 3600 * 1000
        return bool(connection.execute(_OVERDUE, (since_ms, now_ms)).fetchone()[0])

    def _look_at_check(self, *, stopping: bool = False) -> None:
        """Take over what the check of the frames found.

        Raises:
            JournalError: They are damaged: nothing more may be built on this file.
        """
        check = self._check
        if check is None:
            return
        if check.damage and not stopping:
            raise JournalError(integrity.damaged(self.path, check.damage))
        if check.finished and not check.damage:
            self._notes.append((_CHECKED, (self._clock.unix_ms(),)))
            self._check = None
            check.stop()
        elif stopping:
            self._notes.append((_UNCHECKED, ()))

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
            self._lock.mark(0)

    def _rows(self, read: Callable[[Any], T], query: str, values: Sequence[Value]) -> list[T]:
        """Read rows one by one; what cannot be read costs itself, and is set aside."""
        try:
            return [read(row) for row in self._read(query, values)]
        except reading.ERRORS as error:
            if isinstance(error, JournalError) and not reading.is_no_text(error):
                raise
            self._seek()
        connection = self._connected()
        connection.text_factory = reading.lenient  # what is left of it fails alone
        try:
            return list(reading.each(read, self._read(query, values)))
        finally:
            connection.text_factory = str

    def _seek(self) -> None:
        """Look through the whole file for what cannot be read, once in a while."""
        now = self._clock.monotonic()
        if now < self._sought_at + SEEK_S:
            return
        self._sought_at = now
        self._mend_rows(lambda: self._set_aside(Depth.CONTENT))

    def _mend_rows(self, take_out: Callable[[], bool]) -> None:
        try:
            if take_out():
                self._counts.recount(self._connected())
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error

    def _set_aside(self, depth: Depth) -> bool:
        """Take out of the tables what cannot be read, and say so, a line each."""
        return self._take_out(finding.find(self._connected(), depth))

    def _take_out(self, found: Sequence[Unreadable]) -> bool:
        connection = self._connected()
        taken = aside.set_aside(connection, found, self._clock.unix_ms()) if found else []
        for each in taken:
            self._log.warning(
                "journal.row_set_aside", table=each.table, row=each.name, why=each.why
            )
        self._upkeep.note_set_aside(aside.kept(connection))
        return bool(taken)

    def _read(self, query: str, values: Sequence[Value]) -> list[Any]:
        try:
            return self._connected().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise opening.failure(self.path, error) from error
