"""The checks of ``doctor``: of the machine, and of what a configuration needs from it.

Nothing is left behind; the disk is measured with a file that is gone at once.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from actors.ports.journal import JournalError
from gateway import sinks
from gateway.cli import logins, mounts
from gateway.cli.credential_checks import of_credentials
from gateway.cli.findings import Finding, Verdict
from gateway.cli.journal_checks import of_disk, of_stopped
from gateway.cli.paths import unusable
from gateway.commands import command, extra
from gateway.compiled import REMEDY, not_compiled
from gateway.host.assembly import JOURNAL_FILE
from gateway.journal import care
from gateway.journal.files import opening
from gateway.journal.files.lockfile import read_owner
from gateway.notify.courier import missing
from gateway.reading import schema
from gateway.settings import Settings
from gateway.transport import library
from gateway.transport.tls import system_store_is_empty
from gateway.web.problems import Problem
from gateway.web.upkeep import journal_path

FSYNCS = 20
SLOW_FSYNC_MS = 20.0
"""A push waits for one fsync before it is acknowledged."""

FEW_FREE_BYTES = 1 << 30
SPARE_DESCRIPTORS = 200
"""File descriptors beside one per connection: journal, sinks, HTTP, libraries."""

_OTHERS = 0o077
_ROW = re.compile(r"\w+ row ").match
"""Begin of a problem of a row, as opposed to one of a page."""


def of_machine() -> Iterator[Finding]:
    """Look at Python and its parts."""
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info >= (3, 11)
    verdict = Verdict.FINE if right else Verdict.WRONG
    yield Finding("python", verdict, version, "" if right else "use Python 3.11 or newer")
    yield Finding("sqlite", Verdict.FINE, sqlite3.sqlite_version)
    if plain := not_compiled():
        told = f"not compiled, so frames are read by plain Python ({', '.join(plain)})"
        yield Finding("readers", Verdict.WARNING, told, REMEDY)
    else:
        yield Finding("readers", Verdict.FINE, "frames are read by compiled code")
    what, _, fix = (library.problem() or "").partition("; ")
    if what:
        yield Finding("websocket", Verdict.WRONG, what, fix)
    else:
        yield Finding("websocket", Verdict.FINE, "the library is there, and nothing shadows it")
    if None in map(importlib.util.find_spec, ("waitress", "itsdangerous", "jinja2")):
        told = "the extra [http] is not installed; a running gateway could not be asked"
        yield Finding("http", Verdict.WARNING, told, extra("http"))
    else:
        yield Finding("http", Verdict.FINE, "the extra [http] is installed")


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
    yield from _links(settings)
    yield from _descriptors(len(settings.accounts))
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


def _links(settings: Settings) -> Iterator[Finding]:
    """Look at how accounts reach their platform."""
    on = [each for each in settings.accounts if each.enabled]
    bare = [each.id for each in on if each.url.startswith("ws://")]
    if bare:
        told = f"{_some(bare)}: ws:// is not encrypted"
        yield Finding("tls", Verdict.WARNING, told, "use wss://, but for tests on this machine")
    by_system = [each for each in on if each.tls.verify and each.tls.ca_file is None]
    secure = [each.id for each in by_system if each.url.startswith("wss://")]
    if secure and system_store_is_empty():
        told = f"{_some(secure)}: this system has no store of certificate authorities"
        fix = "install ca-certificates, or set SSL_CERT_FILE or tls.ca_file"
        yield Finding("tls", Verdict.WRONG, told, fix)
    for each in on:
        if each.tls.ca_file is not None and not os.access(each.tls.ca_file, os.R_OK):
            told = f"{each.id}: tls.ca_file {each.tls.ca_file} cannot be read"
            yield Finding("tls", Verdict.WRONG, told, "correct the path or its mode")
    through = sum(each.proxy is not None for each in on)
    told = f"{through} of {len(on)} accounts through a proxy, which is never bypassed"
    yield Finding("proxy", Verdict.FINE, told)


def _descriptors(accounts: int) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = accounts + SPARE_DESCRIPTORS
    told = f"{soft} may be open, about {needed} are needed"
    enough = soft in (-1, resource.RLIM_INFINITY) or soft >= needed
    fix = "" if enough else f"ulimit -n {2 * needed} (hard limit {hard}), or LimitNOFILE of systemd"
    yield Finding("descriptors", Verdict.FINE if enough else Verdict.WRONG, told, fix)


def _directory(folder: Path) -> Iterator[Finding]:
    """Look at where the journal lies: mode, room, and how long an fsync takes."""
    why = unusable(folder)
    if why:
        yield Finding("data_dir", Verdict.WRONG, why, "change its owner or mode, or set another")
        return
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there == folder and os.name == "posix" and folder.stat().st_mode & _OTHERS:
        told = f"others may read {folder} (mode {folder.stat().st_mode & 0o777:04o})"
        yield Finding("data_dir", Verdict.WARNING, told, f"chmod 700 {folder}")
    else:
        new = "" if there == folder else "; the first start makes it"
        yield Finding("data_dir", Verdict.FINE, f"{folder}{new}")
    free = shutil.disk_usage(there).free
    few = free < FEW_FREE_BYTES
    told = f"{free / (1 << 30):.1f} GiB free"
    fix = "make room; without it nothing can be acknowledged" if few else ""
    yield Finding("disk", Verdict.WARNING if few else Verdict.FINE, told, fix)
    yield _fsync(there)


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


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
