"""The writer with real threads: order, group commit, failure and healing, the stop."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from actors.policy.alerts import Alert
from actors.ports.commands import (
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    Past,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
)
from actors.ports.journal import (
    Journal,
    JournalError,
    Letter,
    PendingRows,
    RecoveryRecord,
    SendQuery,
    SendRecord,
    Standing,
    Tally,
)
from actors.runtime.clock import SystemClock
from actors.runtime.journal import writer as writer_module
from actors.runtime.journal.writer import JournalWriter, OverloadedError
from actors.values import DONE, AccountId, Content, Decoded, Delivery, Event
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite.journal import SqliteJournal
from tests.open_sends import unsent

WAIT_S = 20.0


class Disk:
    """A journal that behaves as the test says; what it keeps is real."""

    durable = True

    def __init__(self) -> None:
        self.kept = MemoryJournal()
        self.sizes: list[int] = []
        self.idles = 0
        self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.poison: Callable[[JournalCommand], bool] = lambda _: False

    def numbers(self) -> Iterator[int]:
        """Return numbers."""
        return self.kept.numbers()

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do it, or fail as told."""
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        if not commands:
            self.idles += 1
            return ()
        if self.failures:
            raise self.failures.pop(0)
        if any(self.poison(command) for command in commands):
            raise ValueError("cannot be stored\nsecret payload")
        self.sizes.append(len(commands))
        return self.kept.commit(commands)

    def pending(
        self, account: AccountId, after: int, limit: int, *, lane: str | None = None
    ) -> PendingRows:
        """Return what is pending."""
        return self.kept.pending(account, after, limit, lane=lane)

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return what is kept."""
        return self.kept.sends(query)

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Return where its recovery stands."""
        return self.kept.recovery(account)

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Return what is known."""
        return self.kept.known(account, event_ids)

    def letters(
        self,
        account: AccountId | None,
        limit: int,
        *,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        raise AssertionError((account, limit, before, frames))

    def letter(self, event_id: str) -> Letter | None:
        raise AssertionError(event_id)

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        raise AssertionError((account, conversation_id, key))

    def concerns(self) -> Sequence[Alert]:
        return ()

    def standings(self) -> Mapping[AccountId, Standing]:
        return self.kept.standings()

    def oldest_ms(self) -> int | None:
        return self.kept.oldest_ms()

    def tally(self, account: AccountId) -> Tally:
        raise AssertionError(account)

    def pasts(self) -> Mapping[AccountId, Past]:
        """Return what former lives left."""
        return self.kept.pasts()

    def kept_texts(self, prefix: str) -> Mapping[str, str]:
        """Return texts."""
        return self.kept.kept_texts(prefix)

    def paused(self) -> Collection[AccountId]:
        """Return who is paused."""
        return self.kept.paused()

    def close(self) -> None:
        """Count it."""
        self.closed += 1


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


def frames(writer: JournalWriter, count: int, *, account: str = "a") -> StoreFrames:
    numbers = writer.numbers()
    events = []
    for _ in range(count):
        number = next(numbers)
        events.append(Event(account=account, event_id=f"{account}/{number}", lane_seq=number))
    return StoreFrames(
        account=account, generation=1, received_at_ms=1, frames=[Decoded(raw="r", events=events)]
    )


def name_of(answer: JournalAnswer) -> str:
    assert isinstance(answer, Delivery)
    return answer.outbox_id


class Answers:
    """Collects answers by name, in order; ``take`` waits for them."""

    def __init__(self) -> None:
        self._came: queue.Queue[str] = queue.Queue()

    def then(self, answer: JournalAnswer) -> None:
        """Note an answer."""
        self._came.put(name_of(answer))

    def refused(self, reason: str) -> None:
        """Note a refusal."""
        self._came.put(f"refused: {reason}")

    def take(self, count: int) -> list[str]:
        """Wait for so many."""
        return [self._came.get(timeout=WAIT_S) for _ in range(count)]

    def empty(self) -> bool:
        """Return whether nothing more came."""
        return self._came.empty()


def started(disk: Disk, *, batch_rows: int = 256, queue_limit: int = 20_000) -> JournalWriter:
    writer = JournalWriter(
        disk, clock=SystemClock(), batch_rows=batch_rows, queue_limit=queue_limit
    )
    writer.start()
    return writer


def held(disk: Disk, writer: JournalWriter, answers: Answers) -> None:
    """Bring the writer into a commit and keep it there, so that the rest must wait."""
    disk.gate.clear()
    writer.submit(delivery("first"), answers.then)
    assert disk.entered.acquire(timeout=WAIT_S)


def test_what_waits_is_one_commit_and_answers_keep_their_order() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk)
    held(disk, writer, answers)
    for i in range(100):
        writer.submit(delivery(str(i)), answers.then)
    assert answers.empty()
    assert writer.counters.waiting == 101
    disk.gate.set()
    assert answers.take(101) == ["first", *map(str, range(100))]
    assert disk.sizes == [1, 100]
    assert writer.stop(WAIT_S) == []
    counters = writer.counters
    assert (counters.commits, counters.rows, counters.failures, counters.waiting) == (2, 101, 0, 0)
    assert counters.last_commit_s >= 0
    assert disk.closed == 1


def test_who_reads_waits_until_the_next_commit_can_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read ahead of the disk, frames only fill memory."""
    monkeypatch.setattr(writer_module, "PATIENCE_S", WAIT_S)
    disk, answers = Disk(), Answers()
    writer = started(disk, batch_rows=10)
    held(disk, writer, answers)
    writer.submit(frames(writer, 10), lambda _: None)
    writer.wait_for_room()  # ten are what the next commit takes
    writer.submit(frames(writer, 1), lambda _: None)
    asked, has_room = threading.Event(), writer._list.has_room

    def ask() -> bool:
        asked.set()
        return has_room()

    monkeypatch.setattr(type(writer._list), "has_room", lambda _: ask())
    reader = threading.Thread(target=writer.wait_for_room)
    reader.start()
    assert asked.wait(WAIT_S), "it read on while more waited than a commit takes"
    assert not has_room()
    disk.gate.set()
    reader.join(WAIT_S)
    assert not reader.is_alive()
    assert writer.stop(WAIT_S) == []


