"""What a journal tells a person in time: conversations that wait, dead letters, room."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ledger import DAY_MS, Calendar, Lines, keeping, opened, push, rows, sent, settle, store

from actors.policy.alerts import LETTERS_WAITING, Alert
from actors.ports.commands import CloseHold, DropEvent, ReplayEvent
from actors.ports.journal import JournalFullError
from actors.values import Disposition, Event
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.upkeep import backlog, upkeep
from gateway.journal.upkeep.quota import Room, letters_room

HOUR_MS = 3600 * 1000
NOW_MS = 100 * DAY_MS
TOLD = keeping(lane_alert_events=10, lane_alert_s=3600.0)


def looked(journal: SqliteJournal) -> list[Alert]:
    """Return what is told after a whole look that begins now, but for dead letters that wait."""
    for _ in range(2):  # one may have been half done
        journal._upkeep._watch_at = 0.0
        while journal.commit(()):
            pass
    return [each for each in journal.concerns() if each.name != LETTERS_WAITING]


def lanes(alerts: list[Alert]) -> list[tuple[str | None, str | None]]:
    assert {alert.name for alert in alerts} <= {"lane.backlogged"}
    return [(alert.account, alert.lane) for alert in alerts]


# --- conversations that wait ---


def test_a_lane_with_too_many_events_is_told_and_no_other(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db", limits=TOLD)
    events = store(journal, *map(str, range(10)), lane="long", at_ms=NOW_MS)
    store(journal, *"abcdefghi", lane="short", at_ms=NOW_MS)
    store(journal, *map(str, range(9)), account="b", at_ms=NOW_MS)
    (alert,) = looked(journal)
    assert lanes([alert]) == [("a", "long")]
    assert alert.detail == "10 events wait, the oldest for 0 s"
    settle(journal, events[:2])
    assert lanes(looked(journal)) == [("a", "long")], "9 of 10 is no relief yet"
    settle(journal, events[2:3])
    assert looked(journal) == []
    journal.close()


def test_a_lane_whose_oldest_event_is_an_hour_old_is_told(tmp_path: Path) -> None:
    clock = Calendar(NOW_MS)
    journal = opened(tmp_path / "j.db", clock, TOLD)
    (old,) = store(journal, "old", lane="slow", at_ms=NOW_MS)
    store(journal, "no lane", lane=None, at_ms=NOW_MS)
    clock.now_ms += HOUR_MS - 1
    store(journal, "young", lane="quick", at_ms=clock.now_ms)
    assert looked(journal) == []
    clock.now_ms += 1
    assert set(lanes(looked(journal))) == {("a", "slow"), ("a", "")}
    settle(journal, [old])
    assert lanes(looked(journal)) == [("a", "")]
    journal.close()


def test_what_was_put_back_is_not_as_old_as_it_was(tmp_path: Path) -> None:
    """A dead letter of last week that somebody replays has waited in its lane for a moment."""
    clock = Calendar(NOW_MS)
    journal = opened(tmp_path / "j.db", clock, TOLD)
    settle(journal, store(journal, "old", at_ms=NOW_MS), Disposition.DEAD)
    clock.now_ms += 100 * HOUR_MS
    journal.commit([ReplayEvent(event_id="a/old", lane_seq=next(journal.numbers()))])
    assert looked(journal) == []
    store(journal, "waits", at_ms=clock.now_ms - HOUR_MS)
    assert lanes(looked(journal)) == [("a", "c")]
    journal.close()


def test_many_lanes_are_told_in_few_words(tmp_path: Path) -> None:
    """One stuck account with a thousand conversations must not write a thousand lines."""
    journal = opened(tmp_path / "j.db", limits=TOLD)
    for number in range(15):
        at_ms = NOW_MS - HOUR_MS - number * 1000
        store(journal, f"m{number}", lane=f"c{number}", at_ms=at_ms)
    told = looked(journal)
    assert lanes(told[:-1]) == [("a", f"c{number}") for number in range(14, 4, -1)]
    assert (told[-1].lane, told[-1].detail) == (None, "5 events wait in 5 more conversations")
    journal.close()


def test_a_long_backlog_is_read_in_small_steps_and_a_short_one_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit waits for one step; rows of accounts that are well are not read."""
    monkeypatch.setattr(backlog, "STEP_ROWS", 10)
    journal = opened(tmp_path / "j.db", limits=keeping(lane_alert_events=50))
    for number in range(100):
        store(journal, f"m{number}", at_ms=NOW_MS)
    for number in range(39):
        store(journal, f"m{number}", account="well", at_ms=NOW_MS)
    asked: list[str] = []
    connection = journal._handle.connected()
    look = backlog.Backlog(keeping(lane_alert_events=50))
    connection.set_trace_callback(asked.append)
    steps = 1
    while look.step(connection, NOW_MS):
        steps += 1
    connection.set_trace_callback(None)
    assert steps == 13, "the account, ten of ten rows, an empty one, the end"
    assert [alert.account for alert in look.found] == ["a"]
    assert sum("'a'" in query and "LIMIT 10" in query for query in asked) == 11
    assert not any("'well'" in query and "LIMIT 10" in query for query in asked)
    journal.close()


