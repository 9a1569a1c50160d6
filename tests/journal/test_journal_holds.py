"""Holds and cursors: what waits for a recovery, and the order it is let go in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ports.commands import (
    CloseHold,
    HoldClosed,
    OpenHold,
    SettleEvents,
    Settlement,
    StoreFrames,
)
from actors.runtime.clock import SystemClock
from actors.values import Decoded, Event, Outcome, Position
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.order import merge
from gateway.journal.sqlite.journal import SqliteJournal

AnyJournal: TypeAlias = SqliteJournal | MemoryJournal
HERE = Position(marker="PNM,1", point=17, at_ms=1000)


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyJournal]:
    made: AnyJournal = (
        SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock())
        if request.param == "sqlite"
        else MemoryJournal()
    )
    yield made
    made.close()


def frames(
    journal: AnyJournal,
    *names: str,
    lane: str | None = "c1",
    recovered: bool = False,
    late: bool = False,
) -> list[Decoded]:
    """Return a frame an event; the number in its name is its time."""
    return [
        Decoded(
            raw=f"raw {name}",
            events=[
                Event(
                    account="a",
                    event_id=f"a/{name}",
                    conversation_id=lane,
                    lane_seq=next(journal.numbers()),
                    occurred_at_ms=int(name.strip("abcdefghijklmnopqrstuvwxyz")),
                    recovered=recovered,
                    late=late,
                )
            ],
        )
        for name in names
    ]


def store(journal: AnyJournal, found: Sequence[Decoded]) -> list[Event]:
    command = StoreFrames(account="a", generation=1, received_at_ms=1, frames=found)
    (events,) = journal.commit([command])
    assert isinstance(events, list)
    return events


def hold(journal: AnyJournal) -> int:
    (held_from,) = journal.commit([OpenHold(account="a", held_from=next(journal.numbers()))])
    assert isinstance(held_from, int)
    return held_from


def close(
    journal: AnyJournal, found: Sequence[Decoded] = (), cursor: Position | None = None
) -> HoldClosed:
    (closed,) = journal.commit([CloseHold(account="a", frames=found, cursor=cursor)])
    assert isinstance(closed, HoldClosed)
    return closed


def waiting(journal: AnyJournal) -> list[str]:
    return [str(row.frame).removeprefix("raw ") for row in journal.pending("a", 0, 100)]


def test_what_is_found_goes_before_what_was_pushed_meanwhile(journal: AnyJournal) -> None:
    store(journal, frames(journal, "m1"))
    held_from = hold(journal)
    store(journal, frames(journal, "m5", "m9"))
    store(journal, frames(journal, "n3", "n2", lane="c2"))
    store(journal, frames(journal, "m2", "m3", recovered=True))
    closed = close(journal, frames(journal, "m4", "m7", recovered=True), cursor=HERE)
    assert [event.event_id for event in closed.events] == ["a/m4", "a/m7"]
    assert closed.held_from == held_from
    order = waiting(journal)
    assert [name for name in order if name[0] == "m"] == ["m1", "m2", "m3", "m4", "m5", "m7", "m9"]
    assert [name for name in order if name[0] == "n"] == ["n2", "n3"]
    assert journal.recovery("a").cursor == HERE
    assert journal.recovery("a").held_from is None
    assert journal.recovery("b").cursor is None


def test_later_pushes_stay_behind_what_was_put_in_order(journal: AnyJournal) -> None:
    """A number drawn before the hold ended may be stored after it."""
    hold(journal)
    store(journal, frames(journal, "m5"))
    found = frames(journal, "m3", recovered=True)
    drawn = frames(journal, "m6")
    close(journal, found)
    store(journal, drawn)
    assert waiting(journal) == ["m3", "m5", "m6"]


def test_an_open_hold_stays_as_it_is(journal: AnyJournal) -> None:
    first = hold(journal)
    assert hold(journal) == first
    assert close(journal).held_from == first
    assert close(journal).held_from is None
    assert hold(journal) > first


def test_pushes_that_overtook_each_other_are_put_in_order_too(journal: AnyJournal) -> None:
    """The gap that opened the hold may have been the order only: nothing is found then."""
    hold(journal)
    for name in ("m9", "m5"):
        store(journal, frames(journal, name))
    store(journal, frames(journal, "x3", "x2", lane=None, recovered=True))
    close(journal)
    assert waiting(journal) == ["m5", "m9", "x3", "x2"]


def test_what_waits_can_be_marked_late(journal: AnyJournal) -> None:
    """Pushed, not found: but a newer one was handled before it came."""
    store(journal, frames(journal, "m9"))
    hold(journal)
    store(journal, frames(journal, "m7"))
    store(journal, frames(journal, "m5"))
    journal.commit([CloseHold(account="a", late=["a/m5", "a/m9", "a/m1"])])
    late = {str(row.frame): row.late for row in journal.pending("a", 0, 9)}
    assert late == {"raw m9": False, "raw m5": True, "raw m7": False}
    journal.commit([CloseHold(account="a", late=["a/m7"])])
    assert late == {str(row.frame): row.late for row in journal.pending("a", 0, 9)}, "no hold"


def test_known_says_what_a_handler_may_have_seen(journal: AnyJournal) -> None:
    before, settled = store(journal, frames(journal, "m1", "m2"))
    journal.commit(
        [SettleEvents(account="a", settlements=[Settlement(event=settled, outcome=Outcome())])]
    )
    hold(journal)
    store(journal, frames(journal, "m3"))
    ids = [before.event_id, settled.event_id, "a/m3", "a/m4"]
    assert journal.known("a", ids) == {"a/m1": True, "a/m2": True, "a/m3": False}
    close(journal)
    assert journal.known("a", ["a/m3"]) == {"a/m3": True}


def test_known_is_not_stored_again(journal: AnyJournal) -> None:
    store(journal, frames(journal, "m1"))
    assert close(journal, frames(journal, "m1", "m2", recovered=True)).events[0].event_id == "a/m2"


def test_late_is_kept(journal: AnyJournal) -> None:
    hold(journal)
    store(journal, frames(journal, "m2"))
    store(journal, frames(journal, "m1", recovered=True, late=True))
    close(journal)
    assert [row.late for row in journal.pending("a", 0, 9)] == [True, False]
    settled = [
        Settlement(event=Event(account="a", lane_seq=row.lane_seq), outcome=Outcome())
        for row in journal.pending("a", 0, 9)
    ]
    journal.commit([SettleEvents(account="a", settlements=settled)])
    assert waiting(journal) == []


def test_what_was_settled_does_not_come_back(journal: AnyJournal) -> None:
    (early,) = store(journal, frames(journal, "m1"))
    hold(journal)
    store(journal, frames(journal, "m3"))
    journal.commit(
        [SettleEvents(account="a", settlements=[Settlement(event=early, outcome=Outcome())])]
    )
    close(journal, frames(journal, "m2", recovered=True))
    assert waiting(journal) == ["m2", "m3"]


def test_a_hold_and_a_cursor_outlive_the_process(tmp_path: Path) -> None:
    """What waited when the process ended was seen by no handler, and still waits."""
    first = SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock())
    close(first, cursor=HERE)
    held_from = hold(first)
    store(first, frames(first, "m5"))
    first.close()
    second = SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock())
    record = second.recovery("a")
    assert (record.cursor, record.held_from) == (HERE, held_from)
    close(second, frames(second, "m2", recovered=True))
    assert waiting(second) == ["m2", "m5"]
    second.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2", None]),
            st.one_of(st.none(), st.integers(0, 9)),
        ),
        max_size=30,
    )
)
def test_merging_deals_a_lanes_own_numbers(
    rows: list[tuple[str | None, int | None]],
) -> None:
    """Numbers stay unique and stay in their lane; times grow; equal times keep their order."""
    numbered = [(3 * place, *row) for place, row in enumerate(rows)]
    moved = dict(merge(numbered))
    assert sorted(moved) == sorted(moved.values())
    after = sorted((moved.get(number, number), number, *row) for number, *row in numbered)
    for lane in ("c1", "c2"):
        before = [number for number, of, _ in numbered if of == lane]
        now = [(new, old, at) for new, old, of, at in after if of == lane]
        assert [new for new, _, _ in now] == before
        if all(at is not None for _, _, at in now):
            assert [(at, old) for _, old, at in now] == sorted((at, old) for _, old, at in now)
