"""Rates of sends, dials and pages of history. Pure: time is an argument."""

from __future__ import annotations

from typing import Final

SLOW_S: Final = 600.0
"""A "too fast" of the peer slows an account down for this long (``contract.md`` O8)."""

SLOWEST: Final = 1 / 16
"""Share of its rate an account keeps, however often it is told so."""

_WHOLE: Final = 1.0 - 1e-6
"""A token, as far as floating clocks can tell; what is short is owed."""


class TokenBucket:
    """A bucket that fills with ``rate_per_s`` and holds ``burst`` tokens; it starts full.

    In any stretch of ``t`` seconds at most ``burst + rate_per_s * t`` tokens leave.

    Args:
        rate_per_s: Tokens a second, above 0.
        burst: Most tokens it holds, at least 1.

    Attributes:
        rate_per_s: As it was set; :meth:`slow` does not change it.
    """

    __slots__ = ("_at", "_burst", "_share", "_slow_until", "_tokens", "rate_per_s")

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        if rate_per_s <= 0 or burst < 1:
            raise ValueError(
                f"rate_per_s must be above 0 and burst at least 1, not {rate_per_s} and {burst}"
            )
        self.rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = self._burst  # below 0 while tokens are promised that are not there yet
        self._at = self._slow_until = float("-inf")
        self._share = 1.0

    def wait_s(self, now: float) -> float:
        """Return the seconds until there is a token, 0.0 if there is one now."""
        self._fill(now)
        if self._tokens >= _WHOLE:
            return 0.0
        return (1.0 - self._tokens) / (self.rate_per_s * self._share)

    def take(self, now: float) -> float:
        """Take a token.

        Returns:
            0.0 if one was taken, otherwise the seconds until there is one; none was taken.
        """
        wait_s = self.wait_s(now)
        if not wait_s:
            self._tokens -= 1.0
        return wait_s

    def reserve(self, now: float) -> float:
        """Take the next token, be it there or not.

        Space uses evenly: each caller asks once and is told its slot, so waiters need no
        polling, as they do with :meth:`take`.

        Returns:
            The seconds until the token may be used.
        """
        wait_s = self.wait_s(now)
        self._tokens -= 1.0
        return wait_s

    def set_rate(self, rate_per_s: float, now: float) -> None:
        """Change the rate from ``now`` on.

        Raises:
            ValueError: The rate is not above 0.
        """
        if rate_per_s <= 0:
            raise ValueError(f"rate_per_s={rate_per_s} must be above 0")
        self._fill(now)
        self.rate_per_s = rate_per_s

    def slow(self, now: float) -> None:
        """Halve the rate for :data:`SLOW_S`, and empty the bucket: the peer said "too fast"."""
        self._fill(now)
        self._tokens = min(self._tokens, 0.0)
        self._share = max(SLOWEST, self._share / 2)
        self._slow_until = now + SLOW_S

    def _fill(self, now: float) -> None:
        if self._share < 1:
            self._add(min(now, self._slow_until))
            if now >= self._slow_until:
                self._share = 1.0
        self._add(now)

    def _add(self, now: float) -> None:
        if now > self._at:
            grown = self._tokens + (now - self._at) * self.rate_per_s * self._share
            self._tokens = min(self._burst, grown)
            self._at = now
