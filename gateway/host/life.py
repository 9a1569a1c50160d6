"""The life of a gateway object: not started, running, stopping; elsewhere after a fork.

A process that the host forks has our objects and none of our threads. It hears of that before
any code of the host runs there, and every call says so.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final, Protocol, TypeVar
from weakref import WeakSet

from actors.runtime.handlers import pool as handlers
from gateway.errors import ForkedError, NotStartedError, ShuttingDownError

SystemT = TypeVar("SystemT")

LONGEST_STOP_S: Final = 60.0
"""Seconds to wait for a stop that another thread runs."""

LOOK_S: Final = 0.5 if os.name == "nt" else 3600.0
"""Seconds between wake-ups of a waiting main thread, so that it runs its signal handlers where a
signal interrupts no wait."""

INTERNAL_FAILURE: Final = 70
"""Exit code when the ordered stop was cut short or threads survived it."""


class Life:
    """The life cycle of a gateway. All methods on any thread.

    Attributes:
        stopping: A stop began; there is no way back.
        parent: The process it runs in, if that is another one.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.parent: int | None = None
        self._on_fork: Callable[[], None] = lambda: None
        self._ends: SimpleQueue[None] = SimpleQueue()  # a signal handler puts into it
        self._end_reached = threading.Event()
        self._begun = self._bad = False

    @property
    def begun(self) -> bool:
        """Return whether it was started; sends are also taken where something stands in for it."""
        return self._begun

    def here(self) -> None:
        """Refuse in a child of the process it runs in.

        Raises:
            ForkedError: This is one.
        """
        if self.parent is not None:
            raise ForkedError(self.parent)

    def running(self, system: SystemT | None) -> SystemT:
        """Return what runs.

        Raises:
            ShuttingDownError: Nothing does, or not here; its class says why.
        """
        self.here()
        if system is None:
            raise ShuttingDownError if self.stopping else NotStartedError
        return system

    def began(self, *, on_fork: Callable[[], None]) -> None:
        """Note that it runs in this process from now on.

        Args:
            on_fork: Called in a forked child; must take no lock, as the holder is not there.
        """
        self._on_fork = on_fork
        self._begun = True
        watch_forks(self)

    def forked(self) -> None:
        """Hear that this is a child."""
        self.parent = self.parent or os.getppid()
        self._on_fork()

    def end(self, *, broken: bool = False) -> None:
        """Want the end of :meth:`run`; ``broken``: only a new process helps."""
        self._bad |= broken
        self._ends.put(None)

    def ended(self, *, survivors: bool) -> None:
        """Note that everything was stopped, or what could be."""
        self._bad |= survivors
        self._end_reached.set()

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait for a stop that another thread does; return whether it left nothing behind."""
        return not self._begun or (self._end_reached.wait(timeout_s) and not self._bad)

    def stop_elsewhere(self, stop: Callable[[float], object], timeout_s: float) -> None:
        """Stop on a thread of its own; for callers that the stop itself waits for."""
        self.end()
        threading.Thread(target=stop, args=(timeout_s,), name="gateway/stop").start()

    def _ends_not(self) -> bool:
        try:
            self._ends.get(timeout=LOOK_S)
        except Empty:
            return True
        return False

    def run(self, start: Callable[[], None], stop: Callable[[], bool]) -> int:
        """Run until the end is wanted; on the main thread SIGINT and SIGTERM want it.

        A second signal ends the process at once.

        Returns:
            The exit code.
        """
        asked = False

        def ask(_signum: int, _frame: FrameType | None) -> None:
            nonlocal asked
            if asked:
                os._exit(INTERNAL_FAILURE)
            asked = True
            self.end()

        main = threading.current_thread() is threading.main_thread()
        taken = (signal.SIGINT, signal.SIGTERM) if main else ()  # elsewhere none can be taken
        before = {each: signal.signal(each, ask) for each in taken}
        try:
            start()
            while self._ends_not():
                pass
            stop()
            whole = self.wait_ended(LONGEST_STOP_S)  # perhaps another thread stops it
            return 0 if whole else INTERNAL_FAILURE
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


class Watcher(Protocol):
    """The part of a life that a fork changes."""

    def forked(self) -> None:
        """Note that this is a forked child. Must take no lock: its holder does not exist here."""


_watchers: WeakSet[Watcher] = WeakSet()
_registered: list[bool] = []
"""Set once per process, and not at import: such a hook cannot be removed."""


def watch_forks(watcher: Watcher) -> None:
    """Tell something of each fork from now on, in the child, as long as it is alive."""
    if not _registered and hasattr(os, "register_at_fork"):  # not on Windows: it has no fork
        os.register_at_fork(after_in_child=_forked)
        _registered.append(True)
    _watchers.add(watcher)


def _forked() -> None:
    handlers.forked()
    for watcher in list(_watchers):
        watcher.forked()
