"""What the dispatcher of an account receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.messages.base import Control, Message
from actors.values import Attempts, Event

if TYPE_CHECKING:
    from actors.ports.commands import Settlement
    from actors.runtime.handlers.runs import RanLane


class EventsStored(Message, frozen=True, kw_only=True, gc=False):
    """New events, in the order they were stored. Duplicates are not among them."""

    events: Sequence[Event]


class EventsRestored(Message, frozen=True, kw_only=True, gc=False):
    """Events read back from the journal, in its order; ``more`` of them lie there.

    Attributes:
        events: As they are.
        more: There are more.
        through: The journal was read up to this ``lane_seq``; events that could not be made
            again are among it.
        undecodable: Events that nothing could be made of but their identity.
        number: Of the page that was asked for; any other one is stale.
        lane: It is a page of this lane only; None: of all.
        attempts: Earlier attempts by ``event_id``; most events have none.
    """

    events: Sequence[Event]
    more: bool
    through: int = 0
    undecodable: Sequence[Event] = ()
    number: int
    lane: str | None = None
    attempts: Mapping[str, Attempts] = {}


class EventsReplayed(Message, frozen=True, kw_only=True, gc=False):
    """Somebody put events back; they are in the journal, behind everything told before."""


class PageDue(Message, frozen=True, kw_only=True, gc=False):
    """A page of the journal is awaited for long: is anybody still working on it?"""

    number: int


class LanesRan(Control, frozen=True, kw_only=True, gc=False):
    """Runs that ended. Control: a result that found the inbox full would block its lane."""

    runs: Sequence[RanLane]


class SettlementsRefused(Message, frozen=True, kw_only=True, gc=False):
    """To the dispatcher: the journal cannot store these, and nothing of them was stored.

    Attributes:
        settlements: As they were.
        done: As they were.
        reason: Why; no payload.
    """

    settlements: Sequence[Settlement]
    done: Sequence[Event]
    reason: str


class LaneRested(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a lane's next try is over. Control: lost, it would hold its lane."""

    lane: str


class LanesHeld(Message, frozen=True, kw_only=True, gc=False):
    """A hold is open in the journal: events from this number on wait for a recovery.

    This and :class:`LanesReleased` go the way of :class:`EventsStored`, in the journal's
    order: so the dispatcher never has an event in a lane that the journal may move.
    """

    held_from: int


class LanesReleased(Message, frozen=True, kw_only=True, gc=False):
    """The journal has ended this hold; what waited is there, in order."""

    held_from: int


class HoldExpired(Message, frozen=True, kw_only=True, gc=False):
    """A hold has lasted as long as it may."""

    held_from: int


class Drain(Control, frozen=True, kw_only=True, gc=False):
    """Begin no event any more, settle those in a handler, then say :class:`Drained`."""


DispatcherInbox: TypeAlias = (
    EventsStored
    | EventsRestored
    | EventsReplayed
    | PageDue
    | LanesRan
    | SettlementsRefused
    | LaneRested
    | LanesHeld
    | LanesReleased
    | HoldExpired
    | Drain
)
