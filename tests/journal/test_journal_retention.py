"""What goes, what stays, and what a full journal still takes."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import DAY_MS, Calendar, Lines, keeping, opened, push, rows, sent, settle, store

from actors.ports.commands import CloseHold, MarkDelivery, SettleEvents, Settlement
from actors.ports.journal import JournalFullError
from actors.values import Disposition, Event, Outcome, SendOutcome, SendResult
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.upkeep import upkeep
from gateway.journal.upkeep.quota import Room, room
from tests.open_sends import unsent

FOLDER = Path(upkeep.__file__).parent
WEEK = keeping(retention_days=7.0)
LATER_MS = 108 * DAY_MS


def all_of(journal: SqliteJournal) -> None:
    while journal.prune(1.0).more:
        pass


def test_only_what_is_over_and_old_goes(tmp_path: Path) -> None:
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path, clock, WEEK)
    settle(journal, store(journal, "done"))
    settle(journal, store(journal, "ignored"), Disposition.IGNORED)
    settle(journal, store(journal, "dead"), Disposition.DEAD)
    settle(journal, store(journal, "half", "other half")[:1])
    (parked,) = store(journal, "parked")
    store(journal, "pending")
    settle(journal, store(journal, "young", at_ms=102 * DAY_MS))
    as_parked = f"UPDATE event SET status=4 WHERE lane_seq={parked.lane_seq}"
    journal._handle.connected().execute(as_parked)
    journal._counts.apply({("a", "parked"): 1})
    before = journal.tally("a")

    clock.now_ms = LATER_MS
    all_of(journal)

    left = {name for (name,) in rows(path, "SELECT event_id FROM event")}
    assert left == {"dead", "other half", "parked", "pending", "young"}
    assert len(rows(path, "SELECT 1 FROM inbox")) == 5
    assert rows(path, "SELECT event_id FROM dead_letter") == [("a/dead",)]
    assert journal.tally("a") == before, "the accounting goes on over what is gone"
    assert [e.event_id for e in store(journal, "pending", "young", "new")] == ["a/new"]
    journal.close()
    for number in range(2):
        journal = opened(path, clock, WEEK)
        assert journal.tally("a").done == before.done, f"start {number}"
        if number == 0:
            store(journal, "one more")
            handle = journal._handle
            connection, handle.connection = handle.connection, None  # no clean end
            assert connection is not None
            connection.close()
        journal.close()


def test_an_identity_lives_as_long_as_the_horizon(tmp_path: Path) -> None:
    """I6: what recovery may bring again must be known."""
    clock = Calendar()
    journal = opened(tmp_path / "j.db", clock, WEEK)
    settle(journal, store(journal, "m1"))
    clock.now_ms = 107 * DAY_MS + upkeep.GRACE_MS
    all_of(journal)
    assert store(journal, "m1") == []
    clock.now_ms += 1
    all_of(journal)
    assert len(store(journal, "m1")) == 1
    journal.close()


def test_ended_sends_go_and_open_ones_stay(tmp_path: Path) -> None:
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path, clock, WEEK)
    journal.commit([sent("open"), sent("unknown"), sent("ended"), sent("late")])
    for name, outcome in (("unknown", SendOutcome.UNKNOWN), ("ended", SendOutcome.ACCEPTED)):
        result = SendResult(outcome=outcome)
        journal.commit([MarkDelivery(outbox_id=name, generation=1, mid=name, result=result)])
    clock.now_ms = 102 * DAY_MS
    result = SendResult(outcome=SendOutcome.EXPIRED)
    journal.commit([MarkDelivery(outbox_id="late", generation=1, result=result)])

    clock.now_ms = LATER_MS
    all_of(journal)

    names = [name for (name,) in rows(path, "SELECT outbox_id FROM outbox ORDER BY position")]
    assert names == ["open", "unknown", "late"], "from its end a send is kept as long as an event"
    assert rows(path, "SELECT mid FROM attempt") == [("unknown",)]
    assert len(unsent(journal, "a")) == 2
    journal.close()


def test_numbers_are_never_used_twice(tmp_path: Path) -> None:
    """An empty journal that began at 1 again would sort new events before old ones."""
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path, clock, WEEK)
    events = store(journal, *"abcde")
    settle(journal, events)
    clock.now_ms = LATER_MS
    all_of(journal)
    assert rows(path, "SELECT count(*) FROM event") == [(0,)]
    journal.close()
    journal = opened(path, clock, WEEK)
    assert next(journal.numbers()) > (events[-1].lane_seq or 0)
    journal.close()


def test_pruning_happens_by_itself_in_small_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While commits come, and when none do."""
    monkeypatch.setattr(upkeep, "STEP_S", 0.0)
    path, clock = tmp_path / "j.db", Calendar()
    journal = opened(path, clock, WEEK)
    for number in range(10):
        settle(journal, store(journal, *(f"{number}-{k}" for k in range(60))))
    for number in range(300):
        settle(journal, store(journal, f"s{number}"))
    clock.now_ms = LATER_MS
    journal._upkeep._step_at = 0.0
    left = [rows(path, "SELECT count(*) FROM inbox")[0][0]]
    while left[-1] > 100:
        store(journal, f"new-{len(left)}", at_ms=LATER_MS)
        left.append(rows(path, "SELECT count(*) FROM inbox")[0][0])
        assert left[-2] - left[-1] <= 128
    monkeypatch.setattr(upkeep, "BUDGET_S", 0.0)
    assert journal.commit(()), "there is more to do"
    while journal.commit(()):
        pass
    assert rows(path, f"SELECT 1 FROM inbox WHERE received_at<={100 * DAY_MS}") == []
    journal.close()


