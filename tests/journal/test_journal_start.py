"""Starting on an older, a larger, a badly ended or a lax file."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from ledger import (
    DAY_MS,
    Calendar,
    Lines,
    open_rows,
    opened,
    overwrite,
    pages_of,
    rows,
    settle,
    store,
)

from actors.ports.journal import JournalError
from gateway.journal import migration, schema
from gateway.journal.files import integrity
from gateway.journal.sqlite.journal import SqliteJournal

ROOT = Path(__file__).parents[2]


def version_1(path: Path, events: int = 3) -> None:
    """Make a file as version 1 did, with ``events`` events of which the first is settled."""
    connection = sqlite3.connect(path, isolation_level=None)
    schema.create(connection, 1, version=1)
    connection.execute("BEGIN")
    for number in range(1, events + 1):
        connection.execute("INSERT INTO inbox VALUES(?,'a',1,7,0,'raw')", (number,))
        connection.execute(
            "INSERT INTO event VALUES(?,?,?,0,'a','c',1,0,0,?,1)",
            (number, f"m{number}", number, 1 if number == 1 else 0),
        )
    connection.execute("INSERT INTO cursor VALUES('a','s','p',1)")
    connection.execute("COMMIT")
    connection.close()
    path.chmod(0o600)


def shape(path: Path) -> list[tuple[object, ...]]:
    return rows(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")


def test_a_file_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    version_1(path)
    assert rows(path, "PRAGMA user_version") == [(1,)]
    journal = opened(path)
    assert [row.lane_seq for row in journal.pending("a", 0, 9)] == [2, 3]
    assert store(journal, "m1", "m2") == []
    assert journal.tally("a").done == 1
    journal.close()
    assert rows(path, "PRAGMA user_version") == [(schema.VERSION,)]
    assert rows(path, "SELECT position FROM cursor") == [("p",)]
    opened(tmp_path / "new.db").close()
    assert shape(path) == shape(tmp_path / "new.db"), "migrated and new files are one"


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.db"
    version_1(path)
    before = shape(path)
    with monkeypatch.context() as patch:
        steps = schema.steps
        patch.setattr(schema, "steps", lambda found: steps(found) + "SELECT * FROM nonsense;")
        with pytest.raises(JournalError, match="nonsense"):
            opened(path)
    assert shape(path) == before
    assert rows(path, "PRAGMA user_version") == [(1,)]
    opened(path).close()


_MIGRATE = """
import sqlite3, sys, os, signal
from gateway.journal import (migration)
from gateway.journal.files import opening
from pathlib import Path
connection = opening.connect(Path(sys.argv[1]), "FULL")
steps = 0
def tick():
    global steps
    steps += 1
    if steps == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return 0
