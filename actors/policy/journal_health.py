"""Whether the journal stores, judged by how long commits wait. Pure."""

from __future__ import annotations

import enum
from typing import Final

from actors.sections import JournalSettings


class JournalVerdict(enum.Enum):
    """What changed about the journal."""

    SLOW = "slow"
    DOWN = "down"
    UP = "up"


_DEFAULTS: Final = JournalSettings()


class JournalHealth:
    """Judges by how long commits wait whether the journal is slow or down (``contract.md`` I3).

    One thread judges; any thread may read ``down``.

    Args:
        limit_s: Seconds without a commit that holds after which the journal is down.
        slow_s: Seconds after which a person should hear of it.

    Attributes:
        down: Nothing can be stored: no account may have a link.
        filling: Room gets scarce: what need not be stored now, is not (2.10).
    """

    def __init__(self, *, limit_s: float = _DEFAULTS.limit_s, slow_s: float = 2.0) -> None:
        self._limit_s = limit_s
        self._slow_s = slow_s
        self._slow = False
        self.down = self.filling = False

    def judge(self, stalled_s: float) -> JournalVerdict | None:
        """Return what changed, once.

        Args:
            stalled_s: Seconds since the commit that does not hold began; 0: none waits.
        """
        if stalled_s >= self._limit_s and not self.down:
            self.down = self._slow = True
            return JournalVerdict.DOWN
        if stalled_s >= self._slow_s and not self._slow:
            self._slow = True
            return JournalVerdict.SLOW
        if stalled_s <= 0:
            was_down, self.down, self._slow = self.down, False, False
            return JournalVerdict.UP if was_down else None
        return None
