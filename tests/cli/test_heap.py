"""What a started process gives back, in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
import sys

import pytest

from gateway.cli import heap

_RUN = """
import gc
from pathlib import Path
from gateway.cli import heap

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytearray(2000) for _ in range(20_000)]
kept = [bytearray(600) for _ in range(10)]  # above them: the heap cannot simply shrink
blocks += [bytearray(2000) for _ in range(20_000)]
kept += [bytearray(600) for _ in range(10)]
del blocks
before = resident_bytes()
heap.settle()
print(before - resident_bytes(), gc.get_freeze_count())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, which can give it back")
def test_settling_gives_back_what_only_the_start_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN], capture_output=True, timeout=30.0, check=True, text=True
    )
    returned, frozen = map(int, done.stdout.split())
    assert returned > 30_000_000
    assert frozen > 1000


def test_a_library_without_trimming_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    heap.settle()
    assert frozen == [True]
