"""Looking, backing up and salvaging, beside a running journal and on a stopped one."""

from __future__ import annotations

import os
import random
import signal
import stat
import threading
from pathlib import Path

import pytest
from ledger import (
    DAY_MS,
    Calendar,
    keeping,
    open_rows,
    opened,
    overwrite,
    pages_of,
    rows,
    sent,
    settle,
    store,
)
from test_journal_start import run, version_1

from actors.ports.journal import JournalError
from actors.values import Disposition
from gateway.journal import care, schema
from gateway.journal.files import opening

# --- report and check ---


def test_the_report_says_how_it_stands_running_and_stopped(tmp_path: Path) -> None:
    path, clock = tmp_path / "data" / "j.db", Calendar()
    journal = opened(path, clock)
    settle(journal, store(journal, "m1"))
    settle(journal, store(journal, "m2"), Disposition.DEAD)
    store(journal, "m3", at_ms=5)
    journal.commit([sent("s1")])
    found = care.report(path)
    assert found.owner is not None
    assert f"process {os.getpid()}" in found.owner
    assert (found.schema, found.clean) == (schema.VERSION, False)
    assert found.events == {"done": 1, "dead": 1, "pending": 1}
    assert found.sends == {"queued": 1}
    assert (found.dead_letters, found.oldest_pending_ms) == (1, 5)
    assert found.log_bytes > 0
    assert found.used_bytes > 0
    assert found.free_bytes
    assert (found.last_backup, found.salvaged, found.readable_by_others) == (None, None, [])
    made = care.backup(path, tmp_path / "copy.db", clock=clock)
    journal.close()
    found = care.report(path)
    assert (found.owner, found.clean, found.log_bytes) == (None, True, 0)
    assert found.last_backup == made
    assert found.file_bytes == path.stat().st_size


def test_a_report_needs_a_journal(tmp_path: Path) -> None:
    for call in (care.report, care.check):
        with pytest.raises(JournalError, match="there is no journal"):
            call(tmp_path / "j.db")
    (tmp_path / "letter.db").write_text("to my mother")
    for call in (care.report, care.check):
        with pytest.raises(JournalError, match=r"damaged|not a journal"):
            call(tmp_path / "letter.db")
    with pytest.raises(JournalError, match="there is no journal"):
        care.prune(tmp_path / "j.db", keeping(), clock=Calendar())


@pytest.mark.parametrize("thorough", [False, True])
def test_a_check_reads_everything_and_tells(tmp_path: Path, thorough: bool) -> None:  # noqa: FBT001
    path = tmp_path / "j.db"
    journal = opened(path)
    for number in range(200):
        store(journal, f"m{number}", raw="x" * 2000)
    assert care.check(path, thorough=thorough) == [], "also while it runs"
    journal.close()
    overwrite(path, pages_of(path, "inbox")[7])
    assert care.check(path, thorough=thorough)


def test_pruning_a_stopped_journal(tmp_path: Path) -> None:
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path, clock)
    settle(journal, store(journal, *map(str, range(50))))
    for number in range(300):
        settle(journal, store(journal, f"m{number}"))
    with pytest.raises(JournalError, match="in use"):
        care.prune(path, keeping(), clock=clock)
    journal.close()
    clock.now_ms += 8 * DAY_MS
    gone = care.prune(path, keeping(retention_days=7), clock=clock)
    assert (gone.events, gone.frames, gone.more) == (350, 301, False)


# --- backup ---


def test_a_backup_is_one_moment_while_commits_go_on(tmp_path: Path) -> None:
    path, target, clock = tmp_path / "j.db", tmp_path / "copy.db", Calendar()
    journal = opened(path, clock)
    for number in range(400):
        store(journal, f"m{number}", raw="x" * 20_000)
    told: list[tuple[int, int]] = []

    def commit(done: int, total: int) -> None:
        told.append((done, total))
        assert len(store(journal, f"late{len(told)}")) == 1

    made = care.backup(path, target, clock=clock, progress=commit)
    assert len(told) >= 2
    assert told[-1][0] == told[-1][1]
    assert rows(target, "SELECT count(*) FROM event") == [(400,)]
    assert rows(path, "SELECT count(*) FROM event") == [(400 + len(told),)]
    assert made.size_bytes == target.stat().st_size
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    journal.close()
    restored = opened(target)
    assert len(open_rows(restored)) == 400
    restored.close()


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    opened(path).close()
    target = tmp_path / "letter"
    target.write_text("to my mother")
    with pytest.raises(JournalError, match="exists and was left as it is"):
        care.backup(path, target, clock=Calendar())
    assert target.read_text() == "to my mother"
    draft = tmp_path / "draft"
    draft.write_text("new")
    with pytest.raises(JournalError, match="exists"):
        opening.put(draft, target)
    assert target.read_text() == "to my mother"