def test_a_look_that_fails_is_told_and_fails_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Lines()
    journal = opened(tmp_path / "j.db", limits=TOLD, log=log)
    looked(journal)

    def broken(*_: object) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(backlog.Backlog, "step", broken)
    journal._upkeep._watch_at = 0.0
    assert len(store(journal, "m2")) == 1
    assert len(store(journal, "m3")) == 1
    assert log.names() == ["journal.upkeep_failed"]
    journal.close()


# --- dead letters ---


@pytest.mark.parametrize(
    ("held", "found"), [(49, Room.ENOUGH), (50, Room.LOW), (99, Room.LOW), (100, Room.NONE)]
)
def test_dead_letters_have_a_bound(held: int, found: Room) -> None:
    room, why = letters_room(keeping(dead_letter_max_bytes=100), letter_bytes=held)
    assert room is found
    assert ("dead_letter_max_bytes" in why) is (found is not Room.ENOUGH)


def dead(journal: SqliteJournal, *names: str, size: int = 1000) -> list[Event]:
    events = [event for name in names for event in store(journal, name, raw="x" * size)]
    settle(journal, events, Disposition.DEAD)
    return events


def test_dead_letters_are_told_at_half_and_stop_everything_at_the_bound(tmp_path: Path) -> None:
    """2.10: at 100 % as without a disk; settling and a person's drop or replay go on."""
    path = tmp_path / "j.db"
    journal = opened(path, limits=keeping(dead_letter_max_bytes=10_000))
    waiting = store(journal, "waiting")
    dead(journal, *"abcd")
    assert looked(journal) == []
    dead(journal, "e")
    (alert,) = looked(journal)
    assert alert.name == "letters.filling"
    assert "nothing new" not in alert.detail
    assert len(store(journal, "f")) == 1

    dead(journal, *"ghijk")
    (alert,) = looked(journal)
    assert "nothing new is stored" in alert.detail
    for command in (push(journal, "l"), sent("s1"), closing(journal, "m")):
        journal._upkeep._look_at = 0.0
        with pytest.raises(JournalFullError, match="dead_letter_max_bytes"):
            journal.commit([command])
    settle(journal, waiting)
    assert rows(path, "SELECT count(*) FROM event WHERE status=1") == [(1,)]

    journal.commit([ReplayEvent(event_id="a/a", lane_seq=next(journal.numbers()))])
    assert len(store(journal, "n")) == 1, "there is room at once"
    for name in "bcdeg":
        journal.commit([DropEvent(event_id=f"a/{name}")])
    assert looked(journal) == []
    journal.close()


def closing(journal: SqliteJournal, name: str) -> CloseHold:
    """What a recovery found at its end comes in as much as what is pushed."""
    stored = push(journal, name)
    return CloseHold(account="a", generation=1, received_at_ms=NOW_MS, frames=stored.frames)


def test_events_of_one_frame_weigh_it_once_and_what_runs_not_at_all(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db", limits=keeping(dead_letter_max_bytes=10_000))
    settle(journal, store(journal, *"abc", raw="x" * 4000), Disposition.DEAD)
    assert looked(journal) == []
    settle(journal, store(journal, "g", raw="说" * 400), Disposition.DEAD)
    assert len(looked(journal)) == 1, "bytes count, not characters"
    journal.close()


def test_many_letters_are_weighed_in_small_steps_and_seldom(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db", limits=keeping(dead_letter_max_bytes=1 << 30))
    dead(journal, *map(str, range(200)), size=100)
    scales, connection = journal._upkeep._dead_letter_size, journal._handle.connected()
    steps = 1
    while scales.step(connection):
        steps += 1
    assert steps == 4, "64 letters a step"
    assert scales.estimate() == 20_000
    dead(journal, *(f"more {number}" for number in range(50)), size=100)
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    assert not scales.step(connection)
    connection.set_trace_callback(None)
    assert len(asked) == 1, "a quarter more is an estimate"
    assert scales.estimate() == 25_000
    journal.close()


# --- room ---


def test_room_that_gets_scarce_is_one_occasion_until_it_was_enough_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that lives at its bound frees a little and takes a little, all day long."""
    used = [79]
    monkeypatch.setattr(upkeep, "used_bytes", lambda _: used[0])
    monkeypatch.setattr(upkeep, "LOOK_S", 0.0)
    journal = opened(tmp_path / "j.db", limits=keeping(max_bytes=100))

    def told() -> bool:
        journal.commit([push(journal, f"m{next(journal.numbers())}")])
        return bool(journal.concerns())

    assert not told()
    for used[0] in (80, 10, 81, 20):
        assert told()
    journal._upkeep._calm_at = 0.0  # a minute later
    assert not told()
    journal.close()


def test_what_is_told_stays_one_object_until_it_changes(tmp_path: Path) -> None:
    """The kernel asks four times a second, and compares nothing but the object."""
    journal = opened(tmp_path / "j.db", limits=TOLD)
    store(journal, *map(str, range(10)), at_ms=NOW_MS)
    looked(journal)
    ask = journal.concerns
    before = ask()
    looked(journal)
    assert ask() is before
    journal.close()