def test_nobody_waits_twice_for_a_disk_that_does_not_answer() -> None:
    """Sockets are read, and pings answered, while a commit hangs; patience comes back with room."""
    disk, answers = Disk(), Answers()
    writer = started(disk, batch_rows=1)
    held(disk, writer, answers)
    for _ in range(3):
        writer.submit(frames(writer, 1), lambda _: None)
    writer.wait_for_room()  # in vain
    begun = time.monotonic()
    for _ in range(1000):
        writer.wait_for_room()
    assert time.monotonic() - begun < 1000 * writer_module.PATIENCE_S / 10
    disk.gate.set()
    assert writer.stop(WAIT_S) == []
    writer.wait_for_room()
    assert writer._patient


def test_a_commit_has_at_most_batch_rows() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk, batch_rows=10)
    held(disk, writer, answers)
    done = queue.Queue[int]()
    sizes = [4, 4, 4, 25, 1, 9, 1]
    for size in sizes:
        writer.submit(frames(writer, size), lambda answer: done.put(len(answer or ())))  # type: ignore[arg-type]  # a list
    settled = SettleEvents(account="a", settlements=[_settlement(n) for n in range(10)])
    writer.submit(settled, lambda _: done.put(-1))
    disk.gate.set()
    assert [done.get(timeout=WAIT_S) for _ in range(8)] == [*sizes, -1]
    assert disk.sizes == [1, 2, 1, 1, 2, 1, 1]
    writer.stop(WAIT_S)


def _settlement(number: int) -> Settlement:
    return Settlement(event=Event(account="a", lane_seq=number), outcome=DONE)


def test_threads_see_their_own_order() -> None:
    disk = Disk()
    writer = started(disk)
    seen: list[tuple[int, int]] = []
    ended = threading.Semaphore(0)

    def noting(thread: int, i: int) -> Callable[[JournalAnswer], None]:
        return lambda _: seen.append((thread, i))

    def submit(thread: int) -> None:
        for i in range(200):
            writer.submit(delivery(f"{thread}-{i}"), noting(thread, i))
        ended.release()

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert writer.stop(WAIT_S) == []
    assert len(seen) == 800
    for n in range(4):
        assert [i for thread, i in seen if thread == n] == list(range(200))
    assert sum(disk.sizes) == 800


