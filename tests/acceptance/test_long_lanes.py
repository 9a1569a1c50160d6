"""A conversation that is stuck holds up no other one, however long it grows."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

import pytest
from market import WAIT_S, Market

from gateway import ChatMessage

SHOP = "2201"
LONG = 1500


@pytest.mark.parametrize("stuck", ["in a handler", "between two tries"])
def test_other_conversations_of_the_account_go_on(tmp_path: Path, stuck: str) -> None:
    """Guarantee G3; memory stays bounded, and nothing is lost or changes places."""
    release, begun = threading.Event(), threading.Event()
    patience = {"handlers": {"retry_delays_s": [60.0]}} if stuck == "between two tries" else {}
    with Market(tmp_path, SHOP, defaults=patience) as market:

        @market.gateway.on(ChatMessage)
        def reluctant(event: ChatMessage) -> None:
            if event.text != "flood 0":
                return
            begun.set()
            if stuck == "in a handler":
                release.wait(60.0)
            elif not release.is_set():
                raise ValueError

        market.listen()
        market.start()
        shop = market.shops[SHOP]
        try:
            shop.flood(LONG)
            assert begun.wait(WAIT_S)
            shop.wait_acked(LONG, WAIT_S)
            for number in range(3):
                market.serves(SHOP, f"another {number}")
            lanes = market.actor("DispatcherActor", SHOP)._lanes
            assert lanes.pending < 1000, "it is all in memory"
        finally:
            release.set()
        if stuck == "in a handler":
            floods = [f"flood {number}" for number in range(LONG)]
            market.ledger.until(lambda texts: texts.count(floods[-1]) == 1)
            heard = [text for text in market.ledger.texts(SHOP) if text.startswith("flood")]
            assert heard == floods


def test_a_long_backlog_is_handled_in_order_while_more_comes(tmp_path: Path) -> None:
    """One conversation of it is long, some are short; all of it lies in the journal at a start."""
    release = threading.Event()
    with Market(tmp_path, SHOP, handlers={"deadline_s": 60.0}) as market:

        @market.gateway.on(ChatMessage)
        def stuck(_: ChatMessage) -> None:
            release.wait(60.0)
            raise ValueError  # the next gateway handles it

        market.start()
        shop = market.shops[SHOP]
        buyers = [shop.buyer(f"7800{number}") for number in range(4)]
        shop.flood(LONG, buyer=buyers[0])
        for buyer in buyers[1:]:
            shop.flood(LONG // 10, buyer=buyer)
        total = LONG + 3 * (LONG // 10)
        shop.wait_acked(total, WAIT_S)
        release.set()
        assert market.gateway.stop(10.0)

        market.gateway = market.make()
        market.listen()
        market.start()
        for buyer in buyers:
            shop.flood(LONG // 10, buyer=buyer)
        market.ledger.wait(total + 4 * (LONG // 10), SHOP)
        market.serves(SHOP)
        lanes = defaultdict(list)
        for event in market.ledger.events:
            assert isinstance(event, ChatMessage)
            lanes[event.sender_id].append(event.text)
        floods = [f"flood {number}" for number in range(LONG)]
        del lanes["77001"]
        assert lanes == {
            "78000": floods + floods[: LONG // 10],
            **dict.fromkeys(("78001", "78002", "78003"), 2 * floods[: LONG // 10]),
        }
