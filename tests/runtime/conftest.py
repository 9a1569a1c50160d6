"""Fixtures of the runtime's tests: pools that end, and descriptors that are counted."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.clock import SystemClock
from actors.runtime.pool import Pool

_FDS = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def no_descriptor_outlives_the_test() -> Iterator[None]:
    """Fail a test that leaves a socket behind (where the system can say so)."""
    if not _FDS.exists():
        yield
        return
    gc.collect()
    before = len(os.listdir(_FDS))  # noqa: PTH208  # counts only
    yield
    gc.collect()
    assert len(os.listdir(_FDS)) <= before, "descriptors outlived the test"  # noqa: PTH208


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(threads=2, name="test")
    pool.start()
    yield pool
    assert pool.stop(5.0) == []
