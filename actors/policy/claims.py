"""Which of the platform's messages are known to be those of our sends.

Where the platform does not show our client id, equal texts can only be told apart by this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 2048
"""Server ids that are remembered."""

CLAIM_S: Final = 1800.0
"""So long at least, and three times that at most, counted while nothing is in doubt."""


class Claims:
    """Server ids, forgotten in two generations."""

    __slots__ = ("_newer", "_older", "_turn_at")

    def __init__(self) -> None:
        self._newer: dict[str, None] = {}
        self._older: dict[str, None] = {}
        self._turn_at: float | None = None

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._newer or message_id in self._older

    def add(self, message_ids: Iterable[str]) -> None:
        """Remember them; beyond :data:`MOST` the oldest are forgotten."""
        for message_id in message_ids:
            self._newer.pop(message_id, None)
            self._newer[message_id] = None
            if len(self._newer) > MOST:
                del self._newer[next(iter(self._newer))]

    def age(self, now: float) -> None:
        """Forget what is old enough; nothing is in doubt just now."""
        if self._turn_at is None:
            self._turn_at = now + CLAIM_S
        elif self._turn_at <= now:
            self._older, self._newer, self._turn_at = self._newer, {}, now + CLAIM_S

    def times(self, now: float) -> list[float]:
        """Give when :meth:`age` has something to do, if ever."""
        if not self:
            return []
        return [now + CLAIM_S if self._turn_at is None else self._turn_at]
