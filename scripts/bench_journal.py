"""Benchmark: the journal's commits, its start with many rows, and commits while it prunes.

``python scripts/bench_journal.py [--rows N] [--dir DIR] [--json]``. Prints the disk's own sync
beside everything that waits for it. The method is in ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from actors.ports.commands import SettleEvents, StoreFrames  # noqa: E402
from actors.runtime.clock import SystemClock  # noqa: E402  # found through the line above
from actors.values import Decoded, Event  # noqa: E402
from gateway.journal.care import report  # noqa: E402
from gateway.journal.sqlite.journal import SqliteJournal  # noqa: E402
from gateway.journal.upkeep.quota import UNBOUNDED  # noqa: E402
from scripts.bench.disk import sync_us  # noqa: E402

RAW = "x" * 900
"""Of the size of a captured chat message."""

DAYS_AGO_MS = 30 * 24 * 3600 * 1000


def push(journal: SqliteJournal, number: int, at_ms: int) -> StoreFrames:
    """Make a frame of one event, of one of 1,000 accounts."""
    account = f"shop-{number % 1000:04d}"
    event = Event(
        account=account,
        event_id=f"{account}/{3_500_000_000_000 + number}.PNM",
        conversation_id=f"c{number % 50}",
        lane_seq=next(journal.numbers()),
        occurred_at_ms=at_ms,
    )
    return StoreFrames(
        account=account,
        generation=1,
        received_at_ms=at_ms,
        frames=[Decoded(raw=RAW, events=[event])],
    )


def commit_both(journal: SqliteJournal, first: int, count: int, at_ms: int, keep: int = 0) -> None:
    """Store events in one commit and settle all but ``keep`` of them in the next."""
    pushes = [push(journal, first + n, at_ms) for n in range(count)]
    journal.commit(pushes)
    settled = [frame.frames[0].events[0] for frame in pushes[: count - keep]]
    if settled:
        journal.commit([SettleEvents(account=e.account, done=[e]) for e in settled])


def fill(path: Path, rows: int, at_ms: int) -> float:
    """Make a journal of so many settled events and 1,000 pending ones; give rows a second."""
    journal = SqliteJournal(path, synchronous="NORMAL", clock=SystemClock())
    begun = time.monotonic()
    for first in range(0, rows - 1000, 256):
        commit_both(journal, first, min(256, rows - 1000 - first), at_ms)
    commit_both(journal, rows, 1000, at_ms, keep=1000)
    taken_s = time.monotonic() - begun
    journal.close()
    return rows / taken_s


def rate(path: Path, batch: int, seconds: float = 3.0) -> dict[str, float]:
    """Commit batches with a sync each; give events a second and milliseconds a commit."""
    journal = SqliteJournal(path, clock=SystemClock())
    taken, number, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        pushes = [push(journal, number + n, 1) for n in range(batch)]
        begun = time.perf_counter()
        journal.commit(pushes)
        taken.append(time.perf_counter() - begun)
        number += batch
    journal.close()
    return {"events_per_s": number / sum(taken), **percentiles(taken)}


_START = """
import sys, time
begun = time.monotonic()
from actors.runtime.clock import SystemClock
from gateway.journal.sqlite.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1], clock=SystemClock())
opened = time.monotonic()
assert journal.pending("shop-0000", 0, 100)
first = time.monotonic()
print(opened - begun, first - begun)
sys.stdout.flush()
if sys.argv[2] == "kill":
    import os, signal
    from actors.ports.commands import StoreFrames
    from actors.values import Decoded
    unreadable = Decoded(raw="?", fault="none of the platform's")
    journal.commit([StoreFrames(account="a", generation=1, received_at_ms=1, frames=[unreadable])])
    os.kill(os.getpid(), signal.SIGKILL)
journal.close()
"""


def start(path: Path, end: str) -> tuple[float, float]:
    """Start on a journal in a new process; give seconds until it is open and a row is read."""
    done = subprocess.run(
        [sys.executable, "-c", _START, str(path), end],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=300,
    )
    if not done.stdout:
        raise RuntimeError(done.stderr)
    opened, first = done.stdout.split()
    return float(opened), float(first)


def commits_while_pruning(path: Path) -> dict[str, dict[str, float]]:
    """Commit 8 events at a time, first beside nothing, then beside retention of old rows."""
    result = {}
    now_ms = SystemClock().unix_ms()
    fresh = itertools.count(50_000_000)
    week = dataclasses.replace(UNBOUNDED, retention_days=7)
    for name, limits in (("alone", UNBOUNDED), ("pruning", week)):
        journal = SqliteJournal(path, clock=SystemClock(), limits=limits)
        taken = []
        before = rows_of(journal)
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            pushes = [push(journal, next(fresh), now_ms) for _ in range(8)]
            begun = time.perf_counter()
            journal.commit(pushes)
            taken.append(time.perf_counter() - begun)
        gone = before + 8 * len(taken) - rows_of(journal)
        journal.close()
        result[name] = {**percentiles(taken), "pruned_per_s": gone / 5.0}
    return result


def rows_of(journal: SqliteJournal) -> int:
    """Count the frames."""
    return sum(report(journal.path).events.values())


def percentiles(taken_s: Sequence[float]) -> dict[str, float]:
    """Return milliseconds."""
    cuts = statistics.quantiles(taken_s, n=100)
    return {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000, "max_ms": max(taken_s) * 1000}


def measure(directory: Path, rows: int, say: Callable[[str], None]) -> dict[str, object]:
    """Run everything."""
    result: dict[str, object] = {"rows": rows, "sync_us": sync_us(str(directory))}
    for batch in (1, 8, 256):
        say(f"commits of {batch}")
        result[f"commit_{batch}"] = rate(directory / f"rate-{batch}.db", batch)
    path = directory / "large.db"
    say(f"filling {rows:,} rows")
    result["fill_rows_per_s"] = fill(path, rows, SystemClock().unix_ms() - DAYS_AGO_MS)
    result["size_mib"] = path.stat().st_size / (1 << 20)
    say("starting")
    result["start_after_clean_s"] = start(path, "kill")
    result["start_after_kill_s"] = start(path, "clean")
    say("pruning")
    result.update(commits_while_pruning(path))
    return result


def main() -> int:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--dir", type=Path, default=None, help="whose disk is measured")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as directory:
        result = measure(Path(directory), options.rows, lambda text: print(text, file=sys.stderr))
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        for name, value in result.items():
            print(f"{name:24} {shown(value)}")
    return 0


def shown(value: object) -> str:
    """Return a figure as a person reads it."""
    if isinstance(value, dict):
        return "  ".join(f"{name} {shown(inner)}" for name, inner in value.items())
    if isinstance(value, tuple):
        return " / ".join(map(shown, value))
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
