"""A histogram of durations that costs its owner an addition, and its readers no lock. Pure."""

from __future__ import annotations

from typing import Final

PLACES: Final = 24
_LAST: Final = PLACES - 1
_UNITS_PER_S: Final = 64_000
_FIRST_BOUND: Final = 6

BOUNDS_S: Final = tuple(2**power / 1000 for power in range(17))
"""Upper bounds that are shown, in seconds: 1 ms, doubled up to 65.536 s."""


class Histogram:
    """Durations, counted by the bit length of their 64ths of a millisecond.

    One thread adds, or several that hold the same lock. Any thread reads, without that lock: it
    sees each addition whole or not at all, but perhaps a sum that is one addition behind.

    Attributes:
        counts: Durations by place; place ``n`` holds those below ``2**n`` / 64 ms, the last one all
            that are longer.
        sum_s: Seconds of all together.
    """

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * PLACES
        self.sum_s = 0.0

    def add(self, duration_s: float, times: int = 1) -> None:
        """Count durations.

        Args:
            duration_s: Seconds of each; below 0 it counts as 0: a clock was set back.
            times: How many.
        """
        duration_s = max(duration_s, 0.0)
        place = int(duration_s * _UNITS_PER_S).bit_length()
        self.counts[min(place, _LAST)] += times
        self.sum_s += duration_s * times

    def cumulative(self) -> list[int]:
        """Return how many were at most each of :data:`BOUNDS_S`, and then how many there are."""
        counts = self.counts.copy()
        total = sum(counts[:_FIRST_BOUND])
        upto = []
        for count in counts[_FIRST_BOUND:]:
            total += count
            upto.append(total)
        return upto
