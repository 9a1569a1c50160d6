"""What goes wrong around the copy: it costs the copy a moment, and messages nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from followers import followed
from market import WAIT_S, Market, account_of

from actors.ports.journal import JournalError
from actors.ports.platform import Reader
from actors.values import Decoded, Frame
from gateway import ConnectionState
from gateway.config import from_mapping

SHOP, OTHER = "2201", "2202"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with Market(tmp_path, SHOP, OTHER) as market:
        market.listen()
        yield market


def test_the_room_of_the_journal_is_left_to_it(market: Market, tmp_path: Path) -> None:
    market.start()
    market.shops[SHOP].buyer("77001").says("one")
    with followed(market, tmp_path, min_free_bytes=1 << 60) as following:
        following.log.wait("reading.failed")
        assert "journal.min_free_bytes" in (following.follower.state.failure or "")
        assert not following.path.exists()
        following.follower.min_free_bytes = 0  # as if somebody had made room
        following.until(following.queries.conversations, bool)
        following.log.wait("reading.recovered")
        assert following.follower.state.failure is None
        following.follower.min_free_bytes = 1 << 60
        following.log.wait("reading.failed", 2)
        market.shops[SHOP].buyer("77001").says("two")
        market.ledger.wait(2)
        following.follower.min_free_bytes = 0
        following.until(
            following.queries.conversations, lambda found: [x.text for x in found] == ["two"]
        )


def test_a_copy_that_is_deleted_is_built_again(market: Market, tmp_path: Path) -> None:
    market.start()
    buyer = market.shops[SHOP].buyer("77001")
    buyer.says("one")
    with followed(market, tmp_path) as following:
        (talk,) = following.until(following.queries.conversations, bool)
        for each in tmp_path.glob("reading.sqlite3*"):
            each.unlink()
        buyer.says("two")
        lines = following.until(
            lambda: following.queries.transcript(SHOP, talk.lane), lambda found: len(found) == 2
        )
        assert [line.text for line in lines] == ["one", "two"]
        assert following.follower.state.built_ms is not None


def test_damage_that_is_found_while_it_writes_has_it_built_again(
    market: Market, tmp_path: Path
) -> None:
    market.start()
    buyer = market.shops[SHOP].buyer("77001")
    buyer.says("one")
    with followed(market, tmp_path) as following:
        (talk,) = following.until(following.queries.conversations, bool)
        with contextlib.closing(sqlite3.connect(following.path, isolation_level=None)) as vandal:
            vandal.execute("UPDATE words_data SET block=x'ffffffffffff' WHERE id IN (1, 10)")
        buyer.says("two")
        following.log.wait("reading.built_anew", reason="it is damaged")
        following.until(
            lambda: following.queries.transcript(SHOP, talk.lane), lambda found: len(found) == 2
        )
        following.until(lambda: following.queries.search("two"), bool)


class Stumbles:
    """A reader that raises at one text."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        decoded = self._reader.decode(frame, received_at_ms=received_at_ms, numbers=numbers)
        if any(getattr(each, "text", None) == "boom" for each in decoded.events):
            raise RuntimeError("a platform of a stranger")
        return decoded


def test_a_decoder_that_raises_costs_that_message_only(market: Market, tmp_path: Path) -> None:
    def reader(account: str) -> Reader | None:
        if account == OTHER:
            raise KeyError(account)
        found = market.gateway.accounts.reader(account)
        return None if found is None else Stumbles(found)

    market.start()
    for text in ("one", "boom", "two"):
        market.shops[SHOP].buyer("77001").says(text)
    market.shops[OTHER].buyer("77001").says("nobody reads this")
    market.ledger.wait(4)
    with followed(market, tmp_path, reader=reader) as following:
        (talk,) = following.until(following.queries.conversations, bool)
        lines = following.until(
            lambda: following.queries.transcript(SHOP, talk.lane), lambda found: len(found) == 2
        )
        assert [line.text for line in lines] == ["one", "two"]
        assert following.follower.state.failure is None


def test_an_account_that_is_added_later_is_read(market: Market, tmp_path: Path) -> None:
    market.start()
    shop, name = market.fake.account("2299"), "../x?y#z店"
    entry = {**account_of(shop), "id": name}
    with followed(market, tmp_path) as following:
        late = from_mapping({**market.config, "accounts": [entry]}).accounts[0]
        assert market.gateway.accounts.add(late).wait_for(ConnectionState.CONNECTED, WAIT_S)
        shop.buyer("77001").says("\x1b[31mred\u202e \0 " + "长" * 20_000)
        (talk,) = following.until(lambda: following.queries.conversations(name), bool)
        (line,) = following.queries.transcript(name, talk.lane)
        assert line.text is not None
        assert line.text.startswith("\x1b[31mred\u202e \u2400 ")  # who shows it, cleans it
        assert len(line.text) == 10_001
        assert [each.account for each in following.queries.search("长长长")] == [name]
        market.gateway.accounts.remove(name)
        assert market.gateway.accounts.reader(name) is None


def test_the_journal_stays_locked_when_the_follower_goes(market: Market, tmp_path: Path) -> None:
    market.start()
    market.shops[SHOP].buyer("77001").says("one")
    with followed(market, tmp_path) as following:
        following.until(following.queries.conversations, bool)
    second = market.make()
    try:
        with pytest.raises(JournalError, match="in use"):
            second.start()
    finally:
        second.stop(WAIT_S)
    market.shops[SHOP].buyer("77001").says("two")
    market.ledger.wait(2)
