"""Many starts, stops and reconnects: threads, descriptors and memory stay flat, counters balance.

Each run has a process of its own, so that what it holds is nobody else's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="what a process holds is read from /proc"
)


def turnover(part: str, count: int, timeout_s: float) -> dict[str, Any]:
    """Run one part of :mod:`scripts.soaking.turnover`; it must breach nothing."""
    command = [sys.executable, "-m", "scripts.soaking.turnover", part, str(count)]
    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert not result["breaches"], result
    assert done.returncode == 0, done.stderr
    return result


@pytest.mark.peer(17)
def test_starts_and_stops_leave_nothing_behind() -> None:
    result = turnover("cycles", 30, 50.0)
    assert result["cycles"] == 30
    assert result["growth"]["threads"][0] > 0


def test_reconnects_leave_nothing_behind() -> None:
    result = turnover("reconnects", 200, 50.0)
    assert result["reconnects"] >= 200
    assert result["messages"] >= 200


@pytest.mark.peer(17)
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_starts_and_stops() -> None:
    turnover("cycles", 1000, 1200.0)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_reconnects() -> None:
    turnover("reconnects", 10_000, 1200.0)
