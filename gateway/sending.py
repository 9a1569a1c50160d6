"""Sends as the host sees them: a ticket now, an honest result later."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import structs

from actors.values import SendOutcome, SendResult
from gateway.redaction import Redactor

PENDING = SendResult(outcome=SendOutcome.UNKNOWN, reason="pending")
"""What :meth:`SendTicket.result` gives at its timeout; the send itself lives on."""


def masked_result(result: SendResult, redactor: Redactor) -> SendResult:
    """Give a result without our secrets; a platform may repeat one in its reason."""
    told = redactor.text(result.reason or "")
    return result if told == (result.reason or "") else structs.replace(result, reason=told)


class SendTicket:
    """A durable send. It may be kept, passed to another thread, or dropped.

    Attributes:
        outbox_id: Our id of the send, unique for ever.
    """

    def __init__(self, outbox_id: str) -> None:
        self.outbox_id = outbox_id
        self._result: SendResult | None = None
        self._ended = threading.Event()

    def __repr__(self) -> str:
        outcome = "pending" if self._result is None else self._result.outcome.value
        return f"<send {self.outbox_id} {outcome}>"

    @property
    def done(self) -> bool:
        """Tell whether the outcome is known."""
        return self._result is not None

    def result(self, timeout: float) -> SendResult:
        """Wait for the outcome.

        Args:
            timeout: Seconds at most.

        Returns:
            The outcome; UNKNOWN with reason ``pending`` if there is none in time.
        """
        self._ended.wait(timeout)
        return self._result or PENDING

    def end(self, result: SendResult) -> None:
        """Set the outcome; called by the kernel, once."""
        self._result = result
        self._ended.set()


class ClientIds:
    """Numbers for the client ids of sends: tenths of a millisecond, never the same twice.

    A platform's client id is its clock and one digit (``protocol.md`` 3), so two sends in
    one moment must not draw the same.
    """

    def __init__(self, unix_ms: Callable[[], int]) -> None:
        self._unix_ms = unix_ms
        self._last = 0
        self._lock = threading.Lock()

    def draw(self) -> tuple[int, float]:
        """Give milliseconds and a number in [0, 1) for a session's ``uuid``."""
        with self._lock:
            self._last = max(self._unix_ms() * 10, self._last + 1)
            return self._last // 10, (self._last % 10 + 0.5) / 10


class OpenSends:
    """Tickets by id, and how many sends of each account have no outcome yet."""

    def __init__(self) -> None:
        self._tickets: dict[str, tuple[str, SendTicket]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def open(self, account: str, outbox_id: str, limit: int) -> SendTicket | None:
        """Give a ticket, or None if ``limit`` sends of the account are open."""
        ticket = SendTicket(outbox_id)
        with self._lock:
            count = self._counts.get(account, 0)
            if count >= limit:
                return None
            self._counts[account] = count + 1
            self._tickets[outbox_id] = (account, ticket)
        return ticket

    def end(self, outbox_id: str, result: SendResult) -> None:
        """Resolve a ticket; one that nobody holds is fine."""
        with self._lock:
            account, ticket = self._tickets.pop(outbox_id, (None, None))
            if account is not None:
                self._counts[account] -= 1
        if ticket is not None:
            ticket.end(result)

    def waiting(self) -> int:
        """Count the sends without an outcome."""
        with self._lock:
            return len(self._tickets)
