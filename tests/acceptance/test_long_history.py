"""Histories whose pages are above our own limits: what fits is read, and no link is lost twice."""

from __future__ import annotations

from pathlib import Path

from market import Market

from actors.state import ConnectionState
from gateway.testing import Behaviour

SHOP = "2201"


def test_a_hundred_long_messages_are_read_over_one_link(tmp_path: Path) -> None:
    """A page of them is above a frame's limit; it was asked for at every registration, for ever."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=False)) as market:
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        for number in range(110):
            buyer.writes(f"{number} " + "字" * 900)
        market.listen()
        market.start()
        texts = market.ledger.wait(110)
        assert [text.split()[0] for text in texts] == [str(number) for number in range(110)]
        assert market.log.wait("recovery.ended")[0]["found"] == 110
        market.keep_their_sessions(SHOP)


def test_a_message_above_the_limits_costs_its_own_conversation(tmp_path: Path) -> None:
    """What stands after it is read, and the others; a person is told, and the link stays."""
    limits = {"max_frame_bytes": 16 << 10, "max_message_bytes": 16 << 10}
    with Market(
        tmp_path, SHOP, behaviour=Behaviour(echo=False), defaults={"limits": limits}
    ) as market:
        shop = market.shops[SHOP]
        first, other = shop.buyer("77001"), shop.buyer("77002")
        first.writes("lost")
        first.writes("字" * 20_000)
        first.writes("behind it")
        other.writes("other")
        market.listen()
        market.gateway.start()
        assert sorted(market.ledger.wait(2)) == ["behind it", "other"]
        (told,) = market.log.wait("history.oversized")
        assert told["account"] == SHOP
        assert market.log.wait("recovery.failed", reason="answer_breaks_link")
        assert market.gateway.accounts[SHOP].state is ConnectionState.CONNECTED
        sessions = len(shop.sessions)
        assert sessions <= 4
        other.says("still here")
        market.ledger.until(lambda texts: "still here" in texts)
        assert len(shop.sessions) == sessions
