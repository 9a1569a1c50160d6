"""How fast sends may leave: a token bucket an account, slots for the whole process."""

from __future__ import annotations

from typing import Final

SLOW_S: Final = 600.0
"""So long an account goes slower after a "too fast" (``contract.md`` O8)."""

SLOWEST: Final = 1 / 16
"""Share of its rate an account keeps, however often it is told so."""


class TokenBucket:
    """A bucket that fills with ``rate_per_s`` and holds ``burst`` tokens.

    Args:
        rate_per_s: Tokens a second, above 0.
        burst: Most tokens it holds, at least 1.
        now: Monotonic seconds; the bucket starts full.
    """

    __slots__ = ("_at", "_burst", "_rate_per_s", "_share", "_slow_until", "_tokens")

    def __init__(self, *, rate_per_s: float, burst: int, now: float) -> None:
        _check(rate_per_s, burst)
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = now
        self._share = 1.0
        self._slow_until = now

    def take(self, now: float) -> float:
        """Take a token.

        Returns:
            0.0 if one was taken, otherwise the seconds until there is one; none was taken.
        """
        self._fill(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / (self._rate_per_s * self._share)

    def slow(self, now: float) -> None:
        """Halve the rate for :data:`SLOW_S`, and empty the bucket: the peer said "too fast"."""
        self._fill(now)
        self._tokens = min(self._tokens, 0.0)
        self._share = max(SLOWEST, self._share / 2)
        self._slow_until = now + SLOW_S

    def _fill(self, now: float) -> None:
        until = min(now, self._slow_until)
        if self._share < 1 and until > self._at:
            self._add(until, self._rate_per_s * self._share)
        if now >= self._slow_until:
            self._share = 1.0
        self._add(now, self._rate_per_s * self._share)

    def _add(self, now: float, rate_per_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * rate_per_s)
        self._at = max(self._at, now)


class Slots:
    """Points in time, ``rate_per_s`` of them, that are given away one by one.

    Unlike a bucket it is asked once a use: many who wait need not come again and again.

    Args:
        rate_per_s: Slots a second, above 0.
        burst: Slots that are given at once after a quiet time, at least 1.
    """

    __slots__ = ("_ahead_s", "_every_s", "_next")

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        _check(rate_per_s, burst)
        self._every_s = 1 / rate_per_s
        self._ahead_s = (burst - 1) / rate_per_s
        self._next = float("-inf")

    def take(self, now: float) -> float:
        """Take the next slot; gives the seconds until it, 0.0 if it is now."""
        at = max(self._next, now - self._ahead_s)
        self._next = at + self._every_s
        return max(0.0, at - now)


def _check(rate_per_s: float, burst: int) -> None:
    if rate_per_s <= 0 or burst < 1:
        raise ValueError(
            f"rate_per_s must be above 0 and burst at least 1, not {rate_per_s} and {burst}"
        )
