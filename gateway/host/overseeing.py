"""The run of a gateway under somebody who wants to know that it starts, lives and stops."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from actors.runtime.pool.timers import Timers


class Overseer(Protocol):
    """Is told of the life of a gateway; nothing of it may raise."""

    every_s: float
    """Seconds between two beats."""

    def starting(self) -> AbstractContextManager[None]:
        """Return what surrounds the start: journal opened, threads started."""

    def beat(self) -> None:
        """Hear that time goes on. On the timers' thread: must not block."""

    def stopping(self) -> None:
        """Hear that the ordered stop begins."""


def overseen(
    overseer: Overseer,
    *,
    start: Callable[[], None],
    stop: Callable[[], bool],
    timers: Callable[[], Timers | None],
) -> tuple[Callable[[], None], Callable[[], bool]]:
    """Return a start and a stop that an overseer hears of.

    Args:
        overseer: Who.
        start: Starts the gateway.
        stop: Stops it in order.
        timers: Of the running gateway; None: it does not run, and nothing beats any more.
    """

    def beat() -> None:
        running = timers()
        if running is None:
            return
        try:
            overseer.beat()
        finally:
            running.call_after(overseer.every_s, beat)

    def begin() -> None:
        with overseer.starting():
            start()
        beat()

    def end() -> bool:
        overseer.stopping()
        return stop()

    return begin, end
