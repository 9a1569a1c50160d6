"""Calls of the host's listeners: on handler threads, in order per account, bounded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from actors.runtime.pool.error_location import error_location
from actors.system import System
from actors.values import AccountId
from gateway import listeners

MOST_CALLS: Final = 4096
"""Calls of an account's listeners that may wait (``contract.md`` 2.10)."""


class Calls:
    """The calls of listeners that wait. Any thread.

    Args:
        system: The machinery while it runs.
        log: A structlog logger.
    """

    def __init__(self, system: Callable[[], System | None], log: Any) -> None:
        self._system = system
        self._log = log
        self._waiting: dict[AccountId, list[Callable[[], object]]] = {}

    def call(self, account: AccountId, listener: Callable[[Any], object], what: object) -> None:
        """Have a listener called, after those before it."""
        system = self._system()
        calls = self._waiting.setdefault(account, [])
        behind = len(calls) >= MOST_CALLS
        if behind:  # its turn calls the next one instead
            with contextlib.suppress(IndexError):
                calls.pop(0)
        calls.append(partial(_hear, listener, what))
        if system is None:
            return
        if not behind:
            system.services.handlers.call(account, partial(_call_next, calls))
            return
        system.services.alerts.say(
            "listener.behind",
            account=account,
            detail=f"more than {MOST_CALLS} calls of listeners wait; the oldest are left out",
            next_step="see what your on_state and on_recovery listeners wait for; "
            "accounts[id].state is right all the same",
            for_s=60.0,
        )

    def waiting(self, account: AccountId) -> int:
        """Return how many calls of an account wait."""
        return len(self._waiting.get(account, ()))

    def rest(self) -> None:
        """Tell listeners what happened after the handlers had ended, on this thread."""
        for calls in list(self._waiting.values()):
            while calls:
                try:
                    _call_next(calls)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001  # strangers' code
                    self._log.error("listener.failed", reason=error_location(error))


def _call_next(calls: list[Callable[[], object]]) -> None:
    if calls:
        calls.pop(0)()


def _hear(listener: Callable[[Any], object], what: object) -> None:
    listeners.ran(listener, listener(what))
