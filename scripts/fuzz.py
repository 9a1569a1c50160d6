"""Fuzz the frame reader, the Goofish decoder and the configuration, guided by coverage.

``python3 scripts/fuzz.py --target all --minutes 10 --seed 1``: prints inputs a second, edges and
findings. An input that crashes, hangs (above 1 s) or eats memory is saved as
``tests/data/fuzz/<target>/found-<hash>.bin`` together with the command that repeats it, and
is replayed by the tests from then on. ``--keep`` writes the inputs that reach new edges back.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.fuzzing.engine import Finding, Fuzzer
from scripts.fuzzing.targets import CORPUS, ROOT, TARGETS, Target

KEPT = "corpus.b64"
REPORT_S = 15.0


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz, or repeat one input.

    Returns:
        0 if nothing was found, 1 otherwise.
    """
    arguments = _arguments(argv)
    names = list(TARGETS) if arguments.target == "all" else [arguments.target]
    if arguments.repeat:
        return _repeat(TARGETS[names[0]], arguments.repeat)
    found = 0
    for name in names:
        seconds = arguments.minutes * 60 / len(names)
        found += _fuzz(TARGETS[name], seconds, arguments.seed, keep=arguments.keep)
    return 1 if found else 0


def corpus_of(target: Target) -> list[bytes]:
    """Return the kept inputs of a target, its seeds, and what was found before."""
    folder = CORPUS / target.name
    kept = folder / KEPT
    lines = kept.read_text().split() if kept.exists() else []
    before = [file.read_bytes() for file in sorted(folder.glob("found-*.bin"))]
    return [*before, *target.seeds(), *map(base64.b64decode, lines)]


def save(target: Target, finding: Finding) -> Path:
    """Keep an input that does harm; the tests replay it."""
    folder = CORPUS / target.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"found-{hashlib.sha256(finding.data).hexdigest()[:12]}.bin"
    file.write_bytes(finding.data)
    return file


def _fuzz(target: Target, seconds: float, seed: int, *, keep: bool) -> int:
    print(f"{target.name}: {seconds:.0f} s, seed {seed}", flush=True)
    began = said = time.monotonic()
    fuzzer = Fuzzer(target, corpus_of(target), seed)
    told = 0

    def until() -> bool:
        nonlocal said, told
        now = time.monotonic()
        for finding in fuzzer.findings[told:]:
            _tell(target, finding)
        told = len(fuzzer.findings)
        if now - said > REPORT_S:
            said = now
            print(_line(fuzzer, now - began), flush=True)
        return now - began > seconds

    fuzzer.work(until)
    until()
    print(_line(fuzzer, time.monotonic() - began), flush=True)
    if keep:
        folder = CORPUS / target.name
        folder.mkdir(parents=True, exist_ok=True)
        kept = [base64.b64encode(data).decode() for data in fuzzer.kept()]
        (folder / KEPT).write_text("".join(f"{line}\n" for line in kept))
        print(f"  kept {len(kept)} inputs", flush=True)
    return len(fuzzer.findings)


def _line(fuzzer: Fuzzer, seconds: float) -> str:
    return (
        f"  {seconds:5.0f} s  {fuzzer.runs} inputs ({fuzzer.runs / seconds:.0f}/s)  "
        f"{len(fuzzer.edges.seen)} edges  {len(fuzzer.corpus)} in the corpus  "
        f"slowest {fuzzer.slowest_s * 1000:.0f} ms  {len(fuzzer.findings)} findings"
    )


def _tell(target: Target, finding: Finding) -> None:
    file = save(target, finding)
    print(f"  {finding.kind.upper()}: {finding.told}")
    where = file.relative_to(ROOT)
    print(f"  repeat: python3 scripts/fuzz.py --target {target.name} --repeat {where}", flush=True)


def _repeat(target: Target, file: str) -> int:
    """Run one input without tracer and without net; its traceback is the answer."""
    began = time.thread_time()
    target.call(Path(file).read_bytes())
    print(f"{target.name}: fine, {time.thread_time() - began:.3f} s of CPU")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz what reads strangers' bytes.")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--minutes", type=float, default=1.0, help="over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write the corpus back, minimised")
    parser.add_argument("--repeat", metavar="FILE", help="run one saved input and show why")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
