"""Fixtures of the network suite; it is skipped, with the reason, where there are no namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import spaces


@pytest.fixture(scope="session")
def _possible() -> None:
    """Skip where it cannot be done; take away what a killed run left."""
    reason = spaces.why_not()
    if reason is not None:
        pytest.skip(reason)
    spaces.sweep()


@pytest.fixture
def wire(_possible: None) -> Iterator[spaces.Spaces]:
    """Yield two namespaces and the wire between them; they are gone afterwards."""
    with spaces.Spaces() as wire:
        yield wire
