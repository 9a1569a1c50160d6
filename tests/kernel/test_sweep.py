"""The sweep, which finds what hangs: what stood still with the whole process does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from workbench import Lines, Watcher

from actors.policy.gate import ConnectGate
from actors.runtime.clock import SystemClock
from actors.runtime.pool.actor import PooledActor
from actors.runtime.pool.pool import Pool
from actors.system import System
from actors.values import DONE
from actors.watch import HANG_S, SWEEP_S
from gateway.journal.memory.journal import MemoryJournal

WAIT_S = 20.0


class Jumping(SystemClock):
    """A clock that can be moved on, as it moves while a process is stopped."""

    slept_s = 0.0

    def monotonic(self) -> float:
        """Return the seconds of the system, and those that were slept."""
        return super().monotonic() + self.slept_s


class Held(PooledActor):
    """An actor that is at one message until it is let go."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.entered = threading.Event()
        self.gate = threading.Event()

    def on_receive(self, message: object) -> None:
        """Wait."""
        del message
        self.entered.set()
        self.gate.wait(WAIT_S)


@pytest.fixture
def clock() -> Jumping:
    """Return a clock."""
    return Jumping()


@pytest.fixture
def system(clock: Jumping) -> Iterator[System]:
    """Yield a system whose own sweep does not run."""
    system = System(
        journal=MemoryJournal(),
        handle=lambda _: DONE,
        observer=Watcher(),
        log=Lines(),
        gate=ConnectGate(rate_per_s=1.0, burst=1, max_in_flight=1),
        clock=clock,
    )
    system.services.pool.start()
    yield system
    system.stop(journal_s=1.0, threads_s=4.0)


def test_an_actor_that_stood_still_with_the_process_is_not_hung(
    system: System, clock: Jumping
) -> None:
    """A container paused for a minute comes back with every actor it had."""
    system.watch.running = True
    pool = system.services.pool
    Held.start(pool).tell("wait")
    (actor,) = pool.live.values()
    assert isinstance(actor, Held)
    assert actor.entered.wait(WAIT_S)
    system.watch.sweep()
    clock.slept_s = 65.0
    system.watch.sweep()
    assert pool.leaked == 0
    for _ in range(round(HANG_S / SWEEP_S) + 1):
        clock.slept_s += SWEEP_S
        system.watch.sweep()
    assert pool.leaked == 1, "it hangs, after all"
    actor.gate.set()
