"""Files of a journal that are deleted, moved or replaced while it is open."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.ports.commands import StoreFrames
from actors.ports.journal import JournalError
from actors.runtime.clock import SystemClock
from actors.values import Decoded, Event
from gateway.journal.files.opening import beside
from gateway.journal.sqlite.handle import RESCUED_S
from gateway.journal.sqlite.journal import SqliteJournal
from tests.runtime.doubles import Kept

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows keeps the names of open files")


class Hand(SystemClock):
    """A clock whose monotonic time is moved by hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def monotonic(self) -> float:
        return self.s


def opened(path: Path, log: Kept | None = None, clock: Hand | None = None) -> SqliteJournal:
    return SqliteJournal(path, clock=clock or Hand(), log=log)


def store(journal: SqliteJournal, name: str) -> None:
    event = Event(
        account="a",
        event_id=f"a/{name}",
        conversation_id="c",
        lane_seq=next(journal.numbers()),
        occurred_at_ms=1,
    )
    frames = [Decoded(raw=name, events=[event])]
    journal.commit([StoreFrames(account="a", generation=1, received_at_ms=7, frames=frames)])


def names(path: Path) -> list[str]:
    """Return what the next life finds."""
    journal = opened(path)
    try:
        return [str(each.frame) for each in journal.pending("a", 0, 100)]
    finally:
        journal.close()


def killed(journal: SqliteJournal, path: Path) -> Path:
    """Return a copy of what a kill would leave behind, then end the journal."""
    left = path.parent.with_name("left")
    shutil.copytree(path.parent, left)
    journal.close()
    return left / path.name


def unlink(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        beside(path, ending).unlink()


def unlink_journal(path: Path) -> None:
    path.unlink()


def unlink_log(path: Path) -> None:
    beside(path, "-wal").unlink()


def unlink_index(path: Path) -> None:
    beside(path, "-shm").unlink()


def remove_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def move_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize(
    "mischief",
    [unlink, unlink_journal, unlink_log, unlink_index, remove_directory, move_directory],
)
def test_what_was_acknowledged_is_saved_by_who_has_it_open(
    mischief: Callable[[Path], None], tmp_path: Path
) -> None:
    """A tidy job took everything, and the gateway went on for hours without a word."""
    path, log, clock = tmp_path / "data" / "j.db", Kept(), Hand()
    journal = opened(path, log, clock)
    store(journal, "before")
    mischief(path)
    if mischief is not unlink_index:  # looked for once a second
        assert [each.name for each in journal.concerns()] == ["journal.lost"]
    clock.s = 1.0
    with pytest.raises(JournalError, match=r"while it was open; what it held was saved there"):
        store(journal, "after")  # not acknowledged, and not stored where nobody looks for it
    assert "journal.rescued" in log.text
    assert [each.name for each in journal.concerns()] == ["journal.rescued"]
    store(journal, "after")
    with pytest.raises(JournalError, match="in use by"):
        opened(path)
    assert names(killed(journal, path)) == ["before", "after"]
    clock.s = RESCUED_S + 1
    assert journal.concerns() == ()
    assert names(path) == ["before", "after"]
    assert sorted(each.name for each in path.parent.iterdir()) == ["j.db", "j.db.lock"]


def test_an_idle_journal_is_saved_too(tmp_path: Path) -> None:
    """Nobody knows when the next message comes, or the next kill."""
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, "before")
    remove_directory(path)
    with pytest.raises(JournalError, match="was deleted or moved"):
        journal.commit(())
    assert names(killed(journal, path)) == ["before"]


def test_a_journal_that_is_closed_is_saved_first(tmp_path: Path) -> None:
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, "before")
    unlink(path)
    journal.close()
    assert names(path) == ["before"]


def replace(path: Path) -> None:
    """Put a copy in its place, as a restore does."""
    copy = path.with_name("copy")
    with sqlite3.connect(path) as reading, sqlite3.connect(copy) as writing:
        reading.backup(writing)
    reading.close()
    writing.close()
    copy.replace(path)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def truncate_log(path: Path) -> None:
    os.truncate(beside(path, "-wal"), 0)


def empty_log(path: Path) -> None:
    """Leave a hole, as a write behind the cut would."""
    log = beside(path, "-wal")
    size = log.stat().st_size
    os.truncate(log, 0)
    os.truncate(log, size)


@pytest.mark.parametrize(
    ("mischief", "what"),
    [
        (replace, "was replaced by another file"),
        (truncate, "was cut short"),
        (truncate_log, r"has a log \(-wal\) that was cut short"),
        (empty_log, r"has a log \(-wal\) that was cut short"),
    ],
)
def test_what_nobody_can_save_is_acknowledged_no_more(
    mischief: Callable[[Path], None], what: str, tmp_path: Path
) -> None:
    """Two files bear one name, or there is a hole: a person must say what is right."""
    path, clock = tmp_path / "data" / "j.db", Hand()
    journal = opened(path, clock=clock)
    store(journal, "before")
    store(journal, "in the log alone")
    clock.s = 10.0
    mischief(path)
    with pytest.raises(JournalError):  # SQLite may find it first, and say so in its words
        store(journal, "after")
    for _ in range(3):
        with pytest.raises(JournalError, match=rf"{what}.* while it was open; stop the gateway"):
            store(journal, "after")
    with pytest.raises(JournalError):
        journal.commit(())
    journal.close()


def test_a_rescue_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    """One that came in between is somebody's."""
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, "before")
    unlink(path)
    path.mkdir()
    with pytest.raises(JournalError, match="was replaced by another file"):
        store(journal, "after")
    path.rmdir()
    with pytest.raises(JournalError, match="was saved there"):
        store(journal, "after")
    store(journal, "after")
    journal.close()
    assert names(path) == ["before", "after"]


def test_what_is_put_back_goes_on(tmp_path: Path) -> None:
    """A directory that was away between two looks was never astray."""
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, "before")
    move_directory(path)
    assert journal.concerns()
    path.parent.with_name("elsewhere").rename(path.parent)
    assert journal.concerns() == ()
    store(journal, "after")
    journal.close()
    assert names(path) == ["before", "after"]


def test_an_empty_log_is_not_to_blame_for_a_disk_that_refuses(tmp_path: Path) -> None:
    """The log is empty after it was copied: the journal heals with its disk, not with a person."""
    journal = opened(tmp_path / "journal.sqlite3")
    store(journal, "one")
    connection = journal._handle.connected()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalError):
        store(journal, "two")
    assert not [each for each in journal.concerns() if each.name == "journal.lost"]
    store(journal, "three")
    journal.close()


def test_a_file_that_is_cut_to_its_first_pages_is_told(tmp_path: Path) -> None:
    """What is acknowledged after it is built on pages that are gone."""
    path = tmp_path / "journal.sqlite3"
    journal = opened(path)
    for number in range(9):
        store(journal, f"m{number}")
    journal._handle.connected().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store(journal, "seen")
    os.truncate(path, 4096)
    with pytest.raises(JournalError, match="was cut short"):
        store(journal, "lost")
    assert [each.name for each in journal.concerns()] == ["journal.lost"]
    journal.close()
