"""What the handlers of an event leave: replies and notes, stored when the event is settled.

Only while a handler is being called with an event, on that thread, can it leave any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from actors.values import Content, Event, Note
from gateway import images
from gateway.errors import EventCopiedError, EventSettledError, ForkedError
from gateway.listeners import ran


class Delivering:
    """Replies and notes of one event's handlers, to be stored when the event is settled.

    Attributes:
        event: Which; None once its handlers have returned.
        replies: In order.
        notes: In order; None while there is none.
        over: Tells that the calling handler was given up: nobody hears what it leaves. In a
            child it raises.
        addressee: Raises if the event does not tell whom to answer.
        upload: Makes what is sent of a file.
    """

    __slots__ = ("addressee", "event", "notes", "over", "replies", "upload")

    def __init__(
        self,
        event: Event,
        over: Callable[[], bool],
        addressee: Callable[[Event], object],
        upload: Callable[[Event, str], Content],
    ) -> None:
        self.event: Event | None = event
        self.over = over
        self.addressee = addressee
        self.upload = upload
        self.replies: list[Content] = []
        self.notes: list[Note] | None = None

    def check_still(self, event: Event) -> None:
        """Refuse what another thread left while the handler was returning: it may be lost.

        Raises:
            EventSettledError: The handlers of this event have returned.
        """
        if self.event is not event:
            raise EventSettledError(event.event_id)


# A ContextVar is as private to a thread as a threading.local, follows an event loop's
# tasks, and keeps codecs, which import this module with the events, free of threading.
_current: ContextVar[Delivering | None] = ContextVar("gateway_delivering", default=None)


def being_handled(event: Event) -> Delivering:
    """Return what the handlers of an event leave, in the call of one on this thread.

    Raises:
        EventSettledError: No handler is being called with it.
        EventCopiedError: One is being called, but with the event this is a copy of.
        ForkedError: This is a child of the process that handles it.
    """
    current = _current.get()
    if current is not None and current.event is event and not current.over():
        return current
    handled = None if current is None else current.event
    if handled is not None and handled.event_id == event.event_id:
        raise EventCopiedError(event.event_id)
    raise EventSettledError(event.event_id)


def _never() -> bool:
    return False


def anybody(_event: Event) -> None:
    """Return None: the platform's sends name no addressee."""


class _Elsewhere:
    """What :attr:`Delivering.over` is in a child of the process that handles the event."""

    __slots__ = ("_pid",)

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __call__(self) -> bool:
        raise ForkedError(self._pid)


def leave_to_parent(pid: int) -> None:
    """In a child, on the thread that forked: refuse what is left for the event it was at.

    Args:
        pid: The process that handles it.
    """
    current = _current.get()
    if current is not None and not isinstance(current.over, _Elsewhere):
        current.over = _Elsewhere(pid)


def deliver(
    event: Event,
    handlers: Sequence[Callable[[Any], object]],
    over: Callable[[], bool] = _never,
    addressee: Callable[[Event], object] = anybody,
    upload: Callable[[Event, str], Content] = images.nowhere,
) -> Delivering:
    """Hand an event to handlers, one after the other; return what they left.

    Its end is the end of ``reply`` and ``note``: a task or thread that a handler left behind
    gets an error instead of a lost reply. What a handler raises passes.
    """
    call = Delivering(event, over, addressee, upload)
    token = _current.set(call)
    try:
        for handler in handlers:
            left = handler(event)
            if left is not None:
                ran(handler, left)
    finally:
        call.event = None
        _current.reset(token)
    return call
