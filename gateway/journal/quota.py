"""How much more the journal may take (``reliability.md`` 2.10, row "journal on disk"). Pure."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

LOW_SHARE: Final = 0.80
"""Of ``max_bytes``: from here a person should know, and old frames go before their time."""

NONE_SHARE: Final = 0.95
"""Of ``max_bytes``: from here nothing more is stored; the rest is for settling what is there."""

LOW_FREE: Final = 1.25
"""Times ``min_free_bytes``: with less free on the disk a person should know."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal may take and how long it keeps what is over; by default everything.

    Attributes:
        retention_days: Settled events and ended sends are kept so long.
        max_bytes: Bound of the file's pages in use.
        min_free_bytes: So much of the disk is left to others.
    """

    retention_days: float = 36_500.0
    max_bytes: int = 1 << 62
    min_free_bytes: int = 0


class Room(enum.Enum):
    """How much room there is."""

    ENOUGH = "enough"
    LOW = "low"
    NONE = "none"


def room(limits: Limits, *, used_bytes: int, free_bytes: int) -> tuple[Room, str]:
    """Say how much room there is, and why not more, with the next step.

    Args:
        limits: What is allowed.
        used_bytes: Pages of the file that hold something.
        free_bytes: Free on its disk for this user.
    """
    share = used_bytes / limits.max_bytes
    if share >= LOW_SHARE:
        found = Room.NONE if share >= NONE_SHARE else Room.LOW
        return found, (
            f"it holds {_mib(used_bytes)} of journal.max_bytes ({_mib(limits.max_bytes)}); "
            "raise that, or see why so much is pending"
        )
    if free_bytes < LOW_FREE * limits.min_free_bytes:
        found = Room.NONE if free_bytes < limits.min_free_bytes else Room.LOW
        return found, (
            f"its disk has {_mib(free_bytes)} free, journal.min_free_bytes is "
            f"{_mib(limits.min_free_bytes)}; free space on that disk"
        )
    return Room.ENOUGH, ""


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