def test_failing_commits_are_told_once_and_retried_until_they_hold() -> None:
    disk, answers = Disk(), Answers()
    health: list[tuple[bool, str]] = []
    writer = JournalWriter(
        disk, clock=SystemClock(), on_health=lambda ok, reason: health.append((ok, reason))
    )
    disk.failures = [JournalError("disk full"), MemoryError(), JournalError("disk full")]
    writer.start()
    for name in "abc":
        writer.submit(delivery(name), answers.then)
    assert answers.take(3) == ["a", "b", "c"]
    writer.stop(WAIT_S)
    assert health == [(False, "disk full"), (True, "")]
    assert writer.counters.failures == 3


def test_reads_go_on_while_commits_fail() -> None:
    disk, answers = Disk(), Answers()
    disk.failures = [JournalError("disk full")] * 1000
    writer = started(disk)
    writer.submit(delivery("a"), answers.then)
    assert disk.entered.acquire(timeout=WAIT_S)
    assert writer.read(lambda journal: unsent(journal, "a"), WAIT_S) == []
    assert answers.empty()
    writer.read(lambda _: disk.failures.clear(), WAIT_S)
    assert answers.take(1) == ["a"]
    writer.stop(WAIT_S)


@pytest.mark.parametrize("bad", [{"3"}, {"0"}, {"9"}, {"2", "3", "7"}, set("0123456789")])
def test_a_command_that_can_never_be_stored_stops_nobody_else(bad: set[str]) -> None:
    disk, answers = Disk(), Answers()
    disk.poison = lambda command: (
        isinstance(command, StoreDelivery) and command.delivery.outbox_id in bad
    )
    writer = started(disk)
    held(disk, writer, answers)
    for i in range(10):
        writer.submit(delivery(str(i)), answers.then, refused=answers.refused)
    disk.gate.set()
    refusal = "refused: ValueError: cannot be stored"
    assert answers.take(11) == ["first", *(refusal if str(i) in bad else str(i) for i in range(10))]
    assert writer.stop(WAIT_S) == []
    counters = writer.counters
    assert (counters.refused, counters.waiting) == (len(bad), 0)


def test_a_refusal_nobody_listens_to_is_only_counted() -> None:
    disk, answers = Disk(), Answers()
    disk.poison = lambda command: isinstance(command, MarkDelivery)
    writer = started(disk)
    writer.submit(MarkDelivery(outbox_id="x", generation=1), answers.then)
    writer.submit(delivery("a"), answers.then)
    assert answers.take(1) == ["a"]
    writer.stop(WAIT_S)
    assert writer.counters.refused == 1


def test_an_answer_that_raises_harms_nobody() -> None:
    disk, answers = Disk(), Answers()
    writer = JournalWriter(disk, clock=SystemClock(), on_health=lambda *_: 1 / 0)  # type: ignore[arg-type]  # it raises
    disk.failures = [JournalError("once")]
    writer.start()
    writer.submit(delivery("a"), _times_out)
    writer.submit(delivery("b"), answers.then)
    assert answers.take(1) == ["b"]
    writer.stop(WAIT_S)


def test_sends_are_refused_when_too_much_waits_and_the_rest_never() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk, queue_limit=3)
    held(disk, writer, answers)
    came = threading.Semaphore(0)
    for name in "abc":
        writer.submit(delivery(name), answers.then)
    with pytest.raises(OverloadedError, match="3 commands wait"):
        writer.submit(delivery("d"), answers.then)
    writer.submit(frames(writer, 1), lambda _: came.release())
    disk.gate.set()
    assert answers.take(4) == ["first", "a", "b", "c"]
    assert came.acquire(timeout=WAIT_S)
    writer.submit(delivery("e"), answers.then)
    assert answers.take(1) == ["e"]
    writer.stop(WAIT_S)


def test_the_stop_stores_what_waits() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk)
    held(disk, writer, answers)
    for i in range(600):
        writer.submit(delivery(str(i)), answers.then)
    stopper = threading.Thread(target=lambda: answers.refused(repr(writer.stop(WAIT_S))))
    stopper.start()
    disk.gate.set()
    stopper.join(WAIT_S)
    assert answers.take(602)[-1] == "refused: []"
    assert disk.closed == 1
    assert writer.stop(WAIT_S) == []
    assert disk.closed == 1


