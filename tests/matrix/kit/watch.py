"""Times of a row: how soon a fault is found, how soon all is well again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from actors.ports import Clock

MEASURED = "GATEWAY_MEASURED"
"""Environment variable with the file that keeps the times of this run."""

BUSY_S = 5.0
"""What a machine ten times slower may add to a row's bound; the times kept are those measured."""


class Stopwatch:
    """Seconds from a fault to the reaction, and from its end to the recovery."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self.times: dict[str, float] = {}
        self._only: str | None = None

    def only(self, row: str) -> None:
        """Take the times for this row of those the test shows."""
        self._only = row

    def start(self) -> None:
        """The fault begins, or ends, now."""
        self._since = self._clock.monotonic()

    def detected(self, limit_s: float) -> float:
        """Note the reaction; it must not have taken longer."""
        return self._note("detect_s", limit_s)

    def recovered(self, limit_s: float = 20.0) -> float:
        """Note the recovery; it must not have taken longer."""
        return self._note("recover_s", limit_s)

    def _note(self, what: str, limit_s: float) -> float:
        seconds = self._clock.monotonic() - self._since
        self.times[what] = round(max(seconds, self.times.get(what, 0.0)), 2)
        self.start()
        assert seconds <= limit_s + BUSY_S, f"{what} is {seconds:.2f}, at most {limit_s}"
        return seconds

    def keep(self, rows: Iterable[str]) -> None:
        """Write the times down for these rows, if the environment says where; the slowest stay."""
        path = os.environ.get(MEASURED)
        if not path or not self.times:
            return
        file = Path(path)
        kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        for row in rows if self._only is None else [self._only]:
            before = kept.setdefault(row, {})
            for what, seconds in self.times.items():
                before[what] = max(seconds, before.get(what, 0.0))
        file.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
