"""A process that stands still (docker pause, a laptop's lid) gives up nothing when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from actors.runtime.pool.naps import SHORTEST_S, Naps

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")

DEADLINE_S = 2.5
ASLEEP_S = 3.2

CHILD = f"""
import queue, sys
from actors.policy.lanes import Run
from actors.runtime.clock import SystemClock
from actors.runtime.handlers.pool import HandlerPool
from actors.values import DONE, Event

told = queue.SimpleQueue()

class Mailbox:
    def tell(self, message):
        told.put(message)

def handle(event):
    print("begun", flush=True)
    sys.stdin.readline()
    return DONE

pool = HandlerPool(clock=SystemClock(), handle=handle, deadline_s={DEADLINE_S})
pool.start()
pool.submit("a", [Run(lane="c", events=[Event(event_id="e")])], Mailbox())
(ran,) = told.get().runs
print(ran.outcomes[0].disposition.value, flush=True)
"""


@pytest.mark.parametrize("asleep_s", [0.0, ASLEEP_S], ids=["hangs", "sleeps"])
def test_a_handler_is_given_up_for_time_in_which_it_could_run(asleep_s: float) -> None:
    """Four handlers in flight during a pause of a minute were four dead letters."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "begun\n"
            if asleep_s:
                os.kill(child.pid, signal.SIGSTOP)
                threading.Event().wait(asleep_s)  # the sleep is the fault
                os.kill(child.pid, signal.SIGCONT)
                child.stdin.write("go on\n")
                child.stdin.flush()
            assert child.stdout.readline() == ("done\n" if asleep_s else "dead\n")
        finally:
            child.kill()


WRITER = """
import sys
import threading
from actors.policy.gate import ConnectGate
from actors.ports.commands import DropEvent
from actors.system import System
from actors.values import DONE
from gateway.journal.memory.journal import MemoryJournal

class Slow(MemoryJournal):
    durable = True

    def commit(self, commands):
        print("begun", flush=True)
        sys.stdin.readline()
        return super().commit(commands)

class Log:
    def debug(self, event, **fields):
        pass
    def error(self, event, **fields):
        print(event, flush=True)
    info = warning = error

gate = ConnectGate(rate_per_s=1, burst=1, max_in_flight=1)
system = System(
    journal=Slow(), handle=lambda _: DONE, observer=None, log=Log(), gate=gate, journal_limit_s=2.5
)
system.start()
system.services.writer.submit(DropEvent(event_id="e"), lambda _: print("done", flush=True))
threading.Event().wait(60.0)
"""


def test_a_commit_is_not_slow_for_time_in_which_it_could_not_run() -> None:
    """Every account left its link after a pause in the middle of a commit."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "begun\n"
            os.kill(child.pid, signal.SIGSTOP)
            threading.Event().wait(ASLEEP_S)  # the sleep is the fault
            os.kill(child.pid, signal.SIGCONT)
            assert child.stdout.readline() == "process.slept\n"
            child.stdin.write("go on\n")
            child.stdin.flush()
            assert child.stdout.readline() == "done\n"
        finally:
            child.kill()


def test_a_busy_process_did_run() -> None:
    """A thread that holds the GIL is no suspension: what it does is somebody's time."""
    began = time.monotonic()
    naps = Naps(time.monotonic)
    used_s = time.process_time()
    while time.process_time() < used_s + SHORTEST_S:
        pass
    lost_s = naps.look(0.0)
    assert lost_s <= time.monotonic() - began - SHORTEST_S


def test_what_was_asked_for_is_not_lost() -> None:
    naps = Naps(time.monotonic)
    threading.Event().wait(0.01)
    assert naps.look(0.01) == 0.0
