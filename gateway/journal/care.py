"""Maintenance of a journal: report, check, backup, prune, salvage. Plain functions over a path.

``backup`` and ``salvage`` are files of their own and named here, too. What only reads works
beside a running gateway; what writes takes the lock, and on a running gateway goes through its
writer (:meth:`gateway.journal.sqlite.journal.SqliteJournal.prune`).
"""

from __future__ import annotations

import enum
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.ports import Clock
from actors.ports.journal import JournalError
from actors.sections import JournalSettings
from gateway.journal import wal
from gateway.journal.files import integrity, opening
from gateway.journal.files.backup import Backup, backup, last_backup
from gateway.journal.files.lock import ProcessLock
from gateway.journal.files.lockfile import cut_off, owner_of
from gateway.journal.files.salvage import Loss, Salvage, salvage
from gateway.journal.schema import SendState, Status
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.unreadable import aside, finding
from gateway.journal.unreadable.finding import Depth
from gateway.journal.upkeep.retention import Pruned, Transaction
from gateway.journal.upkeep.upkeep import free_bytes, used_bytes

__all__ = [
    "Backup",
    "Loss",
    "Repair",
    "Report",
    "Salvage",
    "backup",
    "check",
    "last_backup",
    "prune",
    "repair",
    "report",
    "salvage",
]

_SLICE_S: Final = 1.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a journal.

    Attributes:
        path: The file.
        owner: The process that has it open; None: none.
        schema: Its version.
        clean: It was stopped cleanly (or runs, and has stored nothing since).
        events: Rows by status, in lower case.
        sends: Rows by state, in lower case.
        dead_letters: Events that will not be tried again by themselves.
        oldest_pending_ms: When the oldest unsettled event came (Unix time); None: there is none.
        file_bytes: Size of the file.
        used_bytes: Of that, pages that hold something.
        log_bytes: Size of the write-ahead log.
        free_bytes: Free on the disk; None: it cannot be told.
        last_backup: The last one made of it.
        salvaged: What a salvage lost, if the file came out of one.
        readable_by_others: Files and directories that are not its owner's alone.
    """

    path: str
    owner: str | None
    schema: int
    clean: bool
    events: dict[str, int]
    sends: dict[str, int]
    dead_letters: int
    oldest_pending_ms: int | None
    file_bytes: int
    used_bytes: int
    log_bytes: int
    free_bytes: int | None
    last_backup: Backup | None
    salvaged: Salvage | None
    readable_by_others: list[str]


def report(path: Path) -> Report:
    """Return how a journal stands, running or not; reads, and writes nothing.

    Raises:
        JournalError: There is none, or it cannot be read; names the next step.
    """
    try:
        with closing(opening.reader(path)) as connection:
            connection.execute("BEGIN")
            version = integrity.identify(connection, path)
            kept = dict(connection.execute("SELECT key, value FROM log_meta").fetchall())
            by_status = connection.execute("SELECT status, count(*) FROM event GROUP BY status")
            by_state = connection.execute("SELECT state, count(*) FROM outbox GROUP BY state")
            (letters,) = connection.execute("SELECT count(*) FROM dead_letter").fetchone()
            oldest = connection.execute(
                "SELECT received_at FROM event CROSS JOIN inbox USING(raw_id) "
                "WHERE status=0 ORDER BY lane_seq LIMIT 1"
            ).fetchone()
            noted = kept.get("salvaged")
            log = opening.beside(path, "-wal")
            return Report(
                path=str(path),
                owner=owner_of(opening.beside(path, ".lock")),
                schema=version,
                clean=kept.get("clean_shutdown") == 1,
                events={_name(Status, each): count for each, count in by_status.fetchall()},
                sends={_name(SendState, each): count for each, count in by_state.fetchall()},
                dead_letters=letters,
                oldest_pending_ms=oldest[0] if oldest else None,
                file_bytes=path.stat().st_size,
                used_bytes=used_bytes(connection),
                log_bytes=log.stat().st_size if log.exists() else 0,
                free_bytes=free_bytes(path),
                last_backup=last_backup(path),
                salvaged=_salvaged(noted),
                readable_by_others=[str(each) for each in opening.lax(path)],
            )
    except sqlite3.Error as error:
        raise opening.failure(path, error) from error


def check(path: Path, *, thorough: bool = False) -> list[str]:
    """Read a journal from end to end, running or not; give what is wrong, nothing if it is sound.

    Pages that are damaged are for :func:`salvage`, rows that cannot be read for :func:`repair`.

    Args:
        path: The file.
        thorough: Compare each index with its table, too.

    Raises:
        JournalError: There is none, or it is not one.
    """
    try:
        opening.must_exist(path)
        logless = wal.gone(path, cut_off(opening.beside(path, ".lock")))
        with closing(opening.reader(path)) as connection:
            integrity.identify(connection, path)
            try:
                problems = integrity.problems_in(connection, thorough=thorough)
                if not problems:  # of damaged pages rows cannot be told apart
                    problems = [str(each) for each in finding.find(connection, Depth.CONTENT)]
                    problems += [
                        f"{each['table']} row {each['key']} is set aside: {each['why']}"
                        for each in aside.kept(connection)
                    ]
                if logless:
                    problems.append(wal.told_gone(path))
            except sqlite3.DatabaseError as error:
                return [str(error)]
            else:
                return problems
    except sqlite3.Error as error:
        raise opening.failure(path, error) from error


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a repair: rows that could not be read.

    Attributes:
        path: The journal.
        copy: Where they are now, a line of JSON each; None: there were none.
        rows: Which, and what was wrong with each.
    """

    path: str
    copy: str | None
    rows: list[str]


