"""Token bucket: how fast one account may send."""

from __future__ import annotations


class TokenBucket:
    """A bucket that fills with ``rate_per_s`` and holds ``burst`` tokens.

    Args:
        rate_per_s: Tokens a second, above 0.
        burst: Most tokens it holds, at least 1.
        now: Monotonic seconds; the bucket starts full.
    """

    __slots__ = ("_at", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, *, rate_per_s: float, burst: int, now: float) -> None:
        if rate_per_s <= 0 or burst < 1:
            raise ValueError(
                f"rate_per_s must be above 0 and burst at least 1, not {rate_per_s} and {burst}"
            )
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token.

        Returns:
            0.0 if one was taken, otherwise the seconds until there is one; none was taken.
        """
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate_per_s)
        self._at = max(self._at, now)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate_per_s
