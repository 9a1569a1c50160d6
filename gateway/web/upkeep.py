"""Upkeep of a journal by its file: what works beside a running gateway, and what does not.

The work is :mod:`gateway.journal.care`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.runtime.clock import SystemClock
from gateway.host.assembly import JOURNAL_FILE
from gateway.journal import care
from gateway.journal.files import opening
from gateway.settings import Settings
from gateway.web.problems import Problem


def journal_path(settings: Settings, *, or_salvaged: bool = False) -> Path:
    """Return the journal's file.

    Args:
        settings: Name it.
        or_salvaged: Its salvaged copy will do, if a salvage was cut short.

    Raises:
        Problem: 409; these settings keep none on disk, or it is no file. 404; it is not there.
    """
    if settings.durability == "memory":
        told = "durability is memory: nothing is kept on disk"
        raise Problem(409, "no_journal", told, "set durability to full or normal")
    path = Path(settings.data_dir) / JOURNAL_FILE
    if path.exists() and not path.is_file():
        told = f"{path} is a folder, or no ordinary file"
        raise Problem(409, "no_journal", told, "see who made it and move it away, or set data_dir")
    cut_short = or_salvaged and opening.beside(path, opening.SALVAGED).exists()
    if not path.exists() and not cut_short:
        told = f"there is no journal {path}"
        raise Problem(404, "no_journal", told, "check data_dir; the first start makes it")
    return path


class FileCare:
    """Upkeep of the journal of these settings. Blocking; on any thread.

    Args:
        settings: Name the file and what it keeps.
        in_use: A gateway has it open; then it is not written to.
    """

    def __init__(self, settings: Settings, *, in_use: bool = True) -> None:
        self._settings = settings
        self._in_use = in_use

    def check(self) -> dict[str, Any]:
        """Read it from end to end; ``ok``, ``problems`` and how it stands."""
        path = journal_path(self._settings)
        problems: list[str] = care.check(path)
        return {"ok": not problems, "problems": problems, "report": care.report(path)}

    def backup(self, target: Any, *, series: bool = False) -> Any:
        """Copy it to a new file; ``series``: the next one is expected."""
        path, target = journal_path(self._settings), Path(target)
        if target.exists():
            raise FileExistsError(target)
        spare = self._settings.journal.min_free_bytes
        return care.backup(path, target, clock=SystemClock(), spare_bytes=spare, series=series)

    def prune(self) -> Any:
        """Delete what is over and past its retention."""
        path = journal_path(self._settings)
        if self._in_use:
            told = "a running gateway prunes by itself, whenever it is idle"
            raise Problem(409, "in_use", told, "stop it first if it must be now")
        return care.prune(path, self._settings.journal, clock=SystemClock())

    def salvage(self) -> Any:
        """Save what can be read of a damaged file, and put it in its place."""
        return care.salvage(journal_path(self._settings, or_salvaged=True), clock=SystemClock())

    def repair(self) -> Any:
        """Take rows that cannot be read out, into a file beside it."""
        return care.repair(journal_path(self._settings), clock=SystemClock())
