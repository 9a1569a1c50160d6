"""What is older than the journal's memory: kept for a person, never handled twice.

Gateway and platform live by one calendar, which the tests turn; seconds are real.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from history import Outcomes
from market import WAIT_S, Market, held_up

from actors.account import sync
from actors.ports.journal import Letter
from actors.runtime.clock import SystemClock
from actors.runtime.journal.told import NEWS_MS
from gateway.config import from_mapping
from gateway.host.assembly import plan
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour

SHOP = "2201"
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Calendar(SystemClock):
    """Real seconds; the date is so much ahead as the test says."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def unix_ms(self) -> int:
        """Return the test's date."""
        return super().unix_ms() + int(self.ahead_s * 1000)


class Office:
    """A market whose journal remembers for a day, and the calendar on its wall."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.sqlite3"
        self.calendar = Calendar()
        self.market = Market(
            directory,
            SHOP,
            behaviour=Behaviour(backlog="history", echo=False),
            clock=self.calendar,
            journal={"retention_days": 1},
        )
        self.shop = self.market.shops[SHOP]
        self.buyer = self.shop.buyer("77001")

    def open(self) -> None:
        """Start, note what handlers get, and wait for the first recovery to end."""
        self.market.listen()
        self.market.start()
        self.market.fake.wait(lambda: self.shop.claimed, WAIT_S, "the first recovery")

    def forget(self) -> None:
        """Have the journal delete what it may, once it knows the platform's date."""
        self.market.fake.wait(self._dated, WAIT_S, "the platform's time in the journal")
        system = self.market.gateway._system  # on the journal's own thread
        assert system is not None

        def prune(journal: object) -> None:
            assert isinstance(journal, SqliteJournal)
            while journal.prune(1.0).more:
                pass

        system.services.writer.read(prune, WAIT_S)

    def _dated(self) -> bool:
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            noted = connection.execute("SELECT value FROM log_meta WHERE key='platform_ms'")
            return any(self.calendar.unix_ms() - at_ms < NEWS_MS for (at_ms,) in noted)

    def rows(self) -> int:
        """Count the identities the journal knows."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM event").fetchone()
            return int(count)

    def again(self) -> None:
        """Start another gateway in the place of the one that was stopped."""
        self.market.gateway = self.market.make()
        self.market.listen()
        self.market.start()

    def settled(self, **ended: int) -> None:
        """Wait until nothing is pending, and check the accounting identity."""
        view, deadline = self.market.gateway.accounts[SHOP], time.monotonic() + WAIT_S
        while view.counters.pending and time.monotonic() < deadline:
            self.market.gateway.dead_letters.list()  # the journal's line ends here
        tally = view.counters
        assert {name: getattr(tally, name) for name in ended} == ended, tally
        assert tally.balanced
        assert not tally.pending

    def letter(self) -> Letter:
        """Return the one event that waits for a person."""
        (letter,) = self.market.gateway.dead_letters.list()
        return letter


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Yield a market and its calendar."""
    office = Office(tmp_path)
    with office.market:
        yield office


def test_a_repetition_the_journal_has_forgotten_is_not_handled_twice(office: Office) -> None:
    """The buyer got the answer two days ago; its row is deleted, and the platform repeats it."""
    market, shop = office.market, office.shop
    office.open()
    entry = office.buyer.writes("once")
    shop.push([entry])
    market.ledger.wait(1)
    office.settled(done=1)
    shop.wait_acked(1)  # else the repetition is taken for the same message, acknowledged once
    office.calendar.ahead_s = 2 * DAY_S
    office.forget()
    assert office.rows() == 0

    shop.push([entry])
    market.serves(SHOP, "fresh")

    assert market.ledger.texts() == ["once", "fresh"]
    shop.wait_acked(3)
    office.settled(done=2, parked=1)
    letter = office.letter()
    assert (letter.status, letter.reason, letter.attempts) == ("parked", "stale", 0)
    assert market.log.found("event.parked", reason="stale", event_id=letter.event_id)
    assert market.gateway.dead_letters.show(letter.event_id).frame is not None
    office.calendar.ahead_s = 9 * DAY_S
    office.forget()
    shop.push([entry])
    market.serves(SHOP, "later")
    office.settled(done=3, parked=1, duplicates=1)

    market.gateway.dead_letters.replay(letter.event_id)

    market.ledger.until(lambda texts: texts == ["once", "fresh", "later", "once"])
    assert market.ledger.events[-1].redelivered
    office.settled(done=4, parked=0)
    assert market.gateway.dead_letters.list() == []


