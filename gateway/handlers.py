"""The host's handlers and sinks: who wants which event, and one call for all of them.

Runs on handler threads only. A handler that raises is tried again together with the
others that want the event; so handlers of one event share its fate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

from actors.values import DONE, AccountId, Content, Delivery, Disposition, Event, Outcome
from gateway import arguments, listeners
from gateway.events import deliver
from gateway.sinks.base import Sink

Handler = Callable[[Any], None]

OnCrash: TypeAlias = Literal["redeliver", "park"]
"""What becomes of an event whose handler the process did not survive (``reliability.md`` I9)."""

IGNORED = Outcome(disposition=Disposition.IGNORED, reason="no_handler")


def check(event_type: object, *, account: object, own: object, on_crash: object) -> None:
    """Check what a handler is to be added with; see :meth:`Handlers.add` for what is raised."""
    if not (isinstance(event_type, type) and issubclass(event_type, Event)):
        raise TypeError(
            f"{_told(event_type)} is not an event class: use ChatMessage, OrderStatusChanged, "
            "UserInteraction, SystemNotification, UnknownEvent, UndecodableEvent or Event, "
            "as in @gw.on(ChatMessage)"
        )
    arguments.optional_identifier("account", account)
    arguments.flag("own", own)
    arguments.choice("on_crash", on_crash, get_args(OnCrash))


def _told(value: object) -> str:
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{type(value).__name__} {arguments.called(value)}"
    return arguments.kind(value)


class _Wish:
    __slots__ = ("account", "event_type", "handler", "own", "park")

    def __init__(
        self,
        event_type: type[Event],
        handler: Handler,
        account: AccountId | None,
        *,
        own: bool,
        park: bool,
    ) -> None:
        self.event_type = event_type
        self.handler = handler
        self.account = account
        self.own = own
        self.park = park

    def wants(self, event_type: type[Event], account: AccountId, *, own: bool) -> bool:
        return (
            issubclass(event_type, self.event_type)
            and self.account in (None, account)
            and (self.own or not own)
        )


class Handlers:
    """Calls whoever wants an event; the kernel's ``Handle`` and ``Parking``.

    Attributes:
        active: Some handler wants its events parked.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        make_delivery: Callable[[Event, Content], Delivery],
    ) -> None:
        self.active = False
        self._wishes: list[_Wish] = []
        self._sinks = tuple(sink.deliver for sink in sinks)
        self._make_delivery = make_delivery
        self._cache: dict[tuple[type[Event], AccountId, bool], tuple[Handler, ...]] = {}
        self.tap: Callable[[Event], None] | None = None
        self._parks: dict[tuple[type[Event], AccountId, bool], bool] = {}

    def add(
        self,
        event_type: type[Event],
        handler: Handler,
        *,
        account: AccountId | None = None,
        own: bool = False,
        on_crash: OnCrash = "redeliver",
    ) -> None:
        """Want events of a type and its subtypes.

        Args:
            event_type: ``Event`` wants everything.
            handler: Called with the event; may block, raise and reply.
            account: Only this account's; None: every account's.
            own: Also what the account itself wrote, on whatever device.
            on_crash: ``park``: an event of which nobody knows what this handler did is kept for
                a person, and no handler gets it again; costs a commit before each event.

        Raises:
            TypeError: Not an event class, or not a function of one argument that a plain call
                runs; ``own`` is no bool, ``account`` no text.
            ValueError: ``on_crash`` is neither ``redeliver`` nor ``park``.
        """
        check(event_type, account=account, own=own, on_crash=on_crash)
        listeners.listener("the handler", handler, takes=1)
        park = on_crash == "park"
        self._wishes.append(_Wish(event_type, handler, account, own=own, park=park))
        self._cache.clear()
        self._parks.clear()
        self.active = self.active or park

    def parks(self, event: Event) -> bool:
        """Say whether a handler that wants the event wants it parked."""
        key = (type(event), event.account, event.own)
        found = self._parks.get(key)
        if found is None:
            event_type, account, own = key
            found = self._parks[key] = any(
                wish.park and wish.wants(event_type, account, own=own) for wish in self._wishes
            )
        return found

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
        call = deliver(event, handlers)
        if not call.replies and call.notes is None:
            return DONE
        return Outcome(
            replies=tuple(self._make_delivery(event, content) for content in call.replies),
            notes=tuple(call.notes or ()),
        )

    def _wanting(
        self,
        event_type: type[Event],
        account: AccountId,
        own: bool,  # noqa: FBT001  # a cache key
    ) -> tuple[Handler, ...]:
        return (
            *(wish.handler for wish in self._wishes if wish.wants(event_type, account, own=own)),
            *self._sinks,
        )
