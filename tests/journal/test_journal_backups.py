"""Backups that a timer makes, and the one before a migration: kept, bounded, and put back."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger import DAY_MS, Calendar, Lines, opened, rows, store
from sick_disk import small_disk_at
from test_journal_alerts import looked
from test_journal_start import shape, version_1

from actors.ports.journal import JournalError
from gateway.journal import care, migration, schema
from gateway.journal.files import backup, backups, integrity, opening
from gateway.journal.sqlite.journal import SqliteJournal

FOREIGN = (
    "series-20260101-000000.sqlite3.bak",
    "series-2026-01-01.sqlite3",
    "before-schema-2.sqlite3",
    "mine.sqlite3",
)


class Log(Lines):
    """A log that keeps what changed, too."""

    info = Lines.warning


def series(folder: Path, *days: int) -> list[Path]:
    """Make files that look like backups of these days."""
    found = [folder / backups.name_at(day * DAY_MS, series=True) for day in days]
    for each in found:
        each.write_text("copy")
    return found


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# --- a series ---


def test_the_newest_of_its_own_names_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    made = series(tmp_path, 1, 2, 3, 4)
    for name in FOREIGN:
        (tmp_path / name).write_text("not ours")
    (tmp_path / backups.name_at(0, series=True)).mkdir()
    link = tmp_path / backups.name_at(DAY_MS // 2, series=True)
    if os.name == "posix":
        link.symlink_to(made[3])
    assert backups.drop_old(made[3], 2) == [str(made[1]), str(made[0])]
    assert [each.exists() for each in made] == [False, False, True, True]
    assert set(FOREIGN) <= set(names(tmp_path))
    assert (tmp_path / backups.name_at(0, series=True)).is_dir()
    assert link.is_symlink() or os.name != "posix"


def test_the_one_just_made_stays_though_the_clock_went_back(tmp_path: Path) -> None:
    """Its name says that it is the oldest of all."""
    old, *_, newest = made = series(tmp_path, 1, 7, 8, 9)
    assert backups.drop_old(old, 1) == [str(each) for each in (newest, made[2], made[1])]
    assert names(tmp_path) == [old.name]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may delete anything")
def test_one_that_cannot_be_deleted_is_said(tmp_path: Path) -> None:
    made = series(tmp_path, 1, 2)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="Permission"):
            backups.drop_old(made[1], 1)
    finally:
        tmp_path.chmod(0o700)


def test_a_series_that_stops_is_told_after_three_days(tmp_path: Path) -> None:
    clock = Calendar(100 * DAY_MS)
    path = tmp_path / "j.db"
    journal = opened(path, clock)
    assert looked(journal) == [], "nobody set a timer up"
    backup.backup(path, tmp_path / "by hand", clock=clock)
    clock.now_ms += 4 * DAY_MS
    assert looked(journal) == [], "nor does a copy by hand promise another one"
    backup.backup(path, tmp_path / "first", clock=clock, series=True)
    clock.now_ms += 2 * DAY_MS
    assert looked(journal) == []
    clock.now_ms += DAY_MS
    (alert,) = looked(journal)
    assert alert.name == "journal.backup_late"
    assert alert.detail.endswith("first, is 3 days old")
    backup.backup(path, tmp_path / "next", clock=clock, series=True)
    assert looked(journal) == []
    journal.close()


# --- a full disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 1 MiB."""
    with small_disk_at(tmp_path / "small", mib=1) as place:
        yield place


def filled(path: Path) -> SqliteJournal:
    """Make a journal of 2 MiB that is open."""
    journal = opened(path)
    for number in range(100):
        store(journal, f"m{number}", raw="x" * 20_000)
    return journal


def test_a_backup_that_does_not_fit_is_refused_before_it_begins(
    tmp_path: Path, small_disk: Path
) -> None:
    journal = filled(tmp_path / "j.db")
    journal._handle.connected().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with pytest.raises(JournalError, match=r"MiB are needed\); delete what that disk"):
        care.backup(tmp_path / "j.db", small_disk / "copy", clock=Calendar())
    assert names(small_disk) == []
    journal.close()


