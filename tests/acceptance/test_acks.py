"""An acknowledgement is a promise: it may leave only once the message cannot be lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disk import SlowDisk, disk_of
from market import WAIT_S, Market

from gateway.host import assembly
from gateway.testing import Behaviour

SHOP = "2201"


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    monkeypatch.setattr(assembly, "SqliteJournal", SlowDisk)
    behaviour = Behaviour(backlog="push", redeliver_after_s=None)
    with Market(tmp_path, SHOP, behaviour=behaviour) as market:
        market.listen()
        market.start()
        yield market


def beats(market: Market, count: int) -> None:
    """Wait for more heartbeats: proof that the link works and time has passed."""
    log = market.shops[SHOP].session
    assert log is not None
    until = log.beats + count
    market.fake.wait(lambda: log.beats >= until, WAIT_S)


@pytest.mark.peer(10)
def test_no_ack_before_the_commit(market: Market) -> None:
    """What is acknowledged and then lost in a power cut is lost for ever."""
    shop, disk = market.shops[SHOP], disk_of(market)
    buyer = shop.buyer("77001")
    disk.may_commit.clear()
    try:
        for number in range(20):
            buyer.says(str(number))
        assert disk.asked.wait(WAIT_S)
        beats(market, 2)  # the actors work: nobody but the disk holds the acks up
        assert shop.acked == 0
        assert not market.ledger.events, "handled before it was stored"
    finally:
        disk.may_commit.set()
    shop.wait_acked(20)
    assert market.ledger.wait(20) == [str(number) for number in range(20)]
    log = shop.session
    assert log is not None
    assert log.acks == log.pushes
    market.fake.check(all_acked=True)


def test_a_full_disk_is_not_acknowledged(market: Market) -> None:
    """The platform keeps what we did not acknowledge; once there is room all is well."""
    shop, disk = market.shops[SHOP], disk_of(market)
    disk.full = True
    for number in range(5):
        shop.buyer("77001").says(str(number))
    assert disk.asked.wait(WAIT_S)
    beats(market, 2)
    assert shop.acked == 0
    assert not market.ledger.events
    disk.full = False
    shop.wait_acked(5)
    assert market.ledger.wait(5) == list("01234")
    assert len(shop.sessions) == 1
    market.fake.check(all_acked=True)


@pytest.mark.row("J3", "not acknowledged meanwhile, told, not lost; the link stays")
def test_a_commit_of_seconds_is_told_and_waited_for(market: Market) -> None:
    """A busy disk is no dead one: the acknowledgement waits, and so does the platform."""
    shop, disk = market.shops[SHOP], disk_of(market)
    disk.may_commit.clear()
    try:
        shop.buyer("77001").says("patience")
        market.log.wait("journal.commit_slow")
        assert shop.acked == 0
        assert not market.ledger.events
    finally:
        disk.may_commit.set()
    shop.wait_acked(1)
    assert market.ledger.wait(1) == ["patience"]
    assert len(shop.sessions) == 1
    market.fake.check(all_acked=True)


@pytest.mark.row("D14", "the platform pushes again; known, and acknowledged")
def test_an_ack_of_a_lost_link_does_not_go_to_the_next(market: Market) -> None:
    """Acknowledged under a foreign session it counts for nothing; the redelivery is."""
    shop, disk = market.shops[SHOP], disk_of(market)
    disk.may_commit.clear()
    try:
        shop.buyer("77001").says("asked on the old link")
        assert disk.asked.wait(WAIT_S)
        shop.cut()
        shop.wait_registered(sessions=2)
    finally:
        disk.may_commit.set()
    shop.wait_acked(1)
    assert market.ledger.wait(1) == ["asked on the old link"]
    market.serves(SHOP, "and on")
    assert len(market.ledger.events) == 2, "the redelivery was handled again"
    market.fake.wait(lambda: not shop.unacked, WAIT_S, "the last ack")
    market.fake.check(all_acked=True)