def repair(path: Path, *, clock: Clock) -> Repair:
    """Move rows that cannot be read out of a closed journal, into a file beside it.

    Raises:
        JournalError: In use, damaged, or it cannot be written; no row is lost.
    """
    opening.must_exist(path)
    lock = ProcessLock(opening.beside(path, ".lock"))
    try:
        with closing(opening.connect(path, "FULL")) as connection:
            integrity.identify(connection, path)
            integrity.verify(connection, path)
            found = finding.find(connection, Depth.CONTENT)
            aside.set_aside(connection, found, clock.unix_ms())
            copies = aside.kept(connection)
            target = None
            if copies:
                stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.unix_ms() / 1000))
                target = opening.beside(path, f".unreadable-{stamp}.jsonl")
                opening.write_new(target, b"".join(msgspec.json.encode(x) + b"\n" for x in copies))
                with Transaction(connection):
                    aside.forget_kept(connection)
    except sqlite3.Error as error:
        raise opening.failure(path, error) from error
    except OSError as error:
        raise JournalError(
            f"the copies of rows of {path} cannot be written ({error.strerror}); "
            "look at the disk and the owner of its directory, then run it again"
        ) from error
    finally:
        lock.release()
    told = [f"{each['table']} row {each['key']}: {each['why']}" for each in copies]
    return Repair(path=str(path), copy=None if target is None else str(target), rows=told)


def prune(
    path: Path,
    limits: JournalSettings,
    *,
    clock: Clock,
    progress: Callable[[Pruned], None] | None = None,
) -> Pruned:
    """Delete what retention allows from a closed journal.

    Args:
        path: The file.
        limits: How long it keeps what is over, and how much it may take.
        clock: Time.
        progress: Called with what is gone so far, every second.

    Raises:
        JournalError: In use, damaged, or it cannot be written.
    """
    opening.must_exist(path)
    journal = SqliteJournal(path, clock=clock, limits=limits)
    try:
        total = journal.prune(_SLICE_S)
        while total.more:
            if progress is not None:
                progress(total)
            total += journal.prune(_SLICE_S)
        return total
    finally:
        journal.close()


def _name(kind: type[enum.IntEnum], number: Any) -> str:
    return kind(number).name.lower() if number in {each.value for each in kind} else "unreadable"


def _salvaged(noted: Any) -> Salvage | None:
    try:
        return msgspec.json.decode(noted, type=Salvage) if noted else None
    except (msgspec.DecodeError, TypeError):
        return None