def test_what_is_not_older_than_the_horizon_is_known_or_handled(office: Office) -> None:
    """Between known and stale there is no gap: a copy is one or the other."""
    market, shop, calendar = office.market, office.shop, office.calendar
    office.open()
    entry = office.buyer.writes("once")
    shop.push([entry])
    market.ledger.wait(1)
    office.settled(done=1)
    calendar.ahead_s = DAY_S - 60.0
    unseen = office.buyer.writes("unseen")
    calendar.ahead_s += DAY_S - 60.0
    office.forget()
    shop.push([unseen, entry])
    market.serves(SHOP, "fresh")
    assert market.ledger.texts() == ["once", "unseen", "fresh"]
    office.settled(done=3, parked=1)


def test_a_platform_whose_clock_is_ahead_opens_no_gap(office: Office) -> None:
    """By its clock the copy is younger than a day, by ours the row is older: it is still there."""
    market, engine = office.market, office.market.fake.engine
    ours = engine.unix_ms
    engine.unix_ms = lambda: ours() + 1_800_000
    office.open()
    entry = office.buyer.writes("once")
    office.shop.push([entry])
    market.ledger.wait(1)
    office.settled(done=1)
    office.calendar.ahead_s = DAY_S + 1_200.0
    office.forget()
    office.shop.push([entry])
    market.serves(SHOP, "fresh")
    assert market.ledger.texts() == ["once", "fresh"]
    office.settled(done=2, parked=0)


def test_what_waited_longer_than_the_horizon_is_handled(office: Office) -> None:
    """It came in time, and its row was never deleted: so it is no repetition."""
    market = office.market
    with held_up(market) as held:
        market.start()
        office.buyer.says("one")
        office.buyer.says("two")
        office.shop.wait_acked(2)
        assert held.has()
        market.gateway.stop(0.5)
    office.calendar.ahead_s = 14 * DAY_S

    office.again()

    market.serves(SHOP, "fresh")
    assert market.ledger.texts() == ["one", "two", "fresh"]
    office.settled(done=3, parked=0, expired=1)  # the notice that the chat began, said again


def test_history_beyond_the_horizon_is_parked_and_the_rest_is_handled(office: Office) -> None:
    """Two days away: what was said on the first may have been handled, for all we know."""
    market, shop = office.market, office.shop
    office.open()
    market.gateway.stop(5.0)
    shop.wait_gone()
    office.calendar.ahead_s = HOUR_S
    shop.offline(office.buyer, ["long ago"])
    office.calendar.ahead_s = 2 * DAY_S - HOUR_S
    shop.offline(office.buyer, ["today"])
    office.calendar.ahead_s = 2 * DAY_S

    office.again()

    market.serves(SHOP, "fresh")
    assert market.ledger.texts() == ["today", "fresh"]
    office.settled(done=2, parked=1, expired=1)
    assert office.letter().reason == "stale"


def test_a_link_that_held_longer_than_the_horizon_brings_nothing_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a cursor of the registration on, what was handled and forgotten would look missing."""
    monkeypatch.setattr(sync, "REFRESH_S", 0.05)
    market, outcomes = office.market, Outcomes()
    market.config["defaults"]["recovery"]["probe_s"] = 0.05
    market.gateway = market.make()
    market.gateway.on_recovery(outcomes)
    office.open()
    office.buyer.says("once")
    market.ledger.wait(1)
    office.settled(done=1)
    office.calendar.ahead_s = 0.9 * DAY_S
    outcomes.wait(sum(each.recovered for each in outcomes.all) + 2)  # one may have begun before
    office.calendar.ahead_s = 1.8 * DAY_S
    office.forget()
    assert office.rows() == 0
    office.shop.cut()
    office.shop.wait_registered(sessions=2)
    outcomes.wait(sum(each.recovered for each in outcomes.all) + 2)
    market.serves(SHOP, "fresh")
    assert market.ledger.texts() == ["once", "fresh"]
    office.settled(parked=0)


@pytest.mark.parametrize(
    ("durability", "horizon_s"), [("full", DAY_S), ("normal", DAY_S), ("memory", None)]
)
def test_only_a_journal_that_forgets_by_age_has_a_horizon(
    office: Office, durability: str, horizon_s: float | None
) -> None:
    """Memory forgets by number, and at the end: there an old age tells nothing."""
    settings = from_mapping({**office.market.config, "durability": durability})
    assert plan(settings.accounts[0], settings).tries.horizon_s == horizon_s
