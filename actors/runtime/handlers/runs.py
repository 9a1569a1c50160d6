"""The runs that wait for a handler thread, by account, and which may run next.

Plain data without a lock: :mod:`actors.runtime.handlers.pool` holds its own around every call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from actors.messages import LanesRan
from actors.ports import Mailbox
from actors.values import DONE, Event, Outcome


class RanLane(msgspec.Struct, frozen=True, gc=False):
    """What became of a run.

    Attributes:
        lane: Its lane.
        events: All of them, in order.
        outcomes: Of those that were handled, from the first on. RETRY can only be the last.
    """

    lane: str
    events: Sequence[Event]
    outcomes: Sequence[Outcome] = ()

    @property
    def settled(self) -> Sequence[tuple[Event, Outcome]]:
        """The events that were handled, with their outcomes."""
        return list(zip(self.events, self.outcomes, strict=False))

    @property
    def rest(self) -> Sequence[Event]:
        """The events that were not begun.

        After a RETRY they wait for it; else the run was cut short (a slow lane, a handler given
        up, a stop) and they may be submitted again.
        """
        return self.events[len(self.outcomes) :]

    @property
    def is_done(self) -> bool:
        """Whether all were handled and left nothing: the usual end."""
        outcomes = self.outcomes
        return len(outcomes) == len(self.events) and outcomes.count(DONE) == len(outcomes)


class Task(msgspec.Struct, frozen=True, eq=False):
    """One run on its way: what to do with each item, and who wants to know.

    ``reply_to`` is None for a call of the host's, whose only item is the function. ``again``: the
    first item was tried before.
    """

    lane: str
    items: Sequence[Any]
    do: Callable[[Any], Outcome]
    reply_to: Mailbox[LanesRan] | None
    again: bool = False


class Queue:
    """The waiting runs of one account (or of one key of calls), oldest first.

    A lane that is in the hands of a worker is busy; a second run of it waits in ``held``, also
    if a restarted dispatcher submits what its former self had submitted.
    """

    __slots__ = ("busy", "held", "key", "listed", "waiting", "workers")

    def __init__(self, key: tuple[bool, str]) -> None:
        self.key = key
        self.waiting: deque[Task] = deque()
        self.held: dict[str, deque[Task]] = {}
        self.busy: set[str] = set()
        self.workers = 0
        self.listed = False

    @property
    def spent(self) -> bool:
        """Return whether nothing is left of it, nor any worker about to look at it."""
        return not (self.waiting or self.busy or self.held or self.workers or self.listed)

    def take(self) -> Task | None:
        """Take the next run whose lane is free."""
        while self.waiting:
            task = self.waiting.popleft()
            if task.lane not in self.busy:
                self.busy.add(task.lane)
                return task
            self.held.setdefault(task.lane, deque()).append(task)
        return None

    def release(self, lane: str) -> None:
        """Let the lane's next run come."""
        self.busy.discard(lane)
        if self.held and (held := self.held.get(lane)):
            self.waiting.appendleft(held.popleft())
            if not held:
                del self.held[lane]

    def clear(self) -> list[Task]:
        """Take everything that waits."""
        tasks = [*self.waiting, *(task for held in self.held.values() for task in held)]
        self.waiting.clear()
        self.held.clear()
        return tasks


def tell_results(results: Sequence[tuple[Mailbox[LanesRan], RanLane]]) -> None:
    """Tell each mailbox what belongs to it, in few messages. The dead are not told."""
    runs: list[RanLane] = []
    former: Mailbox[LanesRan] | None = None
    for mailbox, ran in results:
        if former is not None and mailbox is not former:
            former.tell(LanesRan(runs=runs))
            runs = []
        former = mailbox
        runs.append(ran)
    if former is not None:
        former.tell(LanesRan(runs=runs))
