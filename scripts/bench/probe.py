"""What a client process says about itself: processor time, memory, threads, latencies."""

from __future__ import annotations

import gc
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gateway.cli import heap
from scripts.bench.tally import Tally


def cpu_s() -> float:
    """Return user and system seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_kb() -> int:
    """Return resident memory; the high-water mark where there is no ``/proc``."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024


def threads() -> int:
    """Return the threads of this process, those of libraries in C too where it is known."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return threading.active_count()


def say(**line: Any) -> None:
    """Tell the harness one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def quantile(values: list[int], share: float) -> float:
    """Return the value below which ``share`` of the sorted ``values`` lie; 0 of none."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0


def _settle() -> None:
    gc.collect()
    heap.settle()


class Probe:
    """One client run as its process sees it.

    The harness starts the feed on ``ready`` and asks for the report with a line on
    standard input once everything was handled and acknowledged.
    """

    def __init__(self) -> None:
        self.spec: dict[str, Any] = json.loads(sys.argv[1])
        self.tally = Tally(
            lanes=self.spec["accounts"] * self.spec["conversations"],
            per_lane=self.spec["per_conversation"],
            timed=self.spec["timed"],
            finished=lambda: say(handled=True),
        )
        _settle()
        self._base_kb = rss_kb()
        self._ready_kb = 0
        self._cpu_s = 0.0
        self._at_s = 0.0

    @property
    def url(self) -> str:
        """Where the feed server listens."""
        return f"ws://127.0.0.1:{self.spec['port']}/"

    def ready(self) -> None:
        """Say that all accounts are registered; what comes now is measured.

        No client is stopped by a collection of what it made to get here, or keeps what only its
        start needed: ``xianyu-gateway run`` does the same.
        """
        _settle()
        self._ready_kb = rss_kb()
        self._cpu_s = cpu_s()
        self._at_s = time.monotonic()
        say(ready=True)

    def report(self) -> None:
        """Say what it took, from :meth:`ready` to now."""
        spent_s = cpu_s() - self._cpu_s
        delays_ns = sorted(self.tally.delays_ns)
        say(
            cpu_s=spent_s,
            wall_s=time.monotonic() - self._at_s,
            events=self.tally.handled,
            wrong=self.tally.wrong,
            finished_ns=self.tally.finished_ns,
            base_kb=self._base_kb,
            ready_kb=self._ready_kb,
            rss_kb=rss_kb(),
            threads=threads(),
            p50_us=quantile(delays_ns, 0.5) / 1e3,
            p99_us=quantile(delays_ns, 0.99) / 1e3,
            max_us=quantile(delays_ns, 1.0) / 1e3,
        )
