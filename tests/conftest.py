"""Fixtures for every test: nothing that a test starts outlives it; a stopwatch for rows."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from watch import Stopwatch

from actors.runtime.clock import SystemClock
from tests.threads_left import leaving_no_thread

if TYPE_CHECKING:
    from shopkeeper import Make

hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")  # a loaded machine is no counterexample

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the suite in the background ignores Ctrl-C, and so would our children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_thread_outlives_the_test() -> Iterator[None]:
    """Fail a test that leaves a thread of ours behind."""
    with leaving_no_thread():
        yield


@pytest.fixture
def stopwatch(request: pytest.FixtureRequest) -> Iterator[Stopwatch]:
    """Take the times of the rows a test shows; they are kept if the environment says where."""
    watch = Stopwatch(SystemClock())
    yield watch
    watch.keep(mark.args[0] for mark in request.node.iter_markers("row"))


@pytest.fixture
def shopkeepers(tmp_path: Path) -> Iterator[Make]:
    """Yield what makes a shop that signs in; everything is stopped afterwards."""
    from shopkeeper import making  # few tests need a platform's HTTP side

    with contextmanager(making)(tmp_path) as made:
        yield made
