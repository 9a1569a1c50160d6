"""No disk, no acknowledgement, no link: and back by itself, with nothing lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from market import WAIT_S, Market
from watch import Stopwatch

from actors.messages import StateChanged
from actors.state import Cause, ConnectionState
from gateway import ChatMessage
from gateway.journal import schema, upkeep
from gateway.journal.sqlite import SqliteJournal
from gateway.testing import Behaviour

SHOP, OTHER = "2201", "2202"
LIMIT_S = 0.4
VOID = "into the void " * 1000
"""A message that needs pages of its own."""


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
        journal._connected().execute(statement).fetchall()

    system.services.writer.read(run, WAIT_S)


def left(change: StateChanged) -> bool:
    return change.cause is Cause.JOURNAL_DOWN


def leaves_and_comes_back(
    market: Market, name: str, heal: Callable[[], object], stopwatch: Stopwatch | None = None
) -> None:
    """Check everything the contract says about an account whose journal fails (I3)."""
    shop = market.shops[name]
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 4 MiB."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root and mount")
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(place)], check=False
    )
    if made.returncode:
        pytest.skip("mount is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.row("J1", "nothing acknowledged; DISCONNECTED(journal_unavailable), back by itself")
def test_a_full_disk_takes_every_link_down_and_gives_it_back(
    small_disk: Path, stopwatch: Stopwatch
) -> None:
    """J1, on a real full disk."""
    with market_in(small_disk, SHOP, OTHER) as market:
        market.start()
        ballast = small_disk / "ballast"

        def fill() -> None:
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            assert shutil.disk_usage(small_disk).free < 4096

        market.shops[SHOP].buyer("77001").says("before")
        market.ledger.wait(1, SHOP)
        market.shops[SHOP].wait_acked(1)
        fill()
        leaves_and_comes_back(market, SHOP, ballast.unlink, stopwatch)
        assert market.states.wait(OTHER, left).new is ConnectionState.DISCONNECTED
        market.serves(OTHER)


def test_a_file_that_may_not_grow_does_the_same(tmp_path: Path) -> None:
    """SQLITE_FULL where no file system can be made."""
    with market_in(tmp_path, SHOP) as market:
        market.start()
        on_writer(market, "PRAGMA max_page_count=1")
        leaves_and_comes_back(
            market, SHOP, lambda: on_writer(market, "PRAGMA max_page_count=1000000")
        )


@pytest.mark.row("J2", "as J1")
def test_a_read_only_disk_does_the_same(
    tmp_path: Path, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """J2: each try gets a handle of its own, and the first that can write heals everything."""
    read_only = threading.Event()

    def tune(connection: sqlite3.Connection, synchronous: str) -> None:
        as_ever(connection, synchronous)
        if read_only.is_set():
            connection.execute("PRAGMA query_only=ON")

    as_ever = schema.tune
    monkeypatch.setattr(schema, "tune", tune)
    with market_in(tmp_path, SHOP) as market:
        market.start()
        read_only.set()
        on_writer(market, "PRAGMA query_only=ON")
        leaves_and_comes_back(market, SHOP, read_only.clear, stopwatch)


def test_a_quota_does_the_same_and_settling_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for handlers is settled though nothing new is taken; then frames may go."""
    monkeypatch.setattr(upkeep, "LOOK_S", 0.0)
    go = threading.Event()
    with market_in(tmp_path, SHOP, max_bytes=1 << 20) as market:

        @market.gateway.on(ChatMessage)
        def hold(event: ChatMessage) -> None:
            del event
            assert go.wait(WAIT_S)

        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        for number in range(100):
            buyer.says(f"{number} {VOID}")
        change = market.states.wait(SHOP, left)
        assert change.new is ConnectionState.DISCONNECTED
        assert market.log.wait("journal.commit_failed")[0]["reason"].count("no room") == 1
        taken = market.shops[SHOP].acked
        assert taken < 100
        go.set()
        market.log.wait("journal.recovered")
        assert len(market.ledger.wait(100, SHOP)) == 100
        market.fake.wait(lambda: not market.shops[SHOP].unacked, WAIT_S, "the last ack")
        assert len(set(market.ledger.texts(SHOP))) == 100


@pytest.mark.row("J2", "a new handle, the same commit again")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the log's descriptor there")
def test_an_fsync_that_fails_is_not_acknowledged_and_not_lost(tmp_path: Path) -> None:
    """The log's descriptor becomes one whose fsync fails; what was written into it is gone."""
    with market_in(tmp_path, SHOP, durability="full") as market:
        market.start()
        market.serves(SHOP, "before")
        log = tmp_path / "journal.sqlite3-wal"
        (number,) = [
            int(link.name) for link in Path("/proc/self/fd").iterdir() if points_to(link, log)
        ]
        with Path(os.devnull).open("r+b") as nowhere:
            os.dup2(nowhere.fileno(), number)
        market.serves(SHOP, "into the void")
        (line,) = market.log.found("journal.commit_failed")
        assert "disk I/O error" in line["reason"]
        market.shops[SHOP].wait_acked(2)
        assert len(market.shops[SHOP].sessions) == 1, "it healed before the limit"
    with market_in(tmp_path, SHOP, durability="full") as market:
        market.start()
        stored = journal_of(market).tally(SHOP)
        assert stored.done + stored.pending == 2
        market.ledger.wait(stored.pending, SHOP)  # what was settled into the void, once more
    with market_in(tmp_path, SHOP, durability="full") as market:
        market.start()
        stored = journal_of(market).tally(SHOP)
        assert (stored.done, stored.pending) == (2, 0)


def points_to(link: Path, target: Path) -> bool:
    try:
        return link.resolve(strict=True) == target
    except OSError:
        return False


def test_an_account_that_is_added_meanwhile_waits(tmp_path: Path) -> None:
    with market_in(tmp_path, SHOP, OTHER) as market:
        market.gateway.accounts.remove(OTHER)
        market.start(SHOP)
        on_writer(market, "PRAGMA max_page_count=1")
        market.shops[SHOP].buyer("77001").says(VOID)
        market.states.wait(SHOP, left)
        settings = market.make().settings.accounts[1]
        assert settings.id == OTHER
        market.gateway.accounts.add(settings)
        assert market.gateway.accounts[OTHER].state is ConnectionState.DISCONNECTED
        on_writer(market, "PRAGMA max_page_count=1000000")
        market.log.wait("journal.recovered")
        market.connected(OTHER)
        market.serves(OTHER)
        assert len(market.shops[OTHER].sessions) == 1
