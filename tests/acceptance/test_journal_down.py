"""No disk, no acknowledgement, no link: and back by itself, with nothing lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from market import WAIT_S, Market
from sick_disk import (
    OTHER,
    SHOP,
    VOID,
    journal_of,
    leaves_and_comes_back,
    left,
    market_in,
    on_writer,
    small_disk_at,
)
from watch import Stopwatch

from actors.state import ConnectionState
from gateway import ChatMessage
from gateway.journal import schema
from gateway.journal.upkeep import upkeep

FLAGS_OF, SET_FLAGS_OF, IMMUTABLE = 0x8008_6601, 0x4008_6602, 0x10  # linux/fs.h, 64 bit


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 4 MiB."""
    with small_disk_at(tmp_path / "small", mib=4) as place:
        yield place


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


@pytest.mark.row("J2", "as J1")
def test_files_nobody_may_write_do_the_same(tmp_path: Path) -> None:
    """J2 on real files: even open descriptors are refused, as on a disk gone read-only."""
    paths = [tmp_path / f"journal.sqlite3{ending}" for ending in ("", "-wal")]
    with market_in(tmp_path, SHOP) as market, contextlib.ExitStack() as healing:
        market.start()
        market.serves(SHOP, "before")
        for path in paths:
            if not set_immutable(path, on=True):
                pytest.skip("needs root, and a file system that knows immutable files")
            healing.callback(set_immutable, path, on=False)
        leaves_and_comes_back(market, SHOP, healing.close)


def set_immutable(path: Path, *, on: bool) -> bool:
    """Do what ``chattr +i`` does; say whether it could."""
    fcntl = pytest.importorskip("fcntl")
    file = os.open(path, os.O_RDONLY)
    try:
        had = int.from_bytes(fcntl.ioctl(file, FLAGS_OF, bytes(8)), sys.byteorder)
        flags = had | IMMUTABLE if on else had & ~IMMUTABLE
        fcntl.ioctl(file, SET_FLAGS_OF, flags.to_bytes(8, sys.byteorder))
    except OSError:
        return False
    finally:
        os.close(file)
    return True


@pytest.mark.row("J4", "while it runs: as J1, until it is mended")
def test_damaged_pages_do_the_same(tmp_path: Path) -> None:
    """J4 while it runs: nothing is built on a page that cannot be right."""
    file = tmp_path / "journal.sqlite3"
    with market_in(tmp_path, SHOP) as market:
        market.start()
        market.serves(SHOP, "before")
        on_writer(market, "PRAGMA wal_checkpoint(TRUNCATE)")
        pages = range(schema.PAGE_BYTES, file.stat().st_size, schema.PAGE_BYTES)
        sound = {page: flip(file, page) for page in pages}
        on_writer(market, "PRAGMA shrink_memory")  # it has to read them again

        def mend() -> None:
            for page, content in sound.items():
                flip(file, page, only_if=inverted(content))

        leaves_and_comes_back(market, SHOP, mend)
        assert "salvage" in market.log.found("journal.commit_failed")[0]["reason"]


def flip(file: Path, page: int, *, only_if: bytes | None = None) -> bytes:
    """Invert a page of a file, and give what it was; a page written since is left alone."""
    with file.open("r+b", buffering=0) as pages:
        pages.seek(page)
        content = pages.read(schema.PAGE_BYTES)
        if only_if in (None, content):
            pages.seek(page)
            pages.write(inverted(content))
    return content


def inverted(content: bytes) -> bytes:
    return bytes(255 - byte for byte in content)


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


def test_a_stop_while_nothing_can_be_stored_is_in_time_and_loses_nothing(tmp_path: Path) -> None:
    """Whoever stops it now will free the disk and start it again."""
    with market_in(tmp_path, SHOP) as market:
        market.start()
        market.serves(SHOP, "before")
        on_writer(market, "PRAGMA max_page_count=1")
        shop = market.shops[SHOP]
        shop.buyer("77001").says(VOID)
        market.states.wait(SHOP, left)
        begun = time.monotonic()
        market.gateway.stop(3.0)
        assert time.monotonic() - begun < 3.0 + 5.0, "its limit, on a busy machine"
        assert market.gateway.accounts[SHOP].state is ConnectionState.CLOSED
        market.gateway = market.make()  # its handle knows no bound
        market.listen()
        market.start()
        market.ledger.until(lambda texts: VOID in texts)
        market.serves(SHOP, "after")
        assert [text for text in market.ledger.texts() if text != "before"] == [VOID, "after"]
        market.fake.check(all_acked=True)


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


def test_a_disk_with_too_little_room_is_not_ready_before_the_first_message(tmp_path: Path) -> None:
    """A load balancer asks before there is anything to store; nobody has waited for it then."""
    with Market(tmp_path, SHOP, journal={"min_free_bytes": 1 << 49}) as market:
        market.gateway.start()
        market.log.wait("journal.filling")
        assert market.gateway.ready
        assert not market.gateway.storing
