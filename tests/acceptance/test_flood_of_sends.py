"""H10: a host that says ten thousand things at once hears no early, and yes only to what ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from market import WAIT_S, Market

from actors.values import SendOutcome, SendState
from gateway import OverloadedError
from gateway.sending import SendTicket
from gateway.testing import Behaviour

SHOP = "2201"
THREADS, EACH = 20, 500
LIMIT, RATE, BURST = 300, 200.0, 50


@pytest.mark.row("H10", "beyond the bound refused before it is accepted; what was accepted ends")
def test_ten_thousand_sends_at_once(tmp_path: Path) -> None:
    send = {"limit": LIMIT, "rate_per_s": RATE, "burst": BURST}
    with Market(
        tmp_path, SHOP, behaviour=Behaviour(echo=False), overrides={SHOP: {"send": send}}
    ) as market:
        market.start()
        tickets: dict[str, SendTicket] = {}
        refused: list[OverloadedError] = []

        def talk(thread: int) -> None:
            for number in range(EACH):
                text = f"{thread}-{number}"
                try:
                    tickets[text] = market.gateway.send(SHOP, f"c{thread}", text, to="77001")
                except OverloadedError as error:
                    refused.append(error)

        begun = time.monotonic()
        threads = [threading.Thread(target=talk, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results = {text: ticket.result(WAIT_S) for text, ticket in tickets.items()}
        took_s = time.monotonic() - begun
        assert len(tickets) + len(refused) == THREADS * EACH
        assert len(tickets) >= LIMIT
        assert {result.outcome for result in results.values()} == {SendOutcome.ACCEPTED}
        sent = [own.text for own in market.shops[SHOP].sent]
        assert sorted(map(str, sent)) == sorted(tickets)
        assert took_s >= (len(sent) - BURST) / RATE - 0.05, "faster than the account may"
        assert market.gateway.sends.list(state=SendState.QUEUED) == []
        market.fake.check()
