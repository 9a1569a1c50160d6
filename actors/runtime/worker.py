"""One thread of the pool: runs whichever actor has mail, a slice at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.runtime.actor import PooledActor
    from actors.runtime.inbox import Inbox


class Worker:
    """A thread and what it publishes about itself.

    Attributes:
        actor: Whose message it is running; None between slices.
        since: Monotonic seconds when that message began.
        lost: It was given up: it ends as soon as the message returns and touches nothing.
    """

    __slots__ = ("_queue", "actor", "lost", "monotonic", "since", "thread")

    def __init__(
        self, queue: SimpleQueue[Inbox | None], *, name: str, monotonic: Callable[[], float]
    ) -> None:
        self._queue = queue
        self.actor: PooledActor | None = None
        self.since = 0.0
        self.lost = False
        self.monotonic = monotonic
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        queue = self._queue
        while (inbox := queue.get()) is not None:
            if not inbox.enter(self):
                continue
            actor = inbox.actor
            assert actor is not None
            self.since = self.monotonic()
            self.actor = actor
            actor.take_turn(self)
            self.actor = None
            again = inbox.leave(self)
            if self.lost:
                return
            del actor  # an idle worker must not keep a dead actor alive
            if again:
                queue.put(inbox)
            del inbox
