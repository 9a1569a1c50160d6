"""Keeps the reading copy of a gateway that is served."""

from __future__ import annotations

from typing import Any

from gateway.reading.keeping import Reading
from gateway.web.context import Controlled
from gateway.web.stopped import StoppedGateway


def begin(gateway: Controlled, log: Any) -> Reading | None:
    """Start to copy what a gateway's journal has, as soon as that is open.

    Returns:
        None if it keeps no journal on disk, or does not run here.
    """
    if isinstance(gateway, StoppedGateway) or gateway.settings.durability == "memory":
        return None
    reading = Reading(
        gateway.settings, reader=gateway.accounts.reader, ready=lambda: gateway.ready, log=log
    )
    gateway.on_state(reading.moved)
    reading.start()
    return reading
