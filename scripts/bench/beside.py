"""Two clients beside each other, in interleaved rounds: what a feature costs."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile

from scripts.bench.harness import Client, Load, run

GOAL = 0.97
"""Of the events a second without the feature."""


def options_of(told: str | None, *, durability: str) -> argparse.ArgumentParser:
    """Return a parser of the options that :func:`compare` takes."""
    parser = argparse.ArgumentParser(description=told)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--events", type=int, default=300_000, help="a run")
    parser.add_argument("--durability", default=durability, help="of the gateway; '': none")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where journals go")
    return parser


def compare(off: Client, on: Client, options: argparse.Namespace) -> str:
    """Run both in turn, and tell the medians of the ratios of each round."""
    load = Load(accounts=options.accounts, events=options.events)
    ratios: list[tuple[float, float]] = []
    for number in range(options.rounds):
        got = {}
        for one in (off, on) if number % 2 else (on, off):
            got[one.name] = run(one, load, directory=options.dir, pin=True)
        with_, without = got[on.name], got[off.name]
        ratios.append((with_.events_s / without.events_s, with_.cpu_us / without.cpu_us))
        print(
            f"round {number + 1}: {off.name} {without.events_s:.0f}/s {without.cpu_us:.2f} us, "
            f"{on.name} {with_.events_s:.0f}/s {with_.cpu_us:.2f} us",
            file=sys.stderr,
        )
    speed = statistics.median([each for each, _ in ratios])
    cpu = statistics.median([each for _, each in ratios])
    verdict = "reached" if speed >= GOAL else "missed"
    return (
        f"{on.name} beside {off.name}, median of {len(ratios)} rounds: "
        f"events/s {speed:.3f} (goal {GOAL}, {verdict}), CPU an event {cpu:.3f}"
    )
