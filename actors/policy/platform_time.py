"""Bounds of the platform's clock: what it told, and how long ago. Pure.

Our wall clock may be hours wrong, and may be set while we run; so the platform's times are
compared with nothing but the platform's times. What lies between is counted on the
monotonic clock.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec


class PlatformTime(msgspec.Struct, frozen=True, gc=False):
    """Bounds of the platform's Unix time.

    Attributes:
        told_ms: The time it told last, a lower bound of it from then on; None: it told none yet.
        told_at: Monotonic seconds when we heard it.
        most_ms: The most, in ms, that its Unix time is ahead of the monotonic clock.
    """

    told_ms: int | None = None
    told_at: float = 0.0
    most_ms: float | None = None

    def told(self, told_ms: int, *, asked: float, now: float) -> PlatformTime:
        """Take a time that the platform told in an answer.

        The narrowest bound is kept. It is dropped once an answer contradicts it: this machine
        slept meanwhile, or the platform's clock was set.

        Args:
            told_ms: Its Unix time when it answered.
            asked: Monotonic seconds before we asked.
            now: Monotonic seconds when the answer was here.
        """
        most, least = told_ms - asked * 1000, told_ms - now * 1000
        known = self.most_ms
        if known is None or not least <= known <= most:
            known = most
        return PlatformTime(told_ms, now, known)

    def latest_ms(self, at: float) -> int | None:
        """Return a Unix time that the platform's clock had not passed ``at``; None: unknown."""
        return None if self.most_ms is None else round(self.most_ms + at * 1000)

    def earliest_ms(self, at: float) -> int | None:
        """Return a Unix time that the platform's clock had reached ``at``; None: unknown."""
        if self.told_ms is None:
            return None
        return self.told_ms + math.floor((at - self.told_at) * 1000)


NOTHING_TOLD: Final = PlatformTime()
"""Before the first answer."""


def begun_ms(told_ms: int, *, begun_at: float | None, now: float) -> int:
    """Return the platform's Unix time when something began, as near as an answer tells.

    Args:
        told_ms: What it told.
        begun_at: Monotonic seconds when it began; None: now.
        now: Monotonic seconds when it was asked.
    """
    return told_ms if begun_at is None else told_ms - math.ceil((now - begun_at) * 1000)
