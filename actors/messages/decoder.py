"""What the decoder of an account receives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.messages.base import Message
from actors.messages.link import FramesReceived, LinkEnded, SessionOpened
from actors.values import Event, Generation, Position

if TYPE_CHECKING:
    from actors.messages.recovery import HistoryRefused, HistoryStored
    from actors.ports import Mailbox
    from actors.ports.journal import Pending


class Flush(Message, frozen=True, kw_only=True, gc=False):
    """Say when everything received so far is stored; the link is about to be closed."""

    generation: Generation


class PendingRead(Message, frozen=True, kw_only=True, gc=False):
    """A page of unsettled journal rows; the decoder makes events of them.

    Attributes:
        rows: In the order of ``lane_seq``.
        more: The journal holds more.
        through: The journal was read up to this ``lane_seq``.
        redelivered_below: Rows with a smaller ``lane_seq`` may have reached a handler before.
        number: Which page the dispatcher asked for.
        lane: It asked for this lane only; None: for all.
    """

    rows: Sequence[Pending]
    more: bool
    through: int = 0
    redelivered_below: int
    number: int
    lane: str | None = None


class HistoryFound(Message, frozen=True, kw_only=True, gc=False):
    """Store what a recovery found, oldest first. The decoder hears it: it alone numbers.

    Attributes:
        generation: Of the link it was read over.
        reply_to: Hears of the end: the recovery that asks, not one that replaced it.
        events: Recovered; without a number.
        closes: It was the last: end the hold.
        cursor: Where the account's stream is read to with it; only if ``closes``.
        late: Ids of events that are late, pushed ones too; only if ``closes``.
    """

    generation: Generation
    reply_to: Mailbox[HistoryStored | HistoryRefused]
    events: Sequence[Event]
    closes: bool = False
    cursor: Position | None = None
    late: Sequence[str] = ()


class PutBack(Message, frozen=True, kw_only=True, gc=False):
    """Make a dead or parked event pending again; the decoder gives it a new number.

    Attributes:
        event_id: Which.
        answered: Called with whether there was such an event.
    """

    event_id: str
    answered: Callable[[bool], None]


DecoderInbox: TypeAlias = (
    FramesReceived | SessionOpened | LinkEnded | Flush | PendingRead | HistoryFound | PutBack
)
