"""Threads that are left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.host import undisturbed

GRACE_S = 20.0
"""Seconds a thread that is already ending may take to be gone."""


@contextmanager
def leaving_no_thread() -> Iterator[None]:
    """Fail if a block leaves a thread of ours behind."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name != undisturbed.NAME  # these stay, with no work
    ]
    for thread in left:
        thread.join(GRACE_S)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads outlived the test: {alive}"
