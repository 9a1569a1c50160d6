"""Calls of the host's functions that hear of alerts: on one thread of their own, bounded.

They are called neither on the thread that raised the alert, which may be an actor's, nor on those
of the handlers, which may be what the alert is about.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import structs

from actors.policy.alerts import AlertChanged
from actors.runtime.pool import forks
from gateway import listeners
from gateway.host.masking import masked_alert
from gateway.redaction import Redactor

AlertListener = Callable[[AlertChanged], None]

MOST_WAITING: Final = 256
"""Changes that may wait for the listeners; beyond, the oldest is left out."""

THREAD: Final = "gateway/alerts"


class Announcer:
    """Passes changes of alerts on to the host's listeners. Any thread.

    Args:
        on_alert: The listeners; more may come at any time.
        redactor: Takes our secrets out of what others say.
        log: A structlog logger.
    """

    def __init__(self, on_alert: list[AlertListener], redactor: Redactor, log: Any) -> None:
        self._on_alert = on_alert
        self._redactor = redactor
        self._log = log
        self._changed = threading.Condition()
        self._waiting: deque[AlertChanged] = deque()
        self._left_out = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def is_here(self) -> bool:
        """Return whether the calling thread is its own."""
        return self._thread is threading.current_thread()

    def hear(self, change: AlertChanged) -> None:
        """Put a change down for the listeners. Does not wait for them."""
        if not self._on_alert:
            return
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self._left_out += 1
            self._waiting.append(change)
            self._changed.notify_all()

    def start(self) -> None:
        """Start the thread."""
        thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._log.error("listener.failed", reason="the machine gives no more threads")
            return
        self._thread = thread

    def end(self) -> None:
        """Begin to stop: what waits is told, and nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> list[str]:
        """Tell what waits, and end; return the name of the thread if it did not in time."""
        self.end()
        thread = self._thread
        if thread is None:
            return []
        thread.join(timeout_s)
        return [THREAD] if thread.is_alive() else []

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                change = self._waiting.popleft()
                left_out, self._left_out = self._left_out, 0
            if left_out:
                self._log.warning("listener.left_out", count=left_out)
            masked = masked_alert(change.alert, self._redactor)
            self._tell(structs.replace(change, alert=masked), list(self._on_alert))

    def _tell(self, change: AlertChanged, hearers: Iterable[AlertListener]) -> None:
        for hearer in hearers:
            try:
                listeners.ran(hearer, hearer(change))
            except BaseException as error:  # noqa: BLE001  # strangers' code
                forks.end_copy(error)
                told = listeners.told(error, self._redactor.text)
                self._log.error("listener.failed", reason=told)
            forks.end_copy()
