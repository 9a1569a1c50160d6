"""Suspensions: time in which the process did not run (signal, pause, sleep of the machine).

A deadline is for what somebody does with time. Of time in which nobody could do anything it must
not take notice, or a process that wakes up gives up all that it was about to end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHORTEST_S: Final = 0.5
"""A wait that is longer than asked by less than this is a busy machine."""


class Naps:
    """Measures suspensions, for one thread that calls it again and again.

    Args:
        monotonic: The clock that deadlines are judged by.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at, self._used_s = monotonic(), time.process_time()

    def look(self, asked_s: float) -> float:
        """Return the seconds since the last look in which the process did not run.

        Processor time that it used meanwhile is none of them: a thread that holds the GIL makes
        others wait, but it runs.

        Args:
            asked_s: How long the thread wanted to wait meanwhile.
        """
        at, used_s = self._monotonic(), time.process_time()
        passed_s, busy_s = at - self._at, used_s - self._used_s
        self._at, self._used_s = at, used_s
        lost_s = passed_s - busy_s - asked_s
        return lost_s if lost_s >= SHORTEST_S else 0.0