def test_a_step_that_fails_is_told_and_fails_no_commit(tmp_path: Path) -> None:
    log, clock = Lines(), Calendar()
    journal = opened(tmp_path / "j.db", clock, WEEK, log)
    settle(journal, store(journal, "m1"))
    journal._handle.connected().execute("DROP TABLE tally")
    clock.now_ms = LATER_MS
    journal._upkeep._step_at = 0.0
    assert len(store(journal, "m2", at_ms=LATER_MS)) == 1
    assert log.names() == ["journal.upkeep_failed"]
    assert len(store(journal, "m3", at_ms=LATER_MS)) == 1
    assert log.names() == ["journal.upkeep_failed"]
    assert rows(tmp_path / "j.db", "SELECT count(*) FROM event WHERE event_id='m1'") == [(1,)]
    journal.close()


def test_whatever_a_step_meets_fails_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning of CPython 3.12 that the host made an error refused each commit."""

    def fail(*_: object, **__: object) -> None:
        raise DeprecationWarning("what nobody foresaw")

    log, clock = Lines(), Calendar()
    journal = opened(tmp_path / "j.db", clock, WEEK, log)
    settle(journal, store(journal, "m1"))
    monkeypatch.setattr(journal._upkeep._retention, "step", fail)
    clock.now_ms = LATER_MS
    journal._upkeep._step_at = 0.0
    assert len(store(journal, "m2", at_ms=LATER_MS)) == 1
    assert log.names() == ["journal.upkeep_failed"]
    journal.close()


def test_no_statement_numbers_its_placeholders() -> None:
    """CPython 3.12 warns of ``?1`` with a sequence, and a later one may refuse it."""
    sources = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")]
    assert sources
    assert not [found for source in sources for found in re.findall(r".*\?[0-9].*", source)]


# --- room ---


@pytest.mark.parametrize(
    ("used", "free", "found", "word"),
    [
        (79, 1000, Room.ENOUGH, ""),
        (80, 1000, Room.LOW, "journal.max_bytes"),
        (95, 1000, Room.NONE, "journal.max_bytes"),
        (1, 125, Room.ENOUGH, ""),
        (1, 124, Room.LOW, "min_free_bytes"),
        (1, 99, Room.NONE, "min_free_bytes"),
        (1, None, Room.ENOUGH, ""),
        (95, 99, Room.NONE, "journal.max_bytes"),
    ],
)
def test_room_is_what_the_limits_say(used: int, free: int | None, found: Room, word: str) -> None:
    limits = keeping(max_bytes=100, min_free_bytes=100)
    answer, why = room(limits, used_bytes=used, free_bytes=free)
    assert answer is found
    assert word in why


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50))
def test_a_bad_disk_is_never_called_good_by_more_use(used: int, free: int) -> None:
    limits = keeping(max_bytes=1 << 40, min_free_bytes=1 << 30)
    order = list(Room)
    now, _ = room(limits, used_bytes=used, free_bytes=free)
    worse, _ = room(limits, used_bytes=used + (1 << 30), free_bytes=max(0, free - (1 << 30)))
    assert order.index(worse) >= order.index(now) or used >= 0.8 * (1 << 40)


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the room before each commit."""
    monkeypatch.setattr(upkeep, "LOOK_S", 0.0)