def test_the_stop_gives_up_on_a_dead_disk_and_says_so() -> None:
    disk, answers = Disk(), Answers()
    disk.failures = [JournalError("gone")] * 100
    writer = started(disk)
    for name in "abc":
        writer.submit(delivery(name), answers.then)
    begun = time.monotonic()
    assert writer.stop(0.5) == ["journal-writer: 3 commands were not stored"]
    assert time.monotonic() - begun < 5
    assert answers.empty()
    assert disk.closed == 1


def test_the_stop_does_not_wait_for_a_commit_that_hangs() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk)
    held(disk, writer, answers)
    assert writer.stop(0.1) == ["journal-writer"]
    disk.gate.set()
    assert writer.stop(WAIT_S) == []
    assert answers.take(1) == ["first"]


def test_after_the_stop_nothing_is_accepted() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk)
    writer.stop(WAIT_S)
    writer.submit(delivery("late"), answers.then, refused=answers.refused)
    assert answers.take(1) == ["refused: the journal is closed"]
    with pytest.raises(JournalError, match="closed"):
        writer.read(lambda journal: unsent(journal, "a"), WAIT_S)


def test_reads_run_between_commits_and_have_a_deadline() -> None:
    disk, answers = Disk(), Answers()
    writer = JournalWriter(disk, clock=SystemClock())
    assert writer.read(lambda _: threading.current_thread(), WAIT_S) is threading.current_thread()
    writer.start()
    writer.start()
    held(disk, writer, answers)
    ran: list[int] = []
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        writer.read(lambda _: ran.append(1), 0.05)
    disk.gate.set()
    assert [sent.outbox_id for sent, _ in writer.read(lambda j: unsent(j, "a"), WAIT_S)] == [
        "first"
    ]
    assert ran == []
    reader = writer.read(lambda _: threading.current_thread().name, WAIT_S)
    assert reader == "journal-writer"
    assert writer.read(lambda _: writer.read(lambda _: 7, 0), WAIT_S) == 7
    with pytest.raises(ZeroDivisionError):
        writer.read(lambda _: 1 / 0, WAIT_S)
    with pytest.raises(TimeoutError, match="mine"):
        writer.read(_times_out, WAIT_S)
    writer.stop(WAIT_S)


def _times_out(_: object) -> None:
    raise TimeoutError("mine")


def test_a_fetch_hands_over_what_was_answered_before() -> None:
    disk, answers = Disk(), Answers()
    writer = started(disk)
    assert writer.durable
    held(disk, writer, answers)
    seen: list[list[str]] = []
    writer.fetch(_names, seen.append)
    writer.fetch(lambda _: 1 / 0, lambda _: answers.refused("never"))
    writer.submit(delivery("later"), answers.then)
    disk.gate.set()
    assert answers.take(2) == ["first", "later"]
    assert seen == [["first"]]
    writer.stop(WAIT_S)
    writer.fetch(_names, seen.append)
    assert len(seen) == 1


def test_inline_a_fetch_keeps_its_place_among_answers() -> None:
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    assert not writer.durable
    seen: list[list[str]] = []

    def first(_: JournalAnswer) -> None:
        writer.fetch(_names, seen.append)
        writer.submit(delivery("b"), lambda answer: seen.append([name_of(answer)]))
        seen.append(["first"])

    writer.submit(delivery("a"), first)
    assert seen == [["first"], ["a"], ["b"]]
    writer.fetch(lambda _: 1 / 0, lambda _: None)
    writer.stop(WAIT_S)


def _names(journal: Journal) -> list[str]:
    return [sent.outbox_id for sent, _ in unsent(journal, "a")]


def test_an_idle_journal_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.journal.writer.IDLE_S", 0.01)
    disk, answers = Disk(), Answers()
    writer = started(disk)
    for name in "ab":
        writer.submit(delivery(name), answers.then)
        assert answers.take(1) == [name]
        for _ in range(2):  # the commit, then the idle call
            assert disk.entered.acquire(timeout=WAIT_S)
    assert not disk.entered.acquire(timeout=0.1)
    writer.stop(WAIT_S)
    assert disk.idles == 2


