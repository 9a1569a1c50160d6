"""Days in minutes: start and stop, reconnect, and mixed faults under traffic; nothing may grow.

``python3 scripts/soak.py --minutes 30`` prints a table and exits with 1 on any breach: a message
lost, doubled or out of order, a promise broken that the platform checks, an account that is
not back, or threads, descriptors or memory that grew by more than a tenth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from actors.messages import StateChanged
from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from scripts.soaking.books import Fault, Lanes, Links
from scripts.soaking.measure import Every, breaches, growth

ROOT = Path(__file__).resolve().parent.parent
SETTLE_S = 90.0
HASTE: dict[str, Any] = {
    "heartbeat": {"interval_s": 1.0, "reply_timeout_s": 1.0, "probe_timeout_s": 0.5},
    "handlers": {"retry_delays_s": [0.02, 0.05, 0.1]},
    "deadlines": {"upgrade_s": 1.0, "register_s": 1.0, "close_s": 0.5},
    "send": {"rate_per_s": 1000, "burst": 1000},
    "reconnect": dict.fromkeys(
        (
            "unexpected_close_step_s", "unexpected_close_cap_s", "network_step_s", "network_cap_s",
            "other_step_s", "other_cap_s", "server_restart_min_s", "server_restart_max_s",
            "overload_base_s", "overload_cap_s", "auth_base_s", "auth_cap_s", "kicked_min_s",
            "kicked_max_s", "flapping_wait_s",
        ),
        0.1,
    ),
}  # fmt: skip
"""Waits a thirtieth of the product's, so that an hour's faults fit into minutes."""


class Platform:
    """The other process; its lines come in on a thread."""

    def __init__(self, **spec: Any) -> None:
        command = [sys.executable, "-m", "scripts.soaking.platform", json.dumps(spec)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.faults: list[Fault] = []
        assert self._process.stdout is not None
        self.accounts = json.loads(self._process.stdout.readline())["accounts"]
        self.end: dict[str, Any] | None = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "fault" in told:
                self.faults.append(Fault(told["fault"], told["account"], told["at"]))
            else:
                self.end = told
                self._ended.set()

    def settle(self) -> dict[str, Any]:
        """Ask it to be good from now on; give what it says of itself once all is settled."""
        assert self._process.stdin is not None
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        self._ended.wait(SETTLE_S)
        return self.end or {"late": "the platform's process died", "sent": {}, "breaches": {}}

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()


@contextmanager
def platform_of(**spec: Any) -> Iterator[Platform]:
    """Run a platform; it is gone afterwards."""
    peer = Platform(**spec)
    try:
        yield peer
    finally:
        peer.close()


def gateway_of(peer: Platform, directory: Path) -> Gateway:
    """Make a gateway for all accounts of a platform."""
    config = {
        "data_dir": str(directory),
        "durability": "normal",
        "connect": {"rate_per_s": 1000, "burst": 1000},
        "defaults": HASTE,
        "accounts": peer.accounts,
    }
    return Gateway(from_mapping(config))


def cycles(count: int, directory: Path) -> dict[str, Any]:
    """Start, connect and stop a gateway ``count`` times."""
    look = Every(0.0)
    failed = 0
    with platform_of(mode="quiet", accounts=2, seed=1) as peer:
        for number in range(count):
            with gateway_of(peer, directory) as gateway:
                for view in gateway.accounts.values():
                    failed += not view.wait_for(ConnectionState.CONNECTED, 10.0)
            if number % max(1, count // 100) == 0:
                look.look()
    told = [f"{failed} accounts did not connect"] * bool(failed)
    return {"cycles": count, "growth": growth(look.samples), "breaches": told + grown(look)}


def reconnects(count: int, directory: Path) -> dict[str, Any]:
    """Have every session reset as soon as it is there, ``count`` times in all."""
    look, links = Every(0.5), Links()
    enough = threading.Event()

    def note(change: StateChanged) -> None:
        up = change.new is ConnectionState.CONNECTED
        links.moved(change.account, time.monotonic(), up=up)
        if links.reconnects >= count:
            enough.set()

    began = time.monotonic()
    with platform_of(mode="cutting", accounts=20, seed=1) as peer:
        gateway = gateway_of(peer, directory)
        gateway.on_state(note)
        with gateway:
            while not enough.wait(0.25) and time.monotonic() - began < count:
                look.look()
    told = [f"only {links.reconnects} of {count} reconnects"] * (not enough.is_set())
    return {
        "reconnects": links.reconnects,
        "per_s": round(links.reconnects / (time.monotonic() - began)),
        "growth": growth(look.samples),
        "breaches": told + grown(look),
    }


def mixed(seconds: float, directory: Path, *, seed: int, accounts: int = 50) -> dict[str, Any]:
    """Traffic and faults on many accounts."""
    look, links, lanes = Every(1.0), Links(), Lanes()
    lock = threading.Lock()
    failed: set[str] = set()

    def note(change: StateChanged) -> None:
        links.moved(change.account, time.monotonic(), up=change.new is ConnectionState.CONNECTED)

    def handle(event: ChatMessage) -> None:
        with lock:
            number = int(event.text or "-1")
            if number % 200 == 7 and event.event_id not in failed:
                failed.add(event.event_id)
                raise RuntimeError("a handler that fails once")
            failed.discard(event.event_id)
            lanes.take(f"{event.account}/{event.sender_id}", number)

    with platform_of(
        mode="mixed", accounts=accounts, seed=seed, rate_per_s=200, faults_per_s=2
    ) as peer:
        gateway = gateway_of(peer, directory)
        gateway.on_state(note)
        gateway.on(ChatMessage)(handle)
        with gateway:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not threading.Event().wait(0.5):
                look.look()
            said = peer.settle()
            wanted = sum(said["sent"].values())
            until = time.monotonic() + 30.0
            while lanes.seen < wanted and time.monotonic() < until:
                threading.Event().wait(0.05)
            states = {view.id: view.state for view in gateway.accounts.values()}
    away = {name: state.value for name, state in states.items() if state.value != "connected"}
    result = {
        "messages": wanted,
        "lost": lanes.lost(said["sent"]),
        "doubled": lanes.doubled,
        "reordered": lanes.reordered,
        "faults": timed(peer.faults, links),
        "peak_memory_kib": max(each.memory_kib for each in look.samples),
        "peak_threads": max(each.threads for each in look.samples),
        "growth": growth(look.samples),
    }
    told = [f"{result[name]} messages {name}" for name in ("lost", "doubled", "reordered")]
    told = [each for each in told if not each.startswith("0 ")]
    told += [f"lost: {lanes.open(said['sent'])}"] * bool(result["lost"])
    told += [f"the platform saw {rule} {n} times" for rule, n in said["breaches"].items()]
    told += [f"not connected at the end: {away}"] * bool(away)
    told += [said["late"]] * bool(said["late"])
    return {**result, "breaches": told + grown(look)}


def grown(look: Every) -> list[str]:
    """Say what grew; a handful of samples says nothing."""
    return breaches(look.samples) if len(look.samples) >= 8 else []


def timed(faults: Sequence[Fault], links: Links) -> dict[str, dict[str, Any]]:
    """Give, per kind: how many, and the times to detect and to recover."""
    rows: dict[str, list[tuple[float | None, float | None]]] = defaultdict(list)
    following: dict[str, float] = {}
    for fault in reversed(faults):
        following_one = min(following.get(fault.account, 1e18), following.get("*", 1e18))
        rows[fault.kind].append(links.outcome(fault, following_one))
        following[fault.account] = fault.at
    return {
        kind: {
            "injected": len(ends),
            "detect_s": _quantiles([down for down, _ in ends if down is not None]),
            "recover_s": _quantiles([up for _, up in ends if up is not None]),
        }
        for kind, ends in sorted(rows.items())
    }


def _quantiles(values: list[float]) -> tuple[float, float] | None:
    values = sorted(values)
    if not values:
        return None
    return values[len(values) // 2], values[min(int(len(values) * 0.99), len(values) - 1)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the three parts.

    Returns:
        0 if nothing was breached, 1 otherwise.
    """
    parser = argparse.ArgumentParser(description="Soak the gateway.")
    parser.add_argument("--minutes", type=float, default=30.0, help="of mixed faults")
    parser.add_argument("--cycles", type=int, default=1000, help="of start and stop")
    parser.add_argument("--reconnects", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        result = {
            "machine": machine(),
            "cycles": cycles(arguments.cycles, directory / "cycles"),
            "reconnects": reconnects(arguments.reconnects, directory / "reconnects"),
            "mixed": mixed(arguments.minutes * 60, directory / "mixed", seed=arguments.seed),
        }
    print(json.dumps(result, indent=2) if arguments.json else table(result), flush=True)
    return 1 if any(part["breaches"] for part in result.values() if "breaches" in part) else 0


def machine() -> dict[str, Any]:
    """Say where and when."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
    }


def table(result: dict[str, Any]) -> str:
    """Give the result for a person."""
    lines = [", ".join(f"{name} {value}" for name, value in result["machine"].items())]
    for part in ("cycles", "reconnects", "mixed"):
        told = result[part]
        lines += ["", f"{part}: {told.get(part, '')}".rstrip(": ")]
        lines += [
            f"  {name:<12} {early:>9g} → {late:g}" for name, (early, late) in told["growth"].items()
        ]
        lines += [f"  BREACH: {breach}" for breach in told["breaches"]] or ["  no breach"]
    told = result["mixed"]
    names = ("messages", "lost", "doubled", "reordered", "peak_memory_kib", "peak_threads")
    lines += ["", "  ".join(f"{name} {told[name]}" for name in names), ""]
    lines.append(f"{'fault':<18}{'injected':>9}{'detect p50/p99 s':>20}{'recover p50/p99 s':>20}")
    for kind, row in told["faults"].items():
        times = [
            "–" if row[name] is None else f"{row[name][0]:.2f} / {row[name][1]:.2f}"
            for name in ("detect_s", "recover_s")
        ]
        lines.append(f"{kind:<18}{row['injected']:>9}{times[0]:>20}{times[1]:>20}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
