"""The circuit of one endpoint: it opens, and dials pause, when too many dials fail.

Scheme, host, port and proxy make an endpoint (``contract.md`` 2.7). Attempts are
tallied by the second, so memory does not grow with accounts. Pure: time and dice are
arguments.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from typing import Final

from actors.policy.windows import SlidingWindow
from actors.values import ErrorClass, Failure

WINDOW_S: Final = 30
LEAST_ATTEMPTS: Final = 20
FAILED_SHARE: Final = 0.8
OVERLOADS: Final = 5
OVERLOAD_WINDOW_S: Final = math.nextafter(10.0, math.inf)
"""Window in which ``OVERLOADS`` overloads open the circuit, the tenth second included."""

SERVER_ERROR_CLOSE: Final = 1011
PROBE_TIMEOUT_S: Final = 30.0
"""A probe without a result is replaced after this long."""

RAMP: Final = (1.0, 2.0, 5.0, 10.0, 20.0)
RAMP_STEP_S: Final = 2.0

_WEIGHTS: Final = {
    ErrorClass.NETWORK: 1.0,
    ErrorClass.SERVER_OVERLOAD: 1.0,
    ErrorClass.SERVER_RESTART: 0.5,
}


class CircuitState(enum.Enum):
    """What a circuit lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    RAMP = "ramp"


def weight(failure: Failure) -> float:
    """Return how much a failure counts against the endpoint; 0: it was reached."""
    if failure.close_code == SERVER_ERROR_CLOSE:
        return 1.0
    return _WEIGHTS.get(failure.error_class, 0.0)


class Circuit:
    """One endpoint.

    Args:
        open_s: First pause; doubles each time it opens again.
        open_cap_s: Longest pause, jitter included.
        spread: Jitter of a pause, to both sides.
    """

    def __init__(
        self, *, open_s: float = 15.0, open_cap_s: float = 120.0, spread: float = 0.2
    ) -> None:
        self._open_s = open_s
        self._open_cap_s = open_cap_s
        self._spread = spread
        self._state = CircuitState.CLOSED
        self._tally: deque[list[float]] = deque(maxlen=WINDOW_S)
        self._overloads = SlidingWindow(limit=OVERLOADS, window_s=OVERLOAD_WINDOW_S)
        self._openings = 0
        self._until = 0.0
        self._ramp_from = 0.0

    @property
    def state(self) -> CircuitState:
        """Return the state as of the last call."""
        return self._state

    def allows(self, now: float) -> bool:
        """Return whether one attempt may begin, and count it if so.

        True is a permit: half open there is one, on the ramp each takes its time slot.
        """
        self._climb(now)
        if self._state is CircuitState.CLOSED:
            return True
        if now < self._until:
            return False
        if self._state is CircuitState.RAMP:
            self._until = now + 1.0 / RAMP[int((now - self._ramp_from) / RAMP_STEP_S)]
        else:
            self._state = CircuitState.HALF_OPEN
            self._until = now + PROBE_TIMEOUT_S
        return True

    def succeeded(self, now: float) -> None:
        """Note an attempt that reached the peer."""
        self._climb(now)
        if self._state is CircuitState.CLOSED:
            self._count(now, 0.0)
        elif self._state is CircuitState.HALF_OPEN:
            self._state = CircuitState.RAMP
            self._ramp_from = self._until = now

    def failed(self, failure: Failure, now: float, draw: float) -> None:
        """Note an attempt that failed; what is no fault of the endpoint says it works.

        Args:
            failure: Why.
            now: Monotonic seconds.
            draw: A number in [0, 1).
        """
        weighs = weight(failure)
        if not weighs:
            self.succeeded(now)
            return
        self._climb(now)
        if self._state is CircuitState.CLOSED:
            self._count(now, weighs)
            if failure.error_class is ErrorClass.SERVER_OVERLOAD:
                self._overloads.add(now)
            if self._tripped(now):
                self._open(now, draw)
        elif self._state is not CircuitState.OPEN:  # there it began before the circuit opened
            self._open(now, draw)

    def next_at(self, now: float) -> float | None:
        """Return when :meth:`allows` can be true; None while the circuit is closed."""
        if self._state is CircuitState.CLOSED:
            return None
        return max(now, self._until)

    def _count(self, now: float, weighs: float) -> None:
        second = float(int(now))
        if not self._tally or self._tally[-1][0] != second:
            self._tally.append([second, 0.0, 0.0])
        row = self._tally[-1]
        row[1] += 1.0
        row[2] += weighs

    def _tripped(self, now: float) -> bool:
        tally = self._tally
        while tally[0][0] <= int(now) - WINDOW_S:
            tally.popleft()
        attempts = sum(row[1] for row in tally)
        if attempts >= LEAST_ATTEMPTS and sum(row[2] for row in tally) >= FAILED_SHARE * attempts:
            return True
        return self._overloads.full(now)

    def _open(self, now: float, draw: float) -> None:
        pause_s = min(self._open_s * 2.0 ** min(self._openings, 30), self._open_cap_s)
        pause_s *= 1.0 + self._spread * (2.0 * draw - 1.0)
        self._openings += 1
        self._state = CircuitState.OPEN
        self._until = now + min(pause_s, self._open_cap_s)
        self._tally.clear()  # overloads are older than their window when it closes again

    def _climb(self, now: float) -> None:
        """Close the circuit at the upper end of the ramp."""
        if self._state is CircuitState.RAMP and now - self._ramp_from >= RAMP_STEP_S * len(RAMP):
            self._state = CircuitState.CLOSED
            self._openings = 0
