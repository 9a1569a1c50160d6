"""The handler scheduler: which thread handles what next. The rules only, no threads.

Every method is called under the pool's lock, with the time as an argument.

A worker is *hot* while it makes progress and *stuck* once it has been in one handler for
``share_after_s``. Work that waits gets another worker only when none is hot (then as many as
there are), or when few are and all are slow: quick handlers stay on one thread, which is the
cheapest there is under the GIL, and sleeping ones are soon side by side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final, TypeAlias

from actors.messages import LanesRan
from actors.policy import reasons
from actors.policy.histogram import Histogram
from actors.ports import Mailbox
from actors.runtime.handlers.runs import Queue, RanLane, Task
from actors.values import DONE, Disposition, Outcome

SLICE: Final = 64
"""Events a worker handles of one account before it reports and turns to the next one."""

REPORT_S: Final = 0.05
"""How long the result of a finished run may wait for those after it."""

SLOW_WORKERS: Final = 4
"""Most workers that run side by side while each makes progress, but slowly."""

QUICK_S: Final = 0.00025
"""If the mean time of a handler is below this, a second hot worker costs more than it gains."""

STARVED_S: Final = 0.015
"""A worker without progress for this long counts as stuck while threads wait for the GIL (three
switch intervals). Below, it may only be waiting for the GIL."""

TIMED_OUT: Final = Outcome(disposition=Disposition.DEAD, reason=reasons.TIMED_OUT)

Results: TypeAlias = list[tuple[Mailbox[LanesRan], RanLane]]


class Worker:
    """A handler thread, as the scheduler sees it.

    Attributes:
        queue: The queue it works for; None: it has none.
        task: The run at hand; None: it has none.
        outcomes: What became of the events of the run that it has handled.
        since: Monotonic seconds when the event at hand began.
        began: The same for the slice.
        cut: The run at hand is to end after its event.
        handled: Events of the slice that are done.
        stuck: Long in one handler.
        lost: Given up; it is told by :func:`actors.runtime.handlers.pool.revoked`.
        results: Runs that ended and were not reported yet.
        results_since: When the first of them ended.
        waited_s: How long the first event of the slice had waited; None: it was tried before.
        bell: Wakes the thread when it is idle.
        thread: The thread.
    """

    __slots__ = (
        "began",
        "bell",
        "cut",
        "handled",
        "lost",
        "outcomes",
        "queue",
        "results",
        "results_since",
        "since",
        "stuck",
        "task",
        "thread",
        "waited_s",
    )

    def __init__(self) -> None:
        self.queue: Queue | None = None
        self.task: Task | None = None
        self.outcomes: list[Outcome] = []
        self.since = self.began = self.results_since = 0.0
        self.handled = 0
        self.cut = False
        self.stuck = False
        self.lost = False
        self.waited_s: float | None = None
        self.results: Results = []
        self.bell: SimpleQueue[None] = SimpleQueue()
        self.thread: threading.Thread | None = None

    def goes_on(self, now: float) -> bool:
        """Begin the run's next event after one that is done, if nobody need hear of that.

        Without the lock, by the worker itself. What the watcher decides at the same moment is as
        if decided a moment later: it takes a copy of ``outcomes``, and the worker sees that it is
        lost before it begins anything that was given back.
        """
        task, ended = self.task, self.outcomes
        if (
            task is None
            or len(ended) + 1 == len(task.items)
            or self.cut
            or self.stuck
            or now - self.began >= REPORT_S
        ):
            return False
        self.since = now
        self.handled += 1
        ended.append(DONE)
        return not self.lost


class HandlerScheduler:
    """Queues, workers, and the hand-off between them.

    Attributes:
        workers: Threads that were not given up.
        lost: Those that were, and are still in their handler.
        idle: Workers that wait and are not woken yet; the last to come is the first to be woken:
            it is warm, and the others may go when nobody needs them.
        stopping: No event is begun any more.
        look_at: Monotonic seconds at which :meth:`inspect` wants to be called; None: never.
        waited: How long events had waited when their slice began, since they were read.
        took: How long handlers took: those of :data:`REPORT_S` and longer each, others as the mean
            of their slice.
    """

    def __init__(
        self,
        *,
        limit: int,
        per_account: int,
        share_after_s: float,
        deadline_s: float,
        leak_limit: int,
        alarm: Callable[[], None],
        wake: Callable[[Worker], None],
        spawn: Callable[[], Worker | None],
        unix_ms: Callable[[], int],
    ) -> None:
        self.workers: set[Worker] = set()
        self.lost: set[Worker] = set()
        self.idle: list[Worker] = []
        self.stopping = False
        self.look_at: float | None = None
        self._alarm = alarm
        self._hot = 0
        self._added = False
        self._look_every_s = share_after_s
        self._limit = limit
        self._per_account = per_account
        self._share_after_s = share_after_s
        self._deadline_s = deadline_s
        self._leak_limit = leak_limit
        self._wake = wake
        self._spawn = spawn
        self._unix_ms = unix_ms
        self.waited = Histogram()
        self.took = Histogram()
        self._queues: dict[tuple[bool, str], Queue] = {}
        self._ready: deque[Queue] = deque()

    # --- work comes --------------------------------------------------------------------------

    def add(self, key: tuple[bool, str], tasks: Sequence[Task], now: float) -> None:
        """Queue runs, and have somebody work on them."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = Queue(key)
        queue.waiting.extend(tasks)
        self._list(queue)
        if self._hot:
            self._mark_stuck(now, STARVED_S)
        alone = self._hot == 0 and self._hire(1) and len(tasks) == 1
        self._added = self._added or not alone
        self._look_by(now + (self._deadline_s if alone else self._look_every_s))

    def _look_by(self, due: float) -> None:
        if self.look_at is None or due < self.look_at:
            self.look_at = due
            self._alarm()

    def withdraw(self, key: tuple[bool, str]) -> list[Task]:
        """Take what waits under a key; runs at hand are cut short after their event."""
        queue = self._queues.get(key)
        if queue is None:
            return []
        for worker in self.workers:
            worker.cut = worker.cut or worker.queue is queue
        tasks = queue.clear()
        self._strike(queue)
        return tasks

    def clear(self) -> list[Task]:
        """Take everything that waits, for good."""
        self.stopping = True
        for worker in self.workers:
            worker.cut = True
        tasks = [task for queue in self._queues.values() for task in queue.clear()]
        while self._ready:
            queue = self._ready.popleft()
            queue.listed = False
            self._strike(queue)
        return tasks

    def _list(self, queue: Queue) -> None:
        """Let a worker find a queue that has work and may have one more worker."""
        if not queue.listed and queue.waiting and queue.workers < self._per_account:
            queue.listed = True
            self._ready.append(queue)

    def _room(self) -> int:
        """Return how many workers could join. Beyond ``leak_limit`` the lost are not replaced."""
        allowed = self._limit - max(0, len(self.lost) - self._leak_limit)
        return len(self.idle) + max(0, allowed - len(self.workers))

    def _hire(self, wanted: int) -> bool:
        """Wake or start workers; False if there could be none."""
        hired = 0
        for _ in range(min(wanted, self._room())):
            if self.idle:
                self._wake(self.idle.pop())
            elif (worker := self._spawn()) is not None:
                self.workers.add(worker)
            else:
                break
            self._hot += 1
            hired += 1
        return hired > 0

    # --- a worker asks ------------------------------------------------------------------------

    def find(self, worker: Worker, now: float) -> Task | None:
        """Return a worker its next run; None makes it idle (or, when stopping, ends it)."""
        quick = now - worker.began < QUICK_S * worker.handled
        while self._ready and not (quick and self._hot > 1):
            queue = self._ready.popleft()
            queue.listed = False
            task = queue.take()
            if task is None:
                self._strike(queue)
                continue
            queue.workers += 1
            worker.queue = queue
            worker.handled = 0
            worker.since = worker.began = now
            if task.reply_to is not None and not task.again and not task.items[0].redelivered:
                worker.waited_s = (self._unix_ms() - task.items[0].received_at_ms) / 1000
            self._begin(worker, task)
            return task
        self._hot -= 1
        worker.handled = 0
        if self.stopping:
            self.workers.discard(worker)
        else:
            self.idle.append(worker)
        return None

    def _begin(self, worker: Worker, task: Task) -> None:
        assert worker.queue is not None
        worker.task = task
        worker.outcomes = []
        worker.cut = False
        if worker.queue.waiting:
            self._list(worker.queue)
        if self._ready:
            self._look_by(worker.since + self._look_every_s)

    def dispose(self, worker: Worker, outcome: Outcome, now: float) -> Task | None:
        """Note an outcome; gives the run to go on with, or None: report, then :meth:`find`.

        A run is cut short once its slice has lasted :data:`REPORT_S`, so that what is done
        can be settled, and after a reply, which leaves with the settlement.
        """
        task, queue = worker.task, worker.queue
        assert task is not None
        assert queue is not None
        if worker.stuck:
            worker.stuck = False
            self._hot += 1
        last_s = now - worker.since
        worker.since = now
        worker.handled += 1
        worker.outcomes.append(outcome)
        late = worker.cut or self.stopping or bool(outcome.replies)
        late = late or now - worker.began >= REPORT_S
        over = outcome.disposition is Disposition.RETRY or len(worker.outcomes) == len(task.items)
        if not over and not late:
            return task
        self._end_run(worker, task, queue, worker.outcomes)
        if not late and worker.handled < SLICE and (following := queue.take()) is not None:
            self._begin(worker, following)
            return following
        if task.reply_to is not None:
            self._measure(worker, last_s)
        self._depart(worker, queue)
        return None

    def _measure(self, worker: Worker, last_s: float) -> None:
        """Count the slice that ends now: once, and whoever was slow in it, which is the last."""
        events, took_s = worker.handled, worker.since - worker.began
        if worker.waited_s is not None:
            self.waited.add(worker.waited_s, events)
            worker.waited_s = None
        if last_s >= REPORT_S:
            self.took.add(last_s)
            events, took_s = events - 1, took_s - last_s
        if events:
            self.took.add(took_s / events, events)

    def _end_run(
        self, worker: Worker, task: Task, queue: Queue, outcomes: Sequence[Outcome]
    ) -> None:
        """Note the result of the worker's run and free its lane."""
        worker.task = None
        queue.release(task.lane)
        if task.reply_to is None:
            return
        if not worker.results:
            worker.results_since = worker.since
        worker.results.append((task.reply_to, RanLane(task.lane, task.items, outcomes)))

    def _depart(self, worker: Worker, queue: Queue) -> None:
        worker.queue = None
        queue.workers -= 1
        self._list(queue)
        self._strike(queue)

    def _strike(self, queue: Queue) -> None:
        if queue.spent:
            self._queues.pop(queue.key, None)

    # --- the watcher asks ----------------------------------------------------------------------

    def inspect(self, now: float, *, busy: bool = False) -> tuple[Results, int]:
        """Look at every worker once: share work, take results along, give up the hopeless.

        Args:
            now: Monotonic seconds.
            busy: The process has used a whole core since the last look.

        Returns:
            Results to tell, and how many workers were given up.
        """
        results: Results = []
        lost = 0
        late = self.look_at is not None and now - self.look_at > self._share_after_s / 2
        starved = busy or late
        self._mark_stuck(now, STARVED_S if starved else self._share_after_s)
        for worker in list(self.workers):
            if worker.task is None:
                continue
            if now - worker.since >= self._deadline_s:
                last_s, worker.since, worker.handled = now - worker.since, now, worker.handled + 1
                if worker.task.reply_to is not None:
                    self._measure(worker, last_s)
                results += self.give_up(worker, TIMED_OUT)
                lost += 1
            elif worker.results and now - worker.results_since >= REPORT_S:
                results += worker.results
                worker.results = []
        if self._ready:
            self._share(now, starved=starved)
        self.look_at = self._next_look(now)
        self._added = False
        return results, lost

    def forgive(self, lost_s: float) -> None:
        """Count no time against a handler in which the process did not run."""
        if not lost_s:
            return
        for worker in self.workers:
            worker.since += lost_s
            worker.began += lost_s
            worker.results_since += lost_s
        if self.look_at is not None:
            self.look_at += lost_s

    def _next_look(self, now: float) -> float | None:
        """Return when to inspect again: soon while work waits, else at the next deadline.

        While workers make progress every look only takes the GIL from them: it comes half as
        often each time.
        """
        dues: list[float] = []
        if (self._added or self._ready) and (self._hot or self._room()):
            progress = not any(worker.stuck for worker in self.workers)
            longer_s = min(2 * self._look_every_s, max(STARVED_S, self._share_after_s))
            self._look_every_s = longer_s if progress else self._share_after_s
            dues.append(now + self._look_every_s)
        else:
            self._look_every_s = self._share_after_s
        for worker in self.workers:
            if worker.task is not None:
                dues.append(worker.since + self._deadline_s)
                if worker.results:
                    dues.append(worker.results_since + REPORT_S)
        return min(dues, default=None)

    def _mark_stuck(self, now: float, after_s: float) -> None:
        for worker in self.workers:
            if (
                not worker.stuck
                and worker.task is not None
                and now - worker.since >= max(after_s, self._share_after_s)
            ):
                worker.stuck = True
                self._hot -= 1

    def _share(self, now: float, *, starved: bool) -> None:
        busy = [worker for worker in self.workers if worker.task is not None]
        if self._hot == 0:
            self._hire(max(1, min(len(busy), sum(len(queue.waiting) for queue in self._ready))))
        elif (
            not starved
            and self._hot < SLOW_WORKERS
            and all(
                worker.stuck
                or now - worker.began >= self._share_after_s * max(1.0, worker.handled / 8)
                for worker in busy
            )
        ):
            self._hire(1)

    def give_up(self, worker: Worker, outcome: Outcome | None) -> Results:
        """Return a worker up for lost; its event gets ``outcome``, or is part of the rest."""
        task, queue = worker.task, worker.queue
        assert task is not None
        assert queue is not None
        worker.lost = True
        self.workers.discard(worker)
        self.lost.add(worker)
        if not worker.stuck:
            self._hot -= 1
        outcomes = list(worker.outcomes)
        if outcome is not None:
            outcomes.append(outcome)
        self._end_run(worker, task, queue, outcomes)
        self._depart(worker, queue)
        results, worker.results = worker.results, []
        return results
