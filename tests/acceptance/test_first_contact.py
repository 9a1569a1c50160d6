"""The first contact of an account: a finished chat gets no late automatic answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from history import HISTORY, SHOP, market_of, offline, opened
from market import WAIT_S, Market

from gateway.settings import RecoverySettings
from gateway.testing import Behaviour
from gateway.testing.platform.buyer import Buyer

PUSHED = Behaviour(backlog="push")


def ago(market: Market, buyers: Sequence[Buyer], messages: int, minutes: int = 5) -> None:
    """Have buyers write some minutes before the start."""
    engine = market.fake.engine
    now_ms = engine.unix_ms
    engine.unix_ms = lambda: now_ms() - minutes * 60_000
    offline(market, buyers, messages)
    engine.unix_ms = now_ms


def begin_again(market: Market) -> None:
    """Start another gateway on what the first one left."""
    market.gateway.stop(5.0)
    market.shops[SHOP].wait_gone()
    market.gateway = market.make()


def test_the_past_is_ignored_unless_asked_for() -> None:
    assert RecoverySettings().first_contact == "ignore"


@pytest.mark.parametrize("durability", ["normal", "memory"])
@pytest.mark.parametrize("behaviour", [HISTORY, PUSHED], ids=["in history", "pushed"])
def test_the_past_is_not_handled_and_the_rest_is(
    tmp_path: Path, behaviour: Behaviour, durability: str
) -> None:
    """Said before the start, whether it is pushed or read; afterwards all is live."""
    with market_of(tmp_path, behaviour, first_contact="ignore") as market:
        market.config["durability"] = durability
        market.gateway = market.make()
        shop = market.shops[SHOP]
        minutes = 5 if behaviour is HISTORY else 15
        ago(market, [shop.buyer("77001"), shop.buyer("77002")], 4, minutes)
        opened(market)
        shop.buyer("77001").says("live")
        assert market.ledger.wait(1) == ["live"]
        (line,) = market.log.wait("recovery.first_contact", account=SHOP)
        ignored = sum(each["count"] for each in market.log.found("event.past_ignored"))
        assert line["conversations"] == (2 if behaviour is HISTORY else line["conversations"])
        assert ignored >= (0 if behaviour is HISTORY else 4)
        assert market.gateway.accounts[SHOP].counters.balanced


def test_what_is_pushed_as_news_is_handled(tmp_path: Path) -> None:
    """Who wrote a minute before the first start waits for an answer."""
    with market_of(tmp_path, PUSHED, first_contact="ignore") as market:
        ago(market, [market.shops[SHOP].buyer("77001")], 2, minutes=1)
        opened(market)
        assert market.ledger.wait(2) == ["missed 0", "missed 1"]


def test_what_is_said_while_the_first_link_is_not_up_is_handled(tmp_path: Path) -> None:
    """The account was started: from then on nothing is past."""
    with market_of(tmp_path, first_contact="ignore", first_s=0) as market:
        shop = market.shops[SHOP]
        ago(market, [shop.buyer("77001")], 1)
        market.fake.stop_accepting()
        market.listen()
        market.gateway.start()
        market.log.wait("connection.state_changed", 5, after="reconnecting")
        shop.offline(shop.buyer("77002"), ["while it dials"])
        market.fake.resume()
        assert market.ledger.wait(1) == ["while it dials"]


def test_a_later_start_has_no_past(tmp_path: Path) -> None:
    """What was missed between two lives is handled; what was past stays past, in the margin too."""
    with market_of(tmp_path, first_contact="ignore") as market:
        shop = market.shops[SHOP]
        ago(market, [shop.buyer("77001")], 2)
        opened(market)
        market.fake.wait(lambda: shop.claimed, WAIT_S, "the first recovery")
        begin_again(market)
        shop.offline(shop.buyer("77001"), ["between"])
        opened(market)
        assert market.ledger.wait(1) == ["between"]
        assert len(market.log.found("recovery.first_contact")) == 1


def test_the_past_is_handled_if_asked_for(tmp_path: Path) -> None:
    with market_of(tmp_path, first_contact="deliver") as market:
        ago(market, [market.shops[SHOP].buyer("77001")], 3)
        opened(market)
        assert market.ledger.wait(3) == ["missed 0", "missed 1", "missed 2"]
        assert not market.log.found("recovery.first_contact")
