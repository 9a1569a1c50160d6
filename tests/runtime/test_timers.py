"""Timers fire once, in order, on time; cancelled ones weigh nothing. And the clocks."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.clock import SystemClock
from actors.runtime.links.flow import Flow, GlobalFlow
from actors.runtime.pool.manual import UNIX_MS, ManualClock, ManualTimers
from actors.runtime.pool.timers import Timers
from tests.runtime.doubles import WAIT_S, Kept, Letters


@pytest.fixture
def timers(clock: SystemClock, kept: Kept) -> Iterator[Timers]:
    timers = Timers(clock, name="test/timers", log=kept)
    timers.start()
    yield timers
    assert timers.stop(WAIT_S) == []


def test_order_is_by_due_time(timers: Timers) -> None:
    heard: Letters[int] = Letters()
    timers.after(0.03, heard, 3)
    timers.after(0.01, heard, 1)
    timers.after(0.02, heard, 2)
    assert heard.wait(lambda all_: len(all_) == 3) == [1, 2, 3]


def test_never_early(timers: Timers, clock: SystemClock) -> None:
    heard: Letters[None] = Letters()
    began = clock.monotonic()
    timers.after(0.02, heard, None)
    heard.first()
    assert clock.monotonic() - began >= 0.02


def test_slack_lets_timers_fire_together_but_never_early() -> None:
    """Ten thousand heartbeats in fifteen seconds are not ten thousand wake-ups."""
    clock = ManualClock(now=3.3)
    manual = ManualTimers(clock)
    heard: Letters[int] = Letters()
    for number in range(100):
        manual.after(14.0, heard, number, slack_s=0.5)
        clock.advance(0.01)
    moments = sorted({due for due, _, _ in manual.pending()})
    assert len(moments) <= 3
    assert moments[0] >= 3.3 + 14.0
    assert moments[-1] <= clock.monotonic() + 14.0 + 0.5


def test_a_sooner_timer_wakes_the_thread(timers: Timers) -> None:
    heard: Letters[str] = Letters()
    late = timers.after(3600.0, heard, "late")
    timers.after(0.0, heard, "soon")
    assert heard.first() == "soon"
    late.cancel()


def test_a_bad_callback_or_mailbox_stops_nobody(timers: Timers, kept: Kept) -> None:
    heard: Letters[str] = Letters()

    class Broken:
        def tell(self, message: str) -> bool:
            raise SystemExit(message)

    def bad() -> None:
        raise ValueError("token=secret")

    timers.call_after(0.0, bad)
    timers.after(0.0, Broken(), "token=secret")
    timers.after(0.01, heard, "fine")
    assert heard.first() == "fine"
    assert "ValueError at" in kept.text
    assert "secret" not in kept.text


def test_a_callback_may_arm_and_cancel(timers: Timers) -> None:
    heard: Letters[str] = Letters()

    def again() -> None:
        timers.after(0.0, heard, "again")

    timers.call_after(0.0, again)
    assert heard.first() == "again"


def test_after_a_stop_nothing_fires(clock: SystemClock) -> None:
    timers = Timers(clock)
    heard: Letters[str] = Letters()
    timers.start()
    timers.after(3600.0, heard, "never")
    assert timers.stop(WAIT_S) == []
    timers.after(0.0, heard, "never").cancel()
    assert timers.stop(WAIT_S) == []
    assert heard.all == []


def test_stop_names_a_thread_that_is_busy(clock: SystemClock) -> None:
    timers = Timers(clock, name="busy")
    entered, gate = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        gate.wait(WAIT_S)

    timers.start()
    timers.call_after(0.0, block)
    assert entered.wait(WAIT_S)
    assert timers.stop(0.01) == ["busy"]
    gate.set()
    assert timers.stop(WAIT_S) == []


def test_stop_without_a_start(clock: SystemClock) -> None:
    assert Timers(clock).stop(WAIT_S) == []


def test_cancelled_timers_do_not_pile_up() -> None:
    """10,000 heartbeats re-arm every 15 s; each arming cancels the one before."""
    manual = ManualTimers(ManualClock())
    heard: Letters[int] = Letters()
    kept = [manual.after(10.0, heard, number) for number in range(100)]
    for round_ in range(50):
        for number, timer in enumerate(kept):
            timer.cancel()
            kept[number] = manual.after(15.0 + round_, heard, number)
    assert len(manual._heap) <= 2 * len(kept) + 64
    assert len(manual.pending()) == len(kept)
    kept[0].cancel()
    kept[0].cancel()
    assert len(manual.pending()) == len(kept) - 1


def test_a_cancelled_timer_lets_go_of_its_message() -> None:
    import gc
    import weakref

    class Heavy:
        pass

    manual = ManualTimers(ManualClock())
    heavy = Heavy()
    ref = weakref.ref(heavy)
    timer = manual.after(1.0, Letters[Heavy](), heavy)
    timer.cancel()
    del heavy
    gc.collect()
    assert ref() is None


class _Counted(threading.Condition):
    woken = 0

    def notify(self, n: int = 1) -> None:
        self.woken += 1
        super().notify(n)


def test_ten_thousand_timers_wake_nobody(clock: SystemClock) -> None:
    """A heartbeat's timer is set anew long before it is due; only a nearer one is news."""
    timers = Timers(clock)
    timers._changed = counted = _Counted()
    heard: Letters[int] = Letters()
    timers.after(3600.0, heard, 0)
    kept = [timers.after(7200.0, heard, number) for number in range(10_000)]
    for timer in kept:
        timer.cancel()
        timers.after(7200.0, heard, 0)
    assert counted.woken == 1
    assert timers.stop(WAIT_S) == []


