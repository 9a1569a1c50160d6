"""The context of a route, and an answer. No route, no socket."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from gateway.errors import UnknownAccountError
from gateway.web.asked import Requests
from gateway.web.callers import Caller
from gateway.web.guard import Guard
from gateway.web.problems import Problem
from gateway.web.request import Request
from gateway.web.stopped import StoppedGateway
from gateway.web.tail import Tail
from gateway.web.upkeep import FileCare

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from gateway.host.gateway import Gateway
    from gateway.reading.keeping import Reading

Controlled: TypeAlias = "Gateway | StoppedGateway"
"""What is controlled."""

TURN_S = 0.25
"""Longest wait between two looks whether anybody still wants the answer."""

MOST_WAITING = 4
"""Requests that may wait at once; fewer than the server has threads."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent.

    Attributes:
        status: HTTP status.
        body: Plain values; secrets are masked when it is sent.
        unmasked: Put into the body as it is: what only this answer may show.
        content_type: Of a body that is sent as it is; None: it is sent as JSON.
        headers: Further headers; they replace those of the same name.
    """

    status: int = 200
    body: Any
    unmasked: Mapping[str, Any] = {}
    content_type: str | None = None
    headers: Sequence[tuple[str, str]] = ()

    def content(self, redact: Callable[[Any], Any]) -> Any:
        """Return what is sent."""
        body = redact(self.body)
        return {**body, **self.unmasked} if self.unmasked else body


Route: TypeAlias = "Callable[[Context, Request], Answer]"
"""Answers a request."""


class Context:
    """What routes are given.

    Args:
        gateway: What is controlled.
        log: A structlog logger.
        guard: Lets requests in; None: whoever is given it was let in.

    Attributes:
        began_s: Monotonic time at which it was made.
        closing: Set when waiting requests should end.
        tail: The last events, for watchers.
        collectors: What the server itself adds to the metrics.
        reading: What was said, for people to read; None: nothing is copied.
        registries: The metrics, once somebody has asked for them; ``registering`` guards it.
    """

    def __init__(self, gateway: Controlled, log: Any, guard: Guard | None = None) -> None:
        self.gateway = gateway
        self.log = log
        self.guard = guard or Guard("localhost", None)
        self.began_s = time.monotonic()
        self.closing = threading.Event()
        self.tail = Tail(gateway.tap, gateway.redact)
        self.collectors: list[Requests] = []
        self.registries: list[CollectorRegistry] = []
        self.registering = threading.Lock()
        self.reading: Reading | None = None
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def asked_by(self, caller: Caller) -> Context:
        """Return the same for one request: what it logs says who asked."""
        mine = copy.copy(self)
        mine.log = self.log.bind(who=caller.who)
        return mine

    @property
    def journal(self) -> FileCare:
        """Upkeep of the journal file, in use or not."""
        gateway = self.gateway
        if isinstance(gateway, StoppedGateway):
            return gateway.journal
        return FileCare(gateway.settings)

    def must_know(self, account: str | None) -> None:
        """Refuse a name that no account has; None is no name.

        Raises:
            UnknownAccountError: It is one; its words name one that is alike.
        """
        gateway = self.gateway
        names = {each.id for each in gateway.settings.accounts}
        if gateway.running:
            names.update(gateway.accounts)
        if account is not None and account not in names:
            raise UnknownAccountError(account, names)

    @contextlib.contextmanager
    def waiting(self, wait_s: float) -> Iterator[None]:
        """Hold one of the few places for requests that wait.

        Raises:
            Problem: 503; all are taken.
        """
        if wait_s <= 0:
            yield
        elif self._waiting.acquire(timeout=2 * TURN_S):  # one that left is noticed by then
            try:
                yield
            finally:
                self._waiting.release()
        else:
            told = f"{MOST_WAITING} requests wait already"
            fix = (
                "end one (`tail`, `send --wait`) or try again in a moment; with wait_s=0 none waits"
            )
            raise Problem(503, "busy", told, fix)

    def close(self) -> None:
        """Release all waiting requests. Idempotent."""
        self.closing.set()
        self.tail.close()
