"""Makes sends: addressee, content, ids and bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from actors.ports import Clock
from actors.ports.journal import CommandRefusedError
from actors.registry import AccountRegistry
from actors.values import AccountId, Content, Delivery, Event, SendOutcome, SendResult
from gateway import arguments
from gateway.errors import OverloadedError, UnknownAccountError
from gateway.events import PIXELS
from gateway.host import keyed
from gateway.host.access import ANSWER_S
from gateway.host.answering import addressee
from gateway.host.images import Images
from gateway.host.registry import Registry
from gateway.host.sends import Sends, SendTicket, Tickets
from gateway.host.undisturbed import run
from gateway.images import local_path

if TYPE_CHECKING:
    from actors.system import System


class _Order(NamedTuple):
    """Where a send goes, and until when."""

    account: AccountId
    conversation: str
    to: str | None
    expires_s: float | None
    key: str | None = None


def _checked(
    account: object, conversation: object, to: object, expires_s: object, key: object = None
) -> _Order:
    """Return the arguments all sends have.

    Raises:
        TypeError: One has another type.
        ValueError: One is out of bounds.
    """
    return _Order(
        arguments.account(account),
        arguments.identifier("conversation", conversation),
        arguments.optional_identifier("to", to),
        None
        if expires_s is None
        else arguments.seconds("expires_s", expires_s, most=arguments.LONGEST_S),
        None if key is None else keyed.checked(key),
    )


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


class Sender:
    """Accepts sends of the host, and makes replies into sends. Any thread.

    Args:
        registry: The accounts, and what runs them.
        tickets: Hear of each end.
        sends: Those there are.
        clock: Time.
        images: Uploads the files of images.
        sent: Called with account and conversation of each send that is accepted.
    """

    def __init__(
        self,
        registry: Registry,
        tickets: Tickets,
        sends: Sends,
        clock: Clock,
        *,
        images: Images,
        sent: Callable[[AccountId, str], None],
    ) -> None:
        self._registry = registry
        self._tickets = tickets
        self._clock = clock
        self._images = images
        self._sent = sent
        self._ids = ClientIds(clock.unix_ms)
        self._keyed = keyed.KeyedSends(sends, registry.running)

    def send(
        self,
        account: AccountId,
        conversation: str,
        text: str | None,
        *,
        to: str | None,
        image_url: str | None,
        width: int,
        height: int,
        expires_s: float | None,
        idempotency_key: str | None,
    ) -> SendTicket:
        """Put a message into the outbox; see :meth:`gateway.Gateway.send` for what is raised."""
        order = _checked(account, conversation, to, expires_s, idempotency_key)
        return self._accept(order, _content_of(text, image_url, width=width, height=height))

    def send_image(
        self,
        account: AccountId,
        conversation: str,
        path: object,
        *,
        to: str | None,
        expires_s: float | None,
    ) -> SendTicket:
        """Upload a file, then send it; see :meth:`gateway.Gateway.send_image`."""
        order = _checked(account, conversation, to, expires_s)
        file = local_path("path", path, remedy="give it as send(image_url=…, width=…, height=…)")
        # Apart from one another: a signal that ends the wait for the upload ends the send, too.
        content = run(partial(self._images.upload, order.account, file))
        return run(partial(self._accept, order, content))

    def upload(self, event: Event, path: str) -> Content:
        """Upload the file of a reply; see :meth:`gateway.PlatformEvent.reply_image`."""
        return self._images.upload(event.account, path, in_handler=True)

    def _accept(self, order: _Order, content: Content) -> SendTicket:
        account, conversation, to, expires_s, key = order
        system, plans = self._registry.running(), self._registry.plans
        if account not in plans:
            raise UnknownAccountError(account, list(plans))
        limit = self._registry.plans[account].send.limit
        delivery = self._delivery(account, conversation, content, to=to, expires_s=expires_s)
        accept = partial(_accept, system, self._tickets, limit)
        try:
            ticket = accept(delivery) if key is None else self._keyed.once(key, delivery, accept)
        except KeyError:  # it was removed, or all are: a stop began
            self._registry.running()
            raise UnknownAccountError(account, list(plans)) from None
        self._sent(account, conversation)
        return ticket

    def reply(self, event: Event, content: Content) -> Delivery:
        """Make the send of a reply, which leaves with the settlement of its event.

        Raises:
            OverloadedError: The account's outbox is full: the event is tried again later.
            NoAddresseeError: The event does not tell who could be answered.
        """
        system = self._registry.system()
        if system is not None:
            limit = self._registry.plans[event.account].send.limit
            system.services.sends.refuse_full(event.account, limit)
        return self._delivery(
            event.account,
            event.conversation_id or "",
            content,
            to=addressee(self._registry.plans, event),
            event_id=event.event_id,
        )

    def _delivery(
        self,
        account: AccountId,
        conversation: str,
        content: Content,
        *,
        to: str | None,
        expires_s: float | None = None,
        event_id: str | None = None,
    ) -> Delivery:
        now_ms, draw = self._ids.draw()
        plan = self._registry.plans[account]
        if expires_s is None:
            expires_s = plan.send.expires_s
        return Delivery(
            outbox_id=AccountRegistry.new_outbox_id(),
            uuid=plan.platform.uuid(now_ms, draw),
            account=account,
            conversation_id=conversation,
            to=to,
            content=content,
            expires_at_ms=self._clock.unix_ms() + int(expires_s * 1000),
            event_id=event_id,
        )


def _content_of(text: object, image_url: object, *, width: object, height: object) -> Content:
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


def _accept(system: System, tickets: Tickets, limit: int, delivery: Delivery) -> SendTicket:
    """Put a send into the outbox; return its ticket once it is stored.

    Args:
        system: Runs the account.
        tickets: Hear of its end.
        limit: Most sends of the account that may wait.
        delivery: What to send.

    Raises:
        OverloadedError: There is no room; nothing was accepted.
        KeyError: The account was removed; nothing was accepted.
        TimeoutError: The journal did not answer in 10 s; whether it is in is unknown.
    """
    open_sends, outbox_id = system.services.sends, delivery.outbox_id
    open_sends.reserve(delivery.account, outbox_id, limit)
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
