"""Strangers' code: in order per lane, side by side where it pays, and never anybody's trouble."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from actors.messages import LanesRan
from actors.policy.lanes import Run
from actors.runtime.clock import SystemClock
from actors.runtime.handlers.pool import HandlerPool, RanLane, revoked
from actors.values import DONE, Disposition, Event, Outcome
from tests.runtime.doubles import WAIT_S, Kept, Letters

DONE_, RETRY, DEAD = Disposition.DONE, Disposition.RETRY, Disposition.DEAD
Make = Callable[..., HandlerPool]


class Results(Letters[LanesRan]):
    """A dispatcher's mailbox."""

    def lanes(self, count: int) -> dict[str, RanLane]:
        """Wait for so many results; gives the last one of each lane."""
        told = self.wait(lambda all_: sum(len(message.runs) for message in all_) >= count)
        return {ran.lane: ran for message in told for ran in message.runs}


class Stop:
    """A gate handlers wait at, and how many are there."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self._inside = 0
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Be held up."""
        with self._changed:
            self._inside += 1
            self._changed.notify_all()
        self.opened.wait(WAIT_S)

    def holds(self, count: int) -> bool:
        """Wait until so many have come."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside >= count, WAIT_S)


@pytest.fixture
def make(clock: SystemClock, kept: Kept) -> Iterator[Make]:
    pools: list[HandlerPool] = []

    def make(handle: Any, **options: Any) -> HandlerPool:
        pool = HandlerPool(clock=clock, handle=handle, log=kept, **options)
        pool.start()
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        assert pool.stop(WAIT_S) == []


def run(lane: str, *ids: str) -> Run:
    return Run(lane=lane, events=[Event(event_id=name) for name in ids])


def outcomes(ran: RanLane) -> list[tuple[str, Disposition]]:
    return [(event.event_id, outcome.disposition) for event, outcome in ran.settled]


def ids(events: Sequence[Event]) -> list[str]:
    return [event.event_id for event in events]


def test_a_lane_runs_in_order_and_is_reported_once(make: Make) -> None:
    seen: list[str] = []

    def handle(event: Event) -> Outcome:
        seen.append(event.event_id)
        return DONE

    results = Results()
    make(handle).submit("a", [run("x", "1", "2", "3"), run("empty")], results)
    told = results.lanes(2)
    assert seen == ["1", "2", "3"]
    assert outcomes(told["x"]) == [("1", DONE_), ("2", DONE_), ("3", DONE_)]
    assert told["x"].rest == []
    assert (list(told["empty"].settled), list(told["empty"].rest)) == ([], [])


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret"),
        SystemExit("secret"),
        KeyboardInterrupt("secret"),
        MemoryError("secret"),
        RecursionError("secret"),
        GeneratorExit("secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_handler_raises_is_a_retry(make: Make, error: BaseException) -> None:
    """sys.exit() in a handler must not end a thread, a lane or the gateway."""

    def handle(event: Event) -> Outcome:
        if event.event_id == "bad":
            raise error
        return DONE

    results = Results()
    pool = make(handle)
    pool.submit("a", [run("x", "1", "bad", "3"), run("y", "4")], results)
    told = results.lanes(2)
    assert outcomes(told["x"]) == [("1", DONE_), ("bad", RETRY)]
    assert ids(told["x"].rest) == ["3"]
    assert outcomes(told["y"]) == [("4", DONE_)]
    reason = told["x"].settled[1][1].reason
    assert reason is not None
    assert reason.startswith(f"{type(error).__name__} at runtime/test_handlers.py:")
    assert "secret" not in reason


def test_a_retry_outcome_stops_the_lane_a_dead_one_does_not(make: Make) -> None:
    def handle(event: Event) -> Outcome:
        return Outcome(disposition=Disposition(event.event_id))

    results = Results()
    make(handle).submit("a", [run("x", "dead", "ignored", "retry", "done")], results)
    ran = results.lanes(1)["x"]
    assert [disposition for _, disposition in outcomes(ran)] == [DEAD, Disposition.IGNORED, RETRY]
    assert ids(ran.rest) == ["done"]


def test_a_handler_that_gives_nonsense_is_a_retry(make: Make) -> None:
    results = Results()
    make(lambda event: event.event_id).submit("a", [run("x", "1")], results)
    assert results.lanes(1)["x"].settled[0][1].reason == "TypeError: str is no Outcome"


def test_sleeping_lanes_run_side_by_side(make: Make) -> None:
    """Twenty customers whose handlers sleep wait once, not twenty times."""
    gate, results = Stop(), Results()

    def handle(_: Event) -> Outcome:
        gate.wait()
        return DONE

    make(handle, per_account=20).submit("a", [run(str(n), "1") for n in range(20)], results)
    assert gate.holds(20)
    gate.opened.set()
    assert len(results.lanes(20)) == 20


def test_one_slow_lane_delays_only_itself(make: Make) -> None:
    """Also the results of lanes that were finished before it on the same thread."""
    gate, results = Stop(), Results()

    def handle(event: Event) -> Outcome:
        if event.event_id == "slow":
            gate.wait()
        return DONE

    runs = [run("first", "1"), run("slow", "slow"), *(run(str(n), "x") for n in range(100))]
    make(handle).submit("a", runs, results)
    assert gate.holds(1)
    told = results.lanes(101)
    assert "slow" not in told
    assert "first" in told
    gate.opened.set()
    results.lanes(102)


def test_a_slow_account_does_not_hold_up_another(make: Make) -> None:
    gate, results = Stop(), Results()

    def handle(event: Event) -> Outcome:
        if event.event_id == "slow":
            gate.wait()
        return DONE

    pool = make(handle, limit=8, per_account=4)
    pool.submit("slow", [run(str(n), "slow") for n in range(50)], results)
    assert gate.holds(4)
    for number in range(20):
        pool.submit("quick", [run(f"q{number}", "1")], results)
        results.lanes(number + 1)
    gate.opened.set()
    results.lanes(70)


@pytest.mark.parametrize(("limit", "per_account", "accounts"), [(32, 4, 1), (6, 4, 5)])
def test_limits(make: Make, limit: int, per_account: int, accounts: int) -> None:
    lock, full = threading.Lock(), threading.Event()
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    bound = min(limit, per_account * accounts)

    def handle(event: Event) -> Outcome:
        with lock:
            for key in (event.account, "all"):
                now[key] += 1
                most[key] = max(most[key], now[key])
            if now["all"] == bound:
                full.set()
        full.wait(WAIT_S)
        with lock:
            now[event.account] -= 1
            now["all"] -= 1
        return DONE

    results = Results()
    pool = make(handle, limit=limit, per_account=per_account)
    for account in map(str, range(accounts)):
        runs = [
            Run(lane=str(n), events=[Event(event_id=str(n), account=account)]) for n in range(30)
        ]
        pool.submit(account, runs, results)
    results.wait(lambda all_: sum(len(message.runs) for message in all_) >= 30 * accounts)
    assert most["all"] == bound
    assert max(most[str(n)] for n in range(accounts)) <= per_account


@pytest.mark.parametrize(("used_s", "busy"), [(time.monotonic, True), (lambda: 0.0, False)])
def test_the_watcher_sees_whether_the_processor_is_busy(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    used_s: Callable[[], float],
    busy: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    monkeypatch.setattr(time, "process_time", used_s)
    opened, seen = threading.Event(), queue.Queue[bool]()
    pool = make(lambda _: DONE if opened.wait(WAIT_S) else None)
    inspect = pool._scheduler.inspect

    def watched(now: float, *, busy: bool = False) -> Any:
        seen.put(busy)
        return inspect(now, busy=busy)

    monkeypatch.setattr(pool._scheduler, "inspect", watched)
    results = Results()
    pool.submit("a", [run("x", "1"), run("y", "2")], results)
    assert seen.get(timeout=WAIT_S) is busy
    opened.set()
    results.lanes(2)


def test_quick_handlers_stay_on_one_thread(make: Make) -> None:
    """Threads that fight for the GIL are the dearest way to do nothing in parallel."""
    results = Results()
    threads: set[str] = set()

    def handle(_: Event) -> Outcome:
        threads.add(threading.current_thread().name)
        return DONE

    pool = make(handle, share_after_s=0.5)
    for part in range(20):
        pool.submit(str(part % 5), [run(f"{part} {n}", "1", "2") for n in range(50)], results)
    results.wait(lambda all_: sum(len(message.runs) for message in all_) >= 1000)
    assert len(threads) == 1
    assert len(results.all) <= 60, "results travel in batches"


def test_a_lane_never_has_two_events_in_flight(make: Make) -> None:
    """Not even if a restarted dispatcher submits again what its former self submitted."""
    dice = random.Random(5)
    lock, inside, overlaps = threading.Lock(), set[str](), list[str]()
    order: dict[str, list[int]] = {}
    waits = {number: dice.choice([0, 0, 0.001, 0.004]) for number in range(400)}

    def handle(event: Event) -> Outcome:
        lane, number = event.conversation_id or "", int(event.event_id)
        with lock:
            if lane in inside:
                overlaps.append(lane)
            inside.add(lane)
            order.setdefault(lane, []).append(number)
        if waits[number]:
            threading.Event().wait(waits[number])
        with lock:
            inside.discard(lane)
        return DONE

    results = Results()
    pool = make(handle, per_account=8)
    for number in range(0, 400, 2):
        lane = f"lane {dice.randrange(6)}"
        events = [Event(event_id=str(n), conversation_id=lane) for n in (number, number + 1)]
        pool.submit("a", [Run(lane=lane, events=events)], results)
    results.wait(
        lambda all_: sum(len(ran.settled) + len(ran.rest) for m in all_ for ran in m.runs) >= 400
    )
    assert overlaps == []
    assert all(numbers == sorted(numbers) for numbers in order.values())


def test_a_long_slow_lane_is_reported_in_parts(make: Make) -> None:
    """What is done can be settled before the rest is."""
    results = Results()

    def handle(_: Event) -> Outcome:
        threading.Event().wait(0.03)
        return DONE

    make(handle).submit("a", [run("x", *map(str, range(10)))], results)
    first = results.first().runs[0]
    assert 1 <= len(first.settled) < 10
    assert ids(first.rest) == [str(n) for n in range(len(first.settled), 10)]


def test_results_do_not_wait_for_a_handler_that_hangs(make: Make) -> None:
    gate, results = Stop(), Results()

    def handle(event: Event) -> Outcome:
        if event.event_id == "slow":
            gate.wait()
        return DONE

    make(handle, limit=1).submit("a", [run("first", "1"), run("slow", "slow")], results)
    assert gate.holds(1)
    assert list(results.lanes(1)) == ["first"]
    gate.opened.set()
    results.lanes(2)


# --- deadline ----------------------------------------------------------------------------


def test_a_hanging_handler_is_given_up(make: Make) -> None:
    """Its event is dead, its lane goes on, its thread is counted, its late result is dropped."""
    gate, results = Stop(), Results()
    leaks: Letters[int] = Letters()
    said: Letters[tuple[bool, bool]] = Letters()

    def handle(event: Event) -> Outcome:
        if event.event_id == "hang":
            before = revoked()
            gate.wait()
            said.tell((before, revoked()))
        return DONE

    pool = make(handle, deadline_s=0.1, on_leak=leaks.tell)
    pool.submit("a", [run("x", "1", "hang", "3"), run("y", "4")], results)
    told = results.lanes(2)
    assert outcomes(told["x"]) == [("1", DONE_), ("hang", DEAD)]
    assert told["x"].settled[1][1].reason == "handler_timed_out"
    assert ids(told["x"].rest) == ["3"]
    assert leaks.first() == 1
    assert pool.leaked == 1
    assert not revoked()
    pool.submit("a", [run("x", "3")], results)
    assert outcomes(results.lanes(3)["x"]) == [("3", DONE_)]
    gate.opened.set()
    assert said.first() == (False, True)
    assert pool.stop(WAIT_S) == []
    assert sum(len(message.runs) for message in results.all) == 3


def test_lost_threads_are_replaced_up_to_a_limit(make: Make) -> None:
    """One after the other hangs for ever: the pool gets smaller instead of eating the machine."""
    gate, results = Stop(), Results()
    leaks: Letters[int] = Letters()

    def on_leak(leaked: int) -> None:
        leaks.tell(leaked)
        raise SystemExit(leaked)

    def handle(_: Event) -> Outcome:
        gate.wait()
        return DONE

    pool = make(handle, limit=2, leak_limit=3, deadline_s=0.05, on_leak=on_leak)
    pool.submit("a", [run(str(n), "1") for n in range(8)], results)
    leaks.wait(lambda all_: max(all_, default=0) >= 5)
    assert len(results.lanes(5)) == 5
    assert pool.leaked == 5, "2 threads + 3 replacements"
    gate.opened.set()


def test_a_sleep_below_the_deadline_is_not_a_hang(make: Make) -> None:
    results = Results()

    def handle(_: Event) -> Outcome:
        threading.Event().wait(0.05)
        return DONE

    pool = make(handle, deadline_s=5.0)
    pool.submit("a", [run(str(n), "1") for n in range(8)], results)
    assert {d for ran in results.lanes(8).values() for _, d in outcomes(ran)} == {DONE_}
    assert pool.leaked == 0


# --- calls -------------------------------------------------------------------------------


def test_calls_are_in_order_per_key_and_isolated(make: Make, kept: Kept) -> None:
    gate = Stop()
    heard: Letters[tuple[str, int]] = Letters()
    pool = make(lambda _: DONE)

    def bad() -> None:
        raise SystemExit("secret")

    pool.call("stuck", gate.wait)
    pool.call("stuck", lambda: heard.tell(("stuck", 0)))
    assert gate.holds(1)
    pool.call("a", bad)
    for number in range(50):
        pool.call("a", lambda number=number: heard.tell(("a", number)))  # type: ignore[misc]
    assert heard.wait(lambda all_: len(all_) == 50) == [("a", n) for n in range(50)]
    assert "listener.failed {'account': 'a', 'reason': 'SystemExit at" in kept.text
    assert "secret" not in kept.text
    gate.opened.set()
    heard.wait(lambda all_: len(all_) == 51)


def test_a_call_and_an_account_of_one_name_do_not_meet(make: Make) -> None:
    gate, results = Stop(), Results()
    pool = make(lambda _: DONE)
    pool.call("a", gate.wait)
    assert gate.holds(1)
    pool.submit("a", [run("a", "1")], results)
    results.lanes(1)
    gate.opened.set()


# --- life --------------------------------------------------------------------------------


def test_threads_come_with_work_and_go_without(make: Make) -> None:
    def names() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name.startswith("brief-")]

    results = Results()
    pool = make(lambda _: DONE, idle_s=0.02, name="brief")
    assert [thread.name for thread in names()] == ["brief-watcher"]
    for round_ in range(3):
        pool.submit("a", [run("x", "1")], results)
        results.lanes(round_ + 1)
        for thread in names():
            if thread.name != "brief-watcher":
                assert thread.daemon
                thread.join(WAIT_S)
        assert [thread.name for thread in names()] == ["brief-watcher"]


def test_nothing_is_left_of_an_account_that_is_done(make: Make) -> None:
    results = Results()
    pool = make(lambda _: DONE)
    for number in range(50):
        pool.submit(f"account {number}", [run("x", "1")], results)
    results.wait(lambda all_: sum(len(message.runs) for message in all_) >= 50)
    assert pool.stop(WAIT_S) == []
    assert pool._scheduler._queues == {}


def test_withdrawn_runs_are_reported_as_not_begun(make: Make) -> None:
    """Whoever withdraws waits for every run it has handed over."""
    stop, results = Stop(), Results()

    def handle(_: Event) -> Outcome:
        stop.wait()
        return DONE

    pool = make(handle, per_account=1)
    try:
        pool.submit("a", [run("x", "x1", "x2"), run("y", "y1")], results)
        assert stop.holds(1)
        pool.withdraw("a")
        assert ids(results.lanes(1)["y"].rest) == ["y1"]
    finally:
        stop.opened.set()
    ran = results.lanes(2)["x"]
    assert (outcomes(ran), ids(ran.rest)) == ([("x1", DONE_)], ["x2"])


def test_stop_reports_what_did_not_run(make: Make) -> None:
    gate, results, seen = Stop(), Results(), list[str]()

    def handle(event: Event) -> Outcome:
        seen.append(event.event_id)
        gate.wait()
        return DONE

    pool = make(handle, limit=1)
    pool.submit("a", [run("x", "1", "2"), run("y", "3")], results)
    assert gate.holds(1)
    stopped: Letters[list[str]] = Letters()
    thread = threading.Thread(target=lambda: stopped.tell(pool.stop(WAIT_S)))
    thread.start()
    assert ids(results.lanes(1)["y"].rest) == ["3"]
    pool.submit("a", [run("z", "4")], results)
    pool.call("a", lambda: seen.append("never"))
    assert ids(results.lanes(2)["z"].rest) == ["4"]
    gate.opened.set()
    assert stopped.first() == []
    thread.join(WAIT_S)
    ran = results.lanes(3)["x"]
    assert (outcomes(ran), ids(ran.rest)) == ([("1", DONE_)], ["2"])
    assert seen == ["1"]


def test_stop_does_not_wait_for_ever(make: Make) -> None:
    """The event of a handler that outlasts the stop is not settled: it runs again next time."""
    gate, results = Stop(), Results()

    def handle(_: Event) -> Outcome:
        gate.wait()
        return DONE

    pool = make(handle, name="late")
    pool.submit("a", [run("x", "1", "2")], results)
    assert gate.holds(1)
    began = time.monotonic()
    assert pool.stop(0.05) == ["late-0"]
    assert time.monotonic() - began < WAIT_S
    ran = results.lanes(1)["x"]
    assert (list(ran.settled), ids(ran.rest)) == ([], ["1", "2"])
    gate.opened.set()
    assert pool.stop(WAIT_S) == []


def test_stop_without_a_start(clock: SystemClock) -> None:
    pool = HandlerPool(clock=clock, handle=lambda _: DONE)
    assert pool.stop(WAIT_S) == []
    assert pool.stop(WAIT_S) == []


def test_a_machine_without_threads_is_waited_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of threads for a moment: the work stays, and the watcher tries again."""
    results, refused = Results(), list[int]()
    pool = make(lambda _: DONE)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if len(refused) < 3:
            refused.append(1)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pool.submit("a", [run("x", "1")], results)
    results.lanes(1)
    assert len(refused) == 3


