"""Command line of the pipeline benchmark: which loads, which clients, how often."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scripts.bench import report
from scripts.bench.disk import sync_us
from scripts.bench.harness import Client, Figures, Load, RunError, run
from scripts.bench.stages import stages

INSTALL = "pip install -e '.[bench]'"
PEERS = (
    Client(
        name=report.ASYNCIO,
        module="scripts.bench.client_asyncio",
        options={},
        share=0.5,
        needs=("websockets", "orjson", "msgpack"),
    ),
    Client(name=report.PICOWS, module="scripts.bench.client_picows", options={}, needs=("picows",)),
    Client(
        name=report.THREADS,
        module="scripts.bench.client_threads",
        options={},
        share=0.05,
        needs=("msgpack",),
    ),
    Client(
        name=report.THREADS_FAST,
        module="scripts.bench.client_threads",
        options={"fast": True},
        share=0.3,
        needs=("msgpack",),
    ),
)


def progress(text: str) -> None:
    """Tell a person what is going on."""
    print(text, file=sys.stderr, flush=True)


def numbers(text: str) -> list[int]:
    """Read a list of counts; empty text gives none."""
    return [int(part) for part in text.split(",") if part.strip() not in ("", "0")]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bench_pipeline.py",
        description="Frame, handler, acknowledgement on loopback: we beside plain scripts.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--accounts", type=numbers, default=[1, 100], help="e.g. 1,100")
    add("--events", type=int, default=60_000, help="a run; slow peers get a part; 0: none")
    add("--entries", type=int, default=1, help="messages in one package")
    add("--window", type=int, default=512, help="unacknowledged pushes of a connection")
    add("--durability", default="memory,full", help="of the gateway: memory,normal,full; '': none")
    add("--paced", type=int, default=1000, help="events/s of the latency runs; 0: none")
    add("--paced-seconds", type=int, default=3)
    add("--idle", type=numbers, default=[], help="idle accounts, e.g. 1000,10000")
    add("--idle-seconds", type=float, default=30.0)
    add("--only", default="", help="clients whose name contains one of these, comma separated")
    add("--dir", default=tempfile.gettempdir(), help="where journals go; the disk that counts")
    add("--no-pin", action="store_true", help="leave the cores to the scheduler at full speed")
    add("--quick", action="store_true", help="one round of a tenth of the events")
    add("--stages", action="store_true", help="only the cost of each stage, in one process")
    add("--json", action="store_true", help="all figures on stdout instead of tables")
    args = parser.parse_args(argv)
    if args.quick:
        args.rounds, args.events, args.paced_seconds = 1, args.events // 10, 1
    return args


def clients(args: argparse.Namespace) -> list[Client]:
    """Return who runs; tell who cannot and why."""
    ours = [
        Client(
            name=f"gateway, {durability}",
            module="scripts.bench.client_gateway",
            options={"durability": durability},
            needs=("gateway.host.gateway",),
        )
        for durability in args.durability.split(",")
        if durability
    ]
    wanted = [part.strip() for part in args.only.split(",") if part.strip()]
    found: list[Client] = []
    for client in (*ours, *PEERS):
        if wanted and not any(part in client.name for part in wanted):
            continue
        missing = [need for need in client.needs if importlib.util.find_spec(need) is None]
        if missing:
            progress(f"skipped {client.name}: {', '.join(missing)} missing; {INSTALL}")
        else:
            found.append(client)
    return found


def loads(args: argparse.Namespace) -> list[tuple[Load, int]]:
    """Return what is run, and in how many rounds."""
    shape = {"entries": args.entries, "window": args.window}
    found: list[tuple[Load, int]] = []
    for accounts in args.accounts:
        if args.events:
            found.append((Load(accounts=accounts, events=args.events, **shape), args.rounds))
        if args.paced:
            events = args.paced * args.paced_seconds
            load = Load(accounts=accounts, events=events, rate=args.paced, **shape)
            found.append((load, args.rounds))
    found += [(Load(accounts=n, idle_s=args.idle_seconds, **shape), 1) for n in args.idle]
    return found


def measure(args: argparse.Namespace) -> tuple[list[report.Series], list[str]]:
    """Run everything; give the series, and the runs that proved nothing."""
    series: list[report.Series] = []
    failed: list[str] = []
    everybody = clients(args)
    for load, rounds in loads(args):
        who = [c for c in everybody if not load.idle_s or c.name in IDLERS]
        done: list[dict[str, Figures]] = []
        for number in range(rounds):
            figures: dict[str, Figures] = {}
            shift = number % max(len(who), 1)
            for client in who[shift:] + who[:shift]:
                try:
                    one = run(client, load, directory=args.dir, pin=not args.no_pin)
                except RunError as error:
                    failed.append(f"{client.name}, {load.accounts} accounts: {error}")
                    progress(f"FAILED {failed[-1]}")
                    continue
                figures[client.name] = one
                what = f"{one.events} events, {one.cpu_us:.1f} us/event, p99 {one.p99_us:.0f} us"
                if load.idle_s:
                    what = f"{one.account_kb:.1f} KB/account, {100 * one.cpu_share:.1f} % of a core"
                where = f"round {number + 1}/{rounds}, {load.accounts} accounts"
                progress(f"{where}, {client.name}: {what}")
            done.append(figures)
        series.append(report.Series(load=load, rounds=done))
    return series, failed


IDLERS = (report.MEMORY, report.FULL, report.ASYNCIO)


def as_json(
    series: Sequence[report.Series], goals: Sequence[report.Goal], disk: tuple[float, float]
) -> dict[str, Any]:
    """Return every figure of every round."""
    return {
        "sync_us": {"p50": disk[0], "p99": disk[1]},
        "series": [asdict(one) for one in series],
        "goals": [asdict(goal) | {"met": goal.met} for goal in goals],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 if a run lost, doubled or reordered anything."""
    args = arguments(argv)
    if args.stages:
        print(json.dumps(stages(args.dir)) if args.json else stage_table(stages(args.dir)))
        return 0
    disk = sync_us(args.dir)
    series, failed = measure(args)
    goals = report.goals(series, disk[0])
    if args.json:
        print(json.dumps(as_json(series, goals, disk)))
    else:
        print(f"bare fdatasync of 4 KB in {args.dir}: p50 {disk[0]:.0f} us, p99 {disk[1]:.0f} us")
        for one in series:
            print("\n" + report.table(one))
        if goals:
            print("\ngoals\n" + "\n".join(goal.line() for goal in goals))
    for text in failed:
        print(f"FAILED {text}", file=sys.stderr)
    return 1 if failed else 0


def stage_table(costs: dict[str, float | str]) -> str:
    """Return the stages, a line each; text says why one was not measured."""
    return "\n".join(
        f"  {name:44}{cost:>9.2f} us/event" if isinstance(cost, float) else f"  {name:44}{cost}"
        for name, cost in costs.items()
    )


if __name__ == "__main__":
    sys.exit(main())
