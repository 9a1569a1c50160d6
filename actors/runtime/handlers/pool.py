"""The handler pool: the only threads that run the host's code.

Quick handlers must cost nothing beside the handler, slow ones must not hold anybody up. So
one thread drains everything that waits, without a wake-up an event, for as long as it makes
progress; a watcher looks every ``share_after_s`` seconds while work waits, and lets more
threads join when those at work are stuck (the hand-off of Go's scheduler). The rules are
in :mod:`actors.runtime.handlers.scheduler`. A lane has at most one event in flight, always.

A handler that does not return within its deadline is given up with its thread: threads can
not be killed. What it may still do, it can ask :func:`revoked`. Time in which the process did not
run is nobody's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from queue import Empty
from typing import Any, Final

from actors.messages import LanesRan
from actors.policy.histogram import Histogram
from actors.policy.lanes import Run
from actors.ports import Clock, Handle, Mailbox
from actors.runtime.handlers.runs import RanLane, Task, tell_results
from actors.runtime.handlers.scheduler import TIMED_OUT, HandlerScheduler, Results, Worker
from actors.runtime.log import SILENT, Log
from actors.runtime.pool import forks
from actors.runtime.pool.error_location import error_location
from actors.runtime.pool.naps import Naps
from actors.sections import HandlerSettings
from actors.values import DONE, Disposition, Event, Outcome

__all__ = ["HandlerPool", "LanesRan", "RanLane", "handling", "revoked"]

IDLE_S: Final = 30.0
"""How long a thread without work stays."""

_GRACE_S: Final = 0.2
"""How long a stop waits for threads that should be on their way out."""

TICK_S: Final = 1.0
"""Between two looks at the clock while handlers run: how exactly a suspension is measured."""

BUSY: Final = 0.8
"""Of a core, from which on a handler without progress is taken to wait for the GIL."""

_here = threading.local()


def revoked() -> bool:
    """Return whether the calling thread was given up: what it does now is not wanted any more.

    False on every thread that is not a handler's.
    """
    worker: Worker | None = getattr(_here, "worker", None)
    return worker is not None and worker.lost


def handling() -> bool:
    """Return whether the calling thread is a handler's."""
    return getattr(_here, "worker", None) is not None


def forked() -> None:
    """In a child, on the thread that forked: begin nothing more that is the parent's to do."""
    forks.forked()
    worker: Worker | None = getattr(_here, "worker", None)
    if worker is not None:
        worker.lost = True


_DEFAULTS: Final = HandlerSettings()


