"""Benchmark: what metrics cost, to events and at a scrape.

``python scripts/bench_metrics.py``: interleaved rounds at full speed, one half of them scraped each
second. The ratio of each round is shown, and its median; the goal is 0.97 of the events a second.
Then the time of a scrape with 10,000 accounts; the goal is 50 ms for ``/metrics``.
"""

from __future__ import annotations

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
from scripts.bench.beside import compare, options_of
from scripts.bench.crowd import crowd
from scripts.bench.harness import Client

GOAL_MS = 50.0


def client(durability: str, *, scrape: bool) -> Client:
    """Return our gateway, scraped or not."""
    return Client(
        name="scraped" if scrape else "off",
        module="scripts.bench.client_gateway",
        options={
            "durability": durability,
            "listen": True,
            "page": "/metrics" if scrape else None,
        },
    )


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
    parser = options_of(__doc__, durability="memory,full")
    parser.add_argument("--many", type=int, default=10_000, help="accounts of a scrape; 0: none")
    options = parser.parse_args()
    for durability in filter(None, options.durability.split(",")):
        off, on = client(durability, scrape=False), client(durability, scrape=True)
        print(f"{durability}: {compare(off, on, options)}")
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
