"""A package may carry a thousand entries: after a restart it is read and decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from market import WAIT_S, Market, held_up

from actors.ports.journal import Pending
from gateway.journal.sqlite.journal import SqliteJournal

SHOP = "2201"
ENTRIES = 900
"""As many as a frame of the default limit holds."""


def test_big_packages_are_handled_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row brought the whole frame: gigabytes, and a page that was never read in time."""
    with Market(tmp_path, SHOP) as market:
        with held_up(market) as held:
            market.start()
            shop = market.shops[SHOP]
            market.log.wait("recovery.ended")
            buyers = [shop.buyer(f"7700{lane}") for lane in range(3)]
            for package in range(2):
                entries = [buyers[n % 3].writes(f"{package} {n}") for n in range(ENTRIES)]
                shop.push(entries, package=ENTRIES)
            shop.wait_acked(2 * ENTRIES, WAIT_S)
            assert held.has()
            market.gateway.stop(0.5)
        pages: list[Sequence[Pending]] = []
        read = SqliteJournal.pending

        def watched(*args: object, **fields: object) -> Sequence[Pending]:
            pages.append(read(*args, **fields))  # type: ignore[arg-type]
            return pages[-1]

        monkeypatch.setattr(SqliteJournal, "pending", watched)
        market.gateway = market.make()
        market.listen()
        market.start()
        texts = market.ledger.wait(2 * ENTRIES)
        for lane in range(3):
            said = [(p, n) for p in range(2) for n in range(lane, ENTRIES, 3)]
            heard = [text for text in texts if int(text.split()[1]) % 3 == lane]
            assert heard == [f"{package} {number}" for package, number in said]
        for page in pages:
            assert len({id(row.frame) for row in page}) <= 2, "a copy with every row"
        assert len(pages) <= 2 + 3 * 4, len(pages)
