"""This machine's wall clock is wrong, or is set: nothing is sent, claimed or handled again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from market import WAIT_S, Market

from actors.runtime.clock import SystemClock
from actors.state import ConnectionState
from actors.values import SendOutcome, SendState
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour, Rule, faults

SHOP = "2201"
SEND = "/r/MessageSend/*"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Shifted(SystemClock):
    """The machine's clock, whose wall time somebody sets."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms

    def unix_ms(self) -> int:
        """Return wall time as it is set."""
        return super().unix_ms() + self.ahead_ms


def market_at(tmp_path: Path, ours: Shifted, theirs: Shifted | None = None, **keys: Any) -> Market:
    """Return a market whose platform has a clock of its own, which is right."""
    theirs = theirs or Shifted()
    behaviour = Behaviour(backlog="push", echo=False)
    return Market(tmp_path, SHOP, behaviour=behaviour, clock=ours, their_ms=theirs.unix_ms, **keys)


@pytest.mark.parametrize("ahead_ms", [20 * MINUTE_MS, 8 * HOUR_MS, -8 * HOUR_MS])
def test_a_lost_answer_leaves_one_copy_whatever_the_clock_says(
    tmp_path: Path, ahead_ms: int
) -> None:
    """By our clock the copy is hours older than the send; by theirs it is of this moment."""
    with market_at(tmp_path, Shifted(ahead_ms)) as market:
        market.start()
        market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
        result = market.gateway.send(SHOP, "c1", "once", to="77001").result(WAIT_S)
        (own,) = market.shops[SHOP].sent
        assert (result.outcome, result.message_id) == (SendOutcome.ACCEPTED, own.message_id)


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, HOUR_MS])
def test_an_old_message_of_the_same_words_is_not_the_send(tmp_path: Path, ahead_ms: int) -> None:
    """The request is lost; half an hour ago the shop wrote the same words on another device."""
    theirs, ours = Shifted(-30 * MINUTE_MS), Shifted(-30 * MINUTE_MS)
    with market_at(tmp_path / "other", ours, theirs) as market:
        market.start()
        market.gateway.send(SHOP, "c1", "好的", to="77001").result(WAIT_S)
        market.gateway.stop(5.0)
        theirs.ahead_ms, ours.ahead_ms = 0, ahead_ms
        market.config["data_dir"] = str(tmp_path)
        market.gateway = market.make()
        market.start()
        market.fake.inject(Rule(on="request", lwp=SEND, do=faults.Lose(), times=1))
        result = market.gateway.send(SHOP, "c1", "好的", to="77001").result(WAIT_S)
        old, new = market.shops[SHOP].sent
        assert old.message_id != new.message_id
        assert (result.outcome, result.message_id) == (SendOutcome.ACCEPTED, new.message_id)


@pytest.mark.parametrize("step_ms", [HOUR_MS, -DAY_MS])
def test_a_step_of_the_wall_clock_moves_no_expiry(tmp_path: Path, step_ms: int) -> None:
    """A send lives as long as it was given: no second less or more."""
    clock = Shifted()
    with market_at(tmp_path, clock) as market:
        market.start()
        market.gateway.accounts.pause(SHOP)
        market.reached(SHOP, ConnectionState.DISCONNECTED)
        long, short = (
            market.gateway.send(SHOP, lane, lane, to="77001", expires_s=given_s)
            for lane, given_s in (("long", 600.0), ("short", 1.0))
        )
        clock.ahead_ms = step_ms
        market.gateway.send(SHOP, "other", "other", to="77001")
        assert short.result(WAIT_S).outcome is SendOutcome.EXPIRED
        found = market.gateway.sends.get(long.outbox_id)
        assert found is not None
        assert found.state is SendState.QUEUED


def forget(market: Market) -> None:
    """Have the journal delete what it may, on its own thread."""
    system = market.gateway._system
    assert system is not None

    def prune(journal: object) -> None:
        assert isinstance(journal, SqliteJournal)
        while journal.prune(1.0).more:
            pass

    system.services.writer.read(prune, WAIT_S)


def start_again(market: Market) -> None:
    """Start another gateway on the same journal, and have it delete what it may."""
    market.gateway.stop(5.0)
    market.gateway = market.make()
    market.listen()
    market.start()
    forget(market)


SINCE_1970_MS = Shifted().unix_ms() - 5_000


@pytest.mark.parametrize(
    "ahead_ms", [8 * DAY_MS, 400 * DAY_MS, -SINCE_1970_MS], ids=["8d", "400d", "1970"]
)
@pytest.mark.parametrize("wrong", ["at the first start", "at a later start"])
def test_a_clock_that_was_wrong_for_a_moment_empties_no_memory(
    tmp_path: Path, ahead_ms: int, wrong: str
) -> None:
    """The rows by which repetitions are known are aged by the platform's times."""
    clock = Shifted(ahead_ms if wrong == "at the first start" else 0)
    with market_at(tmp_path, clock) as market:
        shop = market.shops[SHOP]
        market.listen()
        market.start()
        shop.buyer("77001").says("one")
        market.ledger.wait(1)
        clock.ahead_ms = ahead_ms
        start_again(market)
        clock.ahead_ms = 0
        forget(market)
        shop.cut()
        shop.wait_registered(sessions=3)
        start_again(market)
        shop.wait_registered(sessions=4)
        market.serves(SHOP, "fresh")
        assert market.ledger.texts() == ["one", "fresh"]
        assert not market.gateway.dead_letters.list()
