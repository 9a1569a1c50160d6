"""The addressee of a reply to an event."""

from __future__ import annotations

from collections.abc import Mapping

from actors.plan import AccountPlan
from actors.values import AccountId, Event
from gateway.errors import NoAddresseeError


def addressee(plans: Mapping[AccountId, AccountPlan], event: Event) -> str | None:
    """Return the id of the user that is answered; None if the platform names none.

    Args:
        plans: Those of the accounts there are.
        event: What is answered.

    Raises:
        NoAddresseeError: Its platform sends only to somebody, in a conversation, and the event
            does not tell both; the other user of an own message, above all.
    """
    peer: str | None = None if event.own else getattr(event, "sender_id", None)
    plan = plans.get(event.account)
    if plan is None or not getattr(plan.platform, "addressed", False):
        return peer
    if event.own:
        raise NoAddresseeError(event.event_id, "it is your own message and names no other user")
    if not event.conversation_id:
        raise NoAddresseeError(event.event_id, "it belongs to no conversation")
    if not peer:
        what = getattr(event, "subtype", None) or event.kind
        raise NoAddresseeError(event.event_id, f"it ({what}) does not tell who sent it")
    return peer
