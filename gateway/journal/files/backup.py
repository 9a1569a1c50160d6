"""A copy of a journal as it stands at one moment, made while commits go on."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from actors.ports import Clock
from actors.ports.journal import JournalError
from gateway.journal import schema
from gateway.journal.files import integrity, opening

_NO_ROOM: Final = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_MIB: Final = 1 << 20

STEP_PAGES: Final = 1024
"""Pages copied between two calls of ``progress``; 4 MiB."""

UNFINISHED: Final = ".part"
"""End of the name of a copy that is not whole yet."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A finished copy.

    Attributes:
        path: Where it is.
        at_ms: When it was begun; it holds what was committed by then.
        size_bytes: Its size.
        series: It is one of many that a timer makes, so that the next one is expected.
    """

    path: str
    at_ms: int
    size_bytes: int
    series: bool = False


def backup(
    source: Path,
    target: Path,
    *,
    clock: Clock,
    progress: Callable[[int, int], None] | None = None,
    spare_bytes: int = 0,
    series: bool = False,
    noted: bool = True,
) -> Backup:
    """Copy a journal, in use or not, to a new file of mode 0600.

    It reads one snapshot through a connection of its own, so commits go on and the copy never
    begins anew; meanwhile the write-ahead log cannot shrink. The copy is checked and synced
    before it bears its name; a kill leaves at most ``<target>.part``, which the next try replaces.

    Args:
        source: The journal.
        target: A file that does not exist.
        clock: For the time noted.
        progress: Called with pages copied and pages in all; what it raises ends the backup.
        spare_bytes: So much stays free on the journal's own disk: it has to go on.
        series: The next one is expected; see :func:`gateway.journal.files.backups.late`.
        noted: It counts as the last backup.

    Raises:
        JournalError: The target exists, there is no room for it, or the source cannot be read.
        OSError: The target cannot be written.
    """
    if target.exists():
        raise JournalError(f"{target} exists and was left as it is; name a new file")
    _must_fit(source, target, spare_bytes)
    draft = opening.beside(target, UNFINISHED)
    draft.unlink(missing_ok=True)
    at_ms = clock.unix_ms()
    try:
        _copy(source, draft, progress)
        opening.sync(draft)
        opening.put(draft, target)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room(target, os.strerror(error.errno or errno.ENOSPC)) from error
        raise
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            opening.beside(draft, ending).unlink(missing_ok=True)
    size = target.stat().st_size
    done = Backup(path=str(target), at_ms=at_ms, size_bytes=size, series=series)
    if noted:
        _note(source, done)
    return done


def last_backup(source: Path) -> Backup | None:
    """Return the last backup that was made of a journal; None if there is no word of one."""
    try:
        return msgspec.json.decode(_record(source).read_bytes(), type=Backup)
    except (OSError, msgspec.MsgspecError):
        return None


def _copy(source: Path, draft: Path, progress: Callable[[int, int], None] | None) -> None:
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    reading = opening.reader(source)
    writing = sqlite3.connect(draft, isolation_level=None)
    try:
        writing.execute("PRAGMA synchronous=OFF")
        reading.execute("BEGIN")
        integrity.identify(reading, source)
        reading.execute("SELECT count(*) FROM log_meta").fetchone()  # the snapshot begins here

        def told(_status: int, left: int, total: int) -> None:
            if progress is not None:
                progress(total - left, total)

        reading.backup(writing, pages=STEP_PAGES, progress=told)
        problems = integrity.problems_in(writing)
        if problems:
            raise JournalError(integrity.damaged(source, f"its copy: {problems[0]}"))
        writing.execute(f"PRAGMA journal_size_limit={schema.WAL_BYTES}")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise _no_room(draft.with_suffix(""), str(error)) from error
        raise opening.failure(source, error) from error
    finally:
        writing.close()
        reading.close()


def _must_fit(source: Path, target: Path, spare_bytes: int) -> None:
    """Refuse to begin what would not fit, or would leave the journal without room.

    Raises:
        JournalError: It would.
    """
    try:
        here, there = source.stat(), target.parent.stat()
        free = shutil.disk_usage(target.parent).free
    except OSError:
        return  # whoever opens it says what is wrong
    needed = here.st_size + (spare_bytes if here.st_dev == there.st_dev else 0)
    if free < needed:
        told = f"its disk has {free / _MIB:.1f} MiB free, and {needed / _MIB:.1f} MiB are needed"
        raise _no_room(target, told)


def _no_room(target: Path, why: str) -> JournalError:
    return JournalError(
        f"the backup {target} was not made ({why}); delete what that disk does not need, keep "
        "fewer backups there, or keep them on another disk"
    )


def _note(source: Path, done: Backup) -> None:
    """Leave word beside the journal, whose file is the writer's alone; without it all is well."""
    record = _record(source)
    draft = opening.beside(record, UNFINISHED)
    with contextlib.suppress(OSError):  # the copy is there
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(done))
        draft.replace(record)


def _record(source: Path) -> Path:
    return opening.beside(source, ".backup.json")