@given(st.integers(0, 2**32))
def test_manual_timers_behave_like_a_sorted_list(seed: int) -> None:
    """Against a model: arm, cancel and advance at random."""
    dice = random.Random(seed)
    clock = ManualClock(now=dice.uniform(0, 1e6))
    manual = ManualTimers(clock)
    manual.start()
    heard: Letters[int] = Letters()
    model: list[tuple[float, int]] = []
    expected: list[int] = []
    armed = {}
    for number in range(60):
        action = dice.random()
        if action < 0.6:
            armed[number] = manual.after(delay := dice.choice([0.0, 1.0, 2.5, 9.0]), heard, number)
            model.append((clock.monotonic() + delay, number))
        elif action < 0.8 and armed:
            victim = dice.choice(list(armed))
            armed[victim].cancel()
            model = [entry for entry in model if entry[1] != victim]
        else:
            clock.advance(dice.choice([0.0, 0.5, 3.0]))
            due = sorted(entry for entry in model if entry[0] <= clock.monotonic())
            model = [entry for entry in model if entry not in due]
            expected += [n for _, n in due]
            assert manual.fire_due() == len(due)
    assert heard.all == expected
    assert [(due, n) for due, _, n in manual.pending()] == sorted(model)


def test_manual_timers_show_functions_and_raise() -> None:
    clock = ManualClock(now=100.0)
    manual = ManualTimers(clock)

    def bad() -> None:
        raise ValueError("shown to the test")

    manual.call_after(5.0, bad)
    assert manual.pending() == [(105.0, None, bad)]
    clock.advance(5.0)
    with pytest.raises(ValueError, match="shown"):
        manual.fire_due()
    assert manual.stop(WAIT_S) == []


def test_clocks() -> None:
    system = SystemClock()
    assert system.monotonic() <= system.monotonic()
    assert abs(system.unix_ms() - time.time() * 1000) < 5_000
    manual = ManualClock(now=1.0)
    manual.advance(1.5)
    assert (manual.monotonic(), manual.unix_ms()) == (2.5, UNIX_MS + 1500)
    with pytest.raises(ValueError, match="backwards"):
        manual.advance(-1)


# --- flow ----------------------------------------------------------------------------------