@pytest.mark.usefixtures("looking")
def test_old_frames_go_before_their_time_when_room_is_low(tmp_path: Path) -> None:
    """Their identities stay, and nothing is refused."""
    path = tmp_path / "j.db"
    journal = opened(path, limits=keeping(retention_days=7, max_bytes=1 << 20))
    told: set[str] = set()
    pending = store(journal, "pending", raw="p" * 20_000)
    for number in range(150):
        settle(journal, store(journal, f"m{number}", raw="x" * 20_000))
        told |= {alert.name for alert in journal.concerns()}
    assert told == {"journal.filling"}
    assert rows(path, "SELECT count(*) FROM event") == [(151,)]
    assert len(rows(path, "SELECT 1 FROM inbox WHERE raw=''")) > 90
    assert [row.frame for row in journal.pending("a", 0, 9)] == ["p" * 20_000]
    assert store(journal, "m0") == []
    assert pending
    journal.close()


@pytest.mark.usefixtures("looking")
def test_without_room_messages_are_refused_and_settling_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = opened(path, limits=keeping(retention_days=7, max_bytes=1 << 20))
    events: list[Event] = []
    with contextlib.suppress(JournalFullError):
        for number in range(1000):
            events += store(journal, f"m{number}", raw="x" * 20_000)
    assert 40 < len(events) < 55
    found = CloseHold(account="a", frames=push(journal, "found").frames)
    for command in (sent("s1"), found):
        with pytest.raises(JournalFullError, match=r"no room.*max_bytes"):
            journal.commit([command])
    journal.commit([CloseHold(account="a")])  # or what waits behind it could never be settled
    assert len(journal.pending("a", 0, 1000)) == len(events), "reading goes on"
    settlements = [Settlement(event=event, outcome=Outcome()) for event in events]
    journal.commit([SettleEvents(account="a", settlements=settlements)])
    assert len(store(journal, "there is room")) == 1
    journal.close()


def test_a_disk_with_little_left_refuses_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1 << 30]
    monkeypatch.setattr(upkeep, "free_bytes", lambda _: free[0])
    journal = opened(tmp_path / "j.db", limits=keeping(min_free_bytes=1 << 29))
    command = push(journal, "m1")
    free[0] = 1 << 28
    journal._upkeep._look_at = 0.0
    with pytest.raises(JournalFullError, match="min_free_bytes"):
        journal.commit([command])
    free[0] = 1 << 30
    journal.commit([command])
    assert [row.lane_seq for row in journal.pending("a", 0, 9)] == [
        command.frames[0].events[0].lane_seq
    ]
    journal.close()


def test_the_disk_is_asked_for_its_room(tmp_path: Path) -> None:
    assert upkeep.free_bytes(tmp_path / "j.db")
    assert upkeep.free_bytes(tmp_path / "nowhere" / "j.db") is None
