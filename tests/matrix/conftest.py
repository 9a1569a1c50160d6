"""Fixtures of the fault matrix: a market with neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from market import Market
from stage import SICK, WELL, Open

import actors.account.children
import actors.account.supervisor
import actors.registry
import actors.watch
from actors.policy import windows
from actors.policy.windows import RestartBudget


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


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let actors die often and come back soon."""
    monkeypatch.setattr(windows, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(actors.account.supervisor, "LONGEST_DELAY_S", 0.05)
    monkeypatch.setattr(actors.watch, "SWEEP_S", 0.05)
    for module in (actors.account.children, actors.registry, actors.watch):
        monkeypatch.setattr(module, "RestartBudget", Generous)


class Generous(RestartBudget):
    """A budget that is never spent and always waits as after the first death."""

    def restart(self, now: float) -> float | None:
        self._window.clear()
        return super().restart(now)
