"""Handlers on the bench: a gateway's own handlers, called here and now, without network.

No thread, no socket, no journal, no waiting: an event goes in, what came of it comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from actors.identity import Identity
from actors.plan import AccountPlan
from actors.policy.alerts import Alert
from actors.ports.journal import Letter
from actors.values import (
    Content,
    Delivery,
    Disposition,
    Event,
    Frame,
    Note,
    Outcome,
    SendOutcome,
    SendResult,
)
from gateway import arguments, listeners
from gateway.errors import UnknownAccountError
from gateway.events import PlatformEvent, note_name
from gateway.host.gateway import Gateway
from gateway.host.subscriptions import OnCrash, Session
from gateway.settings import AccountSettings, Credentials, Settings
from gateway.testing.kit import events
from gateway.testing.kit.standin import StandIn

EventT = TypeVar("EventT", bound=Event)
Sends = Callable[[Delivery], SendResult]
Ended = Literal["done", "ignored", "dead"]

_NOWHERE: Final = "ws://127.0.0.1:9/"
_RECEIVED_MS: Final = 1_700_000_000_000
_ENDED: Final[Mapping[Disposition, Ended]] = {
    Disposition.DONE: "done",
    Disposition.IGNORED: "ignored",
    Disposition.DEAD: "dead",
}


def _accept(delivery: Delivery) -> SendResult:
    return SendResult(outcome=SendOutcome.ACCEPTED, message_id=f"{delivery.outbox_id[:8]}.PNM")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Something a handler said.

    Attributes:
        text: The text; None for an image.
        image_url: Of the image; of a file ``file://…``, as the bench uploads nothing.
        conversation_id: Where it goes.
        to: The other user's id.
        account: The account that says it.
    """

    text: str | None
    image_url: str | None
    conversation_id: str
    to: str | None
    account: str

    @classmethod
    def of(cls, delivery: Delivery) -> Said:
        """Read a delivery."""
        content: Content = delivery.content
        return cls(
            text=content.text,
            image_url=content.image_url,
            conversation_id=delivery.conversation_id,
            to=delivery.to,
            account=delivery.account,
        )


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one event.

    Attributes:
        event: The event.
        outcome: ``done``, ``ignored`` (no handler wanted it) or ``dead`` (every try failed).
        replies: What leaves with the settlement: of a dead letter, what those handlers said
            that were done.
        sent: What handlers sent by ``gateway.send`` meanwhile, failed tries included.
        notes: What is kept with the settlement.
        failures: What handlers raised, oldest first.
        waits_s: The waits before further attempts; the bench does not wait.
        tries: How often the handlers ran.
    """

    event: Event
    outcome: Ended
    replies: Sequence[Said] = ()
    sent: Sequence[Said] = ()
    notes: Sequence[Note] = ()
    failures: Sequence[BaseException] = ()
    waits_s: Sequence[float] = ()
    tries: int = 0

    @property
    def attempts(self) -> int:
        """How often the handlers ran; 0 if none wanted it."""
        return self.tries

    @property
    def retries(self) -> int:
        """How often they ran again after a failure."""
        return len(self.waits_s)

    @property
    def texts(self) -> list[str | None]:
        """The texts of the replies; None for an image."""
        return [reply.text for reply in self.replies]

    @property
    def reply(self) -> str | None:
        """The text of the only reply.

        Raises:
            AssertionError: There is none, or more than one; says what there is.
        """
        if len(self.replies) != 1:
            raise AssertionError(f"{self.outcome}, {len(self.replies)} replies: {self.texts}")
        return self.replies[0].text


class HandlerBench:
    """Feeds events to a gateway's handlers, on the calling thread.

    The gateway must not run. Everything a gateway does around handlers is done: which handlers
    want the event, replies, retries (without their waits), dead letters. A handler may call
    ``gateway.send``; :attr:`sends` says what the platform makes of it.

    Args:
        gateway: With its handlers; None makes one with the single account ``shop-a``.

    Raises:
        TypeError: ``gateway`` is no :class:`~gateway.Gateway`.

    Attributes:
        gateway: To add handlers to, as always: ``bench.gateway.on(ChatMessage)(answer)``.
        history: Everything that was fed, oldest first.
        sends: Gives the result of a send; by default it is accepted.

    What a handler may ask a gateway it can ask here, too: ``gateway.note``, ``.sends``,
    ``.dead_letters``, ``.alerts`` are of a journal in memory that lives as long as the bench.
    """

    def __init__(self, gateway: Gateway | None = None) -> None:
        if gateway is not None and not isinstance(gateway, Gateway):
            raise TypeError(
                f"gateway must be a Gateway, not {arguments.kind(gateway)}; "
                "for a configuration file write HandlerBench.from_config(path)"
            )
        self.gateway = gateway or Gateway(bench_settings())
        self.history: list[Handled] = []
        self._sends: Sends = _accept
        self._sent: list[Said] = []
        self._stand_in = StandIn(self._send, self.gateway._log)  # noqa: SLF001  # of one house
        self._journal = self._stand_in.journal
        self._numbers = self._journal.numbers()

    @classmethod
    def from_config(cls, path: str | Path) -> HandlerBench:
        """Put the gateway of a configuration on the bench.

        Raises:
            ConfigError: All that is wrong with the file.
        """
        return cls(Gateway.from_config(path))

    def on(
        self,
        event_type: type[EventT],
        *,
        account: str | None = None,
        own: bool = False,
        on_crash: OnCrash = "redeliver",
        sessions: Collection[Session] | None = None,
    ) -> Callable[[Callable[[EventT], None]], Callable[[EventT], None]]:
        """Add a handler, as :meth:`Gateway.on` does."""
        return self.gateway.on(
            event_type, account=account, own=own, on_crash=on_crash, sessions=sessions
        )

    @property
    def sends(self) -> Sends:
        """Return the result of a send."""
        return self._sends

    @sends.setter
    def sends(self, value: Sends) -> None:
        """Have another function give it.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        listeners.listener("bench.sends", value, takes=1)
        self._sends = value

    @property
    def account(self) -> str:
        """The gateway's first account; events of no account of it are given to this one.

        Raises:
            LookupError: It has none.
        """
        for name in self.gateway.accounts:
            return name
        raise LookupError("the gateway has no account: add one to its settings")

    @property
    def replies(self) -> list[Said]:
        """All replies so far."""
        return [reply for handled in self.history for reply in handled.replies]

    @property
    def sent(self) -> list[Said]:
        """Everything handlers sent by ``gateway.send`` so far."""
        return [said for handled in self.history for said in handled.sent]

    @property
    def notes(self) -> list[Note]:
        """All notes so far, those that a later one replaced among them."""
        return [note for handled in self.history for note in handled.notes]

    @property
    def letters(self) -> Sequence[Letter]:
        """Dead letters so far, the newest first."""
        return self._journal.letters(None, len(self.history))

    @property
    def alerts(self) -> Sequence[Alert]:
        """What a person would be told to look at now, by the journal and by handlers."""
        return self._stand_in.alerts.on()

    def note(self, conversation: str | None, key: str, *, account: str | None = None) -> str | None:
        """Return what handlers noted last, as :meth:`Gateway.note` does."""
        account = self.account if account is None else arguments.account(account)
        return self._journal.note(account, *note_name(conversation, key))

    @property
    def failures(self) -> list[BaseException]:
        """Everything handlers raised so far."""
        return [failure for handled in self.history for failure in handled.failures]

    # --- events in ----------------------------------------------------------------

    def feed(self, event: Event) -> Handled:
        """Hand an event to the handlers that want it, and say what came of it.

        A handler that raises is called again as often as the account's ``retry_delays_s`` says.

        Raises:
            TypeError: ``event`` is no event.
            UnknownAccountError: The gateway has no account of the event's.
            RuntimeError: The gateway is running.
        """
        if not isinstance(event, Event):
            raise TypeError(
                f"event must be an Event, not {arguments.kind(event)}; "
                "make one by gateway.testing.events, or feed a text by chat()"
            )
        if event.account not in self.gateway.accounts and isinstance(event, PlatformEvent):
            event = events.of_account(event, self.account)
        handled = self._handle(event)
        self.history.append(handled)
        return handled

    def chat(self, text: str = "还在吗？", **fields: Any) -> Handled:
        """Feed a customer's message; fields as :func:`gateway.testing.events.chat` takes them.

        Raises:
            TypeError: ``text`` is no text, or there is no such field.
        """
        return self.feed(events.chat(text, **{"account": self.account} | fields))

    def frame(self, frame: Frame, *, account: str | None = None) -> list[Handled]:
        """Feed what a captured frame carries, in its order.

        Args:
            frame: As it came over the WebSocket.
            account: Whose session reads it; None: the gateway's first.

        Raises:
            TypeError: ``frame`` is neither ``str`` nor ``bytes``.
            UnknownAccountError: The gateway has no such account.
            ValueError: It is none of the platform's frames, or carries no event; says why.
        """
        if not isinstance(frame, str | bytes):
            raise TypeError(
                f"frame must be str or bytes, not {arguments.kind(frame)}; "
                "give what came over the WebSocket, not what was made of it"
            )
        plan = self._plan(self.account if account is None else arguments.account(account))
        session = plan.platform.session(_signed_in(plan.identity()))
        decoded = session.decode(frame, received_at_ms=_RECEIVED_MS, numbers=self._numbers)
        if not decoded.events:
            raise ValueError(f"the frame carries no event: {decoded.fault or 'it is no push'}")
        return [self.feed(event) for event in decoded.events]

    # --- inside -------------------------------------------------------------------

    def _plan(self, account: str) -> AccountPlan:
        """Return the plan of an account.

        Raises:
            UnknownAccountError: The gateway has none of that name.
        """
        plan = self.gateway._plans.get(account)  # noqa: SLF001  # of one house
        if plan is None:
            raise UnknownAccountError(account, self.gateway.accounts)
        return plan

    def _handle(self, event: Event) -> Handled:
        waits = self._plan(event.account).tries.retry_delays_s
        failures: list[BaseException] = []
        self._sent = []
        outcome = Outcome(disposition=Disposition.DEAD)
        tries = 0
        with self._standing_in():
            while tries <= len(waits) and (not tries or outcome.disposition is Disposition.RETRY):
                outcome = self._try(event, failures)
                tries += 1
        self.gateway._handlers.forget(event)  # noqa: SLF001  # of one house
        if outcome.disposition is Disposition.RETRY:
            outcome = Outcome(
                disposition=Disposition.DEAD,
                reason=outcome.reason,
                replies=outcome.replies,
                notes=outcome.notes,
            )
            failed = tries
        else:
            failed = tries - 1
        self._stand_in.settle(event, outcome, tries)
        return Handled(
            event=event,
            outcome=_ENDED[outcome.disposition],
            replies=tuple(Said.of(delivery) for delivery in outcome.replies),
            sent=tuple(self._sent),
            notes=outcome.notes,
            failures=tuple(failures),
            waits_s=waits[:failed],
            tries=0 if outcome.disposition is Disposition.IGNORED else tries,
        )

    def _try(self, event: Event, failures: list[BaseException]) -> Outcome:
        handlers = self.gateway._handlers  # noqa: SLF001  # of one house
        raised: list[BaseException] = []

        def failed(error: BaseException) -> None:
            if isinstance(error, KeyboardInterrupt):
                raise error
            raised.append(error)

        handlers.on_failure = failed
        try:
            outcome = handlers(event)
        except KeyboardInterrupt:
            handlers.forget(event)
            raise
        except BaseException as error:  # noqa: BLE001  # a reply without room, say
            failures.append(error)
            return Outcome(disposition=Disposition.RETRY)
        finally:
            handlers.on_failure = None
        if outcome.disposition is Disposition.RETRY:
            failures += raised
        return outcome

    @contextmanager
    def _standing_in(self) -> Iterator[None]:
        """Take sends in place of the machinery, which does not run."""
        gateway: Any = self.gateway
        if gateway._system is not None:  # noqa: SLF001  # of one house
            raise RuntimeError("the gateway is running: a bench takes one that was not started")
        gateway._system = self._stand_in  # noqa: SLF001  # the same
        try:
            yield
        finally:
            gateway._system = None  # noqa: SLF001  # the same

    def _send(self, delivery: Delivery, _s: float, _refused: Callable[[str], None]) -> None:
        self._sent.append(Said.of(delivery))
        result = self.sends(delivery)
        if not isinstance(result, SendResult):
            raise TypeError(f"bench.sends must return SendResult, not {arguments.kind(result)}")
        self._stand_in.sent(delivery, result)
        told = self.gateway._observer  # noqa: SLF001  # of one house
        told.send_ended(delivery.account, delivery.outbox_id, result)


def _signed_in(identity: Identity) -> Identity:
    """Return an identity as it is once the account has a token; nothing registers with it."""
    return msgspec.structs.replace(
        identity, user_id=identity.user_id or "bench", token=identity.token or "bench"
    )


def bench_settings(*accounts: str) -> Settings:
    """Return settings with these accounts, ``shop-a`` if none is named; nothing is kept."""
    return Settings(
        durability="memory",
        accounts=tuple(
            AccountSettings(
                id=name,
                url=_NOWHERE,
                # Of a kind that may upload images.
                credentials=Credentials(kind="goofish", user_id="2201", device_id="bench"),
            )
            for name in accounts or (events.ACCOUNT,)
        ),
    )
