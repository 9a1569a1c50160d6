"""Sends as the host sees them: a ticket now, an honest result later, and all of them by id."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from actors.policy.sends import NEEDS_REVIEW
from actors.ports.commands import MarkDelivery
from actors.ports.journal import CommandRefusedError, SendQuery, SendRecord
from actors.values import AccountId, Content, Delivery, SendOutcome, SendResult, SendState
from gateway import arguments
from gateway.errors import OverloadedError, SendStateError, UnknownSendError
from gateway.events import PIXELS
from gateway.host.access import ANSWER_S, JournalAccess
from gateway.host.undisturbed import undisturbed
from gateway.journal.sqlite import outbox
from gateway.redaction import Redactor

if TYPE_CHECKING:
    from actors.runtime.quotas import OpenSends
    from actors.system import System

PENDING = SendResult(outcome=SendOutcome.UNKNOWN, reason="pending")
"""Result of :meth:`SendTicket.result` at its timeout; the send itself goes on."""

MOST_LISTED: Final = 1_000_000
"""Most sends in one list."""

_OUTCOMES: Final = [each.value for each in SendOutcome]


def masked_result(result: SendResult, redactor: Redactor) -> SendResult:
    """Return a result without our secrets; a platform may repeat one in its reason."""
    told = redactor.text(result.reason or "")
    return result if told == (result.reason or "") else structs.replace(result, reason=told)


def content_of(text: object, image_url: object, *, width: object, height: object) -> Content:
    """Return what a send carries, checked: a text, or an image that lies somewhere.

    Raises:
        TypeError: An argument has another type.
        ValueError: Neither or both; too long, out of bounds, or no address.
    """
    if (text is None) == (image_url is None):
        raise ValueError("send() takes a text or an image_url, one of them")
    return Content(
        text=None if text is None else arguments.message("text", text),
        image_url=None if image_url is None else arguments.web_address("image_url", image_url),
        width=arguments.whole("width", width, least=0, most=PIXELS),
        height=arguments.whole("height", height, least=0, most=PIXELS),
    )


def refuse_full(open_sends: OpenSends, account: AccountId, limit: int) -> None:
    """Refuse a reply for which there is no room.

    Raises:
        OverloadedError: The outbox of the account, or of the gateway, is full.
    """
    if open_sends.count(account) >= limit:
        raise OverloadedError(f"outbox of {account}", limit)
    if len(open_sends) >= open_sends.limit:
        raise OverloadedError("outbox of the gateway", open_sends.limit)


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
        """Return milliseconds and a number in [0, 1) for a session's ``uuid``."""
        with self._lock:
            self._last = max(self._unix_ms() * 10, self._last + 1)
            return self._last // 10, (self._last % 10 + 0.5) / 10


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


def accept(system: System, tickets: Tickets, delivery: Delivery, limit: int) -> SendTicket:
    """Put a send into the outbox; return its ticket once it is stored.

    Args:
        system: Runs the account.
        tickets: Hear of its end.
        delivery: What to send.
        limit: Most sends of the account that may wait.

    Raises:
        OverloadedError: There is no room; nothing was accepted.
        KeyError: The account was removed; nothing was accepted.
        TimeoutError: The journal did not answer in 10 s; whether it is in is unknown.
    """
    open_sends, outbox_id = system.services.sends, delivery.outbox_id
    full = open_sends.reserve(delivery.account, outbox_id, limit)
    if full is not None:
        raise OverloadedError(*full)
    clock = system.services.clock
    left_s = (delivery.expires_at_ms - clock.unix_ms()) / 1000  # it may be set any moment
    open_sends.until(outbox_id, clock.monotonic() + left_s)
    ticket = tickets.open(outbox_id)

    def refused(reason: str) -> None:
        open_sends.ended(outbox_id)
        tickets.end(outbox_id, SendResult(outcome=SendOutcome.REFUSED, reason=reason))

    try:
        system.accounts.send(delivery, ANSWER_S, refused)
    except CommandRefusedError:
        return ticket  # which says so
    except OverloadedError as error:
        refused(str(error))
        raise
    except KeyError:
        refused("account_removed")
        raise
    return ticket


class SendView(msgspec.Struct, frozen=True, kw_only=True):
    """One send, as it stood when it was asked for.

    Attributes:
        outbox_id: Our id of it.
        account: The sending account.
        conversation_id: Where to.
        to: The other user's id.
        text: What it says; None for an image.
        image_url: The image; None for a text.
        state: ``queued sending unknown accepted refused expired cancelled``.
        outcome: As :attr:`SendResult.outcome`; None: it is still being worked on.
        reason: Of the state; ``needs_review``: resolve it by hand.
        message_id: The platform's id of it.
        attempts: How often bytes of it may have left.
        accepted_at_ms: Our Unix time it came in.
        expires_at_ms: Our Unix time from which it is not sent any more.
        ended_at_ms: Our Unix time it ended; None while it is open.
        event_id: The event it answers.
    """

    outbox_id: str
    account: AccountId
    conversation_id: str
    to: str | None
    text: str | None
    image_url: str | None
    state: SendState
    outcome: SendOutcome | None
    reason: str | None
    message_id: str | None
    attempts: int
    accepted_at_ms: int
    expires_at_ms: int
    ended_at_ms: int | None
    event_id: str | None

    @classmethod
    def of(cls, record: SendRecord) -> SendView:
        """Show a row of the journal."""
        sent, result = record.delivery, result_of(record)
        return cls(
            outbox_id=sent.outbox_id,
            account=sent.account,
            conversation_id=sent.conversation_id,
            to=sent.to,
            text=sent.content.text,
            image_url=sent.content.image_url,
            state=record.state,
            outcome=None if result is None else result.outcome,
            reason=record.reason,
            message_id=record.message_id,
            attempts=record.attempts,
            accepted_at_ms=record.accepted_at_ms,
            expires_at_ms=sent.expires_at_ms,
            ended_at_ms=record.ended_at_ms,
            event_id=sent.event_id,
        )


def result_of(record: SendRecord) -> SendResult | None:
    """Return the outcome of a row of the journal, or None if it is still worked on."""
    if record.ended_at_ms is None and record.reason != NEEDS_REVIEW:
        return None
    return SendResult(
        outcome=SendOutcome(record.state.value),
        message_id=record.message_id,
        reason=record.reason,
    )


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
        records = self._journal.read(lambda journal: journal.sends(query))
        return [SendView.of(each) for each in records]

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
        if not isinstance(outcome, SendOutcome):
            outcome = SendOutcome(arguments.choice("outcome", outcome, _OUTCOMES))
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
        ticket = self._tickets.open(outbox_id)  # before it is read, so that no end is missed
        record = self._find(outbox_id)
        if record is None:
            self._tickets.end(outbox_id, PENDING)
            raise UnknownSendError(outbox_id)
        result = result_of(record)
        if result is not None:
            self._tickets.end(outbox_id, result)
        return ticket

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
        self._journal.send_dropped(record.delivery.account, outbox_id)
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
