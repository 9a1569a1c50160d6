"""Fixtures of the stories about whole gateways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shopkeeper import Make, making


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Yield what makes a shopkeeper; everything is stopped afterwards, and the web side checked."""
    with contextmanager(making)(tmp_path) as made:
        yield made