def test_house_keeping_that_fails_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.journal.writer.IDLE_S", 0.01)
    disk, answers = Disk(), Answers()
    monkeypatch.setattr(disk, "closed", None)  # close() raises, too
    commit, failed = disk.commit, threading.Event()

    def fussy(commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        if not commands:
            failed.set()
            raise JournalError("checkpoint")
        return commit(commands)

    monkeypatch.setattr(disk, "commit", fussy)
    writer = started(disk)
    writer.submit(delivery("a"), answers.then)
    assert failed.wait(WAIT_S)
    writer.submit(delivery("b"), answers.then)
    assert answers.take(2) == ["a", "b"]
    assert writer.stop(WAIT_S) == []
    assert writer.counters.failures == 1


# --- a journal that is not durable ---


def test_without_a_disk_it_is_done_at_once_on_the_callers_thread() -> None:
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    before = threading.active_count()
    writer.start()
    assert threading.active_count() == before
    seen: list[tuple[str, str]] = []
    for name in "ab":
        writer.submit(
            delivery(name),
            lambda answer: seen.append((name_of(answer), threading.current_thread().name)),
        )
    here = threading.current_thread().name
    assert seen == [("a", here), ("b", here)]
    assert len(writer.read(lambda journal: unsent(journal, "a"), WAIT_S)) == 2
    assert writer.counters.commits == 2
    assert writer.stop(WAIT_S) == []
    answers = Answers()
    writer.submit(delivery("late"), answers.then, refused=answers.refused)
    assert answers.take(1) == ["refused: the journal is closed"]


def test_inline_an_answer_may_submit_and_order_holds() -> None:
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    seen: list[str] = []

    def first(answer: JournalAnswer) -> None:
        writer.submit(delivery("b"), lambda inner: seen.append(name_of(inner)))
        seen.append(name_of(answer))

    writer.submit(delivery("a"), first)
    assert seen == ["a", "b"]
    writer.stop(WAIT_S)


def test_inline_two_threads_share_one_order() -> None:
    """While one carries answers out, another's join the end of the line."""
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    inside, go_on, seen = threading.Event(), threading.Event(), list[str]()

    def slow(answer: JournalAnswer) -> None:
        inside.set()
        assert go_on.wait(WAIT_S)
        seen.append(name_of(answer))

    thread = threading.Thread(target=lambda: writer.submit(delivery("a"), slow))
    thread.start()
    assert inside.wait(WAIT_S)
    writer.submit(delivery("b"), lambda answer: seen.append(name_of(answer)))
    assert seen == []
    go_on.set()
    thread.join(WAIT_S)
    assert seen == ["a", "b"]
    writer.stop(WAIT_S)


def test_inline_a_bad_command_is_refused_and_the_next_is_not() -> None:
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    answers = Answers()
    none: list[Decoded] = [None]  # type: ignore[list-item]  # a bug of ours, say
    bad = StoreFrames(account="a", generation=1, received_at_ms=1, frames=none)
    writer.submit(bad, answers.then, refused=answers.refused)
    writer.submit(delivery("a"), answers.then)
    refusal, answer = answers.take(2)
    assert refusal.startswith("refused: AttributeError")
    assert answer == "a"
    writer.stop(WAIT_S)


# --- with the real one ---


def test_on_sqlite_everything_answered_is_in_the_file(tmp_path: Path) -> None:
    writer = JournalWriter(
        SqliteJournal(tmp_path / "j.db", clock=SystemClock()), clock=SystemClock()
    )
    writer.start()
    commands, answered = 400, threading.Semaphore(0)

    def settle(answer: JournalAnswer) -> None:
        assert isinstance(answer, list)
        settlements = [Settlement(event=e, outcome=DONE) for e in answer if isinstance(e, Event)]
        writer.submit(
            SettleEvents(account=settlements[0].event.account, settlements=settlements),
            lambda _: answered.release(),
        )

    for i in range(commands):
        writer.submit(frames(writer, 1 + i % 3, account=f"a{i % 10}"), settle)
    for _ in range(commands):
        assert answered.acquire(timeout=WAIT_S)
    assert writer.stop(WAIT_S) == []
    assert writer.counters.commits < commands
    journal = SqliteJournal(tmp_path / "j.db", clock=SystemClock())
    tallies = [journal.tally(f"a{n}") for n in range(10)]
    journal.close()
    assert sum(tally.done for tally in tallies) == sum(1 + i % 3 for i in range(commands))
    assert all(tally.pending == 0 for tally in tallies)
