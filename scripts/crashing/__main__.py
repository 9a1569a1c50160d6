"""``python -m scripts.crashing``: random kills, and what they cost."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from scripts.crashing.lives import as_json, random_kills


def main() -> int:
    """Kill, judge and say so.

    Returns:
        0 if nothing was lost, doubled or out of order, 1 otherwise.
    """
    parser = argparse.ArgumentParser(
        prog="crash.py",
        description="A gateway killed with SIGKILL under load; exits with 1 if a message was "
        "lost, disordered or unanswered, or a reply sent twice.",
    )
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, help="of moments and messages; default: any")
    parser.add_argument(
        "--on-crash", choices=("redeliver", "park"), default="redeliver", help="of the handler"
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    given = parser.parse_args()
    seed = random.randrange(1 << 31) if given.seed is None else given.seed  # noqa: S311
    print(f"crash: seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        verdict, breaches = random_kills(
            Path(folder),
            kills=given.kills,
            seed=seed,
            on_crash=given.on_crash,
            progress=lambda text: print(f"crash: {text}", file=sys.stderr, flush=True),
        )
    if given.json:
        print(as_json(verdict, breaches, kills=given.kills, seed=seed))
    else:
        print(
            f"{given.kills} kills, {verdict.messages} messages, {len(verdict.lost)} lost, "
            f"{verdict.again} begun again (at most {verdict.most_again} after one kill, "
            f"{len(verdict.unflagged)} of them not flagged), {len(verdict.doubled)} replies "
            f"doubled, {len(verdict.disordered)} out of order"
        )
        for breach in breaches:
            print(f"BREACH: {breach}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
