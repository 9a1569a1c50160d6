"""Rows A6 and J3: the journal's writer dies, or its disk takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from disk import SlowDisk, disk_of
from market import WAIT_S, Market
from rows import row
from stage import SICK, WELL, Open, untouched
from watch import Stopwatch

from gateway.host import assembly
from gateway.testing import Behaviour


@pytest.fixture
def disk(stage: Open, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Market, SlowDisk]]:
    """Return a market that runs, and its disk, which obeys the test."""

    def started() -> tuple[Market, SlowDisk]:
        monkeypatch.setattr(assembly, "SqliteJournal", SlowDisk)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)  # a writer is killed
        quiet = Behaviour(backlog="push", echo=False, redeliver_after_s=None)
        market = stage(behaviour=quiet)
        market.start()
        for name in (SICK, *WELL):
            market.serves(name, "before")
        return market, disk_of(market)

    return started


@row("A6", "another thread takes over; what waited is stored once, none was acknowledged early")
def test_journal_writer_dies(
    disk: Callable[[], tuple[Market, SlowDisk]], stopwatch: Stopwatch
) -> None:
    market, slow = disk()
    system = market.gateway._system
    assert system is not None
    writer, names = system.services.writer, (SICK, *WELL)
    slow.asked.clear()
    slow.may_commit.clear()
    for number in range(3):
        for name in names:
            market.shops[name].buyer("77001").says(f"waits {number}")
        assert slow.asked.wait(WAIT_S)
    market.fake.wait(lambda: writer.counters.waiting >= len(names), WAIT_S, "batches that wait")
    assert sum(len(market.shops[name].unacked) for name in names) == 3 * len(names)
    thread = writer._thread
    slow.deadly = True
    stopwatch.start()
    slow.may_commit.set()
    market.log.wait("journal.writer_replaced")
    stopwatch.detected(1.0)
    for name in names:
        market.shops[name].wait_acked(4, WAIT_S)
    stopwatch.recovered(2.0)
    assert writer._thread is not thread
    for name in names:
        assert market.ledger.wait(4, name) == ["before", *(f"waits {n}" for n in range(3))]
        assert len(market.shops[name].sessions) == 1
    untouched(market)
    now = system.services.clock.monotonic()
    for _ in range(3):  # three more within the minute
        assert not market.log.found("gateway.crashing")
        system.watch.died_again("writer", now)
    market.log.wait("gateway.crashing")


@row("J3", "not acknowledged until it holds, not lost; a person hears of it")
def test_commit_takes_three_seconds(
    disk: Callable[[], tuple[Market, SlowDisk]], stopwatch: Stopwatch
) -> None:
    market, slow = disk()
    slow.may_commit.clear()
    stopwatch.start()
    market.shops[SICK].buyer("77001").says("slowly")
    market.log.wait("journal.commit_slow")
    stopwatch.detected(2.0 + 1.0)
    assert len(market.shops[SICK].unacked) == 1
    assert market.ledger.texts(SICK) == ["before"]
    slow.may_commit.set()
    market.shops[SICK].wait_acked(2)
    assert market.ledger.wait(2, SICK) == ["before", "slowly"]
    assert len(market.shops[SICK].sessions) == 1
    untouched(market)
