"""The pulse: what stands still is named, and an idle process is not taken for a hung one."""

from __future__ import annotations

import pytest

from actors.runtime.pool.pulse import ALIVE_S, ROUSE_S, Pulse


class Poller:
    """A poller that turns when it is roused, unless it hangs."""

    def __init__(self) -> None:
        self.turns = self.roused = 0
        self.hangs = False

    def rouse(self) -> None:
        self.roused += 1
        self.turns += not self.hangs


class Process:
    """A process whose timers beat a pulse four times a second."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.poller = Poller()
        self.pulse = Pulse(self.poller, lambda: self.now_s)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            self.pulse.beat()


@pytest.fixture
def process() -> Process:
    return Process()


def test_an_idle_process_is_alive_and_costs_little(process: Process) -> None:
    process.run(120)
    assert process.pulse.fault() is None
    assert process.poller.roused == 120 / ROUSE_S


def test_a_poller_that_hangs_is_named(process: Process) -> None:
    process.run(5)
    process.poller.hangs = True
    process.run(ALIVE_S - 1)
    assert process.pulse.fault() is None
    process.run(2 + ROUSE_S)
    assert process.pulse.fault() == "the poller has not turned for 14 s"
    process.poller.hangs = False
    process.run(ROUSE_S + 0.25)
    assert process.pulse.fault() is None


def test_timers_that_hang_are_named(process: Process) -> None:
    process.run(5)
    process.now_s += ALIVE_S + 1
    assert process.pulse.fault() == "the timers have not fired for 11 s"
    process.run(0.5)
    assert process.pulse.fault() is None, "the poller could not be made to turn meanwhile"
