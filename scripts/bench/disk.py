"""What the disk itself takes to make bytes durable, to read durable figures against."""

from __future__ import annotations

import os
import tempfile
import time

from scripts.bench.probe import quantile

ROWS = 200
ROW_BYTES = 4096

_sync = getattr(os, "fdatasync", os.fsync)


def sync_us(directory: str) -> tuple[float, float]:
    """Return p50 and p99 of appending 4 KB and syncing it, in microseconds."""
    spent_ns: list[int] = []
    with tempfile.TemporaryFile(dir=directory) as file:
        row = os.urandom(ROW_BYTES)
        for _ in range(ROWS):
            os.write(file.fileno(), row)
            before_ns = time.monotonic_ns()
            _sync(file.fileno())
            spent_ns.append(time.monotonic_ns() - before_ns)
    spent_ns.sort()
    return quantile(spent_ns, 0.5) / 1e3, quantile(spent_ns, 0.99) / 1e3
