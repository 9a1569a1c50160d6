"""Benchmark: what a tell costs, and the turn that handles it, beside pykka's threading actor.

``python scripts/bench_tell.py``: both ends on one thread, CPU time, best of interleaved
rounds. The goal is performance.md's: a pooled actor is at least twice as cheap.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pykka

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.messages import Message
from actors.runtime.pool.actor import PooledActor
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.worker import Worker

GOAL = 2.0


class Told(Message, frozen=True, kw_only=True, gc=False):
    """What is told."""

    number: int


class Threaded(pykka.ThreadingActor):
    """pykka's; its loop is run by hand."""

    def on_receive(self, message: Any) -> None:
        """Do nothing."""


class Pooled(PooledActor):
    """Ours; its turns are run by hand."""

    inbox_limit: ClassVar[int] = 1 << 30

    def on_receive(self, message: Any) -> None:
        """Do nothing."""


def pooled_s(count: int) -> float:
    """Return the seconds of CPU for so many tells and the turns that take them."""
    pool = Pool(threads=1)
    ref = Pooled.start(pool)
    actor = ref._actor_weakref()  # noqa: SLF001  # its turns are taken here
    assert actor is not None
    pool._queue.get()  # noqa: SLF001  # its start
    worker = Worker(pool._queue, name="measured", monotonic=time.monotonic)  # noqa: SLF001  # the same
    message = Told(number=1)
    began = time.thread_time()
    for _ in range(count):
        ref.tell(message)
    while actor.actor_inbox.mail:
        actor.take_turn(worker)
    took_s = time.thread_time() - began
    pool.stop(5.0)
    return took_s


def threaded_s(count: int) -> float:
    """Return the same of pykka's own actor."""
    actor = Threaded()
    message = Told(number=1)
    began = time.thread_time()
    for _ in range(count):
        actor.actor_ref.tell(message)
    actor.stop()
    actor._actor_loop()  # noqa: SLF001  # on this thread
    return time.thread_time() - began


def main() -> int:
    """Measure, show, judge; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="tells a round")
    parser.add_argument("--rounds", type=int, default=9, help="the best one counts")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rounds = [(pooled_s(args.count), threaded_s(args.count)) for _ in range(args.rounds)]
    ours_us, theirs_us = (1e6 * min(times) / args.count for times in zip(*rounds, strict=True))
    ratio = theirs_us / ours_us
    if args.json:
        print(json.dumps({"pooled_us": ours_us, "threading_us": theirs_us, "ratio": ratio}))
    else:
        print(f"PooledActor     {ours_us:6.2f} µs a tell")
        print(f"ThreadingActor  {theirs_us:6.2f} µs a tell")
        print(f"ratio           {ratio:6.1f}     goal {GOAL:g}: {'yes' if ratio >= GOAL else 'NO'}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
