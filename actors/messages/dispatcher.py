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
    """A person put events back; the journal has them, behind everything told before."""


class PageDue(Message, frozen=True, kw_only=True, gc=False):
    """A page of the journal has been awaited for long: check that it is still being worked on."""

    number: int


class LanesRan(Control, frozen=True, kw_only=True, gc=False):
    """Runs that ended. Control: if a full inbox refused the result, its lane would block."""

    runs: Sequence[RanLane]


class SettlementsRefused(Message, frozen=True, kw_only=True, gc=False):
    """The journal cannot store these settlements, and stored nothing of them.

    Attributes:
        settlements: As they were.
        done: As they were.
        reason: Why; no payload.
    """

    settlements: Sequence[Settlement]
    done: Sequence[Event]
    reason: str


class LaneRested(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a lane's next attempt is over. Control: if lost, the lane would block."""

    lane: str


class LanesHeld(Message, frozen=True, kw_only=True, gc=False):
    """A hold is open in the journal: events from this number on wait for a recovery.

    This and :class:`LanesReleased` go the way of :class:`EventsStored`, in the journal's
    order: so the dispatcher never has an event in a lane that the journal may move.
    """

    held_from: int


class LanesReleased(Message, frozen=True, kw_only=True, gc=False):
    """The journal has ended this hold; the events that waited are there, in order."""

    held_from: int


class HoldExpired(Message, frozen=True, kw_only=True, gc=False):
    """A hold has reached its longest time."""

    held_from: int


class Drain(Control, frozen=True, kw_only=True, gc=False):
    """Begin no more events, settle those in a handler, then tell :class:`Drained`."""


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
