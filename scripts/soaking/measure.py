"""What a process holds, over time: threads, descriptors, memory; and whether that is flat."""

from __future__ import annotations

import ctypes
import gc
import os
import sqlite3
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.probe import rss_kb, threads

FLAT = 0.10
"""Largest growth from the first quarter of the samples, after the warm-up, to the last."""

SLACK = {"threads": 6, "descriptors": 4, "memory_kib": 2048}
"""What small numbers may move beyond the share. On a busy machine the pools of handlers and dials
hold a few threads more, up to their limits; a leak would grow with the reconnects, by hundreds."""

CACHE_KIB = 32768
"""The most the journal's page cache holds (``gateway/journal/schema.py``)."""

_FDS = Path("/proc/self/fd")

FEWEST = 8
"""Fewer samples say nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    threads: int
    descriptors: int
    memory_kib: int


def sample(journal: Path | None = None, *, links: int = 0) -> Sample:
    """Look; garbage that only waits for its turn, and what the allocator keeps, is not held.

    A burst of threads, as when all links are lost at once, leaves glibc with arenas whose free
    pages it keeps; they look like a leak that comes in steps and are none.

    Args:
        journal: Its page cache, which grows with the file up to its bound, is not counted.
        links: Sockets that may come and go; only what is beyond them is counted.
    """
    gc.collect()
    _trim()
    cached_kib = 0
    if journal is not None and journal.exists():
        cached_kib = min(_pages_kib(journal), CACHE_KIB)
    kinds = [_kind(each) for each in _FDS.iterdir()] if _FDS.exists() else []
    descriptors = len(kinds) - min(kinds.count("socket"), links)
    return Sample(threads=threads(), descriptors=descriptors, memory_kib=rss_kb() - cached_kib)


def _trim() -> None:
    """Give free pages back to the system, where the C library can (glibc)."""
    trim = None if os.name == "nt" else getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _pages_kib(journal: Path) -> int:
    """Return the size of a journal with what is still in its log; the file alone lags behind."""
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * size) >> 10


def _kind(link: Path) -> str:
    """Return what a descriptor is; it may be closed at this very moment."""
    try:
        return str(link.readlink()).partition(":")[0]
    except OSError:
        return ""


def growth(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return the medians of the first and of the last quarter for each number."""
    quarter = max(1, len(samples) // 4)
    return {
        name: (
            statistics.median(getattr(each, name) for each in samples[:quarter]),
            statistics.median(getattr(each, name) for each in samples[-quarter:]),
        )
        for name in SLACK
    }


def grown(samples: Sequence[Sample]) -> list[str]:
    """Return what has grown."""
    if len(samples) < FEWEST:
        return []
    return [
        f"{name} grew from {before:g} to {after:g}"
        for name, (before, after) in growth(samples).items()
        if after - before > max(before * FLAT, SLACK[name])
    ]


class Every:
    """Samples at most once in ``seconds``, and not before ``warm_s`` are over."""

    def __init__(
        self, seconds: float, *, warm_s: float = 0.0, journal: Path | None = None, links: int = 0
    ) -> None:
        self._journal, self._links = journal, links
        self.samples: list[Sample] = []
        self._seconds = seconds
        self._due = time.monotonic() + warm_s

    def look(self) -> None:
        """Sample if it is time."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._seconds
            self.samples.append(sample(self._journal, links=self._links))
