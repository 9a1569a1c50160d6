"""Offline windows: 500 messages of 20 conversations that the platform never pushes again.

All arrive once, in lane order, flagged, within 30 s at the pace of the default settings;
whether the link was down, the gateway stopped, or its process killed.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from child import ourselves
from history import SHOP, Outcomes, in_lane_order, lanes_of, market_of, offline, opened
from market import Market

from gateway.testing.platform.buyer import Buyer

WITHIN_S = 30.0
PACE: dict[str, Any] = {"rate_per_s": 2.0, "burst": 20, "reply_s": 10.0, "retry_s": 1.0}
"""Of the default settings: a recovery that gives over on a busy machine is another story."""
LANES, MISSED = 20, 500

CHILD = """
import os, sys, threading
from gateway import ChatMessage, Gateway
gateway = Gateway.from_config(sys.argv[1])
@gateway.on(ChatMessage)
def handle(event):
    os.write(1, event.text.encode() + b"\\n")  # whole, whatever other threads write
gateway.start()
threading.Event().wait()
"""


def buyers_of(market: Market) -> list[Buyer]:
    return [market.shops[SHOP].buyer(f"77{lane:03d}") for lane in range(LANES)]


def is_new(event: Any) -> bool:
    """Leave out what a kill may have caught before it was settled."""
    return bool(event.text != "before" or not event.redelivered)


def complete(market: Market, begun: float) -> None:
    """Check what came after the window: it all, once, in order, flagged, before what is live."""
    assert time.monotonic() - begun < WITHIN_S
    market.ledger.events[:] = [event for event in market.ledger.events if is_new(event)]
    events = market.ledger.events
    assert len({event.event_id for event in events}) == len(events) == MISSED + LANES
    recoveries = [line for line in market.log.lines if line[1].startswith("recovery.")]
    assert in_lane_order(market.ledger), recoveries
    lanes = lanes_of(market.ledger)
    assert len(lanes) == LANES
    for lane in lanes.values():
        assert lane[-1].text == "live"
        assert [event.recovered for event in lane] == [True] * (MISSED // LANES) + [False]
        assert not any(event.late for event in lane)
    market.fake.check()


def live(market: Market, buyers: Sequence[Buyer]) -> None:
    """Say one more thing in each conversation once the link is back, and wait for all."""
    for buyer in buyers:
        buyer.says("live")
    market.ledger.until(
        lambda texts: len(texts) - texts.count("before") >= MISSED + LANES, WITHIN_S
    )


@pytest.mark.peer(9)
@pytest.mark.parametrize("durability", ["normal", "memory"])
def test_the_link_was_down(tmp_path: Path, durability: str) -> None:
    with market_of(tmp_path, **PACE) as market:
        market.config["durability"] = durability
        market.gateway = market.make()
        opened(market)
        shop, buyers = market.shops[SHOP], buyers_of(market)
        for buyer in buyers:
            buyer.says("before")
        market.ledger.wait(LANES)
        market.ledger.events.clear()
        market.fake.stop_accepting()
        shop.cut()
        shop.wait_gone()
        offline(market, buyers, MISSED)
        begun = time.monotonic()
        market.fake.resume()
        shop.wait_registered(sessions=2)
        live(market, buyers)
        complete(market, begun)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_process_was_down(tmp_path: Path, end: str) -> None:
    if end == "kill" and not hasattr(signal, "SIGKILL"):
        pytest.skip("no SIGKILL here")
    with market_of(tmp_path, **PACE) as market:
        shop, buyers = market.shops[SHOP], buyers_of(market)
        first_life(market, tmp_path, buyers, end)
        shop.wait_gone()
        offline(market, buyers, MISSED)
        market.ledger.events.clear()
        sessions = len(shop.sessions)
        market.gateway = market.make()
        outcomes = Outcomes()
        market.gateway.on_recovery(outcomes)
        market.listen()
        begun = time.monotonic()
        market.gateway.start()
        shop.wait_registered(sessions=sessions + 1)
        live(market, buyers)
        complete(market, begun)
        assert outcomes.wait(1).found == MISSED


def first_life(market: Market, directory: Path, buyers: Sequence[Buyer], end: str) -> None:
    """Let a gateway handle a message of each conversation, then end it."""
    if end == "stop":
        opened(market)
        for buyer in buyers:
            buyer.says("before")
        market.ledger.wait(LANES)
        market.gateway.stop()
        return
    config = directory / "gateway.yaml"
    config.write_text(json.dumps(market.config))
    config.chmod(0o600)
    with ourselves(CHILD, config) as (_, said):
        market.fake.wait(lambda: market.shops[SHOP].claimed, WITHIN_S, "the first recovery")
        for buyer in buyers:
            buyer.says("before")
        assert [said.readline() for _ in buyers] == ["before\n"] * LANES