class HandlerPool:
    """Runs lanes through ``handle``, and calls of the host, on threads made on demand."""

    def __init__(
        self,
        *,
        clock: Clock,
        handle: Handle,
        limit: int = _DEFAULTS.threads,
        per_account: int = _DEFAULTS.per_account,
        share_after_s: float = 0.002,
        deadline_s: float = _DEFAULTS.deadline_s,
        leak_limit: int = 10,
        on_leak: Callable[[int], None] | None = None,
        log: Log = SILENT,
        given_up: Callable[[Event], Outcome] | None = None,
        idle_s: float = IDLE_S,
        name: str = "gateway/handler",
    ) -> None:
        """Make the pool.

        Args:
            clock: For deadlines.
            handle: Hands an event to the handlers that want it.
            limit: Most threads.
            per_account: Most threads of one account.
            share_after_s: Time in one handler after which a thread counts as stuck.
            deadline_s: Time in one handler after which it is given up.
            leak_limit: Lost threads that are replaced; more make the pool smaller.
            on_leak: Called with :attr:`leaked` each time threads are given up.
            log: Never raises.
            given_up: Returns the outcome of an event whose handler was given up; None: it is dead.
            idle_s: How long a thread without work stays.
            name: Prefix of thread names.
        """
        self._monotonic = clock.monotonic
        self._handle = handle
        self._deadline_s = deadline_s
        self._on_leak = on_leak
        self._log = log
        self._given_up = given_up
        self._idle_s = idle_s
        self._name = name
        self._numbers = count()
        self._lock = threading.Lock()
        self._alarm = threading.Condition(self._lock)
        self._watching = True
        self._watcher = threading.Thread(target=self._watch, name=f"{name}-watcher", daemon=True)
        self._scheduler = HandlerScheduler(
            limit=limit,
            per_account=per_account,
            share_after_s=share_after_s,
            deadline_s=deadline_s,
            leak_limit=leak_limit,
            alarm=self._alarm.notify,
            wake=_wake,
            spawn=self._spawn,
            unix_ms=clock.unix_ms,
        )

    @property
    def leaked(self) -> int:
        """Return the number of threads that were given up and are still in their handler."""
        return len(self._scheduler.lost)

    @property
    def threads(self) -> tuple[int, int, int]:
        """Return how many threads run, idle and hang; no lock is taken, a moment may be mixed."""
        scheduler = self._scheduler
        idle = len(scheduler.idle)
        return max(0, len(scheduler.workers) - idle), idle, len(scheduler.lost)

    @property
    def waited(self) -> Histogram:
        """Return how long events had waited, from their read until a thread began with them."""
        return self._scheduler.waited

    @property
    def took(self) -> Histogram:
        """Return how long handlers took."""
        return self._scheduler.took

    # --- any thread ------------------------------------------------------------------------

    def start(self) -> None:
        """Start the watcher; handler threads come with the work."""
        self._watcher.start()

    def submit(self, account: str, runs: Sequence[Run], reply_to: Mailbox[LanesRan]) -> None:
        """Have runs handled: each in order, side by side with others where that pays.

        Every run is reported to ``reply_to`` once, several in a message. After a stop all of a
        run is its ``rest``.
        """
        handle = self._handle
        tasks = [
            Task(
                run.lane,
                run.events,
                handle if run.admit is None else partial(_admitted, run.admit, handle),
                reply_to,
                run.again,
            )
            for run in runs
            if run.events
        ]
        done = [] if len(tasks) == len(runs) else [run for run in runs if not run.events]
        if tasks and not self._enqueue((False, account), tasks):
            done = list(runs)
        if done:
            unrun = [RanLane(run.lane, run.events) for run in done]
            tell_results([(reply_to, ran) for ran in unrun])

    def withdraw(self, account: str) -> None:
        """Begin no further event of an account; one in a handler ends.

        Each of its runs is reported, as ever: what was not begun is its ``rest``.
        """
        with self._lock:
            waiting = self._scheduler.withdraw((False, account))
        _tell_unrun(waiting)

    def call(self, key: str, fn: Callable[[], object]) -> None:
        """Call a function of the host's: in order per key, with the isolation of a handler.

        What it raises is logged by type and place. After a stop it is not called.
        """
        self._enqueue((True, key), [Task(key, (fn,), _call, None)])

    def look(self) -> None:
        """Read the clock again, which was moved by hand."""
        with self._lock:
            self._alarm.notify()

    def stop(self, timeout_s: float) -> list[str]:
        """End: no event is begun any more, those in a handler get ``timeout_s``. Idempotent.

        What was not begun, or is not finished by then, is reported as ``rest``.

        Returns:
            Names of threads that are still alive, those given up earlier included.
        """
        deadline = self._monotonic() + timeout_s
        scheduler = self._scheduler
        with self._lock:
            waiting = scheduler.clear()
            workers = list(scheduler.workers)
            for worker in workers:
                _wake(worker)
        _tell_unrun(waiting)
        for worker in workers:
            if worker.thread is not None and worker.thread is not threading.current_thread():
                worker.thread.join(max(0.0, deadline - self._monotonic()))
        with self._lock:
            late = [worker for worker in scheduler.workers if worker.task is not None]
            results = [result for worker in late for result in scheduler.give_up(worker, None)]
            self._watching = False
            self._alarm.notify()
            threads = [self._watcher, *(lost.thread for lost in scheduler.lost if lost.thread)]
        tell_results(results)
        grace = self._monotonic() + _GRACE_S
        for thread in threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, grace - self._monotonic()))
        return sorted(thread.name for thread in threads if thread.is_alive())

    def _enqueue(self, key: tuple[bool, str], tasks: Sequence[Task]) -> bool:
        with self._lock:
            if self._scheduler.stopping:
                return False
            self._scheduler.add(key, tasks, self._monotonic())
        return True

    # --- what the scheduler has done --------------------------------------------------------------

    def _spawn(self) -> Worker | None:
        worker = Worker()
        worker.thread = threading.Thread(
            target=self._work,
            args=(worker,),
            name=f"{self._name}-{next(self._numbers)}",
            daemon=True,
        )
        try:
            worker.thread.start()
        except RuntimeError:  # the machine has no thread left; the watcher tries again
            return None
        return worker

    # --- a handler thread --------------------------------------------------------------------

    def _work(self, worker: Worker) -> None:
        _here.worker = worker
        while (task := self._next(worker)) is not None:
            self._serve(worker, task)
            del task  # an idle thread must not keep events alive
            if worker.lost:
                return

    def _serve(self, worker: Worker, first: Task) -> None:
        """Run a slice: one run after the other, for as long as the scheduler says."""
        scheduler, lock, monotonic = self._scheduler, self._lock, self._monotonic
        task: Task | None = first
        while task is not None:
            outcome = _run(task, worker, monotonic, self._log)
            if worker.lost:
                forks.end_copy()  # before the lock: its holder may not be in this process
            with lock:
                if worker.lost:
                    scheduler.lost.discard(worker)
                    return
                task = scheduler.dispose(worker, outcome, monotonic())
                results = worker.results
                if task is None:
                    worker.results = []
            if task is None:
                tell_results(results)

    def _next(self, worker: Worker) -> Task | None:
        """Wait for work; None when the thread must end."""
        scheduler = self._scheduler
        while True:
            with self._lock:
                task = scheduler.find(worker, self._monotonic())
                if task is not None or scheduler.stopping:
                    return task
            try:
                worker.bell.get(timeout=self._idle_s)
            except Empty:
                with self._lock:
                    if worker in scheduler.idle:  # else another thread is about to ring
                        scheduler.idle.remove(worker)
                        scheduler.workers.discard(worker)
                        return None
                worker.bell.get()

    # --- the watcher -------------------------------------------------------------------------

    def _watch(self) -> None:
        scheduler, naps = self._scheduler, Naps(self._monotonic)
        tick_s = min(TICK_S, self._deadline_s / 4)
        looked_at, used_s = self._monotonic(), time.process_time()
        while True:
            with self._lock:
                scheduler.forgive(naps.look(0.0))
                now = self._monotonic()
                while self._watching and (scheduler.look_at is None or scheduler.look_at > now):
                    # Bounded while nothing runs, too: what begins meanwhile may be stopped with us.
                    left_s = min(
                        tick_s if scheduler.look_at is None else scheduler.look_at - now, tick_s
                    )
                    self._alarm.wait(left_s)
                    scheduler.forgive(naps.look(left_s))
                    now = self._monotonic()
                if not self._watching:
                    return
                passed_s, used_before_s = now - looked_at, used_s
                looked_at, used_s = now, time.process_time()
                busy = used_s - used_before_s >= BUSY * passed_s
                results, lost = scheduler.inspect(now, busy=busy)
            tell_results(self._judged(results) if lost else results)
            if lost:
                self._report_leak()

    def _judged(self, results: Results) -> Results:
        """Return the results with what becomes of the events whose handlers were given up."""
        given_up = self._given_up
        if given_up is None:
            return results
        return [
            (mailbox, ran)
            if not ran.outcomes or ran.outcomes[-1] is not TIMED_OUT
            else (mailbox, _judge(ran, given_up, self._log))
            for mailbox, ran in results
        ]

    def _report_leak(self) -> None:
        leaked = self.leaked
        if self._on_leak is None:
            return
        try:
            self._on_leak(leaked)
        except BaseException as error:  # noqa: BLE001  # a stranger's code
            self._log.error("callback.failed", what="on_leak", reason=error_location(error))


