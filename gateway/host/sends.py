"""Sends as the host sees them: a ticket now, an honest result later, and all of them by id."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final, TypeAlias

from actors.policy import reasons
from actors.ports.commands import MarkDelivery
from actors.ports.journal import SendQuery, SendRecord
from actors.values import AccountId, Delivery, SendOutcome, SendResult, SendState
from gateway import arguments
from gateway.errors import SendStateError, UnknownSendError
from gateway.host.access import JournalAccess
from gateway.host.send_view import SendView, result_of
from gateway.host.undisturbed import undisturbed
from gateway.journal.sqlite import outbox

PENDING = SendResult(outcome=SendOutcome.UNKNOWN, reason=reasons.PENDING)
"""Result of :meth:`SendTicket.result` at its timeout; the send itself goes on."""

MOST_LISTED: Final = 1_000_000
"""Most sends in one list."""

_Views: TypeAlias = list[SendView]  # within the class, ``list`` is its method

_SEEN: Final = [SendOutcome.ACCEPTED.value, SendOutcome.REFUSED.value]
"""What a person can see in a conversation."""


class SendTicket:
    """A durable send. It may be kept, passed to another thread, or dropped.

    Attributes:
        outbox_id: Our id of the send, unique for ever.
    """

    def __init__(self, outbox_id: str) -> None:
        self.outbox_id = outbox_id
        self._result: SendResult | None = None
        self._pending = threading.Lock()  # held until it ends; who ends it waits for nobody
        self._pending.acquire()

    def __repr__(self) -> str:
        outcome = "pending" if self._result is None else self._result.outcome.value
        return f"<send {self.outbox_id} {outcome}>"

    @property
    def done(self) -> bool:
        """Return whether the outcome is known."""
        return self._result is not None

    def result(self, timeout: float) -> SendResult:
        """Wait for the outcome.

        Args:
            timeout: Seconds at most.

        Returns:
            The outcome; UNKNOWN with reason ``pending`` if there is none in time.

        Raises:
            TypeError: ``timeout`` is no number of seconds.
            ValueError: ``timeout`` is negative or no number.
        """
        timeout = min(arguments.wait_s("timeout", timeout), threading.TIMEOUT_MAX)
        if self._result is None and self._pending.acquire(timeout=timeout):
            self._pending.release()  # for the next who waits
        return self._result or PENDING

    def end(self, result: SendResult) -> None:
        """Set the outcome; called by the kernel."""
        if self._result is None:
            self._result = result
            self._pending.release()


class Tickets:
    """The tickets that wait for the outcome of their sends."""

    def __init__(self) -> None:
        self._tickets: dict[str, SendTicket] = {}
        self._lock = threading.Lock()

    def open(self, outbox_id: str) -> SendTicket:
        """Return the ticket of a send that has no outcome yet."""
        with self._lock:
            return self._tickets.setdefault(outbox_id, SendTicket(outbox_id))

    def end(self, outbox_id: str, result: SendResult) -> None:
        """Resolve a ticket, if there is one."""
        with self._lock:
            ticket = self._tickets.pop(outbox_id, None)
        if ticket is not None:
            ticket.end(result)


class Sends:
    """All sends by id, of this life and of earlier ones. From any thread.

    Args:
        journal: Where they lie.
        tickets: The tickets that wait.
    """

    def __init__(self, journal: JournalAccess, tickets: Tickets) -> None:
        self._journal = journal
        self._tickets = tickets

    @undisturbed
    def get(self, outbox_id: str) -> SendView | None:
        """Return a send, or None if the journal has none of that id.

        Raises:
            TypeError: The id is no ``str``.
            ValueError: The id is empty, or none there can be.
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        outbox_id = _outbox_id(outbox_id)
        record = self._find(outbox_id)
        return None if record is None else SendView.of(record)

    @undisturbed
    def list(
        self,
        account: AccountId | None = None,
        state: SendState | str | None = None,
        limit: int = 100,
    ) -> list[SendView]:
        """Return the newest sends, newest first.

        Args:
            account: Only this account's.
            state: Only in this state, by its name.
            limit: Most to give, up to 1,000,000.

        Raises:
            TypeError: An argument has another type.
            ValueError: There is no such state; names those there are. Or the limit is none.
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        query = SendQuery(
            account=None if account is None else arguments.account(account),
            state=None if state is None else _state(state),
            newest_first=True,
            limit=arguments.whole("limit", limit, least=0, most=MOST_LISTED),
        )
        return self._list(query)

    @undisturbed
    def to_review(
        self, account: AccountId | None, limit: int, *, before: str | None = None
    ) -> Sequence[SendView]:
        """Return sends whose outcome only a person can tell, the newest first.

        Args:
            account: Only this account's; None: of all.
            limit: How many at most.
            before: Id of the last one of the page before; None: the first.
        """
        query = SendQuery(
            account=None if account is None else arguments.account(account),
            state=SendState.UNKNOWN,
            open_only=True,
            reason=reasons.NEEDS_REVIEW,
            before=None if before is None else _outbox_id(before),
            newest_first=True,
            limit=arguments.whole("limit", limit, least=0, most=MOST_LISTED),
        )
        return self._list(query)

    @undisturbed
    def cancel(self, outbox_id: str) -> SendView:
        """Cancel a send of which nothing has left.

        Raises:
            TypeError: The id is no ``str``.
            ValueError: The id is empty, or none there can be.
            UnknownSendError: There is none of that id.
            SendStateError: It is not queued any more; it may have left.
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        return self._end(
            outbox.cancelling(_outbox_id(outbox_id)), "only what is queued can be cancelled"
        )

    @undisturbed
    def resolve(
        self, outbox_id: str, outcome: SendOutcome | str, message_id: str | None = None
    ) -> SendView:
        """End an UNKNOWN send as a person decided who looked at the conversation.

        Args:
            outbox_id: Which send.
            outcome: ``accepted``: it arrived. ``refused``: it did not; send anew if wanted.
            message_id: The platform's id of it, if known.

        Raises:
            TypeError: An argument has another type.
            ValueError: Another outcome, or an id there cannot be.
            UnknownSendError: There is none of that id.
            SendStateError: It is not UNKNOWN.
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        told = outcome.value if isinstance(outcome, SendOutcome) else outcome
        outcome = SendOutcome(arguments.choice("outcome", told, _SEEN))
        note = outbox.resolving(
            _outbox_id(outbox_id),
            outcome,
            arguments.optional_identifier("message_id", message_id),
        )
        return self._end(note, "only what is unknown can be resolved by hand")

    @undisturbed
    def ticket(self, outbox_id: str) -> SendTicket:
        """Return a ticket for a send, perhaps of an earlier life.

        Raises:
            TypeError: The id is no ``str``.
            ValueError: The id is empty, or none there can be.
            UnknownSendError: There is none of that id.
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        outbox_id = _outbox_id(outbox_id)
        found = self.known(outbox_id)
        if found is None:
            raise UnknownSendError(outbox_id)
        return found[1]

    def known(self, outbox_id: str) -> tuple[Delivery, SendTicket] | None:
        """Return what a send carries, and a ticket for it; None if there is none of that id.

        Raises:
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        ticket = self._tickets.open(outbox_id)  # before it is read, so that no end is missed
        record = self._find(outbox_id)
        if record is None:
            self._tickets.end(outbox_id, PENDING)
            return None
        result = result_of(record)
        if result is not None:
            self._tickets.end(outbox_id, result)
        return record.delivery, ticket

    def _list(self, query: SendQuery) -> _Views:
        records = self._journal.read(lambda journal: journal.sends(query))
        return [SendView.of(each) for each in records]

    def _end(self, note: MarkDelivery, wanted: str) -> SendView:
        """Let the journal decide, then tell the account's outbox."""
        outbox_id, result = note.outbox_id, note.result
        assert result is not None
        record = self._find(outbox_id)
        if record is None:
            raise UnknownSendError(outbox_id)
        held = self._journal.do(note)
        after = self._find(outbox_id) or record
        if not held:
            raise SendStateError(outbox_id, after.state.value, wanted)
        self._journal.send_dropped(record.delivery.account, outbox_id, result.outcome)
        self._tickets.end(outbox_id, result)
        return SendView.of(after)

    def _find(self, outbox_id: str) -> SendRecord | None:
        return self._journal.read(lambda journal: outbox.find(journal, outbox_id))


def _state(name: SendState | str) -> SendState:
    if isinstance(name, SendState):
        return name
    word = arguments.text("state", name, most=arguments.ID_CHARS)
    try:
        return SendState(word)
    except ValueError:
        known = ", ".join(each.value for each in SendState)
        raise ValueError(f"no state {word!r}; there are {known}") from None


def _outbox_id(value: object) -> str:
    return arguments.identifier("outbox_id", value, remedy="take it from ticket.outbox_id")
