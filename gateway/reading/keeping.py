"""The reading copy of a gateway: kept while it is served, asked by the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from actors.messages import StateChanged
from actors.ports.platform import Reader
from actors.runtime.clock import SystemClock
from actors.values import AccountId
from gateway import listeners
from gateway.journal.files.opening import JOURNAL_FILE
from gateway.reading import schema
from gateway.reading.following import Follower, State
from gateway.reading.overview import Overview
from gateway.reading.queries import Queries
from gateway.settings import Settings

STOP_S: Final = 5.0
"""Seconds the thread may take to end."""


class Reading:
    """The reading copy of one gateway.

    Args:
        settings: Name the journal, and say how much is kept.
        reader: Returns what reads the frames of an account; None: nobody can.
        ready: Whether the journal is open.
        log: A structlog logger.

    Attributes:
        queries: What can be asked of conversations.
        overview: What can be asked of all at a glance.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reader: Callable[[AccountId], Reader | None],
        ready: Callable[[], bool],
        log: Any,
    ) -> None:
        folder = Path(settings.data_dir)
        self.queries = Queries(folder / schema.FILE)
        self.overview = Overview(folder / schema.FILE)
        self._listeners: list[Callable[[], None]] = []
        self._log = log
        self._follower = Follower(
            folder / JOURNAL_FILE,
            folder / schema.FILE,
            settings.reading,
            min_free_bytes=settings.journal.min_free_bytes,
            reader=reader,
            ready=ready,
            clock=SystemClock(),
            log=log,
            heard=self._tell,
        )

    def moved(self, change: StateChanged) -> None:
        """Note a change of an account's state; any thread."""
        self._follower.moved(change)

    @property
    def state(self) -> State:
        """Return how the copy stands."""
        return self._follower.state

    def found_damaged(self) -> None:
        """Hear that somebody could not read the copy: it is built anew; any thread."""
        self._follower.found_damaged()

    def heard(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function after something new was written; any thread.

        Args:
            listener: Called on the copying thread: it must not block. What it raises is logged.

        Returns:
            What ends that; calling it twice does nothing.
        """
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def start(self) -> None:
        """Start the thread."""
        self._follower.start()

    def stop(self, timeout_s: float = STOP_S) -> bool:
        """End; return whether the thread did in time. Idempotent."""
        survivors = self._follower.stop(timeout_s)
        if survivors:
            self._log.error("gateway.threads_survived", threads=survivors)
        return not survivors

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception as error:  # noqa: BLE001  # whatever a listener does, copying goes on
                self._log.error("listener.failed", reason=listeners.told(error, str))
