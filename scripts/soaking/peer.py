"""The other process as the gateway's one sees it, and a gateway for its accounts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import Gateway
from gateway.config import from_mapping
from scripts.soaking.books import Fault

ROOT = Path(__file__).resolve().parent.parent.parent
SETTLE_S = 240.0
"""Longest wait for a platform that is good again: a circuit's longest pause, its ramp, and more."""

HASTE: dict[str, Any] = {
    "heartbeat": {"interval_s": 1.0, "reply_timeout_s": 1.0, "probe_timeout_s": 0.5},
    "handlers": {"retry_delays_s": [0.02, 0.05, 0.1]},
    "deadlines": {"upgrade_s": 1.0, "register_s": 1.0, "close_s": 0.5},
    "send": {"rate_per_s": 1000, "burst": 1000},
    "recovery": {
        "probe_s": 5.0, "zombie_s": 1.0, "margin_s": 20.0, "reply_s": 1.0, "retry_s": 0.1,
        "rate_per_s": 100, "burst": 100, "hold_s": 10.0, "first_contact": "deliver",
    },
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
"""Waits a tenth to a thirtieth of the product's, so that a day's faults fit into minutes."""


class Peer:
    """A platform in a process of its own; its lines come in on a thread."""

    def __init__(self, **spec: Any) -> None:
        command = [sys.executable, "-m", "scripts.soaking.platform", json.dumps(spec)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.accounts: list[dict[str, Any]] = json.loads(self._process.stdout.readline())[
            "accounts"
        ]
        self.sent = 0
        self._faults: list[Fault] = []
        self._end: dict[str, Any] | None = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name="platform-lines")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "kind" in told:
                self._faults.append(Fault(**told))
            elif "so_far" in told:
                self.sent = told["so_far"]
            else:
                self._end = told
        self._ended.set()

    def faults(self) -> list[Fault]:
        """Return what was done since the last call."""
        told, self._faults = self._faults, []
        return told

    def settle(self) -> dict[str, Any]:
        """Ask it to be good from now on; give what it says of itself once all is settled."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write("stop\n")
            self._process.stdin.flush()
        return self._wait_end() or {
            "sent": {},
            "late": "the platform's process said nothing at its end",
            "breaches": {},
            "dials": 0,
        }

    def _wait_end(self) -> dict[str, Any] | None:
        waited = 0.0
        while self._end is None and waited < SETTLE_S and not self._ended.wait(0.1):
            waited += 0.1
        return self._end

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
def platform_of(**spec: Any) -> Iterator[Peer]:
    """Run a platform; it is gone afterwards."""
    peer = Peer(**spec)
    try:
        yield peer
    finally:
        peer.close()


def gateway_of(peer: Peer, directory: Path) -> Gateway:
    """Make a gateway for all accounts of a platform."""
    config = {
        "data_dir": str(directory),
        "durability": "normal",
        "connect": {"rate_per_s": 1000, "burst": 1000},
        "history": {"rate_per_s": 1000, "burst": 1000},
        "defaults": HASTE,
        "accounts": peer.accounts,
    }
    return Gateway(from_mapping(config))


def balance(gateway: Gateway) -> tuple[list[str], int, int]:
    """Check the accounting identity (I12) of every account.

    Returns:
        What does not balance or is not settled, a line each; how many were handled; copies.
    """
    told, done, copies = [], 0, 0
    for name, view in gateway.accounts.items():
        tally = view.counters
        if not tally.balanced:
            told.append(f"the counters of {name} do not balance: {tally}")
        if tally.pending or tally.dead or tally.parked or tally.expired:
            told.append(f"{name} has what was neither handled nor ignored: {tally}")
        done += tally.done
        copies += tally.duplicates
    return told, done, copies