@pytest.mark.parametrize("seed", range(4))
def test_every_event_comes_back_exactly_once(make: Make, seed: int) -> None:
    """Random sleeps, failures, hangs and hand-offs: settled or rest, never both, never neither."""
    dice = random.Random(seed)
    plan = {
        str(n): dice.choices(["ok", "nap", "raise", "hang"], [80, 15, 4, 1])[0] for n in range(600)
    }
    gate = Stop()

    def handle(event: Event) -> Outcome:
        match plan[event.event_id]:
            case "nap":
                threading.Event().wait(0.003)
            case "raise":
                raise ValueError(event.event_id)
            case "hang":
                gate.wait()
            case _:
                pass
        return DONE

    results = Results()
    pool = make(handle, deadline_s=0.15, limit=12, per_account=3, leak_limit=100)
    lanes: dict[tuple[str, str], list[Event]] = {}
    for number in plan:
        key = (f"account {dice.randrange(5)}", f"lane {dice.randrange(20)}")
        lanes.setdefault(key, []).append(Event(event_id=number, account=key[0]))
    for (account, lane), events in lanes.items():
        pool.submit(account, [Run(lane=lane, events=events)], results)
    told = results.wait(lambda all_: sum(len(message.runs) for message in all_) >= len(lanes))
    seen: Counter[str] = Counter()
    for message in told:
        for ran in message.runs:
            seen.update(event.event_id for event, _ in ran.settled)
            seen.update(ids(ran.rest))
            for event, outcome in ran.settled:
                hung = plan[event.event_id] == "hang"
                assert (outcome.disposition is DEAD) == hung, f"seed {seed}"
    assert seen == Counter(plan.keys()), f"seed {seed}"
    gate.opened.set()


def test_the_pool_costs_little_beside_the_handler(make: Make) -> None:
    """Ten times a bare loop is a lot for nothing, and still 3 µs; without batching it is 30."""
    results = Results()
    pool = make(lambda _: DONE)
    events = [Event(event_id=str(n)) for n in range(20_000)]
    best = 1.0
    for round_ in range(3):
        runs = [Run(lane=str(n), events=events[n : n + 8]) for n in range(0, len(events), 8)]
        began = time.process_time()
        for at in range(0, len(runs), 64):
            pool.submit(str(at % 7), runs[at : at + 64], results)
        results.lanes((round_ + 1) * len(runs))
        best = min(best, (time.process_time() - began) / len(events))
    assert best < 15e-6, f"{best * 1e6:.1f} µs an event"
