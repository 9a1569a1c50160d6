"""A token bucket that all accounts of a process share."""

from __future__ import annotations

import threading

from actors.policy.rate import TokenBucket


class SharedRate:
    """A :class:`~actors.policy.rate.TokenBucket` behind a lock; any thread.

    Args:
        rate_per_s: Tokens a second, above 0.
        burst: Most tokens it holds, at least 1.
        now: Monotonic seconds; the bucket starts full.
    """

    __slots__ = ("_bucket", "_lock")

    def __init__(self, *, rate_per_s: float, burst: int, now: float) -> None:
        self._bucket = TokenBucket(rate_per_s=rate_per_s, burst=burst, now=now)
        self._lock = threading.Lock()

    def take(self, now: float) -> float:
        """Take a token and give 0.0, or give the seconds until there is one."""
        with self._lock:
            return self._bucket.take(now)
