"""Run the soak and print its table; see :mod:`scripts.soak`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.soaking import page
from scripts.soaking.mixed import mixed


def main(argv: Sequence[str] | None = None) -> int:
    """Soak.

    Returns:
        0 if nothing was breached, 1 otherwise.
    """
    parser = argparse.ArgumentParser(
        prog="soak.py",
        description="A gateway under mixed faults; exits with 1 on any breach: a message lost, "
        "doubled or out of order, counters that do not balance, an account that is not back, "
        "threads, descriptors or memory that grew by more than a tenth after the warm-up.",
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, default=None, help="of the faults; default: any")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--page", action="store_true", help="write the table into docs/soak*.md")
    arguments = parser.parse_args(argv)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed  # noqa: S311  # a name
    print(f"soak: seed {seed}, {arguments.minutes:g} minutes", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "machine": machine(),
            "seed": seed,
            "minutes": arguments.minutes,
            **mixed(arguments.minutes * 60, Path(folder), seed=seed),
        }
    print(json.dumps(result, indent=2) if arguments.json else table(result), flush=True)
    if arguments.page:
        page.write(table(result))
    return 1 if result["breaches"] else 0


def machine() -> dict[str, Any]:
    """Return where and when."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
    }


def table(result: dict[str, Any]) -> str:
    """Return the result for a person."""
    peak, growth = result["peak"], result["growth"]
    lines = [
        ", ".join(f"{name} {value}" for name, value in result["machine"].items()),
        (
            f"{result['minutes']:g} minutes, seed {result['seed']}, "
            f"{result['cpu_of_one_core']:.0%} of one core"
        ),
        "",
        f"faults injected {result['injected']}, messages {result['messages']}",
        (
            f"lost {result['lost']}, doubled {result['doubled']}, reordered {result['reordered']}"
            f"  (late and marked so {result['late']}, copies dropped {result['copies']})"
        ),
        f"reconnects {result['reconnects']}, dials {result['dials']}",
        "",
        f"{'':<12}{'after warm-up':>14}{'at the end':>12}{'peak':>10}",
    ]
    for name, (early, late) in growth.items():
        lines.append(f"{name:<12}{early:>14g}{late:>12g}{peak[name]:>10}")
    lines += ["", f"{'fault':<18}{'injected':>9}{'detect p50/p99 s':>20}{'recover p50/p99 s':>20}"]
    for kind, row in result["faults"].items():
        detect, recover = (_pair(row[name]) for name in ("detect_s", "recover_s"))
        lines.append(f"{kind:<18}{row['injected']:>9}{detect:>20}{recover:>20}".rstrip())
    lines += ["", *(f"BREACH: {breach}" for breach in result["breaches"])]
    return "\n".join([*lines, *(["no breach"] * (not result["breaches"]))])


def _pair(times: tuple[float, float] | None) -> str:
    return "" if times is None else f"{times[0]:.2f} / {times[1]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
