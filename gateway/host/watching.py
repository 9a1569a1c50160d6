"""Looks whether credentials that could not be used have been mended on this machine.

A renewal that failed waits for minutes, out of regard for the platform. A look at a file or a
variable costs nobody anything: what a person has just mended is tried within a second or two.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from actors.identity import CredentialsChanged
from actors.values import AccountId
from gateway.credentials.given import GivenSource
from gateway.errors import GatewayError

EVERY_S: Final = 1.0
"""Seconds between two looks."""


class SourceWatch:
    """Has accounts renewed whose given credentials have changed since the last renewal failed.

    Any thread. Its own thread runs only while there is somebody to look for.

    Args:
        source_of: Gives the source of an account; None: it is gone.
        renew: Has an account renewed; returns at once.
    """

    def __init__(
        self,
        source_of: Callable[[AccountId], object],
        renew: Callable[[AccountId], object],
    ) -> None:
        self._source_of = source_of
        self._renew = renew
        self._changed = threading.Condition()
        self._waiting: set[AccountId] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def heard(self, change: CredentialsChanged) -> None:
        """Hear what became of an account's credentials."""
        failed = change.what == "failed"
        if failed and not isinstance(self._source_of(change.account), GivenSource):
            return
        with self._changed:
            if not failed:
                self._waiting.discard(change.account)
                return
            self._waiting.add(change.account)
            if self._thread is None and not self._closed:
                thread = threading.Thread(
                    target=self._run, name="gateway/credentials/watch", daemon=True
                )
                with contextlib.suppress(RuntimeError):  # no thread: the usual wait is left
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Look no more. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(2 * EVERY_S)  # a look at a file on a dead share may hang

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, EVERY_S)
                if self._closed or not self._waiting:
                    self._thread = None
                    return
                waiting = list(self._waiting)
            for account in waiting:
                self._look(account)

    def _look(self, account: AccountId) -> None:
        source = self._source_of(account)
        changed = source.has_changed() if isinstance(source, GivenSource) else None
        if changed is False:
            return
        with self._changed:
            self._waiting.discard(account)  # if it fails again, that is heard
        if changed:
            with contextlib.suppress(GatewayError):  # it is gone, or the gateway stops
                self._renew(account)
