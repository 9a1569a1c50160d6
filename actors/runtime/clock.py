"""The clock of the machine."""

from __future__ import annotations

import time


class SystemClock:
    """:class:`actors.ports.Clock` over the operating system's clocks."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Return wall time in milliseconds."""
        return time.time_ns() // 1_000_000
