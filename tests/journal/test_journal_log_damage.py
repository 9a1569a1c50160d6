"""A disk that gives back other bytes than were written: what SQLite drops for it is told."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from actors.ports.commands import StoreFrames
from actors.ports.journal import JournalError
from actors.runtime.clock import SystemClock
from actors.values import Decoded, Event
from gateway.journal import care, wal
from gateway.journal.files import opening
from gateway.journal.sqlite.journal import SqliteJournal

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
    """Return what a kill left behind: a journal with some commits in its log."""
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
    opening.beside(path, "-wal").write_bytes(log)
    connection = opening.connect(path, "FULL")
    try:
        connection.execute("SELECT count(*) FROM event").fetchone()
        return wal.dropped(connection, path, 1)
    finally:
        connection.close()


def log_of(left: Path) -> bytes:
    return opening.beside(left, "-wal").read_bytes()


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
    size = opening.beside(path, "-wal").stat().st_size
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    other.close()
    store(journal, "m9", "x")
    assert opening.beside(path, "-wal").stat().st_size == size
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
    opening.beside(path, "-wal").write_bytes(log)
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


_LIFE = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path("tests/journal").resolve()))
from test_journal_log_damage import opened, store
journal = opened(Path(sys.argv[1]))
store(journal, "m", "in the log alone")
print("stored", flush=True)
sys.stdin.read()
"""


def killed(path: Path) -> None:
    """Let a process store one message, which is all it does, and kill it."""
    with subprocess.Popen(
        [sys.executable, "-c", _LIFE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"stored\n"
        process.kill()


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_log_that_is_gone_after_a_kill_is_told(tmp_path: Path, how: str) -> None:
    """It was called sound: who tidied it away lost acknowledged messages without a word."""
    path = tmp_path / "j.db"
    killed(path)
    if how == "deleted":
        opening.beside(path, "-wal").unlink()
    else:
        opening.beside(path, "-wal").write_bytes(b"")
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


def test_a_journal_that_was_killed_and_has_its_log_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for _ in range(2):
        killed(path)
        assert care.check(path) == []
        journal = opened(path)
        assert journal.concerns() == ()
        journal.close()


def test_a_journal_that_was_closed_or_copied_needs_no_log(tmp_path: Path) -> None:
    """SQLite's own ways to copy a file that is in use leave its log out, too."""
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, "m", "x")
    care.backup(path, tmp_path / "1.db", clock=SystemClock())
    with (
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(tmp_path / "2.db")) as copy,
    ):
        source.backup(copy)
        source.execute("VACUUM INTO ?", (str(tmp_path / "3.db"),))
    journal.close()
    assert not opening.beside(path, "-wal").exists()
    for name in ("1.db", "2.db", "3.db"):
        for each in (path, opening.beside(path, "-wal"), opening.beside(path, "-shm")):
            each.unlink(missing_ok=True)
        shutil.copy(tmp_path / name, path)
        path.chmod(0o600)
        assert care.check(path) == [], name
        journal = opened(path)
        assert journal.concerns() == (), name
        assert len(journal.pending("a", 0, 100)) == 1
        store(journal, f"later {name}", "y")
        assert journal.concerns() == (), name
        journal.close()


def test_a_journal_without_a_log_of_its_own_gets_one(tmp_path: Path) -> None:
    """``VACUUM INTO`` makes one; every commit in it was taken for a log that was stolen."""
    path = tmp_path / "j.db"
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    journal = opened(path)
    store(journal, "m", "x")
    assert opening.beside(path, "-wal").exists()
    assert journal.concerns() == ()
    journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="close the other program"):
            opened(path)