def _judge(ran: RanLane, given_up: Callable[[Event], Outcome], log: Log) -> RanLane:
    before = ran.outcomes[:-1]
    try:
        outcome = given_up(ran.events[len(before)])
    except Exception as error:  # noqa: BLE001  # the watcher must live
        log.error("callback.failed", what="given_up", reason=error_location(error))  # noqa: TRY400  # no payload
        outcome = TIMED_OUT
    return RanLane(ran.lane, ran.events, [*before, outcome])


def _wake(worker: Worker) -> None:
    worker.bell.put(None)


def _tell_unrun(tasks: Sequence[Task]) -> None:
    tell_results(
        [
            (task.reply_to, RanLane(task.lane, task.items))
            for task in tasks
            if task.reply_to is not None
        ]
    )


def _run(task: Task, worker: Worker, monotonic: Callable[[], float], log: Log) -> Outcome:
    """Handle one event after the other; return the first outcome the scheduler must know."""
    do, items, ended = task.do, task.items, worker.outcomes
    try:
        outcome: Any = do(items[len(ended)])
        while outcome is DONE and worker.goes_on(monotonic()):
            outcome = do(items[len(ended)])
        if isinstance(outcome, Outcome):
            return outcome
        reason = f"TypeError: {type(outcome).__name__} is no Outcome"
    except BaseException as error:  # noqa: BLE001  # a stranger's code
        if worker.lost:
            forks.end_copy(error)  # before the log: its locks may be held by nobody here
        reason = error_location(error)
    if task.reply_to is None:
        log.error("listener.failed", account=task.lane, reason=reason)
    return Outcome(disposition=Disposition.RETRY, reason=reason)


def _admitted(admit: Callable[[Event], Outcome | None], handle: Handle, event: Event) -> Outcome:
    outcome = admit(event)
    if outcome is not None or revoked():  # the outcome of a thread given up is dropped
        return outcome or DONE
    return handle(event)


def _call(fn: Callable[[], None]) -> Outcome:
    fn()
    return DONE
