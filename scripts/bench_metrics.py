"""Benchmark: what metrics cost, to events and at a scrape.

``python scripts/bench_metrics.py``: interleaved rounds at full speed, one half of them scraped each
second. The ratio of each round is shown, and its median; the goal is 0.97 of the events a second.
Then the time of a scrape with 10,000 accounts; the goal is 50 ms for ``/metrics``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import prometheus_client

from gateway.metrics import text
from gateway.metrics.collector import Collector
from scripts.bench.crowd import crowd
from scripts.bench.harness import Client, Load, run

GOAL = 0.97
GOAL_MS = 50.0


def client(durability: str, *, scrape: bool) -> Client:
    """Return our gateway, scraped or not."""
    return Client(
        name="scraped" if scrape else "off",
        module="scripts.bench.client_gateway",
        options={"durability": durability, "scrape": scrape},
    )


def throughput(options: argparse.Namespace, durability: str) -> list[tuple[float, float]]:
    """Return, of each round, the ratios of events a second and of CPU an event."""
    load = Load(accounts=options.accounts, events=options.events)
    ratios: list[tuple[float, float]] = []
    for number in range(options.rounds):
        got = {}
        for scrape in (False, True) if number % 2 else (True, False):
            one = client(durability, scrape=scrape)
            got[scrape] = run(one, load, directory=options.dir, pin=True)
        on, off = got[True], got[False]
        ratios.append((on.events_s / off.events_s, on.cpu_us / off.cpu_us))
        print(
            f"{durability} round {number + 1}: off {off.events_s:.0f}/s {off.cpu_us:.2f} us, "
            f"scraped {on.events_s:.0f}/s {on.cpu_us:.2f} us",
            file=sys.stderr,
        )
    return ratios


def fastest_ms(what: Callable[[], object], times: int = 15) -> tuple[float, float]:
    """Return the fastest and the median time of a call, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        took.append((time.perf_counter() - began) * 1e3)
    return min(took), statistics.median(took)


def main() -> int:
    """Run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--events", type=int, default=300_000, help="a run")
    parser.add_argument("--durability", default="memory,full", help="of the gateway; '': none")
    parser.add_argument("--many", type=int, default=10_000, help="accounts of a scrape; 0: none")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where journals go")
    options = parser.parse_args()
    for durability in filter(None, options.durability.split(",")):
        ratios = throughput(options, durability)
        speed = statistics.median([each for each, _ in ratios])
        cpu = statistics.median([each for _, each in ratios])
        verdict = "reached" if speed >= GOAL else "missed"
        print(
            f"{durability}: scraped beside off, median of {len(ratios)} rounds: "
            f"events/s {speed:.3f} (goal {GOAL}, {verdict}), CPU an event {cpu:.3f}"
        )
    if options.many:
        with (
            tempfile.TemporaryDirectory(dir=options.dir) as folder,
            crowd(Path(folder), options.many) as source,
        ):
            collector = Collector(source)
            registry = prometheus_client.CollectorRegistry(auto_describe=False)
            registry.register(collector)
            whole = fastest_ms(lambda: prometheus_client.generate_latest(registry))
            apart = fastest_ms(lambda: text.render(collector.accounts()))
        verdict = "reached" if whole[1] <= GOAL_MS else "missed"
        print(
            f"{options.many} accounts: /metrics {whole[1]:.1f} ms, fastest {whole[0]:.1f} "
            f"(goal {GOAL_MS:.0f}, {verdict}); /metrics/accounts {apart[1]:.1f} ms, "
            f"fastest {apart[0]:.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
