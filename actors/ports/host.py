"""The port of the host: its handlers."""

from __future__ import annotations

from typing import Protocol

from actors.values import (
    Event,
    Outcome,
)


class Handle(Protocol):
    """Runs handlers and sinks for one event. Handler threads only; may block.

    May raise anything, ``SystemExit`` included; the pool turns it into RETRY.
    """

    def __call__(self, event: Event) -> Outcome:
        """Hand the event to whoever wants it."""
