"""What the recovery of an account receives, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from actors.messages.base import Message
from actors.messages.link import Answered, LinkDown
from actors.values import Generation, Position, Recovered


class RecoveryDue(Message, frozen=True, kw_only=True, gc=False):
    """A rate pause, a retry's pause or an answer's deadline is over."""


class RecordRead(Message, frozen=True, kw_only=True, gc=False):
    """How far the journal says the account was read, and its first contact; None: never yet."""

    cursor: Position | None
    first_ms: int | None = None


class KnownRead(Message, frozen=True, kw_only=True, gc=False):
    """Which of the events asked for the journal has; True: a handler may have seen it.

    ``held``: the rest of their conversations waits for the recovery.
    """

    known: Mapping[str, bool]
    held: bool


class HistoryStored(Message, frozen=True, kw_only=True, gc=False):
    """What a :class:`~actors.messages.HistoryFound` held is in the journal.

    Attributes:
        found: How many of the events were new.
        foreign: How many of those the account did not write itself.
    """

    found: int
    foreign: int


class HistoryRefused(Message, frozen=True, kw_only=True, gc=False):
    """The journal can never store what a :class:`~actors.messages.HistoryFound` held."""


class RecoveryEnded(Message, frozen=True, kw_only=True, gc=False):
    """A recovery is over. Connection and supervisor hear it.

    Attributes:
        generation: Of the link it ran on.
        outcome: What became of it.
        position: Where the stream is read to; None if it failed.
        foreign: New events that the account did not write itself.
    """

    generation: Generation
    outcome: Recovered
    position: Position | None = None
    foreign: int = 0


RecoveryInbox: TypeAlias = (
    Answered | LinkDown | RecoveryDue | RecordRead | KnownRead | HistoryStored | HistoryRefused
)
