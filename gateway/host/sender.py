"""Makes sends: addressee, content, ids and bounds."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from actors.ports import Clock
from actors.registry import AccountRegistry
from actors.values import AccountId, Content, Delivery, Event
from gateway import arguments
from gateway.errors import UnknownAccountError
from gateway.host import sends
from gateway.host.answering import addressee
from gateway.host.images import Images
from gateway.host.registry import Registry
from gateway.host.sends import ClientIds, SendTicket, Tickets
from gateway.host.undisturbed import run
from gateway.images import local_path


class _Order(NamedTuple):
    """Where a send goes, and until when."""

    account: AccountId
    conversation: str
    to: str | None
    expires_s: float | None


def _checked(account: object, conversation: object, to: object, expires_s: object) -> _Order:
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
    )


class Sender:
    """Accepts sends of the host, and makes replies into sends. Any thread.

    Args:
        registry: The accounts, and what runs them.
        tickets: Hear of each end.
        clock: Time.
        images: Uploads the files of images.
    """

    def __init__(
        self, registry: Registry, tickets: Tickets, clock: Clock, *, images: Images
    ) -> None:
        self._registry = registry
        self._tickets = tickets
        self._clock = clock
        self._images = images
        self._ids = ClientIds(clock.unix_ms)

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
    ) -> SendTicket:
        """Put a message into the outbox; see :meth:`gateway.Gateway.send` for what is raised."""
        order = _checked(account, conversation, to, expires_s)
        return self._accept(order, sends.content_of(text, image_url, width=width, height=height))

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
        account, conversation, to, expires_s = order
        system, plans = self._registry.running(), self._registry.plans
        if account not in plans:
            raise UnknownAccountError(account, list(plans))
        limit = self._registry.plans[account].send.limit
        delivery = self._delivery(account, conversation, content, to=to, expires_s=expires_s)
        try:
            return sends.accept(system, self._tickets, delivery, limit)
        except KeyError:  # it was removed, or all are: a stop began
            self._registry.running()
            raise UnknownAccountError(account, list(plans)) from None

    def reply(self, event: Event, content: Content) -> Delivery:
        """Make the send of a reply, which leaves with the settlement of its event.

        Raises:
            OverloadedError: The account's outbox is full: the event is tried again later.
            NoAddresseeError: The event does not tell who could be answered.
        """
        system = self._registry.system()
        if system is not None:
            limit = self._registry.plans[event.account].send.limit
            sends.refuse_full(system.services.sends, event.account, limit)
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
