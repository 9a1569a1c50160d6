"""The base of sinks. To add one: a file here and a line in ``registry.py``, or an entry point."""

from __future__ import annotations

from typing import Protocol

from actors.values import Event


class Sink(Protocol):
    """Where events go besides the handlers.

    Called on a thread of its own, one event at a time. What it takes as keyword arguments,
    with annotations, are its keys in the configuration. A static method ``sample(folder)`` that
    gives options lets the conformance suite make one.
    """

    def deliver(self, event: Event) -> None:
        """Take one event over, for good; may block.

        No answer waits for it for longer than a second. An event may come twice after a crash
        or a failed delivery; ``event_id`` tells.

        Raises:
            SinkError: It was not taken over; the event is delivered again later.
        """

    def close(self) -> None:
        """Release everything. Idempotent; nothing is delivered afterwards."""
