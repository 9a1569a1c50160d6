"""The checks of ``doctor`` of where the journal lies and of what waits in it for a person."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from actors.ports.journal import JournalError
from gateway.cli import mounts
from gateway.commands import command
from gateway.journal import care
from gateway.journal.files import backups, opening
from gateway.web.findings import Finding, Verdict

MOST = 1000
"""Dead letters that a running gateway is asked for."""

_FAILED = "SELECT account, failed_reason FROM account_state WHERE failed_reason IS NOT NULL"


class Asked(Protocol):
    """As much of a control client as is needed."""

    def ask(self, method: str, *path: str, query: dict[str, Any] | None = None) -> Any:
        """Ask a gateway."""


def of_disk(folder: Path, table: str) -> Iterator[Finding]:
    """Look at the file system under the journal; nothing where it is a usual one.

    Args:
        folder: Where the journal lies or will.
        table: As :func:`gateway.cli.mounts.table` reads it.
    """
    found = mounts.mount_of(os.path.realpath(folder), table)
    name = "file system"
    if found is None:
        return
    told = f"{folder} lies on {found.kind} ({found.point})"
    local = "set data_dir to a folder on a disk of this machine (a named volume of a container)"
    if found.is_remote:
        why = "whose locks and flushes no journal can trust"
        yield Finding(name, Verdict.WRONG, f"{told}, {why}", local)
    elif found.is_fuse:
        why = "a program keeps it; if that is over a network, the journal is not safe there"
        yield Finding(name, Verdict.WARNING, f"{told}: {why}", local)
    elif found.kind in mounts.VOLATILE:
        why = "which is gone with the next start of the machine"
        yield Finding(name, Verdict.WARNING, f"{told}, {why}", local)


def of_stopped(path: Path) -> Iterator[Finding]:
    """Look at what a sound journal that no gateway has open holds for a person."""
    last = care.last_backup(path)
    late = backups.late(last, time.time_ns() // 1_000_000)
    if late is not None:
        yield Finding("backup", Verdict.WARNING, late.detail, late.next_step)
    try:
        report = care.report(path)
        with closing(opening.reader(path)) as connection:
            failed = dict(connection.execute(_FAILED).fetchall())
    except (JournalError, sqlite3.Error):
        return  # said already, or a gateway starts at this moment
    if report.owner is None:
        yield from _failed({str(name): str(why) for name, why in failed.items()})
        yield from _letters(report.dead_letters)


def of_running(control: Asked) -> Iterator[Finding]:
    """Look at what a running gateway has for a person.

    Raises:
        Problem: It does not say.
    """
    told = control.ask("GET", "v1", "accounts", query={"state": "failed"})["accounts"]
    yield from _failed({each["id"]: (each["last_error"] or {}).get("reason", "") for each in told})
    query = {"limit": MOST}
    yield from _letters(len(control.ask("GET", "v1", "dead-letters", query=query)["dead_letters"]))


def _failed(accounts: dict[str, str]) -> Iterator[Finding]:
    if accounts:
        some = [f"{name} ({why})" for name, why in sorted(accounts.items())]
        more = f" and {len(some) - 5} more" if len(some) > 5 else ""
        told = f"FAILED, and not tried again: {', '.join(some[:5])}{more}"
        fix = f"mend why, then: {command('accounts reset NAME')}"
        yield Finding("accounts", Verdict.WARNING, told, fix)


def _letters(count: int) -> Iterator[Finding]:
    if count:
        told = f"{count}{' or more' if count >= MOST else ''} will not be tried again by themselves"
        fix = f"look, then replay or drop each: {command('dead-letters list')}"
        yield Finding("dead letters", Verdict.WARNING, told, fix)
