"""Lanes: one conversation is one FIFO with at most one run in flight.

The hot path of the dispatcher: what is done per event is a lookup and an append, all
else is per run. Pure: pauses are held and released by the caller's timers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import msgspec

from actors.values import Event, Outcome

KNOWN_LANES: Final = 64
"""Lanes whose newest time is known; events that overtake each other are moments apart."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """Events of one lane to be handled one after the other.

    Attributes:
        lane: The conversation; empty for events that belong to none.
        events: Oldest first, at least one.
        admit: Asked on the handler thread before each event; what it returns ends the event
            without its handlers. None: all are handled.
        again: The first was tried before.
    """

    lane: str
    events: Sequence[Event]
    admit: Callable[[Event], Outcome | None] | None = None
    again: bool = False


class Lanes:
    """Every conversation of an account that has something to do.

    Args:
        run_limit: Most events of a run.
    """

    __slots__ = ("_held", "_in_flight", "_queues", "_ready", "_run_limit", "pending")

    def __init__(self, *, run_limit: int = 16) -> None:
        if run_limit < 1:
            raise ValueError(f"run_limit is {run_limit}: it must be at least 1")
        self.pending = 0
        """Events that were added and are not gone, those in flight included."""
        self._run_limit = run_limit
        self._queues: dict[str, list[Event]] = {}
        self._ready: list[str] = []  # a hint: may name a lane twice, or one in flight or held
        self._in_flight: dict[str, list[Event]] = {}
        self._held: dict[str, None] = {}  # a set, but an empty one costs 216 bytes

    @property
    def lane_count(self) -> int:
        """Return how many lanes have events, waiting or in flight."""
        return len(self._queues.keys() | self._in_flight.keys())

    def depth(self, lane: str) -> int:
        """Return how many events of a lane there are, those in flight included."""
        return len(self._queues.get(lane, ())) + len(self._in_flight.get(lane, ()))

    def has_more_than(self, limit: int) -> bool:
        """Return whether one run of each lane that is not held is more than ``limit`` events.

        Looks at no more lanes than it takes to know.
        """
        seen, held, work = self._in_flight, self._held, 0
        for lane in chain(seen, (waiting for waiting in self._queues if waiting not in seen)):
            if lane not in held:
                work += min(self._run_limit, self.depth(lane))
                if work > limit:
                    return True
        return False

    @property
    def resting(self) -> bool:
        """Return whether no lane is in flight."""
        return not self._in_flight

    def add(self, events: Sequence[Event]) -> None:
        """Append events to their lanes, in order."""
        queues = self._queues
        for event in events:
            lane = event.conversation_id or ""
            queue = queues.get(lane)
            if queue is None:
                queues[lane] = [event]
                self._ready.append(lane)
            else:
                queue.append(event)
        self.pending += len(events)

    def take(self) -> list[Run]:
        """Put a run of every lane that is ready in flight, and return them.

        Ready is a lane with events that is neither in flight nor held. The lane that has
        been ready longest comes first.
        """
        ready = self._ready
        if not ready:
            return []
        self._ready = []
        queues, in_flight, held, limit = self._queues, self._in_flight, self._held, self._run_limit
        runs: list[Run] = []
        for lane in ready:
            if lane in in_flight or lane in held:
                continue
            events = queues.pop(lane)
            if len(events) > limit:
                queues[lane] = events
                events = events[:limit]
                del queues[lane][:limit]
            in_flight[lane] = events
            runs.append(Run(lane, events))
        return runs

    def finish(self, lane: str, done: int) -> None:
        """Take a lane out of flight.

        Args:
            lane: As in the run.
            done: How many events of the run are gone, from its first on; the rest stay at
                the head of the lane.

        Raises:
            ValueError: The lane is not in flight, or its run was shorter than ``done``.
        """
        events = self._in_flight.get(lane)
        if events is None or not 0 <= done <= len(events):
            raise ValueError(f"lane {lane!r}: no run of {done} events or more is in flight")
        del self._in_flight[lane]
        self.pending -= done
        if done < len(events):
            self._queues[lane] = [*events[done:], *self._queues.get(lane, ())]
        if lane in self._queues:
            self._ready.append(lane)

    def hold(self, lane: str) -> None:
        """Let no further run of a lane begin; one in flight goes on."""
        self._held[lane] = None

    def release(self, lane: str) -> None:
        """Let a held lane go on."""
        if lane in self._held:
            del self._held[lane]
            if lane in self._queues:
                self._ready.append(lane)


class HighWaterMark:
    """The newest time handed to handlers in each of the last lanes; one account's, in memory.

    Where the platform's history can be read, it says what is late (:mod:`actors.policy.recovery`).
    Where it cannot, pushes that overtook each other would change places unnoticed.
    """

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest: dict[str | None, int] = {}

    def mark(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return events as they go to their lanes: ``late`` where a newer one went before.

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
        if len(self._newest) >= KNOWN_LANES:
            del self._newest[next(iter(self._newest))]
