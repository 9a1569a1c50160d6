"""Flow control: how much of an account's work is in hand, and whether its link is read.

``contract.md`` 2.10: what was taken from the socket is never dropped; instead the poller
stops reading the account, and TCP holds the peer back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from actors.sections import FlowSettings

PROCESS_HIGH = 10_000
"""Units all accounts together may have in hand."""

PROCESS_HIGH_BYTES = 256 << 20
"""The same in bytes."""


class GlobalFlow:
    """What all accounts have in hand together. Any thread.

    Beyond a mark every account is held to an equal share: those with less in hand are still
    read, those with more wait. None is stopped altogether.

    Args:
        high: Units beyond which accounts are held to their shares.
        high_bytes: Bytes beyond which they are, too.
    """

    __slots__ = ("_busy", "_bytes", "_high", "_high_bytes", "_lock", "_units")

    def __init__(self, high: int = PROCESS_HIGH, *, high_bytes: int = PROCESS_HIGH_BYTES) -> None:
        self._high = high
        self._high_bytes = high_bytes
        self._units = self._bytes = self._busy = 0
        self._lock = threading.Lock()

    def add(self, units: int, size_bytes: int, busy: int) -> int | None:
        """Note a change.

        Args:
            units: Taken, or returned if negative.
            size_bytes: The same in bytes.
            busy: 1 if an account has work in hand from now on, -1 if it has none any more.

        Returns:
            Units an account may have in hand; None: as many as it likes.
        """
        with self._lock:
            self._units += units
            self._bytes += size_bytes
            self._busy += busy
            if self._units < self._high and self._bytes < self._high_bytes:
                return None
            return max(1, self._high // max(1, self._busy))


_DEFAULTS: Final = FlowSettings()


class Flow:
    """A gauge with two marks. Any thread; owned by one account, shared by its links.

    Args:
        high: Units at which reading stops.
        low: Units at which it goes on.
        high_bytes: Bytes at which it stops as well; it goes on at a quarter of them.
        monotonic: Seconds.
        global_flow: What all accounts have in hand; None: this is the only account.

    Attributes:
        in_hand: Units taken and not returned.
        in_hand_bytes: The same in bytes; a text counts its characters.
        full: Reading must stop. Becomes True at a high mark, False again below both low ones.
        on_low: Called once each time reading may go on, on the thread that returned the work.
    """

    __slots__ = (
        "_full_since",
        "_global_flow",
        "_high",
        "_high_bytes",
        "_lock",
        "_low",
        "_monotonic",
        "full",
        "in_hand",
        "in_hand_bytes",
        "on_low",
    )

    def __init__(
        self,
        high: int,
        low: int,
        *,
        high_bytes: int = _DEFAULTS.high_bytes,
        monotonic: Callable[[], float] = time.monotonic,
        global_flow: GlobalFlow | None = None,
    ) -> None:
        if not 0 <= low < high:
            raise ValueError(f"flow marks must satisfy 0 <= low < high, not low={low} high={high}")
        self._high = high
        self._high_bytes = high_bytes
        self._low = low
        self._monotonic = monotonic
        self._global_flow = global_flow or GlobalFlow()
        self._lock = threading.Lock()
        self._full_since = 0.0
        self.in_hand = self.in_hand_bytes = 0
        self.full = False
        self.on_low: Callable[[], None] | None = None

    def taken(self, count: int, size_bytes: int = 0) -> None:
        """Note work that came in."""
        with self._lock:
            begins = self.in_hand == 0 and count > 0
            self.in_hand += count
            self.in_hand_bytes += size_bytes
            share = self._global_flow.add(count, size_bytes, begins)
            high = self._high if share is None else min(share, self._high)
            many = self.in_hand >= high or self.in_hand_bytes >= self._high_bytes
            if many and not self.full:
                self._full_since = self._monotonic()
                self.full = True

    def returned(self, count: int, size_bytes: int = 0) -> None:
        """Note work that was disposed of."""
        with self._lock:
            ends = self.in_hand == count and count > 0
            self.in_hand -= count
            self.in_hand_bytes -= size_bytes
            share = self._global_flow.add(-count, -size_bytes, -ends)
            low = self._low if share is None else min(share // 2, self._low)
            much = self.in_hand > low or self.in_hand_bytes > self._high_bytes // 4
            if not self.full or much:
                return
            self.full = False
            on_low = self.on_low
        if on_low is not None:
            on_low()

    def stopped_s(self, now: float) -> float:
        """Return the seconds we have not been reading by our own choice; 0.0 while we read."""
        with self._lock:
            return max(0.0, now - self._full_since) if self.full else 0.0
