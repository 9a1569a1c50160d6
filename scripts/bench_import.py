"""Benchmark: how long imports and ``--help`` take in a fresh interpreter.

``python scripts/bench_import.py``: best of a few processes, beside their goals, which stand in
``docs/performance.md``. The package loads its names on first use, so the façade is measured
too. The time of a bare interpreter stands beside them; nothing is subtracted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROBE = (
    "import threading, time; t = time.perf_counter(); {}; "
    "print(time.perf_counter() - t, threading.active_count())"
)
PACKAGE = "import gateway"
FACADE = "from gateway import ChatMessage, Gateway"
IMPORT_MS = 300.0
HELP_MS = 150.0


def best_ms(command: Sequence[str], count: int) -> tuple[float, str]:
    """Return the shortest wall time of a command in milliseconds, and its last output."""
    least_s, output = float("inf"), ""
    for _ in range(count):
        before_s = time.perf_counter()
        output = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
        ).stdout
        least_s = min(least_s, time.perf_counter() - before_s)
    return 1e3 * least_s, output


def import_ms(statement: str, count: int) -> tuple[float, int]:
    """Return the shortest run of an import inside an interpreter, and its thread count."""
    best, threads = float("inf"), 0
    for _ in range(count):
        _, output = best_ms([sys.executable, "-c", PROBE.format(statement)], 1)
        seconds, alive = output.split()
        best, threads = min(best, 1e3 * float(seconds)), max(threads, int(alive))
    return best, threads


def main() -> int:
    """Measure, show, judge; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=7, help="processes, the best one counts")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    bare, _ = best_ms([sys.executable, "-c", "pass"], args.count)
    try:
        imported, threads = import_ms(PACKAGE, args.count)
        facade, alive = import_ms(FACADE, args.count)
        helped, _ = best_ms([sys.executable, "-m", "gateway", "--help"], args.count)
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd} failed: {error.stderr.strip()[-300:]}", file=sys.stderr)
        return 1
    threads = max(threads, alive)
    met = max(imported, facade) <= IMPORT_MS and helped <= HELP_MS and threads == 1
    if args.json:
        figures = {"bare_ms": bare, "import_ms": imported, "facade_ms": facade, "help_ms": helped}
        print(json.dumps(figures | {"threads": threads, "met": met}))
    else:
        print(f"bare interpreter        {bare:7.1f} ms")
        print(f"import gateway          {imported:7.1f} ms  goal {IMPORT_MS:g}")
        print(f"from gateway import …   {facade:7.1f} ms  goal {IMPORT_MS:g}; {threads} thread(s)")
        print(f"--help, whole run       {helped:7.1f} ms  goal {HELP_MS:g}")
        print("goals reached" if met else "GOALS MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
