"""The connect gate: how fast a process may open links, and who comes first.

One for all accounts of a process (``contract.md`` 2.7). Every operation takes constant
time however many wait. Pure: time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from actors.sections import ConnectSettings

URGENT_IN_A_ROW: Final = 4
"""Then an ordinary one passes, so that restless urgent accounts starve nobody."""


class Line:
    """Who waits, in order; urgent ones first, but never for ever."""

    __slots__ = ("_ordinary", "_urgent", "_urgent_run")

    def __init__(self) -> None:
        self._urgent: OrderedDict[str, None] = OrderedDict()
        self._ordinary: OrderedDict[str, None] = OrderedDict()
        self._urgent_run = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ordinary)

    def __contains__(self, key: object) -> bool:
        return key in self._urgent or key in self._ordinary

    def join(self, key: str, *, urgent: bool) -> None:
        """Queue up. Who waits already keeps the place, but may become urgent."""
        if key in self._urgent:
            return
        if urgent:
            self._ordinary.pop(key, None)
            self._urgent[key] = None
        else:
            self._ordinary[key] = None

    def leave(self, key: str) -> None:
        """Leave; nothing happens to who is not in it."""
        self._urgent.pop(key, None)
        self._ordinary.pop(key, None)

    def next(self) -> str:
        """Take the next one out.

        Raises:
            KeyError: Nobody waits.
        """
        if self._urgent and (not self._ordinary or self._urgent_run < URGENT_IN_A_ROW):
            self._urgent_run += 1
            return self._urgent.popitem(last=False)[0]
        self._urgent_run = 0
        return self._ordinary.popitem(last=False)[0]


_DEFAULTS: Final = ConnectSettings()
_WHOLE: Final = 1.0 - 1e-6
"""A token, as far as floating clocks can tell; what is short is owed."""


class ConnectGate:
    """A token bucket before two queues, and a limit on what is under way.

    In any stretch of ``t`` seconds at most ``burst + rate_per_s * t`` pass.

    Args:
        rate_per_s: Links a second.
        burst: Links at once after a quiet time.
        max_in_flight: Links under way at once.
        permit_s: After this long a permit whose end was never told counts as ended.
    """

    def __init__(
        self,
        *,
        rate_per_s: float = _DEFAULTS.rate_per_s,
        burst: int = _DEFAULTS.burst,
        max_in_flight: int = _DEFAULTS.max_in_flight,
        permit_s: float = 60.0,
    ) -> None:
        if rate_per_s <= 0 or burst < 1 or max_in_flight < 1 or permit_s <= 0:
            raise ValueError(
                f"rate_per_s={rate_per_s} and permit_s={permit_s} must be above 0, "
                f"burst={burst} and max_in_flight={max_in_flight} at least 1"
            )
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._max_in_flight = max_in_flight
        self._permit_s = permit_s
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._line = Line()
        self._number = 0
        self._under_way: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._permits: dict[str, list[int]] = {}

    @property
    def waiting(self) -> int:
        """Say how many wait."""
        return len(self._line)

    @property
    def in_flight(self) -> int:
        """Say how many are under way."""
        return len(self._under_way)

    @property
    def rate_per_s(self) -> float:
        """Give the rate as it was set."""
        return self._rate_per_s

    def set_rate(self, rate_per_s: float, now: float) -> None:
        """Change the rate from ``now`` on; a fleet divides one rate among its nodes.

        Raises:
            ValueError: The rate is not above 0.
        """
        if rate_per_s <= 0:
            raise ValueError(f"rate_per_s={rate_per_s} must be above 0")
        self._fill(now)
        self._rate_per_s = rate_per_s

    def ask(self, key: str, now: float, *, urgent: bool = False) -> None:
        """Queue up. Who waits already keeps the place, but may become urgent.

        Args:
            key: Who asks; :meth:`grant` gives it back.
            now: Monotonic seconds.
            urgent: Goes before those that are not.
        """
        self._fill(now)
        self._line.join(key, urgent=urgent)

    def cancel(self, key: str) -> None:
        """Leave the queue; nothing happens to who is not in it."""
        self._line.leave(key)

    def grant(self, now: float) -> list[str]:
        """Let through whom the bucket and the limit allow, in order.

        Each of them must call :meth:`ended` when its link is open or has failed.
        """
        self._fill(now)
        self._expire(now)
        granted: list[str] = []
        while self._tokens >= _WHOLE and len(self._under_way) < self._max_in_flight and self._line:
            key = self._line.next()
            self._tokens -= 1.0
            self._number += 1
            self._under_way[self._number] = (key, now)
            self._permits.setdefault(key, []).append(self._number)
            granted.append(key)
        return granted

    def ended(self, key: str) -> None:
        """Give a permit back; of several the oldest. Unknown keys change nothing."""
        numbers = self._permits.get(key)
        if numbers is None:
            return
        del self._under_way[numbers.pop(0)]
        if not numbers:
            del self._permits[key]

    def next_at(self, now: float) -> float | None:
        """Say when :meth:`grant` can give something; None while nobody waits."""
        if not self._line:
            return None
        self._fill(now)
        token_at = now
        if self._tokens < _WHOLE:
            token_at += (1.0 - self._tokens) / self._rate_per_s
        if len(self._under_way) < self._max_in_flight:
            return token_at
        _, granted_at = next(iter(self._under_way.values()))
        return max(token_at, granted_at + self._permit_s)

    def _fill(self, now: float) -> None:
        if self._filled_at is None:
            self._filled_at = now
        elif now > self._filled_at:
            grown = self._tokens + (now - self._filled_at) * self._rate_per_s
            self._tokens = min(float(self._burst), grown)
            self._filled_at = now

    def _expire(self, now: float) -> None:
        while self._under_way:
            key, granted_at = next(iter(self._under_way.values()))
            if now < granted_at + self._permit_s:
                return
            self.ended(key)
