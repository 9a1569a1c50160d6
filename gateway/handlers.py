"""The host's handlers and sinks: who wants which event, and one call for all of them.

Runs on handler threads only. A handler that raises is tried again together with the
others that want the event; so handlers of one event share its fate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.values import DONE, AccountId, Content, Delivery, Disposition, Event, Outcome
from gateway.events import delivering
from gateway.sinks.base import Sink

Handler = Callable[[Any], None]

IGNORED = Outcome(disposition=Disposition.IGNORED, reason="no_handler")


class _Wish:
    __slots__ = ("account", "event_type", "handler", "own")

    def __init__(
        self, event_type: type[Event], handler: Handler, account: AccountId | None, *, own: bool
    ) -> None:
        self.event_type = event_type
        self.handler = handler
        self.account = account
        self.own = own


class Handlers:
    """Calls whoever wants an event; the kernel's ``Handle``."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        make_delivery: Callable[[Event, Content], Delivery],
    ) -> None:
        self._wishes: list[_Wish] = []
        self._sinks = tuple(sink.deliver for sink in sinks)
        self._make_delivery = make_delivery
        self._cache: dict[tuple[type[Event], AccountId, bool], tuple[Handler, ...]] = {}
        self.tap: Callable[[Event], None] | None = None

    def add(
        self,
        event_type: type[Event],
        handler: Handler,
        *,
        account: AccountId | None = None,
        own: bool = False,
    ) -> None:
        """Want events of a type and its subtypes.

        Args:
            event_type: ``Event`` wants everything.
            handler: Called with the event; may block, raise and reply.
            account: Only this account's; None: every account's.
            own: Also what the account itself wrote, on whatever device.

        Raises:
            TypeError: Not an event class, or not callable.
        """
        wanted: object = event_type  # callers without a type checker pass anything
        if not (isinstance(wanted, type) and issubclass(wanted, Event)):
            raise TypeError(
                f"{event_type!r} is not an event class: use ChatMessage, OrderStatusChanged, "
                "UserInteraction, SystemNotification, UnknownEvent, UndecodableEvent or Event"
            )
        if not callable(handler):
            raise TypeError(f"{handler!r} is not callable: a handler takes one event")
        self._wishes.append(_Wish(event_type, handler, account, own=own))
        self._cache.clear()

    def __call__(self, event: Event) -> Outcome:
        """Run every handler and sink that wants the event, in the order they were added."""
        tap = self.tap
        if tap is not None:
            tap(event)
        key = (type(event), event.account, event.own)
        handlers = self._cache.get(key)
        if handlers is None:
            handlers = self._cache[key] = self._wanting(*key)
        if not handlers:
            return IGNORED
        with delivering(event) as contents:
            for handler in handlers:
                handler(event)
        if not contents:
            return DONE
        return Outcome(replies=tuple(self._make_delivery(event, content) for content in contents))

    def _wanting(
        self,
        event_type: type[Event],
        account: AccountId,
        own: bool,  # noqa: FBT001  # a cache key
    ) -> tuple[Handler, ...]:
        return (
            *(
                wish.handler
                for wish in self._wishes
                if issubclass(event_type, wish.event_type)
                and wish.account in (None, account)
                and (wish.own or not own)
            ),
            *self._sinks,
        )
