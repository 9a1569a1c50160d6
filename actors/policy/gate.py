"""The connect gate: how fast the process may open links, and which account is next.

One for all accounts of a process (``contract.md`` 2.7). Every operation takes constant
time however many wait. Pure: time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from actors.policy.rates import TokenBucket
from actors.sections import ConnectSettings

URGENT_IN_A_ROW: Final = 4
"""After this many urgent entries an ordinary one passes, so that it is not starved."""


class Line:
    """The queue of the gate: urgent entries first, but an ordinary one is never starved."""

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
            KeyError: The queue is empty.
        """
        if self._urgent and (not self._ordinary or self._urgent_run < URGENT_IN_A_ROW):
            self._urgent_run += 1
            return self._urgent.popitem(last=False)[0]
        self._urgent_run = 0
        return self._ordinary.popitem(last=False)[0]


_DEFAULTS: Final = ConnectSettings()


class ConnectGate:
    """A token bucket before two queues, and a limit on what is under way.

    In any stretch of ``t`` seconds at most ``burst + rate_per_s * t`` pass.

    Args:
        rate_per_s: Links a second.
        burst: Links at once after a quiet time.
        max_in_flight: Links under way at once.
        permit_s: A permit counts as ended after this long, even if its end was not reported.
    """

    def __init__(
        self,
        *,
        rate_per_s: float = _DEFAULTS.rate_per_s,
        burst: int = _DEFAULTS.burst,
        max_in_flight: int = _DEFAULTS.max_in_flight,
        permit_s: float = 60.0,
    ) -> None:
        if max_in_flight < 1 or permit_s <= 0:
            raise ValueError(
                f"permit_s={permit_s} must be above 0 and max_in_flight={max_in_flight} at least 1"
            )
        self._bucket = TokenBucket(rate_per_s=rate_per_s, burst=burst)
        self._max_in_flight = max_in_flight
        self._permit_s = permit_s
        self._line = Line()
        self._number = 0
        self._under_way: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._permits: dict[str, list[int]] = {}

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._line)

    @property
    def in_flight(self) -> int:
        """Return how many are under way."""
        return len(self._under_way)

    @property
    def rate_per_s(self) -> float:
        """Return the rate as it was set."""
        return self._bucket.rate_per_s

    def set_rate(self, rate_per_s: float, now: float) -> None:
        """Change the rate from ``now`` on; a fleet divides one rate among its nodes.

        Raises:
            ValueError: The rate is not above 0.
        """
        self._bucket.set_rate(rate_per_s, now)

    def ask(self, key: str, *, urgent: bool = False) -> None:
        """Queue up. Who waits already keeps the place, but may become urgent.

        Args:
            key: The account that asks; :meth:`grant` returns it.
            urgent: Goes before those that are not.
        """
        self._line.join(key, urgent=urgent)

    def cancel(self, key: str) -> None:
        """Leave the queue; nothing happens to who is not in it."""
        self._line.leave(key)

    def grant(self, now: float) -> list[str]:
        """Let through whom the bucket and the limit allow; return them in order.

        Each of them must call :meth:`ended` when its link is open or has failed.
        """
        self._expire(now)
        granted: list[str] = []
        while self._line and len(self._under_way) < self._max_in_flight:
            if self._bucket.take(now):
                break
            key = self._line.next()
            self._number += 1
            self._under_way[self._number] = (key, now)
            self._permits.setdefault(key, []).append(self._number)
            granted.append(key)
        return granted

    def ended(self, key: str) -> None:
        """Take a permit back; of several the oldest. Unknown keys change nothing."""
        numbers = self._permits.get(key)
        if numbers is None:
            return
        del self._under_way[numbers.pop(0)]
        if not numbers:
            del self._permits[key]

    def next_at(self, now: float) -> float | None:
        """Return when :meth:`grant` can let somebody through; None while nobody waits."""
        if not self._line:
            return None
        token_at = now + self._bucket.wait_s(now)
        if len(self._under_way) < self._max_in_flight:
            return token_at
        _, granted_at = next(iter(self._under_way.values()))
        return max(token_at, granted_at + self._permit_s)

    def _expire(self, now: float) -> None:
        while self._under_way:
            key, granted_at = next(iter(self._under_way.values()))
            if now < granted_at + self._permit_s:
                return
            self.ended(key)
