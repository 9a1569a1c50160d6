"""Fixtures of the runtime's tests: pools that end, and descriptors that are counted."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.clock import SystemClock
from actors.runtime.pool.pool import Pool
from tests.runtime.doubles import Kept

_FDS = Path("/proc/self/fd")
_GRACE_S = 20.0
"""Seconds a thread of an earlier test may hold a descriptor that it opens and closes."""


def _open() -> set[str]:
    """Return the sockets, pipes and pollers that are open, by identity."""
    links = set()
    for fd in _FDS.iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile, or the listing's own
            links.add(str(fd.readlink()))
    return {link for link in links if not link.startswith("/")}


@pytest.fixture(autouse=True)
def no_descriptor_outlives_the_test() -> Iterator[None]:
    """Fail a test that leaves a socket behind (where the system can say so)."""
    if not _FDS.exists():
        yield
        return
    gc.collect()
    before = _open()
    yield
    gc.collect()
    deadline = time.monotonic() + _GRACE_S
    while (left := _open() - before) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
        gc.collect()
    assert not left, f"descriptors outlived the test: {left}"


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def pool(kept: Kept) -> Iterator[Pool]:
    pool = Pool(threads=2, name="test", log=kept)
    pool.start()
    yield pool
    assert pool.stop(5.0) == []
