"""How long a link pauses between its turns, so that a flood delays only its own account. Pure.

The reader runs the actors, too, and either holds the interpreter: a link that always has something
to read would keep every other thread waiting for it. So it may take as much time as it leaves.
"""

from __future__ import annotations

from typing import Final

LEAST_S: Final = 0.001
"""A link that owes less than this does not pause: a selector waits in milliseconds."""

MOST_S: Final = 0.1
"""Longest pause a link owes: if a turn took longer, something else held the reader up."""

PATIENCE: Final = 16
"""A link counts as pressing unless it stays away for this many times what it owes."""


class Share:
    """Of one link in the reader's time. All times are monotonic seconds.

    Attributes:
        pressing: It came to its last turn as soon as it could.
        until: It is not read before; None: it may be.
    """

    __slots__ = ("_began", "_left_at", "_owed_s", "pressing", "until")

    def __init__(self) -> None:
        self._owed_s = self._left_at = self._began = 0.0
        self.pressing = False
        self.until: float | None = None

    def begin(self, now: float) -> None:
        """Note that a turn begins."""
        away_s = now - self._left_at
        self.pressing = away_s < PATIENCE * self._owed_s
        self._owed_s = max(0.0, self._owed_s - away_s)
        self._began = now

    def end(self, now: float) -> bool:
        """Note that the actors are done with it; return whether a rest begins."""
        self._owed_s = min(MOST_S, self._owed_s + now - self._began)
        self._left_at = now
        if not self.pressing or self._owed_s < LEAST_S:
            return False
        self.until = now + self._owed_s
        return True

    def rests(self, now: float) -> bool:
        """Return whether it must not be read now."""
        if self.until is not None and now >= self.until:
            self.until = None
        return self.until is not None
