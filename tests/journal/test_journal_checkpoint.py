"""The write-ahead log is copied beside the commits, not within one of them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from ledger import Lines, opened, rows, store

from gateway.journal.upkeep import checkpoint
from gateway.journal.upkeep.checkpoint import Checkpointer

WAIT_S = 20.0


def in_the_file(path: Path) -> int:
    """Count the events in the file itself, without its log."""
    alone = path.with_name("alone.db")
    shutil.copy(path, alone)
    ((count,),) = rows(alone, "SELECT count(*) FROM event")
    return int(count)


def test_log_is_copied_while_commits_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = threading.Event()
    copy = Checkpointer._copy

    def noted(self: Checkpointer) -> None:
        assert threading.current_thread().name == "journal-checkpoint"
        copy(self)
        copied.set()

    monkeypatch.setattr(Checkpointer, "_copy", noted)
    monkeypatch.setattr(checkpoint, "EVERY_PAGES", 10)
    path = tmp_path / "j.db"
    journal = opened(path)
    store(journal, "m0")
    assert in_the_file(path) == 0
    assert not copied.is_set()
    for number in range(1, 9):
        store(journal, f"m{number}")
    assert copied.wait(WAIT_S)
    assert in_the_file(path) >= 2
    assert len(journal.pending("a", 0, 99)) == 9
    journal.close()
    assert in_the_file(path) == 9


def test_quiet_journal_has_no_thread_for_it(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    store(journal, "m1")
    assert "journal-checkpoint" not in {thread.name for thread in threading.enumerate()}
    journal.close()
    journal.close()


def test_what_can_not_be_copied_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit copies what is left over; its own failure is told by the journal."""
    told = threading.Semaphore(0)

    class Told(Lines):
        def warning(self, event: str, **fields: object) -> None:
            super().warning(event, **fields)
            told.release()

    monkeypatch.setattr(checkpoint, "EVERY_PAGES", 1)
    journal = opened(tmp_path / "j.db")
    log = Told()
    beside = Checkpointer(tmp_path / "missing.db", log)
    try:
        for number in range(2):
            store(journal, f"m{number}")
            beside.committed(journal._handle.connected())
            assert told.acquire(timeout=WAIT_S)
    finally:
        beside.stop()
        journal.close()
    assert log.names() == ["journal.upkeep_failed"] * 2
    assert "unable to open" in str(log.lines[0][1]["reason"])
