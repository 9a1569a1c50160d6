"""Traffic and every kind of fault on many accounts, and what came of each message and fault."""

from __future__ import annotations

import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from actors.messages import StateChanged
from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from scripts.bench.probe import cpu_s
from scripts.soaking.books import Fault, Lanes, Links, Outcomes
from scripts.soaking.measure import Every, grown, growth
from scripts.soaking.peer import Peer, balance, gateway_of, platform_of

ACCOUNTS = 50
RATE_PER_S = 80
FAULTS_PER_S = 2
WARM_S = 60.0
WARM_PER_S = 600
"""Messages a second at first: the journal's page cache (32 MiB) is full before memory counts."""

LOOK_S = 2.0
PROGRESS_S = 10.0
END_S = 60.0
FAULT_ENDS_S = 60.0
"""Longer than a redelivery, and than an outage with its circuit; by then its times are there."""

HANDLER_FAILS, HANDLER_SLEEPS = 0.002, 0.002
NAP_S = 0.3


class Handler:
    """The user's side: books every message, fails now and then, is slow now and then."""

    def __init__(self, lanes: Lanes, dice: random.Random) -> None:
        self._lanes = lanes
        self._dice = dice
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self.errors = self.naps = 0

    def __call__(self, event: ChatMessage) -> None:
        """Handle one."""
        with self._lock:
            if event.event_id in self._failed:
                self._failed.discard(event.event_id)
            elif self._dice.random() < HANDLER_FAILS:
                self._failed.add(event.event_id)
                self.errors += 1
                raise RuntimeError("a handler that fails once")
            slow = self._dice.random() < HANDLER_SLEEPS
            self.naps += slow
        if slow:
            threading.Event().wait(NAP_S)
        with self._lock:
            lane, number = f"{event.account}/{event.sender_id}", int(event.text or "-1")
            self._lanes.take(lane, number, time.monotonic(), late=event.late)


class Soak:
    """One run."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._links, self._lanes = Links(), Lanes()
        self._outcomes = Outcomes(self._links, self._lanes)
        self._handler = Handler(self._lanes, random.Random(seed))  # noqa: S311  # repeatable
        self._look = Every(LOOK_S, warm_s=min(WARM_S, seconds / 3), links=ACCOUNTS)
        self._lock = threading.Lock()

    def run(self, peer: Peer, directory: Path) -> dict[str, Any]:
        """Soak, let it settle, and give the result."""
        gateway = gateway_of(peer, directory)
        gateway.on_state(self._note)
        gateway.on(ChatMessage)(self._handler)
        with gateway:
            began, cpu = time.monotonic(), cpu_s()
            self._work(peer, gateway, began)
            load = (cpu_s() - cpu) / (time.monotonic() - began)
            _progress("settling")
            said = peer.settle()
            wanted = sum(said["sent"].values())
            told = self._wait_end(gateway, said["sent"])
            balanced, done, copies = balance(gateway)
            away = {
                name: view.state.value
                for name, view in gateway.accounts.items()
                if view.state is not ConnectionState.CONNECTED
            }
        self._settle(peer.faults(), time.monotonic())
        books = {
            "lost": self._lanes.lost(said["sent"]),
            "doubled": self._lanes.doubled,
            "reordered": self._lanes.reordered,
        }
        told += [f"{number} messages {name}" for name, number in books.items() if number]
        told += [f"reordered: {'; '.join(self._lanes.examples)}"] * bool(self._lanes.examples)
        told += balanced
        told += [f"{done} events are done, {wanted} were sent"] * (done != wanted)
        told += [f"the platform saw {rule} {n} times" for rule, n in said["breaches"].items()]
        told += [f"not connected at the end: {away}"] * bool(away)
        told += [said["late"]] * bool(said["late"])
        samples = self._look.samples
        return {
            "messages": wanted,
            **books,
            "late": self._lanes.late,
            "copies": copies,
            "injected": sum(self._outcomes.injected.values()),
            "reconnects": self._links.reconnects,
            "dials": said["dials"],
            "faults": self._rows(),
            "peak": {
                name: max((getattr(each, name) for each in samples), default=0)
                for name in ("memory_kib", "threads", "descriptors")
            },
            "growth": growth(samples) if samples else {},
            "cpu_of_one_core": round(load, 3),
            "breaches": told + grown(samples),
        }

    def _rows(self) -> dict[str, dict[str, object]]:
        never: dict[str, object] = {"detect_s": None, "recover_s": None}
        return {
            **self._outcomes.rows(),
            "handler_error": {"injected": self._handler.errors, **never},
            "handler_slow": {"injected": self._handler.naps, **never},
        }

    def _note(self, change: StateChanged) -> None:
        up = change.new is ConnectionState.CONNECTED
        with self._lock:
            self._links.moved(change.account, time.monotonic(), up=up)

    def _work(self, peer: Peer, gateway: Gateway, began: float) -> None:
        said = began
        tick = threading.Event()
        while (now := time.monotonic()) < began + self._seconds:
            tick.wait(0.5)
            self._look.look()
            self._settle(peer.faults(), now - FAULT_ENDS_S)
            if now - said >= PROGRESS_S:
                said = now
                up = sum(v.state is ConnectionState.CONNECTED for v in gateway.accounts.values())
                memory = self._look.samples[-1].memory_kib >> 10 if self._look.samples else 0
                _progress(
                    f"{now - began:5.0f} s  {sum(self._outcomes.injected.values())} faults  "
                    f"{self._lanes.seen} of {peer.sent} messages handled  {up} accounts up  "
                    f"{memory or '?'} MiB"
                )

    def _settle(self, faults: list[Fault], older_than: float) -> None:
        with self._lock:
            self._outcomes.settle(faults, older_than=older_than)

    def _wait_end(self, gateway: Gateway, sent: dict[str, int]) -> list[str]:
        """Wait for the last messages and their settlements; say what never came."""
        until = time.monotonic() + END_S
        while time.monotonic() < until:
            if not self._lanes.lost(sent) and not balance(gateway)[0]:
                return []
            threading.Event().wait(0.1)
        missing = self._lanes.open(sent)
        return [f"lost: {missing}"] * bool(missing)


def mixed(seconds: float, directory: Path, *, seed: int) -> dict[str, Any]:
    """Run a platform and a gateway before it for so long.

    Returns:
        Numbers, a row for each kind of fault, and ``breaches``: a sentence each.
    """
    with platform_of(
        mode="mixed",
        accounts=ACCOUNTS,
        seed=seed,
        rate_per_s=RATE_PER_S,
        faults_per_s=FAULTS_PER_S,
        warm_s=min(WARM_S, seconds / 3) * 0.8,
        warm_per_s=WARM_PER_S,
    ) as peer:
        return Soak(seconds, seed).run(peer, directory)


def _progress(text: str) -> None:
    print(f"soak: {text}", file=sys.stderr, flush=True)
