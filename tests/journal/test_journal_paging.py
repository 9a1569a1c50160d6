"""Pages of what is pending: a frame of thousands of events is read once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from ledger import open_rows, opened, settle

from actors.ports.commands import StoreFrames
from actors.runtime.clock import SystemClock
from actors.values import Decoded, Event
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite import paging
from gateway.journal.sqlite.journal import SqliteJournal

AnyJournal: TypeAlias = SqliteJournal | MemoryJournal


def package(first: int, count: int, *, lanes: int = 1, raw: str | bytes = "") -> Decoded:
    """Make a frame of so many events, of so many conversations by turns."""
    events = [
        Event(
            account="a",
            event_id=f"a/m{number}",
            conversation_id=f"c{number % lanes}",
            lane_seq=number,
            own=number % 2 == 0,
        )
        for number in range(first, first + count)
    ]
    return Decoded(raw=raw or f"frame {first}", events=events)


def stored(journal: AnyJournal, *frames: Decoded) -> None:
    """Store frames in one commit."""
    journal.commit([StoreFrames(account="a", generation=1, received_at_ms=1, frames=frames)])


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyJournal]:
    """Yield an empty journal of each kind."""
    made = (
        MemoryJournal(clock=SystemClock())
        if request.param == "memory"
        else opened(tmp_path / "journal.db")
    )
    yield made
    made.close()


def test_a_page_ends_where_a_frame_ends(journal: AnyJournal) -> None:
    """Cut, a frame of 4,500 events would be decoded for every page of it."""
    stored(journal, package(1, 2), package(3, 500), package(503, 1))
    page = journal.pending("a", 0, 3)
    assert [row.lane_seq for row in page] == list(range(1, 503))
    assert (page.more, page.through) == (True, 502)
    rest = journal.pending("a", page.through, 3)
    assert ([row.lane_seq for row in rest], rest.more) == ([503], False)


def test_rows_of_a_frame_share_its_text(journal: AnyJournal) -> None:
    """A copy with each of 1,125 rows of a megabyte is a gigabyte."""
    stored(journal, package(1, 300, raw="x" * 100_000), package(301, 1))
    page = journal.pending("a", 0, 1000)
    assert len({id(row.frame) for row in page[:300]}) == 1
    assert {row.raw_id for row in page[:300]} == {1}
    assert [row.raw_id for row in page[300:]] == [301]


def test_equal_frames_are_not_one(journal: AnyJournal) -> None:
    """Short texts that are equal are one object in memory, and two messages all the same."""
    stored(journal, package(1, 1, raw="k"), package(2, 1, raw="k"), package(3, 1, raw="k"))
    page = journal.pending("a", 0, 2)
    assert [row.raw_id for row in page] == [1, 2]
    assert page.more


def test_frames_whose_events_alternate_are_read_once_each(tmp_path: Path) -> None:
    """Rows are in the order of their numbers, which need not be that of the frames."""
    journal = opened(tmp_path / "journal.db")
    events = package(1, 6, lanes=2).events
    stored(journal, Decoded(raw="one", events=events[::2]))
    stored(journal, Decoded(raw="two", events=events[1::2]))
    page = journal.pending("a", 0, 4)
    assert [row.frame for row in page] == ["one", "two"] * 3
    assert len({id(row.frame) for row in page}) == 2
    assert not page.more
    journal.close()


def test_a_page_is_bounded_in_bytes(tmp_path: Path) -> None:
    """1,000 frames of a megabyte, one event each, must not be in memory at once."""
    journal = opened(tmp_path / "journal.db")
    half = "x" * (paging.PAGE_BYTES // 2 - 1)
    stored(journal, *(package(number, 1, raw=f"{number}{half}") for number in range(1, 6)))
    page = journal.pending("a", 0, 1000)
    assert ([row.lane_seq for row in page], page.more, page.through) == ([1, 2], True, 2)
    assert [row.lane_seq for row in open_rows(journal)] == [1, 2, 3, 4, 5]
    huge = "y" * 3 * paging.PAGE_BYTES
    settle(journal, [event for n in range(1, 6) for event in package(n, 1).events])
    stored(journal, package(6, 2, raw=huge), package(8, 1))
    assert [row.lane_seq for row in journal.pending("a", 0, 1000)] == [6, 7], (
        "it is read all the same"
    )
    journal.close()


def test_the_journal_says_who_said_it(tmp_path: Path) -> None:
    """A codec that does not know the account's own id could not tell."""
    journal = opened(tmp_path / "journal.db")
    stored(journal, package(1, 3))
    assert [row.own for row in journal.pending("a", 0, 9)] == [False, True, False]
    journal.close()


def test_a_frame_that_is_gone_or_damaged_costs_its_own_rows(tmp_path: Path) -> None:
    """The rest of the account is handled; what is not is set aside, with an alert."""
    path = tmp_path / "journal.db"
    journal = opened(path)
    stored(journal, *(package(number, 1) for number in range(1, 6)))
    with sqlite3.connect(path) as damage:
        damage.execute("DELETE FROM inbox WHERE raw_id=1")
        damage.execute("UPDATE inbox SET raw=7 WHERE raw_id=3")
        damage.execute("UPDATE inbox SET raw=x'ff' WHERE raw_id=5")
    damage.close()
    page = journal.pending("a", 0, 9)
    assert [row.lane_seq for row in page] == [2, 4]
    assert (page.through, page.more) == (5, False)
    assert [each.detail for each in journal.concerns()] == [
        "rows that cannot be read are set aside: event 1, event 3, event 5"
    ]
    assert journal.pending("a", 0, 9).through == 4
    assert journal.tally("a").pending == 2
    journal.close()