def test_a_backup_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = opened(path)
    store(journal, "m1")
    with pytest.raises(KeyboardInterrupt):
        care.backup(path, tmp_path / "copy.db", clock=Calendar(), progress=_interrupt)
    journal.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["j.db", "j.db.lock"]


def _interrupt(_done: int, _total: int) -> None:
    raise KeyboardInterrupt


def test_a_backup_of_a_damaged_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    broken(path, "inbox")
    with pytest.raises(JournalError, match="is damaged"):
        care.backup(path, tmp_path / "copy.db", clock=Calendar())
    assert not (tmp_path / "copy.db").exists()


_BACKUP = """
import os, signal, sys
from pathlib import Path
from actors.runtime.clock import SystemClock
from gateway.journal.files import backup
backup.STEP_PAGES = 8
calls = 0
def kill(done, total):
    global calls
    calls += 1
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
backup.backup(Path(sys.argv[1]), Path(sys.argv[2]), clock=SystemClock(), progress=kill)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_in_a_backup_leaves_no_half_copy(tmp_path: Path) -> None:
    path, target = tmp_path / "j.db", tmp_path / "copy.db"
    journal = opened(path)
    for number in range(50):
        store(journal, f"m{number}", raw="x" * 20_000)
    assert run(_BACKUP, path, target).returncode == -signal.SIGKILL
    assert not target.exists()
    store(journal, "on it goes")
    care.backup(path, target, clock=Calendar())
    assert rows(target, "SELECT count(*) FROM event") == [(51,)]
    journal.close()


# --- salvage ---


def broken(path: Path, table: str, *, pages: int = 1) -> set[str]:
    """Make a journal of 600 events, half of them settled, and destroy pages of a table."""
    journal = opened(path)
    names = [f"m{number}" for number in range(600)]
    for name in names:
        events = store(journal, name, raw=f"{name} " + "x" * 300)
        if int(name[1:]) % 2:
            settle(journal, events)
    for number in range(100):
        journal.commit([sent(f"s{number}")])
    journal._handle.connected().execute("INSERT INTO cursor VALUES('a','s','p',1)")
    journal.close()
    leaves = pages_of(path, table)
    for page in leaves[len(leaves) // 2 :][:pages]:
        overwrite(path, page)
    return set(names)


@pytest.mark.row("J4", "salvage lists what is lost; history is read again")
@pytest.mark.parametrize("table", ["inbox", "event", "outbox"])
@pytest.mark.parametrize("pages", [1, 3])
def test_what_can_be_read_is_saved_and_the_rest_is_listed(
    tmp_path: Path, table: str, pages: int
) -> None:
    path, clock = tmp_path / "j.db", Calendar(1_764_000_000_000)
    names = broken(path, table, pages=pages)
    damaged = path.read_bytes()
    with pytest.raises(JournalError, match="journal salvage"):
        opened(path)

    found = care.salvage(path, clock=clock)

    assert Path(found.aside).read_bytes() == damaged, "set aside, not touched"
    assert Path(found.aside).name == "j.db.damaged-20251124-160000"
    assert {loss.table for loss in found.losses} == {table}
    assert care.check(path, thorough=True) == []
    assert rows(path, "SELECT * FROM cursor") == [], "recovery reads history again"
    assert found.cleared == 1
    assert care.report(path).salvaged == found
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    saved = {name for (name,) in rows(path, "SELECT event_id FROM event")}
    settled = {name for (name,) in rows(path, "SELECT event_id FROM event WHERE status=1")}
    sends = rows(path, "SELECT count(*) FROM outbox")[0][0]
    if table == "inbox":
        assert settled == {name for name in names if int(name[1:]) % 2}, "identities stay"
        assert found.reopened == 600 - len(saved) > 0
    elif table == "event":
        assert 600 - 200 * pages <= len(saved) < 600
    else:
        assert 100 - 60 * pages < sends < 100
    if table != "outbox":
        assert sends == 100
    journal = opened(path, clock)
    assert all(row.frame for row in open_rows(journal))
    assert {e.event_id[2:] for e in store(journal, *sorted(names))} == names - saved
    journal.close()


def test_losses_name_the_first_row_on_each_side(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    broken(path, "event")
    found = care.salvage(path, clock=Calendar())
    ((loss),) = found.losses
    kept = [number for (number,) in rows(path, "SELECT lane_seq FROM event ORDER BY lane_seq")]
    assert loss.after in kept
    assert loss.before in kept
    assert kept.index(int(loss.before or 0)) == kept.index(int(loss.after or 0)) + 1
    original = rows(Path(found.aside), "SELECT max(raw_id) FROM inbox")
    assert original[0][0] == kept[-1]


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_never_ends_in_an_empty_or_a_wrong_file(tmp_path: Path, seed: int) -> None:
    """Whatever is hit: a sound journal with true rows, or a refusal that left all as it was."""
    path, dice = tmp_path / "j.db", random.Random(seed)  # the seed is the case
    names = broken(path, "inbox", pages=0)
    count = path.stat().st_size // 4096
    for page in dice.sample(range(1, count + 1), 3):
        overwrite(path, page)
    damaged = path.read_bytes()
    try:
        found = care.salvage(path, clock=Calendar())
    except JournalError as error:
        assert "left as it was" in str(error)  # noqa: PT017  # either end is right
        assert path.read_bytes() == damaged
        return
    assert care.check(path, thorough=True) == []
    assert {name for (name,) in rows(path, "SELECT event_id FROM event")} <= names
    assert sum(found.rows.values()) > 0


def test_a_file_of_which_nothing_can_be_read_is_left(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    broken(path, "inbox")
    overwrite(path, 1)
    damaged = path.read_bytes()
    with pytest.raises(JournalError, match="put a backup in its place"):
        care.salvage(path, clock=Calendar())
    assert path.read_bytes() == damaged
    with pytest.raises(JournalError, match="damaged"):
        opened(path)


def test_a_running_journal_is_not_salvaged(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    with pytest.raises(JournalError, match="in use"):
        care.salvage(tmp_path / "j.db", clock=Calendar())
    journal.close()


def test_the_log_is_salvaged_too(tmp_path: Path) -> None:
    """What was committed and not yet checkpointed is in the log alone."""
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path)
    store(journal, "m1", "m2")
    copy = tmp_path / "killed.db"
    copy.write_bytes(path.read_bytes())
    opening.beside(copy, "-wal").write_bytes(opening.beside(path, "-wal").read_bytes())
    journal.close()
    found = care.salvage(copy, clock=clock)
    assert found.losses == []
    assert rows(copy, "SELECT count(*) FROM event") == [(2,)]
    assert opening.beside(Path(found.aside), "-wal").exists()


def test_an_older_file_is_salvaged_into_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    version_1(path)
    care.salvage(path, clock=Calendar())
    assert care.report(path).schema == schema.VERSION
    assert rows(path, "SELECT count(*) FROM event") == [(3,)]


@pytest.mark.parametrize("moment", range(1, 4))
def test_a_salvage_cut_short_is_finished_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """At each rename; an open must neither begin anew nor take half for the whole."""
    path, clock = tmp_path / "j.db", Calendar()
    names = broken(path, "event")
    opening.beside(path, "-wal").touch()
    moves = [0]
    rename = Path.rename

    def cut(self: Path, target: Path) -> Path:
        moves[0] += 1
        if moves[0] == moment:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            care.salvage(path, clock=clock)
    with pytest.raises(JournalError, match=r"cut short.*salvage"):
        opened(path)
    clock.now_ms += DAY_MS
    found = care.salvage(path, clock=clock)
    journal = opened(path)
    assert {e.event_id[2:] for e in store(journal, *sorted(names))}
    journal.close()
    assert Path(found.aside).exists()
    assert len(list(tmp_path.glob("*.damaged-*"))) == 2, "file and log, under one name"
    assert threading.active_count() >= 1
