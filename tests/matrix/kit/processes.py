"""The parent's side of ``children.py``: start it, command it, wait for what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

WAIT_S = 20.0
_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]

Line = dict[str, Any]


class Child:
    """One process; use as a context manager.

    Args:
        role: ``platform`` or ``gateway``.
        spec: What it is given; see there.
        within: Words before its command line, e.g. to enter a namespace.
    """

    def __init__(self, role: str, spec: Line, within: Sequence[str] = ()) -> None:
        self.lines: list[Line] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [*within, sys.executable, str(_HERE / "children.py"), role, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self.thaw()
        try:
            process.stdin.close()
            process.wait(WAIT_S)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            with self._changed:
                self.lines.append(json.loads(text))
                self._changed.notify_all()
        with self._changed:
            self.lines.append({"gone": True})
            self._changed.notify_all()

    def order(self, do: str, **fields: Any) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()

    def wait(self, there: Callable[[Line], bool], what: str, since: int = 0) -> Line:
        """Wait for a line, from the ``since``-th on.

        Raises:
            AssertionError: It did not come, or the process ended before.
        """

        def found() -> Line | None:
            return next((line for line in self.lines[since:] if there(line)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self.lines[-1:] == [{"gone": True}], WAIT_S)
            line = found()
        assert line is not None, f"waited in vain for {what}: {self.lines[-10:]}"
        return line

    def wait_for(self, since: int = 0, **fields: Any) -> Line:
        """Wait for a line with these fields."""
        return self.wait(lambda line: fields.items() <= line.items(), f"{fields}", since)

    def ask(self, do: str, **fields: Any) -> Line:
        """Return a command and wait for the next line."""
        since = len(self.lines)
        self.order(do, **fields)
        return self.wait(lambda _: True, do, since)

    def freeze(self) -> None:
        """SIGSTOP: its sockets live, it does nothing."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def texts(self, account: str) -> list[str]:
        """Return what a gateway's handler heard of an account, in order."""
        return [
            line["event"] for line in self.lines if "event" in line and line["account"] == account
        ]

    def states(self, account: str) -> list[str]:
        """Return the states an account of a gateway went through."""
        return [
            line["state"] for line in self.lines if "state" in line and line["account"] == account
        ]
