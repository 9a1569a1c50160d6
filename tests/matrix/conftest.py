"""Fixtures of the fault matrix: a market with neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from market import Market
from stage import SICK, WELL, Open


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Open]:
    """Open a market of one sick account and 49 well ones; all of it is closed afterwards."""
    with ExitStack() as open_ones:

        def opened(
            sick: dict[str, Any] | None = None, defaults: dict[str, Any] | None = None, **keys: Any
        ) -> Market:
            market = Market(
                tmp_path, SICK, *WELL, overrides={SICK: sick or {}}, defaults=defaults, **keys
            )
            open_ones.enter_context(market)
            market.listen()
            return market

        yield opened
