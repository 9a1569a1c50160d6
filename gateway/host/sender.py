"""Makes sends: addressee, content, ids and bounds."""

from __future__ import annotations

from actors.ports import Clock
from actors.registry import AccountRegistry
from actors.values import AccountId, Content, Delivery, Event
from gateway import arguments
from gateway.errors import UnknownAccountError
from gateway.host import sends
from gateway.host.answering import addressee
from gateway.host.registry import Registry
from gateway.host.sends import ClientIds, SendTicket, Tickets


class Sender:
    """Accepts sends of the host, and makes replies into sends. Any thread.

    Args:
        registry: The accounts, and what runs them.
        tickets: Hear of each end.
        clock: Time.
    """

    def __init__(self, registry: Registry, tickets: Tickets, clock: Clock) -> None:
        self._registry = registry
        self._tickets = tickets
        self._clock = clock
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
        account = arguments.account(account)
        conversation = arguments.identifier("conversation", conversation)
        to = arguments.optional_identifier("to", to)
        content = sends.content_of(text, image_url, width=width, height=height)
        if expires_s is not None:
            expires_s = arguments.seconds("expires_s", expires_s, most=arguments.LONGEST_S)
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
