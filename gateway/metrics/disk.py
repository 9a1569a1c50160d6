"""What the metrics say of the disk of a journal: looked up at each scrape."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from gateway.journal.files.backup import UNFINISHED
from gateway.journal.files.backups import FOLDER
from gateway.journal.files.opening import JOURNAL_FILE
from gateway.settings import Settings


class Disk(NamedTuple):
    """A journal's disk.

    Attributes:
        journal_bytes: The file and its log; 0: there is none.
        free_bytes: What this user may still write; None: unknown, or nothing is kept there.
        backup_at_s: Unix time of the newest backup; None: there is none.
    """

    journal_bytes: int = 0
    free_bytes: int | None = None
    backup_at_s: float | None = None


def look(settings: Settings) -> Disk:
    """Return how the disk of the journal stands; never raises for what a disk may do."""
    if settings.durability == "memory":
        return Disk()
    folder = Path(settings.data_dir)
    used, free = 0, None
    for name in (JOURNAL_FILE, f"{JOURNAL_FILE}-wal"):
        with contextlib.suppress(OSError):
            used += (folder / name).stat().st_size
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(folder).free
    return Disk(used, free, _newest(folder / FOLDER))


def _newest(folder: Path) -> float | None:
    times: list[float] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_file() and not entry.name.endswith(UNFINISHED):
                    times.append(entry.stat().st_mtime)
    return max(times, default=None)
