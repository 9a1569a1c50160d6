"""How long commits have been failing or hanging, and what becomes of a dead writer thread."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from actors.ports.commands import JournalAnswer, JournalCommand, MarkDelivery, StoreDelivery
from actors.ports.journal import JournalError, JournalFullError
from actors.runtime.clock import SystemClock
from actors.runtime.journal.writer import JournalWriter
from actors.values import Content, Delivery
from gateway.journal.memory.journal import MemoryJournal

WAIT_S = 20.0


class Disk(MemoryJournal):
    """Memory that is called durable, and does what the test says before each commit."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] = lambda: None
        self.tried: list[list[str]] = []

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Note who is in it, then do it or fail."""
        if commands:
            self.tried.append([name_of(command) for command in commands])
            self.before()
        return super().commit(commands)


def delivery(name: str) -> StoreDelivery:
    return StoreDelivery(
        delivery=Delivery(
            outbox_id=name,
            uuid=name,
            account="a",
            conversation_id="c",
            to=None,
            content=Content(text="x"),
            expires_at_ms=1,
        )
    )


def name_of(command: object) -> str:
    assert isinstance(command, StoreDelivery)
    return command.delivery.outbox_id


def until(there: Callable[[], bool]) -> None:
    """Wait for a state no message tells of."""
    deadline = time.monotonic() + WAIT_S
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def test_failing_commits_are_a_stall_that_ends_when_one_holds() -> None:
    disk, done, broken = Disk(), threading.Event(), threading.Event()
    broken.set()

    def fail() -> None:
        if broken.is_set():
            raise JournalError("gone")

    disk.before = fail
    writer = JournalWriter(disk, clock=SystemClock())
    writer.start()
    assert writer.stalled_s(time.monotonic()) == 0
    writer.submit(delivery("a"), lambda _: done.set())
    until(lambda: writer.counters.failures >= 2)
    begun = writer._commits.stalled_since
    until(lambda: writer.counters.failures >= 3)
    assert writer._commits.stalled_since == begun, "each failure must not begin the count anew"
    assert writer.stalled_s(time.monotonic() + 5) > 5
    broken.clear()
    assert done.wait(WAIT_S)
    until(lambda: writer.stalled_s(time.monotonic()) == 0)
    assert writer.stop(WAIT_S) == []


def test_a_commit_that_hangs_is_a_stall_and_is_not_replaced() -> None:
    disk, gate, entered = Disk(), threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        assert gate.wait(WAIT_S)

    disk.before = hang
    writer = JournalWriter(disk, clock=SystemClock())
    writer.start()
    writer.submit(delivery("a"), lambda _: None)
    assert entered.wait(WAIT_S)
    assert writer.stalled_s(time.monotonic() + 10) > 10
    assert not writer.revive()
    gate.set()
    assert writer.stop(WAIT_S) == []


def test_a_bad_command_is_no_stall() -> None:
    disk, refused = Disk(), threading.Event()

    def refuse() -> None:
        raise ValueError("never")

    disk.before = refuse
    writer = JournalWriter(disk, clock=SystemClock())
    writer.start()
    writer.submit(delivery("a"), lambda _: None, refused=lambda _: refused.set())
    assert refused.wait(WAIT_S)
    assert writer.stalled_s(time.monotonic()) == 0
    assert writer.stop(WAIT_S) == []


def test_slow_commits_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.journal.commits.SLOW_COMMIT_S", 0.0)
    disk, done = Disk(), threading.Event()
    writer = JournalWriter(disk, clock=SystemClock())
    writer.start()
    writer.submit(delivery("a"), lambda _: done.set())
    assert done.wait(WAIT_S)
    assert writer.counters.slow == 1
    assert writer.stop(WAIT_S) == []


def test_a_dead_writer_is_replaced_and_everything_is_stored_once_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A6: 100 batches wait; none is answered before it is stored, none is lost."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    disk, writer = Disk(), None
    answered: list[str] = []
    whole = threading.Event()

    def die() -> None:
        disk.before = lambda: None
        sys.exit("the thread ends without a word")

    disk.before = die
    writer = JournalWriter(disk, clock=SystemClock(), batch_rows=3)

    def note(answer: JournalAnswer) -> None:
        assert isinstance(answer, Delivery)
        answered.append(answer.outbox_id)
        if len(answered) == 300:
            whole.set()

    names = [str(number) for number in range(300)]
    for name in names:
        writer.submit(delivery(name), note)
    writer.start()
    dead = writer._thread
    assert dead is not None
    dead.join(WAIT_S)
    assert answered == []
    assert writer.stalled_s(time.monotonic() + 10) >= 10
    assert writer.revive()
    assert not writer.revive()
    assert whole.wait(WAIT_S)
    assert answered == names
    assert disk.tried[:2] == [["0", "1", "2"]] * 2
    assert writer.stop(WAIT_S) == []
    assert not writer.revive()


def test_what_was_answered_before_the_death_is_not_stored_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    disk, answered = Disk(), threading.Event()
    writer = JournalWriter(disk, clock=SystemClock())

    def end(_: JournalAnswer) -> None:
        sys.exit("in the middle of the answers")

    writer.submit(delivery("a"), end)
    writer.submit(delivery("b"), lambda _: answered.set())
    writer.start()
    assert writer._thread is not None
    writer._thread.join(WAIT_S)
    assert writer.revive()
    assert answered.wait(WAIT_S)
    assert disk.tried == [["a", "b"], ["b"]]
    assert writer.stop(WAIT_S) == []


# --- no room ---


class FullDisk(Disk):
    """Takes what adds no message, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.full = threading.Event()
        self.full.set()

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Refuse sends while there is no room."""
        sends = any(isinstance(command, StoreDelivery) for command in commands)
        if sends and self.full.is_set():
            raise JournalFullError("no room")
        return MemoryJournal.commit(self, commands)


def mark(name: str) -> MarkDelivery:
    return MarkDelivery(outbox_id=name, generation=1, mid=name)


def test_marks_pass_messages_that_wait_for_room() -> None:
    """Else nothing could ever be settled, and room never made."""
    disk = FullDisk()
    answered: queue.Queue[str] = queue.Queue()
    writer = JournalWriter(disk, clock=SystemClock(), batch_rows=4)

    def submit(command: JournalCommand, name: str) -> None:
        writer.submit(command, lambda _: answered.put(name))

    submit(mark("m0"), "m0")
    for number in range(6):
        submit(delivery(f"s{number}"), f"s{number}")
    submit(mark("m1"), "m1")
    writer.start()
    assert [answered.get(timeout=WAIT_S) for _ in range(2)] == ["m0", "m1"]
    submit(mark("m2"), "m2")
    submit(delivery("s6"), "s6")
    submit(mark("m3"), "m3")
    assert [answered.get(timeout=WAIT_S) for _ in range(2)] == ["m2", "m3"]
    assert writer.counters.waiting == 7
    assert writer.stalled_s(time.monotonic()) > 0, "passing marks do not make it well"
    disk.full.clear()
    assert [answered.get(timeout=WAIT_S) for _ in range(7)] == [f"s{n}" for n in range(7)]
    assert writer.stop(WAIT_S) == []


def test_marks_that_fail_keep_their_place() -> None:
    disk = FullDisk()
    bad, answered = threading.Event(), queue.Queue[str]()
    bad.set()
    commit = disk.commit

    def failing(commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        if bad.is_set() and any(isinstance(command, MarkDelivery) for command in commands):
            raise JournalFullError("not even that")
        return commit(commands)

    disk.commit = failing  # type: ignore[method-assign]  # one more fault
    writer = JournalWriter(disk, clock=SystemClock())
    writer.submit(delivery("s"), lambda _: answered.put("s"))
    writer.submit(mark("m"), lambda _: answered.put("m"))
    writer.start()
    until(lambda: writer.counters.failures >= 3)
    assert answered.empty()
    disk.full.clear()
    bad.clear()
    assert [answered.get(timeout=WAIT_S) for _ in range(2)] == ["s", "m"]
    assert writer.stop(WAIT_S) == []
