"""A disk that gives back other bytes than were written: what SQLite drops for it is told."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from actors.runtime.clock import SystemClock
from actors.storage import StoreFrames
from actors.values import Decoded, Event
from gateway.journal import care, files, wal
from gateway.journal.sqlite import SqliteJournal

STEP = 24 + 4096


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, clock=SystemClock())


def store(journal: SqliteJournal, name: str, raw: str) -> None:
    event = Event(
        account="a",
        event_id=f"a/{name}",
        conversation_id="c",
        lane_seq=next(journal.numbers()),
        occurred_at_ms=1,
    )
    frames = [Decoded(raw=raw, events=[event])]
    journal.commit([StoreFrames(account="a", generation=1, received_at_ms=7, frames=frames)])


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what a kill left behind: a journal with some commits in its log."""
    path = tmp_path_factory.mktemp("life") / "j.db"
    journal = opened(path)
    dice = random.Random(7)
    for number in range(8):
        store(journal, f"m{number}", "x" * dice.randint(1, 9_000))
    left = path.parent.with_name("left")
    shutil.copytree(path.parent, left)
    journal.close()
    return left / path.name


def dropped(left: Path, into: Path, log: bytes) -> wal.Dropped | None:
    """Open a journal with another log and say what is missing of it."""
    into.mkdir()
    path = Path(shutil.copy(left, into))
    files.beside(path, "-wal").write_bytes(log)
    connection = files.connect(path, "FULL")
    try:
        connection.execute("SELECT count(*) FROM event").fetchone()
        return wal.dropped(connection, path, 1)
    finally:
        connection.close()


def log_of(left: Path) -> bytes:
    return files.beside(left, "-wal").read_bytes()


def test_a_flipped_bit_anywhere_is_told(left: Path, tmp_path: Path) -> None:
    """SQLite cuts the log there, and 114 of 114 starts said nothing."""
    log = log_of(left)
    frames = (len(log) - 32) // STEP
    in_header = list(range(0, 32, 3))
    in_last = [32 + (frames - 1) * STEP + at for at in (*range(0, 24, 3), 24, 2000, 4119)]
    in_first = [32 + at for at in (*range(0, 24, 3), 99)]
    dice = random.Random(11)
    anywhere = [dice.randrange(len(log)) for _ in range(20)]
    for number, place in enumerate([*in_header, *in_first, *in_last, *anywhere]):
        bent = bytearray(log)
        bent[place] ^= 1 << dice.randrange(8)
        found = dropped(left, tmp_path / str(number), bytes(bent))
        assert found is not None, place
        assert 1 <= found.commits <= found.frames <= frames
        assert Path(found.copy).read_bytes() == bent
    assert dropped(left, tmp_path / "whole", log) is None


def test_what_a_kill_cuts_off_is_no_damage(left: Path, tmp_path: Path) -> None:
    log = log_of(left)
    dice = random.Random(13)
    for number in range(12):
        cut = log[: dice.randrange(len(log))]
        assert dropped(left, tmp_path / f"cut-{number}", cut) is None
        begun = 32 + dice.randrange(len(log) // STEP) * STEP + 24  # its page is of an older round
        torn = log[:begun] + dice.randbytes(4096)
        assert dropped(left, tmp_path / f"torn-{number}", torn) is None


def test_what_is_left_of_an_older_round_is_no_damage(tmp_path: Path) -> None:
    """A log is begun anew in the same file."""
    path = tmp_path / "life" / "j.db"
    journal = opened(path)
    for number in range(9):
        store(journal, f"m{number}", "x" * 20_000)
    size = files.beside(path, "-wal").stat().st_size
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    other.close()
    store(journal, "m9", "x")
    assert files.beside(path, "-wal").stat().st_size == size
    assert dropped(path, tmp_path / "copy", log_of(path)) is None
    journal.close()


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_a_kill_never_raises_the_alarm(tmp_path: Path) -> None:
    """Whatever it interrupts, the alert must be worth a look."""
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.journal.test_journal_log_damage import opened, store\n"
        "journal = opened(Path(sys.argv[1]))\nprint('up', flush=True)\n"
        "number = 0\n"
        "while True:\n    store(journal, f'm{number}', 'x' * 200_000)\n    number += 1\n"
        "    number % 7 or print(number, flush=True)\n"
    )
    path = tmp_path / "j.db"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline()
    process.kill()
    process.communicate()
    journal = opened(path)
    assert journal.concerns() == ()
    journal.close()


def test_a_start_says_what_is_lost_and_goes_on(left: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "j.db"
    shutil.copytree(left.parent, path.parent)
    log = bytearray(log_of(path))
    log[len(log) // 2] ^= 4
    files.beside(path, "-wal").write_bytes(log)
    journal = opened(path)
    try:
        (alert,) = journal.concerns()
        assert alert.name == "journal.log_damaged"
        assert journal.concerns() is journal.concerns()
        assert 1 <= len(journal.pending("a", 0, 100)) < 8
        store(journal, "later", "y")
    finally:
        journal.close()
    (copy,) = path.parent.glob("j.db.log-damaged-*")
    assert str(copy) in alert.detail
    assert copy.read_bytes() == log
    if os.name == "posix":
        assert copy.stat().st_mode & 0o077 == 0
    journal = opened(path)
    assert journal.concerns() == ()
    journal.close()


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_log_that_is_gone_after_a_kill_is_told(tmp_path: Path, how: str) -> None:
    """It was called sound: who tidied it away lost acknowledged messages without a word."""
    path = tmp_path / "data" / "j.db"
    journal = opened(tmp_path / "life" / "j.db")
    store(journal, "m1", "x")
    journal.commit(())
    store(journal, "m2", "in the log alone")
    shutil.copytree(tmp_path / "life", path.parent)
    journal.close()
    if how == "deleted":
        files.beside(path, "-wal").unlink()
    else:
        files.beside(path, "-wal").write_bytes(b"")
    (problem,) = care.check(path)
    assert "its log j.db-wal is gone" in problem
    journal = opened(path)
    (alert,) = journal.concerns()
    assert (alert.name, alert.why) == ("journal.log_damaged", "log_gone")
    assert "put j.db-wal back" in alert.next_step
    store(journal, "later", "y")
    journal.close()
    journal = opened(path)
    assert journal.concerns() == ()
    journal.close()
    assert care.check(path) == []


def test_a_journal_that_was_closed_or_copied_needs_no_log(left: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "j.db"
    shutil.copytree(left.parent, path.parent)
    journal = opened(path)
    assert journal.concerns() == ()
    store(journal, "later", "y")
    care.backup(path, tmp_path / "copy.db", clock=SystemClock())  # while it is in use
    journal.close()
    assert not files.beside(path, "-wal").exists()
    for each in (path, tmp_path / "copy.db"):
        assert care.check(each) == []
        journal = opened(each)
        assert journal.concerns() == ()
        assert len(journal.pending("a", 0, 100)) == 9
        journal.close()


def test_the_first_life_of_a_file_says_that_it_is_in_use(tmp_path: Path) -> None:
    """Once it is idle the file alone, without its log, tells that it was cut off."""
    path = tmp_path / "j.db"
    journal = opened(path)
    store(journal, "m", "x")
    journal.commit(())
    shutil.copy(path, tmp_path / "alone.db")
    journal.close()
    assert "was not closed" in care.check(tmp_path / "alone.db")[0]
