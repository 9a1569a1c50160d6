"""What waits for the journal writer: commands, how many rows they are, which may go first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from actors.storage import (
    BeginEvent,
    CloseHold,
    DropEvent,
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    ParkEvents,
    SettleEvents,
    StoreFrames,
)

Then: TypeAlias = Callable[[JournalAnswer], object]
Refused: TypeAlias = Callable[[str], object]

_CLOSING: Final = (BeginEvent, SettleEvents, ParkEvents, DropEvent, MarkDelivery)
"""Commands that never add a message; see :func:`closes`."""


class Waiting(NamedTuple):
    """A command, who hears of its end, its rows, and whether somebody waits for it."""

    command: JournalCommand
    then: Then
    refused: Refused | None
    rows: int
    presses: bool


def closes(command: JournalCommand) -> bool:
    """Say whether it adds no message, and may be done before those that do.

    The end of a hold is one: what waits behind it would never be handled on a full disk.
    """
    return type(command) in _CLOSING or (type(command) is CloseHold and not command.frames)


def presses(command: JournalCommand) -> bool:
    """Say whether anybody waits for it: not for the note that events are done, and no more."""
    return type(command) is not SettleEvents or bool(command.settlements)


def rows_of(command: JournalCommand) -> int:
    """Say how much of a transaction it takes: events, settlements, or one."""
    if isinstance(command, StoreFrames | CloseHold):
        return sum([len(decoded.events) for decoded in command.frames])
    if isinstance(command, SettleEvents):
        return len(command.settlements) + len(command.done)
    return 1
