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

SHOP, OTHER = "2201", "2202"
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


def test_the_process_has_a_bound_and_a_rate_of_its_own(tmp_path: Path) -> None:
    """Of all accounts together, and as they are set."""
    outbox = {"limit": 10, "rate_per_s": 40.0, "burst": 2}
    with Market(tmp_path, SHOP, OTHER, outbox=outbox) as market:
        market.start()
        for name in (SHOP, OTHER):
            market.gateway.accounts.pause(name)
            market.shops[name].wait_gone()
        tickets = [
            market.gateway.send((SHOP, OTHER)[n % 2], f"c{n}", str(n), to="77001")
            for n in range(10)
        ]
        with pytest.raises(OverloadedError, match="outbox of the gateway"):
            market.gateway.send(SHOP, "c0", "too much", to="77001")
        begun = time.monotonic()
        for name in (SHOP, OTHER):
            market.gateway.accounts.resume(name)
        results = {ticket.result(WAIT_S).outcome for ticket in tickets}
        assert results == {SendOutcome.ACCEPTED}
        assert time.monotonic() - begun >= 8 / 40.0 - 0.05, "faster than the process may"
