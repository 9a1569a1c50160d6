"""Ports of the machine: mailboxes, time, dice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

MessageT_contra = TypeVar("MessageT_contra", contravariant=True)


class Mailbox(Protocol[MessageT_contra]):
    """Where a message can be left. No pykka ``ActorRef``: its ``tell`` raises."""

    def tell(self, message: MessageT_contra) -> bool:
        """Leave a message and return at once; never raises.

        Returns:
            False if the message is lost: the receiver is dead, or its inbox is full.
        """


class Clock(Protocol):
    """Time as an argument."""

    def monotonic(self) -> float:
        """Return seconds that never jump; the only clock deadlines use."""

    def unix_ms(self) -> int:
        """Return wall time in milliseconds; for people and for the wire."""


@runtime_checkable
class MovedClock(Clock, Protocol):
    """Time that stands still until somebody moves it; a simulation has one."""

    def on_move(self, look: Callable[[], None]) -> None:
        """Have a function called after each move; whoever waits for a deadline looks again."""


class Dice(Protocol):
    """Randomness as an argument; one stream an account."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
