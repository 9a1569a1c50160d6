"""What is said of a journal's disk; a disk that is gone stops no scrape."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.config import from_mapping
from gateway.metrics.disk import Disk, look
from gateway.settings import Settings


def settings_of(folder: Path, durability: str = "full") -> Settings:
    return from_mapping({"data_dir": str(folder), "durability": durability})


def test_sizes_and_the_newest_backup(tmp_path: Path) -> None:
    """A copy that is not whole is none, and a folder is none."""
    (tmp_path / "journal.sqlite3").write_bytes(b"x" * 100)
    (tmp_path / "journal.sqlite3-wal").write_bytes(b"x" * 10)
    backups = tmp_path / "backups"
    (backups / "folder").mkdir(parents=True)
    for name, at_s in (("old.sqlite3", 1000), ("new.sqlite3", 2000), ("next.sqlite3.part", 3000)):
        (backups / name).touch()
        os.utime(backups / name, (at_s, at_s))
    found = look(settings_of(tmp_path))
    assert (found.journal_bytes, found.backup_at_s) == (110, 2000)
    assert found.free_bytes is not None
    assert found.free_bytes > 0


def test_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert look(settings_of(tmp_path / "gone")) == Disk(0, None, None)
    assert look(settings_of(tmp_path, "memory")) == Disk()
