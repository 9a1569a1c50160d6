"""Tells a service manager that ``run`` starts, lives and stops; where there is none, nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.cli.status import needs_a_person
from gateway.errors import GatewayError
from gateway.host.gateway import Gateway
from gateway.service_manager import ServiceManager
from gateway.web import shapes

EXTEND_S: Final = 30.0
"""Seconds the start may go on after each time that it says it is still at it."""

EXTEND_EVERY_S: Final = 10.0

LONGEST_START_S: Final = 3600.0
"""A start that takes longer has its timeout as the unit says: its disk may hang."""

STATUS_S: Final = 20.0
"""Seconds between two looks at what the status says, if no watchdog wants it more often."""


class Managed:
    """The overseer of a gateway that a service manager started.

    Args:
        manager: Is told.
        gateway: Is looked at.

    Attributes:
        every_s: Seconds between two beats: a third of what the watchdog allows.
    """

    def __init__(self, manager: ServiceManager, gateway: Gateway) -> None:
        self._manager = manager
        self._gateway = gateway
        self._said = ""
        allowed_s = manager.watchdog_s
        self.every_s = STATUS_S if allowed_s is None else min(STATUS_S, allowed_s / 3)

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Say that the start goes on while it does, and then that it is over."""
        over = threading.Event()
        thread = threading.Thread(
            target=self._extend, args=(over,), name="gateway/starting", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        self._manager.tell("READY=1")

    def beat(self) -> None:
        """Give a sign of life, if there is life; say how it stands, if that changed."""
        gateway, hung = self._gateway, self._gateway.hung
        if hung is None and self._manager.watchdog_s is not None:
            self._manager.tell("WATCHDOG=1")
        with contextlib.suppress(GatewayError):  # an account is removed at this moment
            states = shapes.tally(gateway.accounts[name] for name in gateway.accounts)
            self._say(sentence(states, len(gateway.alerts), hung))

    def _say(self, said: str) -> None:
        if said != self._said:
            self._said = said
            self._manager.tell(f"STATUS={said}")

    def stopping(self) -> None:
        """Say that the ordered stop begins."""
        self._manager.tell("STOPPING=1", "STATUS=stopping: what is under way is stored first")

    def _extend(self, over: threading.Event) -> None:
        until_s = time.monotonic() + LONGEST_START_S
        status = "STATUS=opening the journal"
        while time.monotonic() < until_s:
            self._manager.tell(f"EXTEND_TIMEOUT_USEC={EXTEND_S * 1e6:.0f}", status)
            if over.wait(EXTEND_EVERY_S):
                return


def sentence(states: Mapping[str, int], alerts: int, hung: str | None) -> str:
    """Return how a gateway stands, in one sentence, the worst first.

    Args:
        states: Accounts by state.
        alerts: How many are on.
        hung: What stands still; None: nothing.
    """
    if hung is not None:
        return f"hung: {hung}"
    total = sum(states.values())
    told = f"{states.get('connected', 0)} of {total} accounts connected" if total else "no accounts"
    needed = needs_a_person({"states": states, "alerts": alerts})
    return f"needs a person: {needed}; {told}" if needed else told
