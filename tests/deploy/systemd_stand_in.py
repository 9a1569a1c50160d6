"""A stand-in of systemd: starts a service, hears what it says, and kills it as a watchdog does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
LIMIT_S = 40.0


class Systemd:
    """Listens at a datagram socket of its own, whose path is short enough for one."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sd-"))
        self.address = str(self._folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._children: list[subprocess.Popen[bytes]] = []
        self.said: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            with child:  # closes its pipe, too
                child.kill()
        self._socket.close()
        shutil.rmtree(self._folder)

    def start(
        self, code: str, *arguments: str, watchdog_s: float | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Python as a service of type notify."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": self.address}
        if watchdog_s is not None:
            environment["WATCHDOG_USEC"] = f"{watchdog_s * 1e6:.0f}"
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            env=environment,
            stderr=subprocess.PIPE,
        )
        self._children.append(child)
        return child

    def hear(self, timeout_s: float) -> str | None:
        """Return the next datagram; None: nothing came in time."""
        self._socket.settimeout(timeout_s)
        try:
            text = self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):  # the second if there is no time at all
            return None
        self.said.append(text)
        return text

    def wait(self, line: str) -> None:
        """Wait until a line begins like this."""
        until_s = time.monotonic() + LIMIT_S
        while (left_s := until_s - time.monotonic()) > 0:
            text = self.hear(left_s)
            if text is not None and any(each.startswith(line) for each in text.split("\n")):
                return
        raise AssertionError(f"{line} was not said: {self.said[-9:]}")

    def watch(self, child: subprocess.Popen[bytes], allowed_s: float) -> float:
        """Kill a service that gives no sign of life in the time allowed; return its last life."""
        began_s = seen_s = time.monotonic()
        while (left_s := seen_s + allowed_s - time.monotonic()) > 0:
            text = self.hear(left_s)
            if text is not None and "WATCHDOG=1" in text.split("\n"):
                seen_s = time.monotonic()
                assert seen_s < began_s + LIMIT_S, "it is alive all the time"
        child.send_signal(signal.SIGABRT)
        child.wait(LIMIT_S)
        return seen_s - began_s


def lines(said: Sequence[str]) -> list[str]:
    """Return each line of datagrams."""
    return [line for text in said for line in text.split("\n")]
