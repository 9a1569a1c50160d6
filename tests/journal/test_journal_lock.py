"""The lock of a journal: one process, whoever deletes what, and a name to call it by."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from actors.ports.journal import JournalError
from actors.runtime.clock import SystemClock
from gateway.journal.files import opening
from gateway.journal.files.lock import ProcessLock
from gateway.journal.files.lockfile import owner_of, read_owner
from gateway.journal.sqlite.journal import SqliteJournal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="flock, links and forks are POSIX")

CHILD = """
import os, sys, time
from actors.runtime.clock import SystemClock
from gateway.journal.sqlite.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1], clock=SystemClock())
"""


def opened(path: Path) -> SqliteJournal:
    """Open a journal."""
    return SqliteJournal(path, clock=SystemClock())


def other(path: Path, code: str = "") -> subprocess.Popen[str]:
    """Start a process that opens a journal."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_a_deleted_lock_file_lets_no_second_one_in(tmp_path: Path) -> None:
    """A refusal names its path, and people delete it."""
    path = tmp_path / "j.db"
    journal = opened(path)
    try:
        (tmp_path / "j.db.lock").unlink()
        with pytest.raises(JournalError, match="in use by a process that has lost its lock file"):
            opened(path)  # in this process
        _, said = other(path).communicate()
        assert "in use by a process that has lost its lock file" in said
    finally:
        journal.close()
    opened(path).close()


def test_a_deleted_lock_file_is_put_back(tmp_path: Path) -> None:
    """Whoever asks who has the journal finds the answer there."""
    path = tmp_path / "j.db.lock"
    lock = ProcessLock(path)
    path.unlink()
    assert owner_of(path) is None
    lock.keep()
    assert owner_of(path) == f"process {os.getpid()} on {lock.owner.host}"
    path.unlink()
    rival = ProcessLock(path)
    with pytest.raises(JournalError, match="in use by process"):
        lock.keep()
    rival.release()
    lock.keep()
    lock.release()
    assert owner_of(path) is None


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    """Who may write the directory must not choose the file that is overwritten."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "a.db.lock").symlink_to(precious)
    (tmp_path / "b.db.lock").hardlink_to(precious)
    os.mkfifo(tmp_path / "c.db.lock")
    (tmp_path / "d.db.lock").mkdir()
    for name in "abcd":
        with pytest.raises(JournalError, match="is a link, or no ordinary file, and was left"):
            opened(tmp_path / f"{name}.db")
    with pytest.raises(JournalError, match="is a link"):
        owner_of(tmp_path / "a.db.lock")
    assert precious.read_text() == "mine"


def test_the_owner_can_be_read_and_is_told_by_a_nonce(tmp_path: Path) -> None:
    """A client proves by it that it talks to the owner of the journal."""
    assert read_owner(tmp_path) is None
    path = tmp_path / opening.JOURNAL_FILE
    journal = opened(path)
    owner = read_owner(tmp_path)
    assert owner is not None
    assert (owner.pid, len(owner.nonce)) == (os.getpid(), 32)
    assert stat.S_IMODE(path.with_name(path.name + ".lock").stat().st_mode) == 0o600
    journal.close()
    assert read_owner(tmp_path) is None  # the file is there, and nobody holds it
    journal = opened(path)
    again = read_owner(tmp_path)
    assert again is not None
    assert again.nonce != owner.nonce
    journal.close()


def test_who_looks_keeps_nobody_from_starting(tmp_path: Path) -> None:
    """A look takes the lock for a moment."""
    import fcntl
    import threading

    path = tmp_path / "j.db.lock"
    ProcessLock(path).release()
    with path.open("rb") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        timer = threading.Timer(0.02, fcntl.flock, (looker, fcntl.LOCK_UN))
        timer.start()
        ProcessLock(path).release()
        timer.join()


def test_a_forked_child_keeps_no_lock(tmp_path: Path) -> None:
    """A worker of the host outlives a gateway that was killed, and the next one starts."""
    path = tmp_path / "j.db"
    forks = (
        "child = os.fork()\nif child == 0:\n    time.sleep(30)\n    os._exit(0)\n"
        "print(child, flush=True)\nsys.stdin.read()\n"
    )
    parent = other(path, forks)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(JournalError, match=f"in use by process {parent.pid} on "):
            opened(path)
        parent.kill()
        parent.wait()
        opened(path).close()
    finally:
        os.kill(child, 9)
        parent.communicate()


def test_a_lock_that_an_heir_holds_names_it(tmp_path: Path) -> None:
    """One that was started by other means than Python's keeps it: no dead process is blamed."""
    path = tmp_path / "j.db"
    inherits = (
        "import subprocess\nos.set_inheritable(journal._handle._lock._descriptor, True)\n"
        "child = subprocess.Popen(['sleep', '30'], close_fds=False)\n"
        "print(child.pid, flush=True)\nsys.stdin.read()\n"
    )
    parent = other(path, inherits)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        with pytest.raises(JournalError, match=f"a child of process {parent.pid} on .* has ended"):
            opened(path)
    finally:
        os.kill(child, 9)
        parent.communicate()
