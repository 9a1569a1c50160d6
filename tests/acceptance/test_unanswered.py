"""A buyer whom nobody answers is told of, until somebody does."""

from __future__ import annotations

from pathlib import Path

import pytest
from market import WAIT_S, Market

from gateway.host import unanswered
from gateway.host.unanswered import OVERDUE, UnansweredWatch

SHOP = "2201"


def test_who_waits_too_long_is_told_of_until_somebody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minute is moved, not waited for; the answer is written on a phone, so to say."""
    monkeypatch.setattr(unanswered, "LOOK_S", 0.02)
    with Market(tmp_path, SHOP, notify={"unanswered_min": 1}) as market:
        watch = market.gateway._telling._unanswered
        assert isinstance(watch, UnansweredWatch)
        market.listen()
        market.start()
        market.shops[SHOP].buyer("77001").says("在吗")
        market.ledger.wait(1)
        lane = market.ledger.events[0].conversation_id
        assert lane is not None
        assert not market.log.found(OVERDUE)
        watch._minutes = 0.0
        (line,) = market.log.wait(OVERDUE, account=SHOP)
        assert line["detail"].startswith("1 buyers have waited")
        watch._minutes = 60.0
        market.log.wait("alert.ended", alert=OVERDUE)
        watch._minutes = 0.0
        market.log.wait(OVERDUE, 2, account=SHOP)
        market.gateway.send(SHOP, lane, "在的", to="77001").result(WAIT_S)
        market.log.wait("alert.ended", 2, alert=OVERDUE)
