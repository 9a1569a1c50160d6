"""Fixtures of the actor tests; what they are made of is in ``workbench``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from workbench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Yield a bench; its sockets are closed afterwards."""
    made = Bench()
    yield made
    made.poller.stop(1.0)
    for sock in made.sockets:
        sock.close()
