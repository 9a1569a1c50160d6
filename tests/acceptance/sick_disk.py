"""A gateway whose journal cannot be written, and what must become of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from market import WAIT_S, Market
from watch import Stopwatch

from actors.messages import StateChanged
from actors.state import Cause, ConnectionState
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour

SHOP, OTHER = "2201", "2202"
LIMIT_S = 0.4
VOID = "into the void " * 1000
"""A message that needs pages of its own."""


@contextlib.contextmanager
def small_disk_at(place: Path, *, mib: int) -> Iterator[Path]:
    """Mount a file system of so many MiB; the test is skipped where that is not allowed."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root and mount")
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(place)], check=False
    )
    if made.returncode:
        pytest.skip("mount is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def market_in(directory: Path, *names: str, durability: str = "normal", **journal: int) -> Market:
    behaviour = Behaviour(backlog="push", redeliver_after_s=None)
    keys = {"limit_s": LIMIT_S, "min_free_bytes": 0, **journal}
    market = Market(
        directory,
        *names,
        behaviour=behaviour,
        defaults={
            "limits": {"max_frame_bytes": 1 << 24, "max_message_bytes": 1 << 24},
            "recovery": {"hold_s": 1.0},  # what it found may have to wait for room
        },
        journal=keys,
        durability=durability,
    )
    market.listen()
    return market


def journal_of(market: Market) -> SqliteJournal:
    system = market.gateway._system  # the journal is nobody's business
    assert system is not None
    journal = system.services.writer._journal
    assert isinstance(journal, SqliteJournal)
    return journal


def on_writer(market: Market, statement: str) -> None:
    """Run a statement on the journal's own connection, between two commits."""
    journal = journal_of(market)
    system = market.gateway._system
    assert system is not None

    def run(_: object) -> None:
        journal._handle.connected().execute(statement).fetchall()

    system.services.writer.read(run, WAIT_S)


def left(change: StateChanged) -> bool:
    return change.cause is Cause.JOURNAL_DOWN


def leaves_and_comes_back(
    market: Market, name: str, heal: Callable[[], object], stopwatch: Stopwatch | None = None
) -> None:
    """Check everything the contract says about an account whose journal fails (I3)."""
    shop = market.shops[name]
    market.fake.wait(lambda: not shop.unacked, WAIT_S, "what was said before is acknowledged")
    acked = shop.acked
    shop.buyer("77001").says(VOID)
    change = market.states.wait(name, left)
    assert change.new is ConnectionState.DISCONNECTED
    assert change.failure is not None
    assert change.failure.reason == "journal_unavailable"
    assert shop.acked == acked
    assert VOID not in market.ledger.texts(name)
    market.log.wait("journal.unavailable")
    assert len(shop.sessions) == 1, "it must not dial while nothing can be stored"
    heal()
    if stopwatch is not None:
        stopwatch.start()
    market.log.wait("journal.recovered")
    shop.wait_registered(sessions=2)
    if stopwatch is not None:
        stopwatch.recovered(15.0)
    market.ledger.until(lambda texts: VOID in texts)
    market.serves(name, "still there?")
    assert market.ledger.texts(name).count(VOID) == 1
    market.fake.wait(lambda: not shop.unacked, WAIT_S, "the last ack")
    market.fake.check(all_acked=True)
