"""CPU by stage: the parts an event passes, each by itself in this process, hot caches.

The sum is a floor, not the price: hops, wake-ups and cold caches come on top. A part that
cannot be loaded is shown with the reason instead of a figure.
"""

from __future__ import annotations

import importlib
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.bench import feed, typed

FRAMES = 4096
BATCH = 32
GULP_BYTES = 1 << 16
TRIES = 5


def stages(directory: str) -> dict[str, float | str]:
    """Return µs of CPU per event for every stage, or why it has none.

    Args:
        directory: Where the SQLite journal of the measurement lives for a moment.
    """
    plan: dict[str, Callable[[], dict[str, float]]] = {
        "cut": lambda: {"cut frames, 64 KiB gulps": _cut()},
        "decode": lambda: {"decode": _decode()},
        "decode, peer": lambda: {"  the same in the picows script": _decode_peer()},
        "journal, memory": lambda: _journal("memory", directory),
        "journal, full": lambda: _journal("full", directory),
        "lanes": lambda: {f"lanes, {BATCH} events together": _lanes()},
        "encode": lambda: {f"encode acks, {BATCH} together": _encode()},
    }
    costs: dict[str, float | str] = {}
    for name, measure in plan.items():
        try:
            costs |= measure()
        except (ImportError, AttributeError, TypeError) as error:
            costs[name] = f"not measured: {error}"
    return costs


class _Now:
    """The clock a journal notes times with."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Return wall time in milliseconds."""
        return time.time_ns() // 1_000_000


def _part(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _wire_frames() -> list[bytes]:
    return [
        feed.push(0, n, n + 1, [feed.entry(0, n, feed.CONVERSATIONS, 0)]) for n in range(FRAMES)
    ]


def _texts() -> list[str]:
    return [frame[4:].decode() for frame in _wire_frames()]


def _decoded() -> list[Any]:
    decode = _session().decode
    numbers = itertools.count(1)
    return [decode(text, received_at_ms=feed.BASE_MS, numbers=numbers) for text in _texts()]


def _session() -> Any:
    identity = _part("actors.ports", "Identity")(
        account="bench", user_id=feed.user_id(0), device_id="device", token=feed.token(0)
    )
    return _part("gateway.platforms", "get")("goofish").session(identity)


def _best(work: Callable[[], object], count: int) -> float:
    """Return the least µs of this process's CPU per item over a few tries."""
    least_s = float("inf")
    for _ in range(TRIES):
        before_s = time.process_time()
        work()
        least_s = min(least_s, time.process_time() - before_s)
    return 1e6 * least_s / count


def _cut() -> float:
    make = _part("gateway.transport.frames", "FrameWire")
    stream = b"".join(_wire_frames())
    gulps = [stream[at : at + GULP_BYTES] for at in range(0, len(stream), GULP_BYTES)]

    def work() -> None:
        feed_gulp = make().feed
        for gulp in gulps:
            feed_gulp(gulp)

    return _best(work, FRAMES)


def _decode() -> float:
    texts = _texts()

    def work() -> None:
        decode = _session().decode  # a new link: its numbers begin anew
        numbers = itertools.count(1)
        for text in texts:
            decode(text, received_at_ms=feed.BASE_MS, numbers=numbers)

    return _best(work, FRAMES)


def _decode_peer() -> float:
    texts = _texts()

    def work() -> None:
        for text in texts:
            message = typed.frame(text)
            package = message.body.package if message.body is not None else None
            for entry in package.data if package is not None else ():
                typed.chat(entry.data)
            typed.acknowledgement(message.headers)

    return _best(work, FRAMES)


def _lanes() -> float:
    make = _part("actors.policy.lanes", "Lanes")
    batches = list(_batches([event for one in _decoded() for event in one.events]))

    def work() -> None:
        lanes = make()
        for batch in batches:
            lanes.add(batch)
            for run in lanes.take():
                lanes.finish(run.lane, len(run.events))

    return _best(work, FRAMES)


def _encode() -> float:
    encode = _part("gateway.transport.frames", "FrameWire")().encode
    acks = [typed.acknowledgement(typed.frame(text).headers).decode() for text in _texts()]
    batches = list(_batches(acks))

    def work() -> None:
        for batch in batches:
            encode(batch)

    return _best(work, FRAMES)


def _journal(kind: str, directory: str) -> dict[str, float]:
    """Return µs per event to store and to settle; a fresh journal, every event new."""
    store_frames = _part("actors.ports.commands", "StoreFrames")
    settle_events = _part("actors.ports.commands", "SettleEvents")
    batches = list(_batches(_decoded()))
    stores = [
        store_frames(account="bench", generation=1, received_at_ms=feed.BASE_MS, frames=batch)
        for batch in batches
    ]
    with _open_journal(kind, directory) as journal:
        before_s = time.process_time()
        stored = [journal.commit([store])[0] for store in stores]
        store_s = time.process_time() - before_s
        settles = [settle_events(account="bench", done=events) for events in stored]
        before_s = time.process_time()
        for settle in settles:
            journal.commit([settle])
        settle_s = time.process_time() - before_s
    return {
        f"journal {kind}: store, {BATCH} a commit": 1e6 * store_s / FRAMES,
        f"journal {kind}: settle, {BATCH} a commit": 1e6 * settle_s / FRAMES,
    }


@contextmanager
def _open_journal(kind: str, directory: str) -> Iterator[Any]:
    with tempfile.TemporaryDirectory(dir=directory) as data_dir:
        if kind == "memory":
            journal = _part("gateway.journal.memory.journal", "MemoryJournal")()
        else:
            journal = _part("gateway.journal.sqlite.journal", "SqliteJournal")(
                Path(data_dir) / "journal.db", clock=_Now()
            )
        try:
            yield journal
        finally:
            journal.close()


def _batches(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))
