"""The host's handlers and sinks: who wants which event, and one call for all of them.

Runs on handler threads only. A handler that raises is tried again together with the
others that want the event; so handlers of one event share its fate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, TypeAlias, get_args

from actors.values import DONE, AccountId, Content, Delivery, Disposition, Event, Outcome
from gateway import arguments, listeners
from gateway.events import OrderStatusChanged, SystemNotification, deliver
from gateway.sinks.base import Sink

Handler = Callable[[Any], None]

OnCrash: TypeAlias = Literal["redeliver", "park"]
"""What becomes of an event whose handler the process did not survive (``reliability.md`` I9)."""

Session: TypeAlias = Literal["private", "group", "system"]
"""Who talks in a conversation: two people, many, or the platform itself."""

_TOLD_BY_THE_PLATFORM = (OrderStatusChanged, SystemNotification)
"""Nobody answers a group by them, and a shop must not miss them for where they are told."""

Key: TypeAlias = tuple[type[Event], AccountId, bool, str]
"""What decides who wants an event."""

IGNORED = Outcome(disposition=Disposition.IGNORED, reason="no_handler")


def check(
    event_type: object,
    *,
    account: object = None,
    own: object = False,
    on_crash: object = "redeliver",
    sessions: object = None,
) -> None:
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
    if sessions is None:
        return
    if not isinstance(sessions, tuple | list | set | frozenset) or not sessions:
        raise TypeError(
            f"sessions must be a tuple of {', '.join(get_args(Session))}, not "
            f'{arguments.kind(sessions)}; write sessions=("private", "group")'
        )
    for each in sessions:
        arguments.choice("sessions", each, get_args(Session))


def _told(value: object) -> str:
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{type(value).__name__} {arguments.called(value)}"
    return arguments.kind(value)


class _Wish:
    __slots__ = ("account", "event_type", "handler", "own", "park", "sessions")

    def __init__(
        self,
        event_type: type[Event],
        handler: Handler,
        account: AccountId | None,
        *,
        own: bool,
        park: bool,
        sessions: Collection[Session] | None,
    ) -> None:
        self.sessions = None if sessions is None else frozenset[str](sessions)
        self.event_type = event_type
        self.handler = handler
        self.account = account
        self.own = own
        self.park = park

    def wants(self, event_type: type[Event], account: AccountId, own: bool, session: str) -> bool:  # noqa: FBT001  # a key
        if self.sessions is not None:
            here = session in self.sessions
        else:
            here = session == "private" or issubclass(event_type, _TOLD_BY_THE_PLATFORM)
        return (
            here
            and issubclass(event_type, self.event_type)
            and self.account in (None, account)
            and (self.own or not own)
        )


def _key(event: Event) -> Key:
    return (
        type(event),
        event.account,
        event.own,
        getattr(event, "session_type", None) or "private",
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
        self._cache: dict[Key, tuple[Handler, ...]] = {}
        self.tap: Callable[[Event], None] | None = None
        self._parks: dict[Key, bool] = {}

    def add(
        self,
        event_type: type[Event],
        handler: Handler,
        *,
        account: AccountId | None = None,
        own: bool = False,
        on_crash: OnCrash = "redeliver",
        sessions: Collection[Session] | None = None,
    ) -> None:
        """Want events of a type and its subtypes.

        Args:
            event_type: ``Event`` wants everything.
            handler: Called with the event; may block, raise and reply.
            account: Only this account's; None: every account's.
            own: Also what the account itself wrote, on whatever device.
            on_crash: ``park``: an event of which nobody knows what this handler did is kept for
                a person, and no handler gets it again; costs a commit before each event.
            sessions: Kinds of conversations; what does not say its kind counts as private. None:
                private ones, and orders and notifications of every kind.

        Raises:
            TypeError: Not an event class, or not a function of one argument that a plain call
                runs; ``own`` is no bool, ``account`` no text.
            ValueError: ``on_crash`` is neither ``redeliver`` nor ``park``, or there is no such kind
                of session.
        """
        check(event_type, account=account, own=own, on_crash=on_crash, sessions=sessions)
        listeners.listener("the handler", handler, takes=1)
        park = on_crash == "park"
        wish = _Wish(event_type, handler, account, own=own, park=park, sessions=sessions)
        self._wishes.append(wish)
        self._cache.clear()
        self._parks.clear()
        self.active = self.active or park

    def parks(self, event: Event) -> bool:
        """Say whether a handler that wants the event wants it parked."""
        key = _key(event)
        found = self._parks.get(key)
        if found is None:
            wanted = any(wish.park and wish.wants(*key) for wish in self._wishes)
            found = self._parks[key] = wanted
        return found

    def __call__(self, event: Event) -> Outcome:
        """Run every handler and sink that wants the event, in the order they were added."""
        tap = self.tap
        if tap is not None:
            tap(event)
        key = _key(event)
        handlers = self._cache.get(key)
        if handlers is None:
            handlers = self._cache[key] = self._wanting(key)
        if not handlers:
            return IGNORED
        call = deliver(event, handlers)
        if not call.replies and call.notes is None:
            return DONE
        return Outcome(
            replies=tuple(self._make_delivery(event, content) for content in call.replies),
            notes=tuple(call.notes or ()),
        )

    def _wanting(self, key: Key) -> tuple[Handler, ...]:
        return (
            *(wish.handler for wish in self._wishes if wish.wants(*key)),
            *self._sinks,
        )
