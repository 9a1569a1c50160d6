"""Lanes too long for memory: their later events stay in the journal until there is room. Pure.

Without it one conversation that is stuck would fill the memory of its account, and the others
of that account would wait with it (``contract.md`` 2.10: nothing blocks other lanes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.values import Event


class _Lane:
    __slots__ = ("after", "unread")

    def __init__(self, after: int) -> None:
        self.after = after
        self.unread = True


class Overflow:
    """Which lanes have events in the journal that are not in memory, and from where on.

    Args:
        limit: Events of one lane that memory holds.
    """

    __slots__ = ("_lanes", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lanes: dict[str, _Lane] = {}

    def __len__(self) -> int:
        """Return how many lanes there are."""
        return len(self._lanes)

    def keep(self, events: Sequence[Event], depth: Callable[[str], int]) -> list[Event]:
        """Return the events that go to memory; the others stay in the journal.

        Args:
            events: In the order of ``lane_seq``, later than all before.
            depth: How many of a lane are in memory.
        """
        kept: list[Event] = []
        room: dict[str, int] = {}
        for event in events:
            lane = event.conversation_id or ""
            over = self._lanes.get(lane)
            if over is not None:
                over.unread = True
                continue
            left = room.get(lane)
            if left is None:
                left = self._limit - depth(lane)
            if left > 0:
                room[lane] = left - 1
                kept.append(event)
            else:
                self._lanes[lane] = _Lane((event.lane_seq or 0) - 1)
        return kept

    def next(self, depth: Callable[[str], int], low: int) -> tuple[str, int] | None:
        """Return a lane to read on, and the number it was read to; None: none has room.

        Args:
            depth: How many of a lane are in memory.
            low: It is read on when it has no more than that.
        """
        for lane, over in self._lanes.items():
            if over.unread and depth(lane) <= low:
                over.unread = False
                return lane, over.after
        return None

    def read(self, lane: str, through: int, *, more: bool) -> None:
        """Note up to where a lane was read, and whether the journal holds more of it."""
        over = self._lanes.get(lane)
        if over is None:
            return
        over.after = max(over.after, through)
        over.unread = over.unread or more

    def forget_reads(self) -> None:
        """Whatever was said to be read may not have come, or have other numbers by now."""
        for over in self._lanes.values():
            over.unread = True

    def settle(self) -> None:
        """Forget the lanes of which nothing is left in the journal; not while one is read."""
        for lane in [lane for lane, over in self._lanes.items() if not over.unread]:
            del self._lanes[lane]
