"""A few seconds of the fuzzer with a fixed seed, and everything it ever found, again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the fuzzer measures memory as POSIX tells it")

from scripts.fuzz import corpus_of, save
from scripts.fuzzing.engine import Fuzzer
from scripts.fuzzing.targets import ROOT, TARGETS, Target

SEED = 20261124
SLICE_S = 1.2
"""Seconds of mutations a target; the long run is ``scripts/fuzz.py --minutes 10``."""


@pytest.mark.row("D9", "kept whole with a reason; the decoder never raises")
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nothing_crashes_hangs_or_grows(name: str) -> None:
    print(f"seed {SEED}")  # noqa: T201  # a failure is repeated with it
    target = TARGETS[name]
    fuzzer = Fuzzer(target, corpus_of(target), SEED)
    replayed = fuzzer.runs
    until = time.monotonic() + SLICE_S
    fuzzer.work(lambda: time.monotonic() > until and fuzzer.runs > replayed)

    told = [f"{each.kind}: {each.told} {each.data[:200]!r}" for each in fuzzer.findings]
    assert not told, told
    assert replayed >= len(target.seeds())
    assert fuzzer.runs > replayed
    assert len(fuzzer.edges.seen) > 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_find_nothing() -> None:
    """Another seed each time, in a process of its own; what it finds is kept and replayed above."""
    seed = random.randrange(1 << 31)  # printed
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fuzz.py"), "--minutes", "10", "--seed", str(seed)],
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert done.returncode == 0, (seed, done.stdout, done.stderr)
    assert done.stdout.count(" 0 findings") >= len(TARGETS)


def broken(data: bytes) -> None:
    """Crash, hang or eat memory if the input says so."""
    if data[:1] == b"C":
        raise ValueError("told to")
    if data[:1] == b"H":
        while True:
            pass
    if data[:1] == b"M":
        EATEN.append(200 << 10)


EATEN: list[int] = []
"""KiB; a double for the peak of the process, which may have been higher before."""


def test_the_fuzzer_sees_what_it_looks_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A net with a hole finds nothing, too."""
    monkeypatch.setattr("scripts.fuzzing.engine._TRACED_HANG_S", 0.2)
    monkeypatch.setattr("scripts.fuzzing.engine._peak_kib", lambda: sum(EATEN))
    monkeypatch.setattr("scripts.fuzz.CORPUS", tmp_path)
    EATEN.clear()
    target = Target(
        name="broken", call=broken, modules=(__name__,), words=(b"C",), seeds=lambda: [b"a"]
    )
    fuzzer = Fuzzer(target, [b"a", b"H", b"M", b"C"], SEED)

    assert [each.kind for each in fuzzer.findings] == ["hang", "memory", "crash"]
    saved = save(target, fuzzer.findings[-1])
    assert corpus_of(target)[0] == saved.read_bytes() == b"C"
    by_itself = Fuzzer(target, [b"a"], SEED)
    by_itself.work(lambda: bool(by_itself.findings) or by_itself.runs > 10_000)
    assert [each.kind for each in by_itself.findings][:1] == ["crash"]


def stepwise(data: bytes) -> None:
    """Crash on one input in sixteen million, each step on a line of its own."""
    reached = data[:1] == b"f"
    if reached:
        reached = data[1:2] == b"u"
        if reached:
            reached = data[2:3] == b"z"
            if reached:
                raise AssertionError("deep")


def test_edges_lead_to_what_chance_would_not_find() -> None:
    target = Target(
        name="deep", call=stepwise, modules=(__name__,), words=(), seeds=lambda: [b"...."]
    )
    fuzzer = Fuzzer(target, target.seeds(), SEED)
    fuzzer.work(lambda: bool(fuzzer.findings) or fuzzer.runs > 60_000)
    assert fuzzer.findings, f"{fuzzer.runs} inputs, {len(fuzzer.edges.seen)} edges"
