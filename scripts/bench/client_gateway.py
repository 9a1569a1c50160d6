"""Our gateway, used as anybody would: public names only, a handler, no reply."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, Final

# Loaded here, and not with the first account: what is there once is no account's memory.
import websocket  # noqa: F401

import gateway.platforms.goofish  # noqa: F401
from gateway import ChatMessage, ConnectionState, Gateway, web
from gateway.config import from_mapping
from scripts.bench.feed import token, user_id
from scripts.bench.probe import Probe

CONNECT_S = 120.0

SCRAPER: Final = """
import sys, time, urllib.request
while True:
    urllib.request.urlopen(sys.argv[1]).read()
    time.sleep(1)
"""
"""Asks for an address each second, as Prometheus would."""


def configuration(probe: Probe, data_dir: str) -> dict[str, Any]:
    """Return the configuration as a YAML file would hold it; both gates are wide open."""
    accounts = [
        {
            "id": f"account-{number}",
            "platform": "goofish",
            "url": probe.url,
            "credentials": {
                "kind": "static",
                "user_id": user_id(number),
                "device_id": f"device-{user_id(number)}",
                "token": token(number),
            },
        }
        for number in range(probe.spec["accounts"])
    ]
    return {
        "data_dir": data_dir,
        "durability": probe.spec["durability"],
        "http": {"listen": "127.0.0.1:0" if probe.spec.get("listen") else None},
        "connect": {"rate_per_s": 100_000, "burst": 100_000, "max_in_flight": 64},
        "history": {"rate_per_s": 100_000, "burst": 100_000},
        "accounts": accounts,
    }


class CountDown:
    """Counts accounts that are done, from any thread."""

    def __init__(self, left: int) -> None:
        self.none = threading.Event()
        self._left = left
        self._lock = threading.Lock()

    def one(self) -> None:
        """Note that one is done."""
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.none.set()


def hold(gateway: Gateway, probe: Probe, left: CountDown) -> None:
    """Run the gateway until the harness asks for the report.

    Args:
        gateway: With its handlers; it is started and stopped here.
        probe: Talks with the harness.
        left: Accounts whose first recovery has not ended.

    Raises:
        TimeoutError: An account is not ready in time.
    """
    gateway.start()
    try:
        with scraped(gateway, probe.spec.get("page")):
            _hold(gateway, probe, left)
    finally:
        gateway.stop()


@contextlib.contextmanager
def scraped(gateway: Gateway, page: str | None) -> Iterator[None]:
    """Let the gateway listen if it is to, and another process ask for a page each second."""
    with web.serving(gateway) as served:
        if served is None or page is None:
            yield
            return
        scraper = subprocess.Popen([sys.executable, "-c", SCRAPER, f"{served.url}{page}"])
        try:
            yield
        finally:
            scraper.kill()
            scraper.wait()


def _hold(gateway: Gateway, probe: Probe, left: CountDown) -> None:
    for name, account in gateway.accounts.items():
        if not account.wait_for(ConnectionState.CONNECTED, CONNECT_S):
            raise TimeoutError(f"{name} is not connected: {account.last_error}")
    if not left.none.wait(CONNECT_S):
        raise TimeoutError("the recoveries after registering did not end")
    probe.ready()
    sys.stdin.readline()
    probe.report()


def main() -> None:
    """Hold all accounts until the harness asks for the report."""
    probe = Probe()
    handle = probe.tally.handle
    with tempfile.TemporaryDirectory(dir=probe.spec["dir"]) as data_dir:
        gateway = Gateway(from_mapping(configuration(probe, data_dir)))

        @gateway.on(ChatMessage)
        def count(event: ChatMessage) -> None:
            handle(event.conversation_id, event.text)

        # What an account asks right after registering is no part of an event's price, and what
        # is pushed meanwhile waits for it.
        left = CountDown(probe.spec["accounts"])
        gateway.on_recovery(lambda _: left.one())

        hold(gateway, probe, left)


if __name__ == "__main__":
    main()
