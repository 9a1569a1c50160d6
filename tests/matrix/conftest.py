"""Fixtures of the fault matrix: a market with neighbours, and a stopwatch."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from market import Market
from stage import SICK, WELL, Open, Stopwatch

from actors.ports import Clock
from actors.runtime.clock import SystemClock

MEASURED = "GATEWAY_MEASURED"
"""Environment variable with the file that keeps the times of this run."""

_lock = threading.Lock()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Open]:
    """Open a market of one sick account and four well ones; all of it is closed afterwards."""
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


@pytest.fixture
def stopwatch(request: pytest.FixtureRequest) -> Iterator[Stopwatch]:
    """Take a row's times; they are kept if the environment says where."""
    clock: Clock = SystemClock()
    watch = Stopwatch(clock)
    yield watch
    path = os.environ.get(MEASURED)
    marks = list(request.node.iter_markers("row"))
    if path and watch.times:
        with _lock:
            file = Path(path)
            kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
            for mark in marks:
                before = kept.setdefault(mark.args[0], {})
                for what, seconds in watch.times.items():
                    before[what] = max(seconds, before.get(what, 0.0))
            file.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
