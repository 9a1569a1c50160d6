"""A terminal of its own for a command, to which a test types."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

LIMIT_S = 50


class Terminal:
    """A command whose three streams are a terminal; not on Windows."""

    def __init__(self, *command: str, env: Mapping[str, str], cwd: Path | None = None) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self.said = ""
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(theirs)

    def wait_for(self, words: str) -> None:
        """Wait until it says something after what was waited for before."""
        while words not in self.said:
            piece = os.read(self._ours, 4096)
            assert piece, self.said
            self.said += piece.decode("utf-8", "replace")
        self.said = self.said.partition(words)[2]

    def types(self, text: str) -> None:
        """Type; the terminal makes of it what it does, e.g. of Ctrl-D the end."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Send Ctrl-C once it waits for what is typed.

        A moment before, Python would note the signal, read on, and act on it after the next line.
        """
        asleep = time.monotonic() + LIMIT_S
        while psutil.Process(self.process.pid).status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < asleep, "it never waited"
            os.sched_yield()
        self.process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Return its exit code; ``said`` has the rest of its words."""
        with contextlib.suppress(OSError):  # of a terminal whose other side is gone
            while piece := os.read(self._ours, 4096):
                self.said += piece.decode("utf-8", "replace")
        return self.process.wait(LIMIT_S)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
