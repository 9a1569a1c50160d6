"""The handler pool's rules, step by step, without a thread."""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime.handlers.runs import Task
from actors.runtime.handlers.scheduler import (
    QUICK_S,
    REPORT_S,
    SLICE,
    STARVED_S,
    TIMED_OUT,
    HandlerScheduler,
    Worker,
)
from actors.values import DONE, Event
from tests.runtime.doubles import Letters

KEY = (False, "a")
SHARE_S, DEADLINE_S = 0.002, 60.0


class Desk:
    """A scheduler whose threads are counted, not started."""

    def __init__(self, *, limit: int = 8, per_account: int = 4) -> None:
        self.spawned: list[Worker] = []
        self.woken: list[Worker] = []
        self.alarms = 0
        self.refuse = False
        self.scheduler = HandlerScheduler(
            limit=limit,
            per_account=per_account,
            share_after_s=SHARE_S,
            deadline_s=DEADLINE_S,
            leak_limit=1,
            alarm=self._alarm,
            wake=self._wake,
            spawn=self._spawn,
            unix_ms=lambda: 5000,
        )

    def _alarm(self) -> None:
        self.alarms += 1

    def _wake(self, worker: Worker) -> None:
        self.woken.append(worker)

    def _spawn(self) -> Worker | None:
        if self.refuse:
            return None
        self.spawned.append(Worker())
        return self.spawned[-1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def task(lane: str, count: int = 1, *, again: bool = False, **fields: Any) -> Task:
    events: list[Any] = [Event(event_id=f"{lane} {n}", **fields) for n in range(count)]
    return Task(lane, events, lambda _: DONE, Letters(), again)


def finish(desk: Desk, worker: Worker, now: float) -> Task | None:
    assert worker.task is not None
    return desk.scheduler.dispose(worker, DONE, now)


def worked_off(desk: Desk) -> Worker:
    """Return a worker that has just handled all there was."""
    desk.scheduler.add(KEY, [task("x"), task("y")], 0.0)
    (worker,) = desk.spawned
    desk.scheduler.find(worker, 0.0)
    finish(desk, worker, 1e-6)
    finish(desk, worker, 2e-6)
    return worker


def test_one_worker_takes_run_after_run(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x"), task("y")], 0.0)
    (worker,) = desk.spawned
    first = scheduler.find(worker, 0.0)
    assert first is not None
    second = finish(desk, worker, 1e-6)
    assert second is not None
    assert (first.lane, second.lane) == ("x", "y")
    assert finish(desk, worker, 2e-6) is None
    assert [ran.lane for _, ran in worker.results] == ["x", "y"]
    assert scheduler.find(worker, 3e-6) is None
    assert scheduler.idle == [worker]
    scheduler.add(KEY, [task("x")], 1.0)
    assert (desk.woken, scheduler.idle, len(desk.spawned)) == ([worker], [], 1)


def test_a_queue_that_is_listed_is_not_forgotten(desk: Desk) -> None:
    """Forgotten and made anew, one account would have two queues, and a lane two events."""
    scheduler = desk.scheduler
    worker = worked_off(desk)  # the queue is empty, and still on the ready list
    scheduler.add(KEY, [task("x")], 3e-6)
    assert len(scheduler._ready) == 1
    assert scheduler.find(worker, 4e-6) is not None
    other = Worker()
    scheduler._hot += 1
    scheduler.add(KEY, [task("x")], 5e-6)
    assert scheduler.find(other, 6e-6) is None, "the lane is in the first worker's hands"


def test_work_is_shared_when_every_worker_is_stuck(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(10)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    now = 0.0
    for expected in (2, 4, 4):  # doubling, up to the account's four
        now += SHARE_S
        scheduler.look_at = now
        scheduler.inspect(now)
        for worker in desk.spawned:
            if worker.task is None:
                scheduler.find(worker, now)
        assert len(desk.spawned) == expected


def test_a_starved_worker_is_not_a_stuck_one(desk: Desk) -> None:
    """When the watcher itself came late, threads wait for the GIL, not for the world."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(10)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    scheduler.look_at = SHARE_S
    scheduler.inspect(SHARE_S * 2)
    assert len(desk.spawned) == 1
    scheduler.look_at = STARVED_S
    scheduler.inspect(STARVED_S)
    assert len(desk.spawned) == 2


def test_on_a_busy_processor_a_worker_without_progress_is_starved(desk: Desk) -> None:
    """Were it taken for a stuck one, threads would be added that only fight for the GIL."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(10)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    for now in (SHARE_S, 2 * SHARE_S, 3 * SHARE_S):
        scheduler.look_at = now
        scheduler.inspect(now, busy=True)
    assert len(desk.spawned) == 1
    scheduler.look_at = 4 * SHARE_S
    scheduler.inspect(4 * SHARE_S, busy=False)
    assert len(desk.spawned) == 2


def test_while_all_goes_well_the_watcher_looks_less_often(desk: Desk) -> None:
    scheduler = desk.scheduler
    now, looks = 0.0, list[float]()
    scheduler.add(KEY, [task("x"), task("y")], now)
    (worker,) = desk.spawned
    for number in range(6):
        assert scheduler.look_at is not None
        looks.append(scheduler.look_at - now)
        now = scheduler.look_at
        while scheduler.find(worker, now) is not None:
            while finish(desk, worker, now) is not None:
                pass
            worker.results.clear()
        scheduler.inspect(now)
        scheduler.add(KEY, [task(f"x{number}"), task(f"y{number}")], now)
    assert looks == pytest.approx([SHARE_S, 0.004, 0.008, STARVED_S, STARVED_S, STARVED_S])
    assert desk.alarms == 1, "a look that is due anyway needs no alarm"

    scheduler.find(worker, now)
    now += 2 * STARVED_S
    scheduler.look_at = now
    scheduler.inspect(now)  # it is stuck
    assert scheduler.look_at == pytest.approx(now + SHARE_S)


def test_the_last_to_rest_is_the_first_to_be_woken(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler._hire(3)
    one, two, three = desk.spawned
    for worker in (two, one, three):
        assert scheduler.find(worker, 0.0) is None
    scheduler.add(KEY, [task("x")], 1.0)
    assert (desk.woken, scheduler.idle) == ([three], [two, one])


def test_nobody_looks_once_there_is_nothing_to_do(desk: Desk) -> None:
    scheduler = desk.scheduler
    worker = worked_off(desk)
    scheduler.find(worker, 3e-6)
    for _ in range(2):
        assert scheduler.look_at is not None
        scheduler.inspect(scheduler.look_at)
    assert scheduler.look_at is None


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({}, REPORT_S),
        ({"cut": True}, 1e-6),
        ({"stuck": True}, 1e-6),
        ({"lost": True}, 1e-6),
        ({"task": None}, 1e-6),
    ],
)
def test_a_worker_asks_where_it_may_not_go_on(
    desk: Desk, change: dict[str, Any], now: float
) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", 3)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    for name, value in change.items():
        setattr(worker, name, value)
    assert not worker.goes_on(now)


def test_a_worker_goes_on_by_itself_within_its_run(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", 3)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    assert worker.goes_on(1e-6)
    assert worker.goes_on(2e-6)
    assert not worker.goes_on(3e-6), "the last one's end is the run's"
    assert (worker.since, worker.handled, worker.outcomes) == (2e-6, 2, [DONE, DONE])
    assert finish(desk, worker, 3e-6) is None
    assert worker.results[0][1].is_done


def test_what_is_given_up_knows_nothing_of_what_its_worker_does_later(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", 3)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    scheduler.look_at = DEADLINE_S
    ((_, ran),), lost = scheduler.inspect(DEADLINE_S)
    worker.outcomes.append(DONE)
    assert (lost, ran.outcomes) == (1, [TIMED_OUT])
    assert [event.event_id for event in ran.rest] == ["x 1", "x 2"]


def test_slow_but_steady_handlers_get_a_few_workers(desk: Desk) -> None:
    """1.5 ms each never counts as stuck; still nobody should wait for 400 of them in a row."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(400)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    now = 0.0
    for _ in range(3):
        now += 0.0015
        finish(desk, worker, now)
    scheduler.look_at = now
    scheduler.inspect(now)
    assert len(desk.spawned) == 2


def test_a_second_worker_leaves_when_handlers_are_quick(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(4 * SLICE)], 0.0)
    scheduler._hire(1)
    one, two = desk.spawned
    scheduler.find(one, 0.0)
    scheduler.find(two, 0.0)
    for number in range(SLICE - 1):
        assert finish(desk, two, (number + 1) * QUICK_S / 10) is not None
    assert finish(desk, two, SLICE * QUICK_S / 10) is None
    assert scheduler.find(two, SLICE * QUICK_S / 10) is None
    assert (scheduler.idle, scheduler._hot) == ([two], 1)
    assert scheduler.look_at is not None, "somebody must look whether the first one gets stuck"


def test_a_slice_ends_where_results_grow_old(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", 3)], 0.0)
    (worker,) = desk.spawned
    run = scheduler.find(worker, 0.0)
    assert finish(desk, worker, REPORT_S / 2) is run
    assert finish(desk, worker, REPORT_S) is None
    ((_, ran),) = worker.results
    assert (len(ran.settled), len(ran.rest)) == (2, 1)


def test_a_machine_without_threads_is_asked_again(desk: Desk) -> None:
    scheduler = desk.scheduler
    desk.refuse = True
    scheduler.add(KEY, [task("x")], 0.0)
    assert scheduler.look_at == SHARE_S
    desk.refuse = False
    scheduler.inspect(SHARE_S)
    assert len(desk.spawned) == 1


def test_the_lost_are_not_replaced_for_ever() -> None:
    desk = Desk(limit=1)
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(n)) for n in range(5)], 0.0)
    now = 0.0
    for expected in (2, 2):  # one thread and, with a leak limit of one, one replacement
        for worker in desk.spawned:
            if worker.task is None and not worker.lost:
                scheduler.find(worker, now)
        now += DEADLINE_S
        scheduler.look_at = now
        scheduler.inspect(now)
        assert len(desk.spawned) == expected
    assert len(scheduler.lost) == 2


def test_when_all_threads_are_stuck_nobody_polls() -> None:
    desk = Desk(limit=1)
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x"), task("y")], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    scheduler.look_at = SHARE_S
    scheduler.inspect(SHARE_S)
    assert scheduler.look_at == DEADLINE_S


def test_stopping_leaves_nothing(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x"), task("x"), task("y")], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    assert [waiting.lane for waiting in scheduler.clear()] == ["x", "y"]
    assert finish(desk, worker, 1e-6) is None
    assert scheduler.find(worker, 2e-6) is None
    assert (scheduler._queues, scheduler.workers) == ({}, set())


def test_withdrawn_runs_are_given_back_and_the_one_at_hand_ends(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x"), task("x"), task("y")], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    assert [waiting.lane for waiting in scheduler.withdraw(KEY)] == ["x", "y"]
    assert scheduler.withdraw((False, "nobody")) == []
    assert finish(desk, worker, 1e-6) is None
    assert [ran.lane for _, ran in worker.results] == ["x"]
    assert scheduler.find(worker, 2e-6) is None
    assert scheduler._queues == {}


def test_withdrawing_cuts_the_run_at_hand_and_no_later_one(desk: Desk) -> None:
    """What is handled after that would be handled twice: it is read from the journal again."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", 3)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    scheduler.withdraw(KEY)
    assert finish(desk, worker, 1e-6) is None
    ((_, ran),) = worker.results
    assert [event.event_id for event in ran.rest] == ["x 1", "x 2"]
    assert scheduler.find(worker, 2e-6) is None

    scheduler.add(KEY, [task("x", 2)], 1.0)
    again = scheduler.find(worker, 1.0)
    assert finish(desk, worker, 1.000001) is again


# --- what is measured -----------------------------------------------------------------


def test_a_slice_is_measured_once(desk: Desk) -> None:
    """Clocks and places cost more than a quick handler; its mean says as much."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", received_at_ms=4990), task("y", received_at_ms=4998)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    finish(desk, worker, 0.001)
    assert sum(scheduler.took.counts) == 0, "the slice goes on"
    finish(desk, worker, 0.003)
    assert scheduler.took.cumulative()[:2] == [0, 2], "1.5 ms each"
    assert scheduler.took.sum_s == pytest.approx(0.003)
    assert scheduler.waited.cumulative()[3:5] == [0, 2], "since the first was read, 10 ms ago"


def test_a_slow_handler_is_measured_by_itself(desk: Desk) -> None:
    """In the mean of quick ones it would be gone."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task(str(number)) for number in range(40)], 0.0)
    (worker,) = desk.spawned
    scheduler.find(worker, 0.0)
    for number in range(1, 33):
        finish(desk, worker, number / 4096)
    finish(desk, worker, 3.0)
    counts = scheduler.took.cumulative()
    assert counts[0] == 32
    assert counts[-1] == 33
    assert counts[11] == 32, "nothing between 1 ms and 2 s"
    assert counts[12] == 33
    assert scheduler.took.sum_s == pytest.approx(3.0)


def test_a_handler_that_is_given_up_is_measured(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", received_at_ms=5000)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    scheduler.inspect(DEADLINE_S)
    assert scheduler.took.cumulative()[-1] == scheduler.waited.cumulative()[-1] == 1
    assert scheduler.took.sum_s == DEADLINE_S


@pytest.mark.parametrize("again", [{"again": True}, {"redelivered": True}])
def test_what_was_tried_before_has_not_waited(desk: Desk, again: dict[str, bool]) -> None:
    """The pauses between attempts would look like a gateway that is slow."""
    scheduler = desk.scheduler
    scheduler.add(KEY, [task("x", **again)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    finish(desk, desk.spawned[0], 0.001)
    assert sum(scheduler.waited.counts) == 0
    assert sum(scheduler.took.counts) == 1


def test_calls_of_the_host_are_no_events(desk: Desk) -> None:
    scheduler = desk.scheduler
    scheduler.add((True, "a"), [Task("a", (print,), lambda _: DONE, None)], 0.0)
    scheduler.find(desk.spawned[0], 0.0)
    finish(desk, desk.spawned[0], 1.0)
    assert sum(scheduler.took.counts) == sum(scheduler.waited.counts) == 0
