"""A worker: a thread of the pool that runs any actor with mail, a slice at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from actors.runtime.pool.inbox import Inbox, InboxActor

BETWEEN_LINKS: Final = 64
"""Most slices a leading worker runs before the next link is read."""


def _nothing_to_lead(worker: Worker) -> bool:  # noqa: ARG001  # the form of Pool.lead
    return False


class Worker:
    """A thread and what it publishes about itself.

    Attributes:
        actor: Whose message it is running; None between slices.
        since: Monotonic seconds when that message began.
        lost: It was given up: it ends as soon as the message returns and touches nothing.
        reading: It has the lead, and is at the sockets.
    """

    __slots__ = (
        "_ended",
        "_lead",
        "_queue",
        "actor",
        "lost",
        "monotonic",
        "reading",
        "since",
        "thread",
    )

    def __init__(
        self,
        queue: SimpleQueue[Inbox | None],
        *,
        name: str,
        monotonic: Callable[[], float],
        lead: Callable[[Worker], bool] = _nothing_to_lead,
    ) -> None:
        self._queue = queue
        self._lead = lead
        self._ended = False
        self.actor: InboxActor | None = None
        self.since = 0.0
        self.lost = False
        self.reading = False
        self.monotonic = monotonic
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        while not (self.lost or self._ended):
            if self._lead(self):
                self.run_ready()
                continue
            inbox = self._queue.get()
            if inbox is None:
                return
            self._serve(inbox)
            del inbox  # an idle worker must not keep a dead actor alive

    def run_ready(self) -> bool:
        """Run what is ready, without waiting for more; False: the worker is to end."""
        get = self._queue.get_nowait
        for _ in range(BETWEEN_LINKS):
            try:
                inbox = get()
            except Empty:
                return True
            if inbox is None:
                self._ended = True
                return False
            self._serve(inbox)
            if self.lost:
                return False
        return True

    def has_ready(self) -> bool:
        """Return whether an actor waits for its turn."""
        return not self._queue.empty()

    def _serve(self, inbox: Inbox) -> None:
        if not inbox.enter(self):
            return
        actor = inbox.actor
        assert actor is not None
        self.since = self.monotonic()
        self.actor = actor
        actor.take_turn(self)
        self.actor = None
        if inbox.leave(self) and not self.lost:
            self._queue.put(inbox)
