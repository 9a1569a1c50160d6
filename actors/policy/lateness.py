"""Which events come after a newer one of their lane was given to handlers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from actors.values import Event

LANES: Final = 64
"""Lanes whose newest time is known; events that overtake each other are moments apart."""


class Handed:
    """The newest time of each of the last lanes; one account's, in memory.

    History says what is late where it can be read (:mod:`actors.policy.recovery`). Where it can
    not, pushes that overtook each other would change places without a word.
    """

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest: dict[str | None, int] = {}

    def mark(self, events: Sequence[Event]) -> Sequence[Event]:
        """Give events as they go to their lanes: ``late`` where a newer one went before.

        Args:
            events: In the order in which they are handled.
        """
        newest, late = self._newest, list[int]()
        for place, event in enumerate(events):
            at_ms = event.occurred_at_ms
            if at_ms is None:
                continue
            before = newest.get(event.conversation_id)
            if before is None:
                self._make_room()
            elif at_ms < before:
                if not event.late:
                    late.append(place)
                continue
            newest[event.conversation_id] = at_ms
        if not late:
            return events
        marked = list(events)
        for place in late:
            marked[place] = msgspec.structs.replace(marked[place], late=True)
        return marked

    def _make_room(self) -> None:
        if len(self._newest) >= LANES:
            del self._newest[next(iter(self._newest))]
