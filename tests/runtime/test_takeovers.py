"""The owner of who answers which conversation: bounds, time, what is kept, and who waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.runtime import takeovers
from actors.runtime.clock import SystemClock
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.takeovers import KEPT, TakeOvers
from gateway.journal.memory.journal import MemoryJournal

MINUTE_MS = 60_000


class Time:
    """What the wall shows."""

    now_ms = 1_000_000

    def __call__(self) -> int:
        """Return it."""
        return self.now_ms


def owner(time: Time, journal: MemoryJournal | None = None) -> tuple[TakeOvers, MemoryJournal]:
    """Make one that goes on with what a journal has."""
    journal = journal or MemoryJournal()
    made = TakeOvers(auto_minutes=30, unix_ms=time)
    made.begin(JournalWriter(journal, clock=SystemClock()), journal.kept_texts(KEPT))
    return made, journal


def test_accounts_with_the_same_conversation_are_apart() -> None:
    taken, _ = owner(Time())
    assert not taken.busy
    until_ms = taken.take("a", "c", 1, 1.0)
    assert (taken.busy, taken.holds("a", "c"), taken.holds("b", "c")) == (True, True, False)
    assert (taken.of("a"), taken.of("b")) == ({"c": until_ms}, {})
    assert taken.take("a", "c", 0, 1.0) is None
    assert taken.take("a", "c", 0, 1.0) is None
    assert (taken.busy, taken.of("a")) == (False, {})


def test_it_ends_at_its_time_and_is_forgotten() -> None:
    time = Time()
    taken, journal = owner(time)
    taken.take("a", "c", 1, 1.0)
    time.now_ms += MINUTE_MS - 1
    assert taken.holds("a", "c")
    time.now_ms += 1
    assert not taken.holds("a", "c")
    assert taken.of("a") == {}
    assert not taken.busy
    assert not journal.kept_texts(KEPT)


def test_an_own_message_prolongs_and_never_shortens() -> None:
    time = Time()
    taken, _ = owner(time)
    taken.prolong("a", "c", time.now_ms + 5)
    taken.prolong("a", "c", time.now_ms + 9)
    taken.prolong("a", "c", time.now_ms + 7)
    assert taken.of("a") == {"c": time.now_ms + 9}
    taken.take("a", "c", 1, 1.0)
    assert taken.until("a", "c") == time.now_ms + MINUTE_MS
    taken.prolong("a", "c", time.now_ms + 9)
    assert taken.until("a", "c") == time.now_ms + MINUTE_MS


def test_what_was_said_before_the_hand_back_is_over() -> None:
    """A send was open, so that nobody knew who had said it; then the person handed it back."""
    time = Time()
    taken, _ = owner(time)
    said_ms = time.now_ms
    taken.take("a", "c", 1, 1.0)
    time.now_ms += 10
    taken.take("a", "c", 0, 1.0)
    taken.prolong("a", "c", said_ms + taken.auto_ms)
    assert taken.of("a") == {}
    taken.prolong("a", "c", time.now_ms + 1 + taken.auto_ms)
    assert taken.of("a") == {"c": time.now_ms + 1 + taken.auto_ms}
    time.now_ms += taken.auto_ms
    assert taken.of("a").keys() == {"c"}
    assert not taken._handed_back


@pytest.mark.parametrize("lane", ["c", "c/d", '"]', "店", "\ud800", "x" * 5000])
def test_another_life_goes_on_with_it(lane: str) -> None:
    time = Time()
    taken, journal = owner(time)
    until_ms = taken.take('a/"店', lane, 2, 1.0)
    taken.take("a", "over", 1, 1.0)
    time.now_ms += MINUTE_MS
    journal._kept[f"{KEPT}of another version"] = "?"
    journal._kept[f"{KEPT}[]"] = "1"
    journal._kept[f'{KEPT}["a", "b"]'] = "soon"
    again, _ = owner(time, journal)
    assert again.of('a/"店') == {lane: until_ms}
    assert again.of("a") == {}
    assert again.busy


def test_memory_holds_what_is_taken_over_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    taken, journal = owner(time)
    for number in range(2_000):
        taken.prolong("a", f"c{number}", time.now_ms + 1)
        time.now_ms += 2
    assert len(taken._until) <= 64
    assert len(journal.kept_texts(KEPT)) <= 64
    monkeypatch.setattr(takeovers, "MOST", 3)
    time.now_ms += 2
    for minutes in (5, 3, 4, 6):
        taken.take("a", f"m{minutes}", minutes, 1.0)
    assert taken.of("a").keys() == {"m4", "m5", "m6"}
    assert len(journal.kept_texts(KEPT)) == 3


def test_who_asks_waits_until_it_is_clear() -> None:
    taken, _ = owner(Time())
    taken.doubt("a", "c")
    taken.doubt("a", "c")
    assert taken.busy
    assert not taken.holds("a", "other"), "nobody waits for another conversation"
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(taken.holds, "a", "c")
        taken.clear("a", "c")
        taken.prolong("a", "c", 2_000_000)
        assert not asked.done()
        taken.clear("a", "c")
        assert asked.result(10.0)
    taken.clear("a", "c")
    assert taken.take("a", "c", 0, 1.0) is None
    assert not taken.busy


def test_nobody_waits_for_who_never_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeovers, "PATIENCE_S", 0.01)
    taken, _ = owner(Time())
    taken.doubt("a", "c")
    assert not taken.holds("a", "c")
    assert not taken.busy, "the next one does not wait again"


def test_many_threads_may_change_it() -> None:
    time = Time()
    taken, journal = owner(time)
    begin = threading.Barrier(4)

    def change(name: int) -> None:
        begin.wait()
        for number in range(200):
            taken.take("a", f"{name}/{number % 7}", number % 3, 5.0)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(change, range(4)))
    again, _ = owner(time, journal)
    assert again.of("a") == taken.of("a")
