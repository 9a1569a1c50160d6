"""The dead man's switch: tells a service that the gateway is alive, as long as it is.

The service raises an alarm when it hears nothing. It gets two counts, and nothing else of accounts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from actors.values import Failure
from gateway.http_messages import HttpRequest
from gateway.transport.https import HttpsClient

DEADLINE_S: Final = 10.0
"""Seconds of one request."""

THREAD: Final = "gateway/heartbeat"

_BODY_BYTES: Final = 64 * 1024
_OURS: Final = ("status", "msg", "ping")
_FINE: Final = range(200, 300)


def address(url: str, online: int, accounts: int) -> str:
    """Return what is asked: the URL with the form of Uptime Kuma's push monitors.

    Args:
        url: Of the settings; what it has of that form is replaced.
        online: Accounts that are connected.
        accounts: Accounts there are.
    """
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if name not in _OURS]  # fmt: skip
    told = [*kept, ("status", "up"), ("msg", f"{online}/{accounts} online")]
    return urlunsplit(parts._replace(query=urlencode(told), fragment=""))


class Heartbeat:
    """Asks a service again and again, on a thread of its own.

    Args:
        url: Where to; a secret.
        every_s: Between two requests.
        alive: Returns whether the gateway is; no request is made while it is not.
        counts: Returns how many accounts are connected, and how many there are.
        log: A structlog logger.
        client: Performs the requests; None: the usual one.
    """

    def __init__(
        self,
        url: str,
        every_s: float,
        *,
        alive: Callable[[], bool],
        counts: Callable[[], tuple[int, int]],
        log: Any,
        client: HttpsClient | None = None,
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._alive = alive
        self._counts = counts
        self._log = log
        self._client = client or HttpsClient()
        self._failing = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; the first request is made at once."""
        thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread left: the service raises its alarm
            thread.start()
            self._thread = thread

    def end(self) -> None:
        """Begin to stop."""
        self._stopping.set()

    def stop(self, timeout_s: float) -> None:
        """End; a request under way is waited for as long as that, then left."""
        self.end()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def beat(self) -> bool:
        """Make one request if the gateway is alive; return whether it was taken."""
        if not self._alive():
            return False
        request = HttpRequest(method="GET", url=address(self._url, *self._counts()), headers={})
        answer = self._client.perform(request, deadline_s=DEADLINE_S, body_limit=_BODY_BYTES)
        if isinstance(answer, Failure):
            why: str | None = answer.reason
        else:
            why = None if answer.status in _FINE else f"it answered {answer.status}"
        if why is not None and not self._failing:
            self._log.warning("heartbeat.failed", reason=why)
        elif why is None and self._failing:
            self._log.info("heartbeat.recovered")
        self._failing = why is not None
        return why is None

    def _run(self) -> None:
        while True:
            self.beat()
            if self._stopping.wait(self._every_s):
                return
