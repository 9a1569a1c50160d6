"""How much more the journal may take (``contract.md`` 2.10, row "journal on disk"). Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from actors.policy.alerts import JOURNAL_FILLING, NO_ROOM, Alert
from actors.sections import JournalSettings
from gateway.commands import command

LOW_SHARE: Final = 0.80
"""Share of ``max_bytes`` from which an alert is on, and old frames are deleted before their
time."""

NONE_SHARE: Final = 0.95
"""Share of ``max_bytes`` from which nothing more is stored; the rest is for settling stored
events."""

LOW_FREE: Final = 1.25
"""Multiple of ``min_free_bytes``: with less free on the disk an alert is on."""

LETTERS_LOW_SHARE: Final = 0.50
"""Share of ``dead_letter_max_bytes`` from which an alert is on."""


UNBOUNDED: Final = JournalSettings(
    retention_days=36_500.0, max_bytes=1 << 50, min_free_bytes=0, dead_letter_max_bytes=1 << 50
)
"""Settings of a journal that deletes nothing and may fill the disk."""


class Room(enum.Enum):
    """How much room there is."""

    ENOUGH = "enough"
    LOW = "low"
    NONE = "none"


def room(limits: JournalSettings, *, used_bytes: int, free_bytes: int | None) -> tuple[Room, str]:
    """Return how much room there is, and why not more, with the next step.

    Args:
        limits: What is allowed.
        used_bytes: Pages of the file that hold something.
        free_bytes: Free on its disk for this user; None: unknown, which is not "none".
    """
    share = used_bytes / limits.max_bytes
    if share >= LOW_SHARE:
        found = Room.NONE if share >= NONE_SHARE else Room.LOW
        return found, (
            f"it holds {_mib(used_bytes)} of journal.max_bytes ({_mib(limits.max_bytes)}); "
            "raise that, or see why so much is pending"
        )
    if free_bytes is not None and free_bytes < LOW_FREE * limits.min_free_bytes:
        found = Room.NONE if free_bytes < limits.min_free_bytes else Room.LOW
        return found, (
            f"its disk has {_mib(free_bytes)} free, journal.min_free_bytes is "
            f"{_mib(limits.min_free_bytes)}; free space on that disk"
        )
    return Room.ENOUGH, ""


def filling(why: str, room: Room) -> Alert:
    """Return the alert of a journal whose room gets scarce, or is over."""
    what, _, next_step = why.partition("; ")
    full = NO_ROOM if room is Room.NONE else ""
    return Alert(name=JOURNAL_FILLING, detail=what, next_step=next_step, why=full)


def letters_room(limits: JournalSettings, *, letter_bytes: int) -> tuple[Room, str]:
    """Return how much room there is for events that wait for a person, and why not more.

    Args:
        limits: What is allowed.
        letter_bytes: Frames kept for them.
    """
    share = letter_bytes / limits.dead_letter_max_bytes
    if share < LETTERS_LOW_SHARE:
        return Room.ENOUGH, ""
    return Room.NONE if share >= 1 else Room.LOW, (
        f"dead letters hold {_mib(letter_bytes)} of journal.dead_letter_max_bytes "
        f"({_mib(limits.dead_letter_max_bytes)})"
    )


def letters_alert(room_left: Room, why: str) -> Alert:
    """Return the alert of dead letters that take much or all of their room."""
    told = "; nothing new is stored" if room_left is Room.NONE else ""
    return Alert(
        name="letters.filling",
        detail=f"{why}{told}",
        next_step="drop what nobody needs and replay the rest once there is room "
        f"({command('dead-letters list')}), or raise the bound",
    )


def set_aside(rows: Sequence[str]) -> Alert | None:
    """Return the alert of rows that could not be read; None: there are none."""
    if not rows:
        return None
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return Alert(
        name="journal.rows_set_aside",
        detail=f"rows that cannot be read are set aside: {', '.join(rows[:3])}{more}",
        next_step=f"stop the gateway and run {command('journal repair -c FILE')}: it moves their "
        "copies to a file beside the journal",
    )


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
