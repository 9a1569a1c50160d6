"""What was acknowledged in an earlier life is handled, whether the account connects or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from market import Market, held_up

from actors.state import ConnectionState
from gateway.testing import Behaviour, Rule, faults

SHOP = "2201"
TEXTS = [f"old {number}" for number in range(5)]
STATE = "/r/SyncStatus/getState"


@pytest.mark.parametrize("recovered", [True, False], ids=["recovered", "held"])
@pytest.mark.parametrize("why", ["disabled", "failed", "unreachable"])
def test_acknowledged_is_handled_without_a_link(
    tmp_path: Path, why: str, *, recovered: bool
) -> None:
    """Decoding needs no link; nobody knew when, or whether, one would come again.

    What waits for the history of an earlier link waits no longer where none is to come.
    """
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=False)) as market:
        shop = market.shops[SHOP]
        if not recovered:
            market.config["defaults"]["recovery"]["reply_s"] = 60.0
            market.config["defaults"]["recovery"]["hold_s"] = 1.0 if why == "unreachable" else 60.0
            market.gateway = market.make()
            market.fake.inject(Rule(on="request", lwp=STATE, do=faults.Lose()))
        with held_up(market) as held:
            market.start()
            if recovered:
                market.log.wait("recovery.ended")
            for text in TEXTS:
                shop.buyer("3301").says(text)
            shop.wait_acked(len(TEXTS))
            if recovered:
                assert held.has()
            if why == "failed":
                shop.remove_session()
                market.reached(SHOP, ConnectionState.FAILED)
            market.gateway.stop(0.5)
        account = market.config["accounts"][0]
        if why == "disabled":
            account["enabled"] = False
        elif why == "unreachable":
            market.fake.stop_accepting()
        market.gateway = market.make()
        market.listen()
        market.gateway.start()
        assert market.ledger.wait(len(TEXTS)) == TEXTS
        assert all(event.redelivered is recovered for event in market.ledger.events)
        assert len(shop.sessions) == 1
