"""Benchmark: what one account's flood costs its neighbours, beside the same load elsewhere.

``python scripts/bench_flood.py``: interleaved rounds; in the control two processes burn the
processor that the sender of a flood and the gateway burn in the others. The goal is that the
p99 of the neighbours stays below twice the control's.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.bench.flood_server import SMALL
from scripts.bench.harness import Child, Load, handled_or_failed

GOAL = 2.0
CONTROL = "control"
BURNERS = 2


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """Burn the processor elsewhere."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def run(kind: str, load: Load, *, durability: str, directory: str) -> tuple[float, float, float]:
    """Return the neighbours' p50 and p99 in ms, and the flood in MB."""
    spec = load.spec(1.0) | {"flood": kind, "durability": durability, "dir": directory}
    with Child("scripts.bench.flood_server", spec, None) as server:
        spec["port"] = server.hear("port")["port"]
        with Child("scripts.bench.flood_client", spec, None) as client:
            client.hear("ready", 60.0)
            server.hear("greeted")
            with burning(BURNERS if kind == CONTROL else 0):
                server.tell("go")
                handled_or_failed(client, server)
            client.tell("report")
            report = client.hear("cpu_s")
            server.tell("end")
            flooded = server.hear("acks")["flooded_bytes"]
    return report["p50_us"] / 1e3, report["p99_us"] / 1e3, flooded / 1e6


def main() -> int:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=20, help="neighbours")
    parser.add_argument("--events", type=int, default=1000, help="for all of them")
    parser.add_argument("--rate", type=int, default=200, help="events a second")
    parser.add_argument("--durability", default="full", choices=["full", "normal", "memory"])
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    options = parser.parse_args()
    kinds = [CONTROL, *(options.only.split(",") if options.only else [*SMALL, "pushes"])]
    load = Load(accounts=options.accounts, events=options.events, rate=options.rate)
    got: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as directory:
        for number in range(options.rounds):
            for kind in kinds:
                one = run(kind, load, durability=options.durability, directory=directory)
                got[kind].append(one)
                print(
                    f"round {number + 1} {kind}: p50 {one[0]:.1f} p99 {one[1]:.1f} ms",
                    file=sys.stderr,
                )
    middle = {
        kind: [statistics.median(part) for part in zip(*got[kind], strict=True)] for kind in kinds
    }
    bound = GOAL * middle[CONTROL][1]
    print("| flood | p50 ms | p99 ms | of the control's p99 | MB taken |\n|---|---|---|---|---|")
    for kind, (p50, p99, taken) in middle.items():
        print(f"| {kind} | {p50:.1f} | {p99:.1f} | {p99 / middle[CONTROL][1]:.1f} | {taken:.1f} |")
    return int(any(p99 > bound for _, p99, _ in middle.values()))


if __name__ == "__main__":
    sys.exit(main())
