"""The pool: a few threads that run all actors, and read the sockets in between.

Leader and followers: one worker has the lead. It waits for the sockets, reads one link, and
runs what that made ready while it is hot in the processor's caches; then the next link. The
others, if there are any, run actors. Whoever is held up loses the lead to a new worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import Any

from actors.runtime.log import SILENT, Log
from actors.runtime.pool.inbox import Inbox, InboxActor
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.worker import Worker


class _WakeUp:
    """An item of the run queue without an actor: the worker that takes it only wakes up."""

    actor = None

    @staticmethod
    def enter(worker: Worker) -> bool:  # noqa: ARG004  # the form of Inbox.enter
        return False


_WAKE_UP: Any = _WakeUp()


class Pool:
    """Runs pooled actors. Actors may be started before the pool is.

    Args:
        threads: Workers to begin with.
        name: Prefix of their names.
        monotonic: Clock of :meth:`stuck`, in seconds.
        poller: Reads the sockets on whichever worker has the lead.
        log: Never raises; its actors' too.

    Attributes:
        live: Actors that are not stopped, by number. Read it, do not write it.
        leaked: Workers given up for lost since the start.
    """

    def __init__(
        self,
        threads: int = 2,
        name: str = "gateway",
        *,
        monotonic: Callable[[], float] = time.monotonic,
        poller: Poller | None = None,
        log: Log = SILENT,
    ) -> None:
        if threads < 1:
            raise ValueError(f"a pool needs at least one thread, not {threads}")
        self.log = log
        self.live: dict[int, InboxActor] = {}
        self.leaked = 0
        self._name = name
        self._threads = threads
        self._monotonic = monotonic
        self._numbers = count()
        self._queue: SimpleQueue[Inbox | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._lost: list[Worker] = []
        self._started = False
        self._stopped = False
        self._poller = poller
        self._leader: Worker | None = None
        self.schedule: Callable[[Inbox], None] = (
            self._queue.put if poller is None else self._put_and_rouse
        )
        """Puts an inbox on the run queue; its actor has mail. Inboxes only."""

    def start(self) -> None:
        """Start the threads. Once."""
        with self._lock:
            if self._started:
                raise RuntimeError(f"pool {self._name} was started before")
            self._started = True
            for _ in range(self._threads):
                self._hire()

    def _hire(self) -> None:
        name = f"{self._name}/pool-{next(self._numbers)}"
        worker = Worker(self._queue, name=name, monotonic=self._monotonic, lead=self._lead)
        self._workers.append(worker)
        worker.thread.start()

    def _put_and_rouse(self, inbox: Inbox) -> None:
        self._queue.put(inbox)
        if self._poller is not None and self._poller.asleep:
            self._poller.rouse()

    def _lead(self, worker: Worker) -> bool:
        """Have a worker read the sockets once; False if that is not its business."""
        poller = self._poller
        if poller is None or poller.closed:
            return False
        with self._lock:
            if worker.lost or self._leader not in (None, worker):
                return False
            self._leader = worker
            worker.reading = True

        def between() -> bool:
            worker.reading = False
            going_on = worker.run_ready()
            with self._lock:  # from here on nobody takes the lead until the next link is read
                worker.reading = going_on and self._leader is worker
            return worker.reading

        poller.turn(between, worker.has_ready)
        worker.reading = False
        return True

    def _depose(self, worker: Worker) -> None:
        """Let another one take the lead; the lock is held."""
        if self._leader is worker:
            self._leader = None

    def adopt(self, actor: InboxActor) -> None:
        """Let an actor run.

        Raises:
            RuntimeError: The pool is stopped.
        """
        with self._lock:
            if self._stopped:
                raise RuntimeError(f"pool {self._name} is stopped; no actor can be started on it")
            self.live[actor.actor_inbox.number] = actor
        actor.actor_inbox.actor = actor
        self.schedule(actor.actor_inbox)

    def forget(self, actor: InboxActor) -> None:
        """Strike a stopped actor off the list."""
        self.live.pop(actor.actor_inbox.number, None)

    def stuck(self, now: float, limit_s: float) -> list[InboxActor]:
        """Return the actors that have been at one message for ``limit_s`` seconds or more.

        Args:
            now: Monotonic seconds.
            limit_s: How long a message may take.
        """
        with self._lock:
            seen = [(worker.actor, worker.since) for worker in self._workers]
        return [actor for actor, since in seen if actor is not None and now - since >= limit_s]

    def mend(self) -> list[InboxActor]:
        """Replace workers whose thread has ended by itself.

        Returns:
            The actors that were on such a thread; they will not return, see :meth:`abandon`.
        """
        with self._lock:
            ended = [worker for worker in self._workers if not worker.thread.is_alive()]
            for worker in ended:
                self._depose(worker)
                if not self._stopped:
                    self._workers.remove(worker)
                    self._hire()
        return [worker.actor for worker in ended if worker.actor is not None]

    def reinforce(self, limit: int) -> None:
        """Add a worker, up to ``limit`` of them: one that is held up must not hold up the rest.

        One worker is the cheapest under the GIL as long as it makes progress. If the leader is
        at an actor now, the lead passes on.
        """
        with self._lock:
            if self._stopped:
                return
            if self._leader is not None and not self._leader.reading:
                self._depose(self._leader)
            if len(self._workers) < limit:
                self._hire()
            elif self._leader is None:
                self._queue.put(_WAKE_UP)  # a follower that waits takes the lead

    def abandon(self, actor: InboxActor) -> None:
        """Give up an actor that does not return, and the worker it holds.

        Tells to it raise from now on, open asks are answered with ``ActorDeadError``, its
        ``died("hung")`` is called here, and a new worker takes the place of the lost one,
        which ends when its call returns.
        """
        first, hand = actor.actor_inbox.abandon()
        self.forget(actor)
        with self._lock:  # no worker: none ran it, or its thread ended and it was replaced
            for worker in [each for each in self._workers if each is hand]:
                self._workers.remove(worker)
                self._depose(worker)
                self._lost.append(worker)
                self.leaked += 1
                if not self._stopped:
                    self._hire()
        actor.tear_down()
        if first:
            actor.died("hung")

    def stop(self, timeout_s: float) -> list[str]:
        """End the threads, after what is already scheduled had its turn. Idempotent.

        Actors that are alive after that are dead without further ado: stop them before.

        Returns:
            Names of threads that are still alive after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            first, self._stopped = not self._stopped, True
            workers, lost = list(self._workers), list(self._lost)
        if first:
            for _ in workers:
                self._queue.put(None)
            if self._poller is not None:
                self._poller.rouse()
        threads = [worker.thread for worker in (*workers, *lost)]
        for thread in threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        for actor in list(self.live.values()):
            actor.actor_inbox.abandon()
            self.forget(actor)
            actor.tear_down()
        return [thread.name for thread in threads if thread.is_alive()]
