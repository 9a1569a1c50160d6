"""A gateway whose platform keeps what was missed in its history, and pushes none of it again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from market import WAIT_S, Ledger, Market

from gateway import Recovered
from gateway.testing import Behaviour
from gateway.testing.platform.buyer import Buyer

SHOP = "2201"
HISTORY = Behaviour(backlog="history", redeliver_on_reconnect=False)


class Outcomes:
    """What became of each recovery."""

    def __init__(self) -> None:
        self.all: list[Recovered] = []
        self._changed = threading.Condition()

    def __call__(self, outcome: Recovered) -> None:
        with self._changed:
            self.all.append(outcome)
            self._changed.notify_all()

    def wait(self, count: int, *, recovered: bool = True) -> Recovered:
        """Wait until so many ended so, and give the last of them."""

        def these() -> list[Recovered]:
            return [outcome for outcome in self.all if outcome.recovered is recovered]

        with self._changed:
            assert self._changed.wait_for(lambda: len(these()) >= count, WAIT_S), self.all
        return these()[count - 1]


def market_of(directory: Path, behaviour: Behaviour = HISTORY, **recovery: Any) -> Market:
    return Market(
        directory, SHOP, behaviour=behaviour, defaults={"recovery": {"probe_s": 0, **recovery}}
    )


def opened(market: Market) -> Outcomes:
    """Start, and wait for the first recovery."""
    outcomes = Outcomes()
    market.gateway.on_recovery(outcomes)
    market.listen()
    market.start()
    outcomes.wait(1)
    return outcomes


def offline(market: Market, buyers: Sequence[Buyer], messages: int) -> None:
    for number in range(messages):
        shop = market.shops[SHOP]
        shop.offline(buyers[number % len(buyers)], [f"missed {number}"])


def lanes_of(ledger: Ledger) -> Mapping[str | None, list[Any]]:
    lanes: dict[str | None, list[Any]] = {}
    for event in list(ledger.events):
        lanes.setdefault(event.conversation_id, []).append(event)
    return lanes


def in_lane_order(ledger: Ledger) -> bool:
    """Return whether each lane came in order, the journal's and the platform's; tell where not."""
    for lane, events in lanes_of(ledger).items():
        came = [(event.lane_seq, event.occurred_at_ms) for event in events]
        for before, after in pairwise(came):
            if before[0] > after[0] or before[1] > after[1]:
                print(f"{lane}: {after} came after {before}")  # noqa: T201  # for the reader
                return False
    return True