def test_a_disk_that_fills_up_meanwhile_leaves_no_half_copy(
    tmp_path: Path, small_disk: Path
) -> None:
    """What lies in the log counts for no size before it is copied."""
    journal = filled(tmp_path / "j.db")
    assert (tmp_path / "j.db").stat().st_size < 1 << 20
    with pytest.raises(JournalError, match=r"copy was not made \(.*full\); delete what"):
        care.backup(tmp_path / "j.db", small_disk / "copy", clock=Calendar())
    assert names(small_disk) == []
    store(journal, "it goes on")
    journal.close()


def test_the_journal_keeps_the_room_it_needs(tmp_path: Path) -> None:
    """A copy that fills the journal's own disk would take every link down."""
    opened(tmp_path / "j.db").close()
    with pytest.raises(JournalError, match="are needed"):
        care.backup(tmp_path / "j.db", tmp_path / "copy", clock=Calendar(), spare_bytes=1 << 60)
    assert not (tmp_path / "copy").exists()


def test_no_room_for_the_note_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.db"
    opened(path).close()
    open_ = os.open

    def full(name: Path, *flags: int) -> int:
        if str(name).endswith(".backup.json.part"):
            raise OSError(errno.ENOSPC, "No space left on device", str(name))
        return open_(name, *flags)

    monkeypatch.setattr(os, "open", full)
    assert Path(care.backup(path, tmp_path / "copy", clock=Calendar()).path).exists()
    assert care.last_backup(path) is None


# --- before a migration ---


def test_an_older_program_gets_its_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upgrade, a day's work, rollback as docs/deploy.md says it, and upgrade again."""
    path, log = tmp_path / "j.db", Log()
    version_1(path)
    before = shape(path)
    journal = SqliteJournal(path, clock=Calendar(5), log=log)
    store(journal, "of the new version")
    journal.close()
    copy = tmp_path / "backups" / f"before-schema-{schema.VERSION}.sqlite3"
    told = [fields for name, fields in log.lines if name == "journal.migrated"]
    assert told == [{"before": 1, "after": schema.VERSION, "backup": str(copy)}]
    looked_at = Path(shutil.copy(copy, tmp_path / "looked at"))  # SQLite leaves files beside it
    assert shape(looked_at) == before
    if os.name == "posix":
        assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert care.last_backup(path) is None, "it is no backup that a person may rely on"

    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", 1)
        with (
            contextlib.closing(sqlite3.connect(path)) as connection,
            pytest.raises(JournalError, match="put back the copy that was made before"),
        ):
            integrity.identify(connection, path)
    for ending in ("", "-wal", "-shm"):
        opening.beside(path, ending).unlink(missing_ok=True)
    shutil.copy(copy, path)
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert rows(path, "SELECT count(*) FROM event") == [(3,)]

    opened(path, Calendar(7)).close()
    assert names(tmp_path / "backups") == [f"before-schema-{schema.VERSION}-2.sqlite3", copy.name]
    assert rows(path, "PRAGMA user_version") == [(schema.VERSION,)]


def test_two_copies_are_kept_and_a_new_file_needs_none(tmp_path: Path) -> None:
    opened(tmp_path / "new.db").close()
    assert not (tmp_path / "backups").exists()
    (tmp_path / "backups").mkdir()
    for number in range(3):
        path = tmp_path / "backups" / f"before-schema-{number}.sqlite3"
        path.write_text("older")
        os.utime(path, (number, number))
    version_1(tmp_path / "j.db")
    opened(tmp_path / "j.db").close()
    kept = ["before-schema-2.sqlite3", f"before-schema-{schema.VERSION}.sqlite3"]
    assert names(tmp_path / "backups") == kept


def test_a_large_file_is_copied_only_if_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "LARGE_BYTES", 4096)
    path = tmp_path / "j.db"
    version_1(path)
    fresh, log = path.read_bytes(), Log()
    SqliteJournal(path, clock=Calendar(), log=log).close()
    assert not (tmp_path / "backups").exists()
    assert log.lines[-1][1]["backup"] is None
    path.write_bytes(fresh)
    SqliteJournal(path, clock=Calendar(), backup_first=True).close()
    assert len(names(tmp_path / "backups")) == 1


def test_without_the_copy_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    version_1(path)
    (tmp_path / "backups").write_text("no folder")
    with pytest.raises(JournalError, match="make its folder writable"):
        opened(path)
    assert rows(path, "PRAGMA user_version") == [(1,)]
    (tmp_path / "backups").unlink()
    opened(path).close()
