"""The waitlist of the journal writer: commands, their rows, and which may go first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from actors.ports.commands import (
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
    """A command, its reply, its rows, and whether a caller waits for it."""

    command: JournalCommand
    then: Then
    refused: Refused | None
    rows: int
    presses: bool


class Waitlist:
    """What waits for the writer's thread, under one lock.

    Attributes:
        batch_rows: Rows a transaction takes at most.
        wake: Notified when the thread has something to do; its lock guards the rest.
        room: Notified when there is room.
        items: Commands, in the order they came.
        rows: Rows in them.
        pressing: How many of them a caller waits for.
        batch: What was taken last.
        taken: How many of it are not answered yet; the last ones.
        reads: Calls on the journal between two commits.
        sleeping: The thread waits for anything.
        lingering: It waits for something that presses.
        stopping: Nothing is taken any more.
        give_up_at: Monotonic seconds; nothing is tried again after it.
    """

    __slots__ = (
        "batch", "batch_rows", "give_up_at", "items", "lingering", "pressing", "reads", "room",
        "rows", "sleeping", "stopping", "taken", "wake",
    )  # fmt: skip

    def __init__(self, batch_rows: int) -> None:
        self.batch_rows = batch_rows
        lock = threading.RLock()
        self.wake = threading.Condition(lock)
        self.room = threading.Condition(lock)
        self.items: deque[Waiting] = deque()
        self.rows = self.pressing = self.taken = 0
        self.batch: list[Waiting] = []
        self.reads: deque[Callable[[], None]] = deque()
        self.sleeping = self.lingering = self.stopping = False
        self.give_up_at = float("inf")

    @property
    def presses(self) -> bool:
        """Return True if somebody waits for the next commit, or it would be full."""
        return self.pressing > 0 or self.rows > self.batch_rows

    def count(self) -> None:
        """Count rows and who presses anew."""
        self.rows = sum(waiting.rows for waiting in self.items)
        self.pressing = sum(waiting.presses for waiting in self.items)

    def has_room(self) -> bool:
        """Return True if less waits than a transaction takes."""
        return self.rows <= self.batch_rows or self.stopping

    def take(self) -> list[Waiting]:
        """Take what waits, up to ``batch_rows``, and at least one command."""
        batch: list[Waiting] = []
        queue, room = self.items, self.batch_rows
        with self.wake:
            while queue and (not batch or room >= queue[0].rows):
                room -= queue[0].rows
                self.rows -= queue[0].rows
                self.pressing -= queue[0].presses
                batch.append(queue.popleft())
            self.room.notify_all()
        self.batch, self.taken = batch, len(batch)
        return batch

    def put_back(self) -> None:
        """Put what was taken and not answered in front again; locked by the caller."""
        self.items.extendleft(reversed(self.batch[len(self.batch) - self.taken :]))
        self.count()
        self.taken, self.sleeping, self.lingering = 0, False, False


def closes(command: JournalCommand) -> bool:
    """Return whether it adds no message, and may be done before those that do.

    The end of a hold is one: what waits behind it would never be handled on a full disk.
    """
    return type(command) in _CLOSING or (type(command) is CloseHold and not command.frames)


def presses(command: JournalCommand) -> bool:
    """Return whether anybody waits for it: not for the note that events are done, and no more."""
    return type(command) is not SettleEvents or bool(command.settlements)


def rows_of(command: JournalCommand) -> int:
    """Return how much of a transaction it takes: events, settlements, or one."""
    if isinstance(command, StoreFrames | CloseHold):
        return sum([len(decoded.events) for decoded in command.frames])
    if isinstance(command, SettleEvents):
        return len(command.settlements) + len(command.done)
    return 1
