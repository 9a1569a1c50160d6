"""What every journal does with tries, parked and dead events, and notes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from actors.ports.commands import (
    BeginEvent,
    DropEvent,
    ParkEvents,
    ReplayEvent,
    SettleEvents,
    Settlement,
    StoreFrames,
)
from actors.ports.journal import Tally
from actors.runtime.clock import SystemClock
from actors.values import Decoded, Disposition, Event, Note, Outcome
from gateway.journal import schema
from gateway.journal.memory import letters as memory_letters
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite import dead_letters
from gateway.journal.sqlite.journal import SqliteJournal

AnyJournal: TypeAlias = SqliteJournal | MemoryJournal

DEAD = Outcome(disposition=Disposition.DEAD, reason="ValueError at bot.py:7")
RETRY = Outcome(disposition=Disposition.RETRY)


def opened(directory: Path) -> SqliteJournal:
    return SqliteJournal(directory / "j.db", synchronous="NORMAL", clock=SystemClock())


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyJournal]:
    made: AnyJournal = opened(tmp_path) if request.param == "sqlite" else MemoryJournal()
    yield made
    made.close()


def store(journal: AnyJournal, *names: str, account: str = "a", lane: str = "c") -> list[Event]:
    """Store one frame an event; give the events."""
    numbers = journal.numbers()
    events = [
        Event(
            account=account,
            event_id=f"{account}/{name}",
            conversation_id=lane,
            lane_seq=next(numbers),
        )
        for name in names
    ]
    frames = [Decoded(raw=f"帧 {event.event_id}", events=[event]) for event in events]
    command = StoreFrames(account=account, generation=1, received_at_ms=7, frames=frames)
    journal.commit([command])
    return events


def settle(
    journal: AnyJournal,
    event: Event,
    outcome: Outcome = DEAD,
    *,
    attempts: int = 1,
    crashes: int = 0,
    begun: bool = False,
) -> None:
    settlement = Settlement(
        event=event, outcome=outcome, attempts=attempts, crashes=crashes, begun=begun
    )
    journal.commit([SettleEvents(account=event.account, settlements=[settlement])])


def begin(journal: AnyJournal, event: Event, *, park: bool = True, crashes: int = 1) -> bool:
    (answer,) = journal.commit([BeginEvent(event=event, crashes=crashes, park=park)])
    assert isinstance(answer, bool)
    return answer


def tries(journal: AnyJournal) -> list[tuple[int, int]]:
    """Attempts and crashes of what is pending."""
    return [(row.attempts, row.crashes) for row in journal.pending("a", 0, 99)]


def listed(journal: AnyJournal, account: str | None = None) -> list[tuple[str, str, str | None]]:
    found = journal.letters(account, 100)
    return [(letter.event_id, letter.status, letter.reason) for letter in found]


def test_failed_tries_are_remembered(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    settle(journal, event, RETRY, attempts=2)
    assert tries(journal) == [(2, 0)]
    settle(journal, event, RETRY, attempts=3)
    assert tries(journal) == [(3, 0)]
    assert journal.tally("a") == Tally(received=1, pending=1)


def test_try_that_is_noted_counts_until_it_ends_otherwise(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    assert begin(journal, event, park=False, crashes=1)
    assert tries(journal) == [(0, 1)]
    settle(journal, event, RETRY, attempts=1, crashes=0)
    assert tries(journal) == [(1, 0)]


def test_running_event_is_not_pending_and_not_begun_twice(journal: AnyJournal) -> None:
    """The second of two dispatchers must not run it; the journal decides."""
    event, other = store(journal, "m1", "m2")
    assert begin(journal, event)
    assert not begin(journal, event)
    assert [row.lane_seq for row in journal.pending("a", 0, 9)] == [other.lane_seq]
    assert listed(journal) == []
    assert journal.tally("a") == Tally(received=2, pending=2)
    settle(journal, event, Outcome(), begun=True)
    assert not begin(journal, event)
    assert listed(journal) == []
    assert journal.tally("a") == Tally(received=2, done=1, pending=1)


def test_begun_event_that_fails_may_begin_again(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    assert begin(journal, event)
    settle(journal, event, RETRY, attempts=1, begun=True)
    assert tries(journal) == [(1, 0)]
    assert begin(journal, event)
    settle(journal, event, DEAD, attempts=2, begun=True)
    assert listed(journal) == [("a/m1", "dead", "ValueError at bot.py:7")]


def test_unheard_events_are_parked_if_they_run(journal: AnyJournal) -> None:
    running, pending = store(journal, "m1", "m2")
    assert begin(journal, running)
    numbers = (running.lane_seq or 0, pending.lane_seq or 0)
    assert journal.commit([ParkEvents(account="a", lane_seqs=numbers)]) == [1]
    assert listed(journal) == [("a/m1", "parked", "unknown_effect")]
    assert journal.tally("a") == Tally(received=2, parked=1, pending=1)


def test_letter_shows_what_there_is(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    settle(journal, event, DEAD, attempts=4)
    letter = journal.letter("a/m1")
    assert letter is not None
    assert (letter.frame, letter.index, letter.attempts) == ("帧 a/m1", 0, 4)
    assert (letter.account, letter.conversation_id, letter.received_at_ms) == ("a", "c", 7)
    assert letter.lane_seq == event.lane_seq
    assert letter.at_ms > 1_600_000_000_000
    assert journal.letters(None, 100)[0].frame is None, "a list of a thousand must stay small"
    assert journal.letter("a/none") is None


def test_list_gives_the_newest_of_one_account_or_all(journal: AnyJournal) -> None:
    for account, name in (("a", "1"), ("b", "2"), ("a", "3")):
        settle(journal, store(journal, name, account=account)[0])
    assert [name for name, _, _ in listed(journal)] == ["a/3", "b/2", "a/1"]
    assert [name for name, _, _ in listed(journal, "a")] == ["a/3", "a/1"]
    assert len(journal.letters(None, 2)) == 2


def test_pages_give_each_once_with_frames_that_are_short(journal: AnyJournal) -> None:
    for name in "12345":
        settle(journal, store(journal, name, account="ab"[int(name) % 2])[0])
    (running,) = store(journal, "6")
    assert begin(journal, running)
    shown: list[str] = []
    before: tuple[int, int] | None = None
    while page := journal.letters(None, 2, before=before, frames=7):
        shown += [each.event_id.partition("/")[2] for each in page]
        assert [each.frame for each in page] == [f"帧 {each.event_id}"[:7] for each in page]
        before = page[-1].at_ms, page[-1].lane_seq
    assert shown == [*"54321"]
    (first,) = journal.letters("b", 1, frames=4)
    assert (first.event_id, first.frame) == ("b/5", None), "a frame that is longer is left out"
    behind = journal.letters("b", 9, before=(first.at_ms, first.lane_seq))
    assert [each.event_id for each in behind] == ["b/3", "b/1"]


@pytest.mark.parametrize("parked", [False, True])
def test_replayed_event_goes_to_the_end_of_its_lane(journal: AnyJournal, *, parked: bool) -> None:
    first, second = store(journal, "m1", "m2")
    settle(journal, first, RETRY, attempts=3, crashes=1)
    assert begin(journal, first, park=parked, crashes=2)
    outcome = Outcome(disposition=Disposition.PARKED) if parked else DEAD
    settle(journal, first, outcome, attempts=4, begun=parked)

    assert dead_letters.replay(journal, "a/m1")

    rows = journal.pending("a", 0, 9)
    assert [row.frame for row in rows] == ["帧 a/m2", "帧 a/m1"]
    assert rows[0].lane_seq == second.lane_seq
    assert (rows[1].attempts, rows[1].crashes, rows[1].replayed) == (0, 0, True)
    assert listed(journal) == []
    assert journal.tally("a") == Tally(received=2, pending=2)
    assert not dead_letters.replay(journal, "a/m1"), "it was put back already"
    again = Event(account="a", event_id="a/m1", conversation_id="c", lane_seq=rows[1].lane_seq)
    settle(journal, again, RETRY, attempts=1)
    assert journal.pending("a", 0, 9)[1].replayed, "handlers have still seen it"
    settle(journal, again, Outcome())
    assert journal.tally("a") == Tally(received=2, done=1, pending=1)


def test_copy_of_a_replayed_event_is_still_a_copy(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    settle(journal, event)
    dead_letters.replay(journal, "a/m1")
    store(journal, "m1")
    assert journal.tally("a") == Tally(received=2, duplicates=1, pending=1)


def test_dropped_event_counts_as_ignored(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    settle(journal, event)
    assert journal.commit([DropEvent(event_id="a/m1")])[0]
    assert not journal.commit([DropEvent(event_id="a/m1")])[0]
    assert listed(journal) == []
    assert journal.tally("a") == Tally(received=1, ignored=1)


def test_notes_are_kept_with_the_settlement(journal: AnyJournal) -> None:
    """The last one of a key counts; None forgets; a settlement that came late keeps nothing."""

    def noted(event: Event, *notes: tuple[str, str, str | None]) -> None:
        kept = [Note(conversation_id=lane, key=key, value=value) for lane, key, value in notes]
        settle(journal, event, Outcome(notes=kept))

    events = store(journal, "m1", "m2", "m3")
    noted(events[0], ("c", "step", "1"), ("c", "step", "二"), ("", "step", "all"))
    assert journal.note("a", "c", "step") == "二"
    assert journal.note("a", "", "step") == "all"
    assert journal.note("a", "d", "step") is None
    assert journal.note("b", "c", "step") is None
    noted(events[0], ("c", "step", "again"))
    assert journal.note("a", "c", "step") == "二"
    noted(events[1], ("c", "step", None), ("c", "none", None))
    assert journal.note("a", "c", "step") is None


def test_notes_of_a_failed_try_are_not_kept(journal: AnyJournal) -> None:
    (event,) = store(journal, "m1")
    note = Note(conversation_id="c", key="k", value="v")
    settle(journal, event, Outcome(disposition=Disposition.RETRY, notes=[note]))
    assert journal.note("a", "c", "k") is None


def test_expired_and_parked_are_counted_apart(journal: AnyJournal) -> None:
    for name, disposition in (("m1", Disposition.EXPIRED), ("m2", Disposition.PARKED)):
        settle(journal, store(journal, name)[0], Outcome(disposition=disposition))
    assert journal.tally("a") == Tally(received=2, expired=1, parked=1)
    assert [name for name, _, _ in listed(journal)] == ["a/m2"]


def test_end_behind_a_failure_in_one_commit_is_not_lost(journal: AnyJournal) -> None:
    """A slow disk: both wait in one batch, and a third event was settled before."""
    event, old = store(journal, "m1", "m2")
    settle(journal, old, Outcome())
    ends = [(event, RETRY), (old, Outcome()), (event, Outcome())]
    journal.commit(
        [
            SettleEvents(account="a", settlements=[Settlement(event=each, outcome=outcome)])
            for each, outcome in ends
        ]
    )
    assert journal.tally("a") == Tally(received=2, done=2)
    assert journal.pending("a", 0, 9) == []


def test_memory_keeps_a_bounded_number_of_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_letters, "LETTERS", 2)
    journal = MemoryJournal()
    for event in store(journal, "m1", "m2", "m3"):
        settle(journal, event)
    assert [name for name, _, _ in listed(journal)] == ["a/m3", "a/m2"]
    assert journal.tally("a") == Tally(received=3, dead=3)


# --- what only the file can do -------------------------------------------------------


def test_what_was_running_is_parked_by_the_next_start(tmp_path: Path) -> None:
    """Nobody knows what its handlers did; a person may look and put it back."""
    journal = opened(tmp_path)
    running, pending, noted = store(journal, "m1", "m2", "m3")
    begin(journal, running)
    begin(journal, noted, park=False, crashes=1)
    journal.close()

    journal = opened(tmp_path)
    try:
        assert [row.lane_seq for row in journal.pending("a", 0, 9)] == [
            pending.lane_seq,
            noted.lane_seq,
        ]
        assert tries(journal) == [(0, 0), (0, 1)]
        assert listed(journal) == [("a/m1", "parked", "unknown_effect")]
        assert journal.tally("a") == Tally(received=3, parked=1, pending=2)
        assert dead_letters.replay(journal, "a/m1")
    finally:
        journal.close()

    journal = opened(tmp_path)
    try:
        assert [row.replayed for row in journal.pending("a", 0, 9)] == [False, False, True]
        assert next(journal.numbers()) > journal.pending("a", 0, 9)[-1].lane_seq
    finally:
        journal.close()


def test_letters_notes_and_counters_survive(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    dead, expired, noting = store(journal, "m1", "m2", "m3")
    settle(journal, dead)
    settle(journal, expired, Outcome(disposition=Disposition.EXPIRED))
    note = Note(conversation_id="c", key="\ud800", value="v\ud800")
    settle(journal, noting, Outcome(notes=[note]))
    before = journal.tally("a")
    journal.close()

    journal = opened(tmp_path)
    try:
        assert journal.tally("a") == before == Tally(received=3, dead=1, expired=1, done=1)
        assert listed(journal) == [("a/m1", "dead", "ValueError at bot.py:7")]
        assert journal.note("a", "c", "\ud800") == "v\ud800"
    finally:
        journal.close()


def test_statuses_in_statements_are_those_of_the_schema() -> None:
    names = {"parked": schema.Status.PARKED, "running": schema.Status.RUNNING}
    assert (names["parked"], names["running"]) == (4, 6)
    assert [schema.Status(each).name for each in (0, 2, 3)] == ["PENDING", "IGNORED", "DEAD"]


def test_file_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    """What was pending there is pending here."""
    path = tmp_path / "j.db"
    connection = sqlite3.connect(path, isolation_level=None)
    schema.create(connection, 0, version=1)
    connection.executescript(
        "INSERT INTO inbox VALUES(1, 'a', 1, 7, 0, 'raw');"
        "INSERT INTO event(lane_seq, event_id, raw_id, idx, account, lane, source, flags)"
        " VALUES(1, 'm1', 1, 0, 'a', 'c', 0, 0);"
    )
    connection.close()
    for _ in range(2):
        journal = opened(tmp_path)
        try:
            assert tries(journal) == [(0, 0)]
            assert journal.note("a", "c", "k") is None
            assert columns(path) == columns_of_a_new_file(tmp_path)
        finally:
            journal.close()


def test_upgrade_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "j.db") as connection:
        connection.execute("PRAGMA user_version=1")
    connection.close()
    monkeypatch.setitem(schema._STEPS, 2, "CREATE TABLE new(x); CREATE TABLE inbox(x);")
    with pytest.raises(Exception, match="inbox already exists"):
        opened(tmp_path)
    assert "new" not in columns(tmp_path / "j.db")


def columns_of_a_new_file(tmp_path: Path) -> dict[str, Sequence[str]]:
    path = tmp_path / "new"
    opened(path).close()
    return columns(path / "j.db")


def columns(path: Path) -> dict[str, Sequence[str]]:
    """Return the columns of every table."""
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type='table'").fetchall()
        return {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in tables
        }
    finally:
        connection.close()


def test_replay_needs_a_number_of_its_own(tmp_path: Path) -> None:
    """A number that another event bears is refused, and nothing is done."""
    journal = opened(tmp_path)
    try:
        dead, other = store(journal, "m1", "m2")
        settle(journal, dead)
        with pytest.raises(ValueError, match="stored"):
            journal.commit([ReplayEvent(event_id="a/m1", lane_seq=other.lane_seq or 0)])
        assert [name for name, _, _ in listed(journal)] == ["a/m1"]
        assert journal.tally("a") == Tally(received=2, dead=1, pending=1)
    finally:
        journal.close()
