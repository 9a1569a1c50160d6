"""What nobody waits for: the note that events are done goes with the next commit, or soon."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from actors.ports.commands import JournalAnswer, SettleEvents, Settlement
from actors.runtime.clock import SystemClock
from actors.runtime.journal import writer as writer_module
from actors.runtime.journal.waiting import presses
from actors.runtime.journal.writer import JournalWriter
from actors.values import DONE, Disposition, Event, Outcome
from tests.runtime_writer.test_journal_writer import WAIT_S, Disk, delivery, frames

NEVER_S = 600.0


class Watched(threading.Condition):
    """A condition that tells how long it is waited for."""

    def __init__(self, lock: threading.RLock) -> None:
        super().__init__(lock)
        self.waits: queue.Queue[float | None] = queue.Queue()

    def wait(self, timeout: float | None = None) -> bool:
        """Tell, and wait."""
        self.waits.put(timeout)
        return super().wait(timeout)


class Desk:
    """A writer that has just committed something and lingers, and who waits for its answers."""

    def __init__(self, linger_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer_module, "LINGER_S", linger_s)
        self.disk = Disk()
        self.writer = JournalWriter(self.disk, clock=SystemClock(), batch_rows=8)
        self.answers: queue.Queue[str] = queue.Queue()
        self.events: list[Event] = []
        wake = self.writer._list.wake = Watched(self.writer._list.wake._lock)  # type: ignore[attr-defined]
        self.writer.start()
        command = frames(self.writer, 20)
        self.events += command.frames[0].events
        self.writer.submit(command, self.told("stored"))
        assert self.answers.get(timeout=WAIT_S) == "stored"
        while wake.waits.get(timeout=WAIT_S) != linger_s:
            pass

    def told(self, name: str) -> Callable[[JournalAnswer], None]:
        return lambda _: self.answers.put(name)

    def end(self, *events: Event) -> None:
        self.writer.submit(SettleEvents(account="a", done=events), self.told("done"))

    def next(self) -> str:
        return self.answers.get(timeout=WAIT_S)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A writer that would linger for ever."""
    desk = Desk(NEVER_S, monkeypatch)
    yield desk
    assert desk.writer.stop(WAIT_S) == []


def test_what_is_done_goes_with_what_is_stored_next(patient: Desk) -> None:
    patient.end(patient.events[0])
    patient.end(patient.events[1])
    patient.writer.submit(delivery("d"), patient.told("sent"))
    assert [patient.next() for _ in range(3)] == ["done", "done", "sent"]
    assert patient.disk.sizes == [1, 3]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(0.01, monkeypatch)
    desk.end(desk.events[0])
    assert desk.next() == "done"
    assert desk.writer.stop(WAIT_S) == []


def test_a_full_commit_waits_for_nothing(patient: Desk) -> None:
    for event in patient.events[:9]:
        patient.end(event)
    assert [patient.next() for _ in range(8)] == ["done"] * 8


def test_who_reads_waits_for_nothing(patient: Desk) -> None:
    patient.end(patient.events[0])
    assert patient.writer.read(lambda _: "read", WAIT_S) == "read"
    assert patient.next() == "done"


def test_a_stop_stores_what_lingers(patient: Desk) -> None:
    patient.end(patient.events[0])
    assert patient.writer.stop(WAIT_S) == []
    assert patient.next() == "done"


def test_somebody_waits_for_every_other_end() -> None:
    event = Event(event_id="a/1", account="a", lane_seq=1)
    again = Settlement(event, Outcome(disposition=Disposition.RETRY))
    assert not presses(SettleEvents(account="a", done=[event]))
    assert presses(SettleEvents(account="a", done=[event], settlements=[again]))
    assert presses(SettleEvents(account="a", settlements=[Settlement(event, DONE)]))
    assert presses(delivery("d"))
