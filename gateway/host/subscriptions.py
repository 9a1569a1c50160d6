"""Subscriptions: which handler wants which events; and the checks of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict, Unpack, get_args

from actors.values import AccountId, Event
from gateway import arguments
from gateway.events import OrderStatusChanged, SystemNotification

Handler = Callable[[Any], None]

OnCrash: TypeAlias = Literal["redeliver", "park"]
"""What happens to an event if the process ends in its handler (``contract.md`` I9)."""

Session: TypeAlias = Literal["private", "group", "system"]
"""Kinds of conversations: of two people, of many, of the platform itself."""

_TOLD_BY_THE_PLATFORM = (OrderStatusChanged, SystemNotification)
"""Events that every subscription gets from every kind of conversation: a shop must not miss them,
and no handler answers a group because of them."""


class Wish(TypedDict, total=False):
    """Which events a handler wants, besides their type.

    Attributes:
        account: Only this account's; None: every account's.
        own: Also what the account itself wrote, on whatever device.
        on_crash: ``park``: an event of which nobody knows what this handler did is kept for a
            person, and no handler gets it again; costs a commit before each event.
        sessions: Kinds of conversations; what does not say its kind counts as private. None:
            private ones, and orders and notifications of every kind.
        taken_over: Also what is said while a person answers himself.
    """

    account: AccountId | None
    own: bool
    on_crash: OnCrash
    sessions: Collection[Session] | None
    taken_over: bool


Key: TypeAlias = tuple[type[Event], AccountId, bool, str | None, bool]
"""What decides which subscriptions want an event."""


def check(
    event_type: object,
    *,
    account: object = None,
    own: object = False,
    on_crash: object = "redeliver",
    sessions: object = None,
    taken_over: object = False,
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
    arguments.flag("taken_over", taken_over)
    arguments.choice("on_crash", on_crash, get_args(OnCrash))
    if sessions is None:
        return
    words = ", ".join(get_args(Session))
    if not isinstance(sessions, tuple | list | set | frozenset):
        raise TypeError(
            f"sessions must be a tuple of {words}, not {arguments.kind(sessions)}; "
            'write sessions=("private", "group")'
        )
    if not sessions:
        raise ValueError(
            f"sessions must not be empty; name some of {words}, "
            "or leave it out for the private ones"
        )
    for each in sessions:
        arguments.choice("sessions", each, get_args(Session))


def _told(value: object) -> str:
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{type(value).__name__} {arguments.called(value)}"
    return arguments.kind(value)


class Subscription:
    """A handler with its arguments; see :meth:`gateway.host.handlers.Handlers.add`."""

    __slots__ = ("account", "event_type", "handler", "own", "park", "sessions", "taken_over")

    def __init__(self, event_type: type[Event], handler: Handler, **wish: Unpack[Wish]) -> None:
        sessions = wish.get("sessions")
        self.sessions = None if sessions is None else frozenset[str](sessions)
        self.event_type = event_type
        self.handler = handler
        self.account = wish.get("account")
        self.own = wish.get("own", False)
        self.park = wish.get("on_crash") == "park"
        self.taken_over = wish.get("taken_over", False)

    def wants(
        self,
        event_type: type[Event],
        account: AccountId,
        own: bool,  # noqa: FBT001  # a key
        session: str | None,
        taken_over: bool,  # noqa: FBT001  # the same
    ) -> bool:
        """Return whether events of a :data:`Key` are for it."""
        session = session or "private"
        if self.sessions is not None:
            here = session in self.sessions
        else:
            here = session == "private" or issubclass(event_type, _TOLD_BY_THE_PLATFORM)
        return (
            here
            and issubclass(event_type, self.event_type)
            and self.account in (None, account)
            and (self.own or not own)
            and (self.taken_over or not taken_over)
        )


def key_of(event: Event) -> Key:
    """Return what decides which subscriptions want an event."""
    session = getattr(event, "session_type", None)
    return (type(event), event.account, event.own, session, event.taken_over)


class Wanted(NamedTuple):
    """The subscriptions that want an event.

    Attributes:
        subscriptions: In the order they were added.
        alone: The handler, if no other handler and no sink gets the event.
        parks: One of them wants it parked.
    """

    subscriptions: tuple[Subscription, ...]
    alone: tuple[Handler] | None
    parks: bool


def wanted(subscriptions: Iterable[Subscription], key: Key, *, sinks: bool) -> Wanted:
    """Return which subscriptions want events of a key; ``sinks``: there are some."""
    found = tuple(each for each in subscriptions if each.wants(*key))
    alone = None if sinks or len(found) != 1 else (found[0].handler,)
    return Wanted(found, alone, any(each.park for each in found))
