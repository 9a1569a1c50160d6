"""Dead letters and parked events of the journal in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from actors.policy.alerts import Alert, letters_wait
from actors.ports.journal import Letter
from actors.values import AccountId, Disposition, Event
from gateway.journal.memory.account import Origin

LETTERS: Final = 10_000
"""Dead and parked events that are kept; beyond them the oldest are only counted."""


class MemoryLetters:
    """Letters by event, in the order they came.

    Args:
        unix_ms: For the times noted.
    """

    def __init__(self, unix_ms: Callable[[], int]) -> None:
        self._now = unix_ms
        self._letters: dict[str, Letter] = {}
        self._changed = False
        self._alerts: tuple[Alert, ...] = ()

    def put(
        self,
        event: Event,
        disposition: Disposition,
        reason: str | None,
        attempts: int,
        origin: Origin,
    ) -> None:
        """Keep an event that is dead or parked."""
        frame, index, received_at_ms = origin
        if len(self._letters) >= LETTERS:
            del self._letters[next(iter(self._letters))]
        self._changed = True
        self._letters[event.event_id] = Letter(
            event_id=event.event_id,
            account=event.account,
            conversation_id=event.conversation_id,
            lane_seq=event.lane_seq or 0,
            status=disposition.value,
            reason=reason,
            attempts=attempts,
            at_ms=self._now(),
            received_at_ms=received_at_ms,
            frame=frame,
            index=index,
        )

    def take(self, event_id: str) -> Letter | None:
        """Remove a letter and return it; None if there is none."""
        self._changed = True
        return self._letters.pop(event_id, None)

    def newest(
        self,
        account: AccountId | None,
        limit: int,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        """Return letters of an account, or of all if it is None; frames that are not longer."""
        found = [
            letter
            for letter in self._letters.values()
            if account in (None, letter.account) and (before is None or _place(letter) < before)
        ]
        found.sort(key=_place, reverse=True)
        return [
            letter
            if letter.frame is None or len(letter.frame) <= frames
            else msgspec.structs.replace(letter, frame=None)
            for letter in found[:limit]
        ]

    def get(self, event_id: str) -> Letter | None:
        """Return a letter with its frame."""
        return self._letters.get(event_id)

    def alerts(self) -> Sequence[Alert]:
        """Return who has letters, the same object until it changes."""
        if self._changed:
            self._changed = False
            found = Counter((each.account, each.status) for each in list(self._letters.values()))
            names = sorted({account for account, _ in found})
            counts = ((name, found[name, "dead"], found[name, "parked"]) for name in names)
            self._alerts = letters_wait(counts)
        return self._alerts


def _place(letter: Letter) -> tuple[int, int]:
    return letter.at_ms, letter.lane_seq
