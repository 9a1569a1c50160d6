"""The checks of ``doctor``: of the machine, and of what a configuration needs from it.

Nothing is left behind; the disk is measured with a file that is gone at once.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from actors.ports.journal import JournalError
from gateway import sinks
from gateway.cli import logins, mounts
from gateway.cli.credential_checks import of_credentials
from gateway.cli.journal_checks import of_disk, of_stopped
from gateway.cli.paths import unusable
from gateway.commands import command, extra
from gateway.host.assembly import JOURNAL_FILE
from gateway.journal import care
from gateway.journal.files import opening
from gateway.journal.files.lockfile import read_owner
from gateway.notify.courier import missing
from gateway.reading import schema
from gateway.settings import Settings
from gateway.web.checks import nearest, of_descriptors, of_directory, of_links
from gateway.web.findings import Finding, Verdict
from gateway.web.problems import Problem
from gateway.web.upkeep import journal_path

FSYNCS = 20
SLOW_FSYNC_MS = 20.0
"""A push waits for one fsync before it is acknowledged."""

_ROW = re.compile(r"\w+ row ").match
"""Begin of a problem of a row, as opposed to one of a page."""


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Look at what these settings need."""
    for note in settings.notes:
        yield Finding("configuration", Verdict.WARNING, note, "change it if it is not meant so")
    for told in sinks.check(settings.sinks):
        yield Finding("sinks", Verdict.WRONG, told, "correct it")
    for told in logins.notes(settings):
        what, _, fix = told.partition("; ")
        yield Finding("credentials", Verdict.WARNING, what, fix)
    if settings.notify.urls() and missing() is not None:
        told = "notify.to is set, and the extra [notify] is not installed: nobody is told"
        yield Finding("notify", Verdict.WRONG, told, extra("notify"))
    yield from of_links(settings)
    yield from of_descriptors(len(settings.accounts))
    if settings.durability == "memory":
        told = "durability is memory: what is not handled is lost when the process ends"
        yield Finding("journal", Verdict.WARNING, told, "set durability to full")
        return
    yield from _directory(Path(settings.data_dir))
    yield from of_disk(Path(settings.data_dir), mounts.table())
    yield from of_credentials(settings)
    yield from _reading(Path(settings.data_dir) / schema.FILE)
    yield from _journal(settings)


def _reading(path: Path) -> Iterator[Finding]:
    """Look whether the name of the reading copy is taken; it is built anew whatever else is."""
    if path.exists() and not schema.is_ours(path):
        told = f"{path} is another program's database, so nothing is copied for the page"
        yield Finding("reading", Verdict.WRONG, told, "move it away")


def _directory(folder: Path) -> Iterator[Finding]:
    """Look at where the journal lies: mode, room, and how long an fsync takes."""
    why = unusable(folder)
    if why:
        yield Finding("data_dir", Verdict.WRONG, why, "change its owner or mode, or set another")
        return
    yield from of_directory(folder)
    yield _fsync(nearest(folder))


def _fsync(folder: Path) -> Finding:
    took_ms: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            for _ in range(FSYNCS):
                file.write(bytes(4096))
                began_s = time.perf_counter()
                os.fsync(file.fileno())
                took_ms.append((time.perf_counter() - began_s) * 1000)
    except OSError as error:
        told = f"an fsync in {folder} failed ({error.strerror})"
        return Finding("fsync", Verdict.WRONG, told, "look at the disk and the system log")
    median_ms = statistics.median(took_ms)
    told = f"{median_ms:.2f} ms at the median of {FSYNCS}, {max(took_ms):.2f} ms at worst"
    if median_ms <= SLOW_FSYNC_MS:
        return Finding("fsync", Verdict.FINE, told)
    return Finding("fsync", Verdict.WARNING, told, "put data_dir on a local SSD")


def _journal(settings: Settings) -> Iterator[Finding]:
    """Read the journal, in use or not: what is wrong here would refuse a start."""
    path = Path(settings.data_dir) / JOURNAL_FILE
    try:
        read_owner(settings.data_dir)
        if not path.exists():
            yield _no_journal(path)
            return
        problems = care.check(journal_path(settings))
    except JournalError as error:
        what, _, fix = str(error).partition("; ")
        yield Finding("journal", Verdict.WRONG, what, fix)
        return
    except Problem as problem:
        yield Finding("journal", Verdict.WRONG, problem.detail, problem.next_step)
        return
    except OSError as error:
        told = f"{path} cannot be looked at ({error.strerror})"
        yield Finding("journal", Verdict.WRONG, told, "change its owner or mode")
        return
    if problems:
        rows = all(map(_ROW, problems))
        mend = command("journal repair -c FILE") if rows else command("journal salvage -c FILE")
        fix = f"stop the gateway, keep a copy, then: {mend}"
        yield Finding("journal", Verdict.WRONG, "\n".join([f"{path}:", *problems]), fix)
    else:
        size = path.stat().st_size / (1 << 20)
        yield Finding("journal", Verdict.FINE, f"{path} is sound ({size:.1f} MiB)")
        yield from of_stopped(path)


def _no_journal(path: Path) -> Finding:
    log = opening.beside(path, "-wal")
    if opening.beside(path, opening.SALVAGED).exists():
        told = f"{path} is missing: a salvage of it was cut short"
        return Finding("journal", Verdict.WRONG, told, command("journal salvage -c FILE"))
    if log.exists() and log.stat().st_size:
        told = f"{path} is missing, but its log {log.name} is there and may hold messages"
        fix = "put the journal file back, or move the log away to begin anew"
        return Finding("journal", Verdict.WRONG, told, fix)
    return Finding("journal", Verdict.FINE, "none yet; the first start makes it")