def test_flow_has_two_marks() -> None:
    clock = ManualClock()
    flow = Flow(10, 4, monotonic=clock.monotonic)
    lows: list[int] = []
    flow.on_low = lambda: lows.append(flow.in_hand)
    flow.taken(9)
    states = [flow.full]
    flow.taken(3)
    states.append(flow.full)
    assert states == [False, True]
    clock.advance(7.0)
    flow.taken(1)
    flow.returned(8)
    assert flow.full, "between the marks it stays as it is"
    assert flow.stopped_s(clock.monotonic()) == 7.0
    flow.returned(1)
    assert flow.stopped_s(clock.monotonic()) == 0.0
    flow.returned(4)
    assert lows == [4]


def test_flow_counts_bytes_too() -> None:
    """Two hundred frames of a mebibyte are too much, few as they are."""
    flow = Flow(10, 4, high_bytes=1000)
    lows: list[int] = []
    flow.on_low = lambda: lows.append(flow.in_hand_bytes)
    full: list[bool] = []
    for size_bytes in (999, 1):
        flow.taken(1, size_bytes)
        full.append(flow.full)
    for size_bytes in (700, 300):  # a quarter of the bytes is the low mark
        flow.returned(1, size_bytes)
        full.append(flow.full)
    assert full == [False, True, True, False]
    assert lows == [0]
    flow.taken(10)
    flow.returned(6, 0)
    assert (flow.full, flow.in_hand_bytes) == (False, 0)


def test_accounts_share_what_the_process_may_hold() -> None:
    """contract.md 2.10, "reader to journal, process": those with little in hand are read on."""
    global_flow = GlobalFlow(10)
    greedy, modest, late = (Flow(8, 4, global_flow=global_flow) for _ in range(3))
    lows: list[int] = []
    greedy.on_low = lambda: lows.append(greedy.in_hand)

    def full() -> list[bool]:
        return [flow.full for flow in (greedy, modest, late)]

    greedy.taken(7)
    modest.taken(2)
    late.taken(1)  # the tenth: a third is 3
    assert full() == [False, False, False]
    greedy.taken(1)
    assert full() == [True, False, False]
    modest.taken(1)
    assert full() == [True, True, False]
    greedy.returned(2)
    assert lows == [], "6 is below no mark while the global flow is full"
    greedy.returned(2)
    assert lows == [4], "with 8 in all it is"
    modest.returned(3)
    assert full() == [False, False, False]


def test_whole_counts_bytes_and_who_left() -> None:
    global_flow = GlobalFlow(100, high_bytes=1000)
    big, small = Flow(50, 10, global_flow=global_flow), Flow(50, 10, global_flow=global_flow)
    steps = []
    for flow, units, size_bytes in ((big, 60, 999), (small, 1, 1), (small, 49, 0)):
        flow.taken(units, size_bytes)
        steps.append((big.full, small.full))
    assert steps == [(True, False), (True, False), (True, True)], "its share is its own mark, too"
    small.returned(50, 1)
    assert not small.full
    big.returned(60, 999)
    assert global_flow.add(0, 0, 0) is None
    assert global_flow.add(0, 1000, 0) == 100, "nobody is busy"


def test_flow_without_a_listener_and_with_bad_marks() -> None:
    flow = Flow(1, 0)
    flow.taken(1)
    flow.returned(1)
    assert not flow.full
    with pytest.raises(ValueError, match="0 <= low < high"):
        Flow(4, 4)


def test_a_reader_that_pauses_is_always_woken() -> None:
    """A lost on_low would stop an account for ever."""
    flow = Flow(50, 10)
    low = threading.Event()
    flow.on_low = low.set
    taken: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def dispose() -> None:
        while (count := taken.get()) is not None:
            flow.returned(count)

    threads = [threading.Thread(target=dispose) for _ in range(3)]
    for thread in threads:
        thread.start()
    dice, pauses = random.Random(7), 0
    for _ in range(5_000):
        low.clear()
        if flow.full:
            pauses += 1
            assert low.wait(WAIT_S) or not flow.full
        count = dice.randint(1, 9)
        flow.taken(count)
        taken.put(count)
    for _ in threads:
        taken.put(None)
    for thread in threads:
        thread.join(WAIT_S)
    assert (flow.in_hand, flow.full) == (0, False)
    assert pauses > 0
