"""Many beginnings: start and stop a gateway, or have its links reset, so many times.

``python -m scripts.soaking.turnover cycles 1000`` or ``… reconnects 10000``, in a process of its
own, whose threads, descriptors and memory are nobody else's. Prints one JSON object; exits
with 1 if anything grew, did not connect, was lost or does not balance.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actors.messages import StateChanged
from actors.state import ConnectionState
from gateway import ChatMessage
from scripts.soaking.books import Lanes, Links
from scripts.soaking.measure import Every, Sample, grown, growth
from scripts.soaking.peer import balance, gateway_of, platform_of

WAIT_S = 30.0
JOURNAL = "journal.sqlite3"
STEP_S = 0.05
CUT = 20
"""Accounts whose sessions are reset."""
LOOKS = 200
"""At most so many samples of a run; the first quarter of them is the warm-up."""


def cycles(count: int, directory: Path) -> dict[str, Any]:
    """Start, connect and stop a gateway ``count`` times on one journal."""
    look, failed, survived, told = Every(0.0), 0, 0, list[str]()
    with platform_of(mode="quiet", accounts=2, seed=1) as peer:
        for number in range(count):
            gateway = gateway_of(peer, directory)
            gateway.start()
            for view in gateway.accounts.values():
                failed += not view.wait_for(ConnectionState.CONNECTED, WAIT_S)
            told += balance(gateway)[0]
            survived += not gateway.stop()
            if number % max(1, count // LOOKS) == 0:
                look.look()
    told += [f"{failed} accounts did not connect"] * bool(failed)
    told += [f"threads survived {survived} stops"] * bool(survived)
    return _result(look, told, cycles=count)


def reconnects(count: int, directory: Path) -> dict[str, Any]:
    """Have each session reset as soon as it is there, under its message, ``count`` times in all."""
    look, links, lanes = Every(0.1, journal=directory / JOURNAL, links=CUT), Links(), Lanes()
    lock, enough = threading.Lock(), threading.Event()

    def note(change: StateChanged) -> None:
        with lock:
            up = change.new is ConnectionState.CONNECTED
            links.moved(change.account, time.monotonic(), up=up)
        if links.reconnects >= count:
            enough.set()

    def handle(event: ChatMessage) -> None:
        with lock:
            lanes.take(f"{event.account}/{event.sender_id}", int(event.text or "-1"))

    began = time.monotonic()
    with platform_of(mode="cutting", accounts=CUT, seed=1) as peer:
        gateway = gateway_of(peer, directory)
        gateway.on_state(note)
        gateway.on(ChatMessage)(handle)
        with gateway:
            until = began + WAIT_S + count
            while not enough.wait(STEP_S) and time.monotonic() < until:
                look.look()
            took_s = time.monotonic() - began
            said = peer.settle()
            sent = said["sent"]
            _wait(lambda: not lanes.lost(sent))
            _wait(lambda: not balance(gateway)[0])
            told = balance(gateway)[0]
    told += [f"only {links.reconnects} of {count} reconnects"] * (not enough.is_set())
    told += [f"the platform saw {rule} {n} times" for rule, n in said["breaches"].items()]
    told += [said["late"]] * bool(said["late"])
    books = {"lost": lanes.lost(sent), "doubled": lanes.doubled, "reordered": lanes.reordered}
    told += [f"{number} messages {name}" for name, number in books.items() if number]
    messages = {"messages": sum(sent.values()), **books}
    per_s = round(links.reconnects / took_s)
    return _result(look, told, reconnects=links.reconnects, per_s=per_s, **messages)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not until() and time.monotonic() < deadline:
        threading.Event().wait(STEP_S)


def _result(look: Every, told: list[str], **numbers: Any) -> dict[str, Any]:
    warm: list[Sample] = look.samples[len(look.samples) // 4 :]
    return {**numbers, "growth": growth(warm), "breaches": told + grown(warm)}


PARTS: Mapping[str, Callable[[int, Path], dict[str, Any]]] = {
    "cycles": cycles,
    "reconnects": reconnects,
}


def main(part: str, count: int) -> int:
    """Run one part.

    Returns:
        0 if nothing was breached, 1 otherwise.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = PARTS[part](count, Path(folder))
    print(json.dumps(result), flush=True)
    return 1 if result["breaches"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