connection.set_progress_handler(tick, 100)
migration.migrate(connection, 1)
print(steps)
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_in_a_migration_leaves_one_version_or_the_other(tmp_path: Path) -> None:
    """K9: every moment SQLite tells of is as good as any."""
    whole = tmp_path / "whole.db"
    version_1(whole, events=5000)
    fresh = whole.read_bytes()
    steps = int(run(_MIGRATE, whole, 0).stdout)
    assert steps > 50
    for at in (1, steps // 3, 2 * steps // 3, steps):
        path = tmp_path / f"{at}.db"
        path.write_bytes(fresh)
        path.chmod(0o600)
        assert run(_MIGRATE, path, at).returncode == -signal.SIGKILL
        assert rows(path, "PRAGMA user_version") in ([(1,)], [(2,)])
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        journal = opened(path)
        assert len(journal.pending("a", 0, 9999)) == 4999
        journal.close()


def test_migrating_what_is_up_to_date_does_nothing() -> None:
    connection = sqlite3.connect(":memory:")
    connection.close()
    migration.migrate(connection, schema.VERSION)  # a closed connection would raise


# --- what is checked when ---


def large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a journal that counts as large, and stop it cleanly."""
    journal = opened(path)
    for number in range(200):
        store(journal, f"m{number}", raw="x" * 3000)
    journal.close()
    monkeypatch.setattr(integrity, "FULL_CHECK_BYTES", 1)


def test_frames_of_a_large_file_are_read_beside_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage found there ends the storing, not the reading of what is sound."""
    path = tmp_path / "j.db"
    large(path, monkeypatch)
    overwrite(path, pages_of(path, "inbox")[20])
    journal = opened(path)
    assert journal._checks.running is not None
    assert journal._checks.running.wait(20)
    with pytest.raises(JournalError, match=r"damaged .*journal salvage"):
        store(journal, "new")
    assert len(journal.pending("a", 0, 20)) == 20
    journal.close()
    journal = opened(path)
    assert journal._checks.running is not None, "it is found again at each start"
    assert journal._checks.running.wait(20)
    with pytest.raises(JournalError, match="damaged"):
        store(journal, "new")
    journal.close()


def test_a_large_file_that_ended_well_is_read_once_a_week(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "j.db", Calendar()
    large(path, monkeypatch)
    journal = opened(path, clock)
    assert journal._checks.running is not None, "its frames were never read whole"
    assert journal._checks.running.wait(20)
    store(journal, "after the check")
    journal.close()
    for days, due in ((0, False), (6, False), (8, True)):
        clock.now_ms = (100 + days) * DAY_MS
        journal = opened(path, clock)
        assert (journal._checks.running is not None) is due, days
        journal.close()


def test_a_check_that_was_cut_short_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.db"
    large(path, monkeypatch)
    journal = opened(path)
    assert journal._checks.running is not None
    assert journal._checks.running.wait(20)
    store(journal, "noted")
    journal.close()
    journal = opened(path)
    assert journal._checks.running is None
    store(journal, "killed after this")
    crash(journal)
    journal = opened(path)
    assert journal._checks.running is not None, "after a kill the frames are read"
    journal._checks.running.stop()
    journal._checks.running.finished = False  # as if the stop had come in the middle
    journal.close()
    journal = opened(path)
    assert journal._checks.running is not None
    journal.close()


def crash(journal: SqliteJournal) -> None:
    """End as a kill would: the file is left as it is."""
    connection, journal._handle.connection = journal._handle.connection, None
    assert connection is not None
    connection.close()
    journal.close()


def test_the_clean_end_is_noted_and_taken_back_by_the_first_commit(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    clean = "SELECT value FROM log_meta WHERE key='clean_shutdown'"
    journal = opened(path)
    assert rows(path, clean) == []
    settle(journal, store(journal, "m1", "m2")[:1])
    before = journal.tally("a")
    journal.close()
    assert not (tmp_path / "j.db-wal").exists()
    assert rows(path, clean) == [(1,)]
    journal = opened(path)
    assert journal.tally("a") == before
    assert rows(path, clean) == [(1,)], "reading changes nothing"
    store(journal, "m3")
    assert rows(path, clean) == [(0,)]
    crash(journal)
    journal = opened(path)
    assert journal.tally("a") == msgspec.structs.replace(before, received=3, pending=2), (
        "counted anew"
    )
    journal.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_others_can_read_is_closed_to_them_and_told(tmp_path: Path) -> None:
    path, log = tmp_path / "data" / "j.db", Lines()
    opened(path).close()
    path.chmod(0o644)
    path.parent.chmod(0o755)
    opened(path, log=log).close()
    assert [fields["path"] for _, fields in log.lines] == [str(path.parent), str(path)]
    assert set(log.names()) == {"journal.permissions_lax"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755, "it may hold more than a journal"


_CHECKPOINT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/journal")
from ledger import opened, store
from gateway.journal.upkeep import checkpoint
journal = opened(Path(sys.argv[1]))
for number in range(300):
    store(journal, f"m{number}", raw="x" * 5000)
if sys.argv[3] == "beside":
    checkpoint.EVERY_PAGES = 1
print("ready", flush=True)
import threading, time
def shoot():
    time.sleep(float(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=shoot, daemon=True).start()
while True:
    if sys.argv[3] == "within":
        journal._handle.connected().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store(journal, f"late{time.monotonic_ns()}", raw="y" * 5000)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_in_a_checkpoint_costs_nothing(tmp_path: Path) -> None:
    """K9: the process does nothing but checkpoint and commit when it is killed."""
    turns = [(after_s, how) for after_s in (0.001, 0.004) for how in ("within", "beside")]
    for number, (after_s, how) in enumerate(turns):
        path = tmp_path / f"{number}.db"
        ended = run(_CHECKPOINT, path, after_s, how)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        journal = opened(path)
        assert len(open_rows(journal)) >= 300
        journal.close()
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
