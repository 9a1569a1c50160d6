"""Runs a target on inputs, keeps those that reach new edges, and judges crash, hang and memory."""

from __future__ import annotations

import gc
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from scripts.fuzzing.mutation import mutated
from scripts.fuzzing.targets import Target

HANG_S = 1.0
"""CPU seconds one input may take, without the tracer."""

_TRACED_HANG_S = 20.0
_JUMP_KIB = 64 << 10
"""Growth of the peak that one input of 64 KiB must not cause."""

_GROWTH_BLOCKS = 300_000
"""Python objects a run may gather beyond its corpus and its edges; about 20 MiB."""


class HangError(BaseException):
    """One input takes too long; no ``except Exception`` of the target may swallow it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that does what none may do.

    Attributes:
        data: The input.
        kind: ``crash``, ``hang`` or ``memory``.
        told: What it did.
    """

    data: bytes
    kind: str
    told: str


@dataclass(slots=True)
class Edges:
    """Which steps from line to line the target's modules have taken."""

    modules: tuple[str, ...]
    seen: set[tuple[int, int, int]] = field(default_factory=set)
    _codes: dict[CodeType, int] = field(default_factory=dict)
    _fresh: bool = False

    def run(self, call: Callable[[], None]) -> bool:
        """Call under the tracer; say whether it took a step that is new."""
        self._fresh = False
        before = sys.gettrace()
        sys.settrace(self._tracer())
        try:
            call()
        finally:
            sys.settrace(before)
        return self._fresh

    def _tracer(self) -> Callable[[FrameType, str, Any], Any]:
        seen, codes, modules = self.seen, self._codes, self.modules
        last = 0

        def local(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "line":
                step = (codes[frame.f_code], last, frame.f_lineno)
                last = frame.f_lineno
                if step not in seen:
                    seen.add(step)
                    self._fresh = True
            return local

        def enter(frame: FrameType, _event: str, _: Any) -> Any:
            code = frame.f_code
            number = codes.get(code)
            if number is None:
                ours = frame.f_globals.get("__name__", "").startswith(modules)
                number = codes[code] = len(codes) + 1 if ours else 0
            return local if number else None

        return enter


class Fuzzer:
    """One target, its corpus, and what was found.

    Args:
        target: What to call.
        corpus: Inputs to begin with; all are run first.
        seed: Of the dice; the same seed and corpus repeat a run, input by input.
    """

    def __init__(self, target: Target, corpus: Iterable[bytes], seed: int) -> None:
        self.target = target
        self.edges = Edges(target.modules)
        self.corpus: list[bytes] = []
        self.findings: list[Finding] = []
        self.runs = 0
        self.slowest_s = 0.0
        self._dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._kinds: set[str] = set()
        for data in corpus:
            self.feed(data)

    def work(self, until: Callable[[], bool]) -> None:
        """Change inputs until told to stop."""
        gc.collect()
        before, held = sys.getallocatedblocks(), self._held()
        while not until():
            base = self._pick()
            self.feed(mutated(base, self.corpus, self.target.words, self._dice))
        gc.collect()
        grown = sys.getallocatedblocks() - before - (self._held() - held)
        if grown > _GROWTH_BLOCKS:
            self._note(b"", "memory", f"{grown} objects are left over after {self.runs} inputs")

    def feed(self, data: bytes) -> None:
        """Run one input; keep it if it is news, note it if it is a finding."""
        self.runs += 1
        peak = _peak_kib()
        began = time.thread_time()
        fresh = False
        try:
            with _alarm(_TRACED_HANG_S):
                fresh = self.edges.run(lambda: self.target.call(data))
        except HangError:
            self._note(data, "hang", f"still busy after {_TRACED_HANG_S:g} s")
        except Exception as error:  # noqa: BLE001  # whatever comes is the finding
            self._note(data, "crash", _told(error))
        took = time.thread_time() - began
        if took > HANG_S:
            took = self._untraced_s(data)
        self.slowest_s = max(self.slowest_s, took if took < HANG_S else 0.0)
        if _peak_kib() - peak > _JUMP_KIB:
            self._note(data, "memory", f"the peak grew by {(_peak_kib() - peak) >> 10} MiB")
        if fresh and len(data) <= 1 << 14:
            self.corpus.append(data)

    def kept(self) -> list[bytes]:
        """Return a small part of the corpus that reaches the same edges, shortest first."""
        edges = Edges(self.target.modules)
        small: list[bytes] = []
        for data in sorted(self.corpus, key=lambda each: (len(each), each)):
            with _alarm(_TRACED_HANG_S):
                try:
                    if edges.run(lambda data=data: self.target.call(data)):  # type: ignore[misc]
                        small.append(data)
                except Exception:  # noqa: BLE001, S112  # a finding, kept as such
                    continue
        return small

    def _pick(self) -> bytes:
        if not self.corpus:
            return b""
        young = self._dice.random() < 0.5
        first = len(self.corpus) * 3 // 4 if young else 0
        return self.corpus[self._dice.randrange(first, len(self.corpus))]

    def _untraced_s(self, data: bytes) -> float:
        began = time.thread_time()
        try:
            with _alarm(_TRACED_HANG_S):
                self.target.call(data)
        except (Exception, HangError):  # noqa: BLE001, S110  # noted the first time
            pass
        took = time.thread_time() - began
        if took > HANG_S:
            self._note(data, "hang", f"{took:.1f} s of CPU for {len(data)} bytes")
        return took

    def _note(self, data: bytes, kind: str, told: str) -> None:
        """Note a finding; one of a kind is enough."""
        place = f"{kind} {told.partition(': ')[0]}"
        if place not in self._kinds:
            self._kinds.add(place)
            self.findings.append(Finding(data, kind, told))

    def _held(self) -> int:
        return 2 * len(self.edges.seen) + len(self.corpus)


def _told(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {where.filename}:{where.lineno}: {str(error)[:200]}"


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _alarm(after_s: float) -> Iterator[None]:
    """Raise HangError after so much CPU time of this process; only on the main thread."""

    def ring(_signum: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, after_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
