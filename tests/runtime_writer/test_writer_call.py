"""A thread that waits for its command: its answer, why there is none, and what comes late."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from actors.ports.commands import CLOSED, JournalAnswer, JournalCommand, StoreDelivery
from actors.ports.errors import OverloadedError
from actors.ports.journal import CommandRefusedError
from actors.runtime.clock import SystemClock
from actors.runtime.journal.writer import JournalWriter
from actors.values import Content, Delivery
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite import outbox

WAIT_S = 20.0


class Gated(MemoryJournal):
    """A journal with a thread of its own, whose commits wait for a gate."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.poison = ""

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Wait, then do it."""
        self.entered.set()
        assert self.gate.wait(WAIT_S)
        if self.poison and any(self.poison in str(each) for each in commands):
            raise ValueError("it cannot be stored")
        return super().commit(commands)


def store(name: str) -> StoreDelivery:
    """Make the command that accepts a send."""
    return StoreDelivery(
        delivery=Delivery(
            outbox_id=name,
            uuid=name,
            account="a",
            conversation_id="c",
            to=None,
            content=Content(text=name),
            expires_at_ms=2**40,
        )
    )


@pytest.fixture
def journal() -> Gated:
    """Return a journal whose gate is open."""
    made = Gated()
    made.gate.set()
    return made


@pytest.fixture
def writer(journal: Gated) -> Iterator[JournalWriter]:
    """Yield its writer, started."""
    made = JournalWriter(journal, clock=SystemClock(), queue_limit=1)
    made.start()
    yield made
    journal.gate.set()
    assert made.stop(WAIT_S) == []


def test_the_answer_comes_back_after_who_was_to_be_told(writer: JournalWriter) -> None:
    told: list[str] = []
    writer.call(store("a"), WAIT_S, lambda _: told.append(threading.current_thread().name))
    assert told == ["journal-writer"]
    assert writer.call(outbox.cancelling("a"), WAIT_S)
    assert not writer.call(outbox.cancelling("a"), WAIT_S)


def test_what_can_never_be_stored_is_an_error(journal: Gated, writer: JournalWriter) -> None:
    journal.poison = "bad"
    told: list[str] = []
    with pytest.raises(CommandRefusedError, match=r"its log line journal\.\* says why") as caught:
        writer.call(store("bad"), WAIT_S, None, told.append)
    assert told == [caught.value.reason]
    assert "it cannot be stored" in caught.value.reason


def test_what_takes_too_long_is_told_all_the_same(journal: Gated, writer: JournalWriter) -> None:
    """Who gave up waiting must still hear of it: the send is in, and would leave unheard."""
    journal.gate.clear()
    told = threading.Event()
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.01 s"):
        writer.call(store("late"), 0.01, lambda _: told.set())
    journal.gate.set()
    assert told.wait(WAIT_S)


def test_a_full_queue_accepts_no_send(journal: Gated, writer: JournalWriter) -> None:
    journal.gate.clear()
    for name in ("in hand", "waits"):
        writer.submit(store(name), lambda _: None)
        assert journal.entered.wait(WAIT_S)
    with pytest.raises(OverloadedError) as caught:
        writer.call(store("c"), WAIT_S)
    assert (caught.value.what, caught.value.limit) == ("the journal's queue", 1)
    assert str(caught.value) == (
        "the journal's queue is full (1); nothing was accepted, 1 commands wait for the journal; "
        "look at the disk, and send again later"
    )


def test_after_the_stop_it_is_refused() -> None:
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    assert writer.call(store("a"), WAIT_S) is not None
    writer.stop(WAIT_S)
    with pytest.raises(CommandRefusedError) as caught:
        writer.call(store("b"), WAIT_S)
    assert caught.value.reason == CLOSED
