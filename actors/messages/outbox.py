"""What the outbox of an account receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.messages.base import Message
from actors.messages.link import Answered, LinkDown, LinkOpened
from actors.values import Delivery, Event, Generation

if TYPE_CHECKING:
    from actors.ports.journal import SendRecord


class DeliveriesStored(Message, frozen=True, kw_only=True, gc=False):
    """Sends that are durable and may leave, in the order they were accepted."""

    deliveries: Sequence[Delivery]


class SendsRestored(Message, frozen=True, kw_only=True, gc=False):
    """What the journal holds of the account's outbox.

    Attributes:
        records: Open sends in the order they were accepted; None: it cannot say now.
    """

    records: Sequence[SendRecord] | None


class AttemptStored(Message, frozen=True, kw_only=True, gc=False):
    """The attempt is in the journal; its bytes may be written."""

    generation: Generation
    outbox_id: str
    mid: str


class OwnStored(Message, frozen=True, kw_only=True, gc=False):
    """The account itself wrote a message, through the gateway or elsewhere; it is stored."""

    events: Sequence[Event]


class ClaimsRead(Message, frozen=True, kw_only=True, gc=False):
    """Which messages the journal knows to be sends of this account.

    Attributes:
        claimed: Server ids of sends that were confirmed lately; None: it cannot say now.
    """

    claimed: Sequence[str] | None


class OwnSendsRead(Message, frozen=True, kw_only=True, gc=False):
    """What was sent in the conversations of own messages that nothing explained so far.

    Attributes:
        event_ids: The messages.
        records: Sends by conversation, the newest first; None: the journal cannot say now.
    """

    event_ids: Sequence[str]
    records: Mapping[str, Sequence[SendRecord]] | None


class SendDropped(Message, frozen=True, kw_only=True, gc=False):
    """A send was ended elsewhere: cancelled, or resolved by hand."""

    outbox_id: str


class OutboxDue(Message, frozen=True, kw_only=True, gc=False):
    """A rate pause, the deadline of an answer or the expiry of a send is over."""


OutboxInbox: TypeAlias = (
    LinkOpened
    | LinkDown
    | Answered
    | DeliveriesStored
    | SendsRestored
    | AttemptStored
    | OwnStored
    | ClaimsRead
    | OwnSendsRead
    | SendDropped
    | OutboxDue
)
