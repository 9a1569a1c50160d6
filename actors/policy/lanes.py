"""Lanes: one conversation is one FIFO with at most one run in flight.

The hot path of the dispatcher: what is done per event is a lookup and an append, all
else is per run. Pure: pauses are held and released by the caller's timers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import msgspec

from actors.values import Event, Outcome


class Run(msgspec.Struct, frozen=True, gc=False):
    """Events of one lane to be handled one after the other.

    Attributes:
        lane: The conversation; empty for events that belong to none.
        events: Oldest first, at least one.
        admit: Asked on the handler thread before each event; what it gives ends the event
            without its handlers. None: all are handled.
    """

    lane: str
    events: Sequence[Event]
    admit: Callable[[Event], Outcome | None] | None = None


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
        """Say how many lanes have events, waiting or in flight."""
        return len(self._queues.keys() | self._in_flight.keys())

    def depth(self, lane: str) -> int:
        """Say how many events of a lane there are, those in flight included."""
        return len(self._queues.get(lane, ())) + len(self._in_flight.get(lane, ()))

    def has_more_than(self, limit: int) -> bool:
        """Say whether there is so much to do, were each lane to do one run; held ones do none.

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
        """Say whether no lane is in flight."""
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
        """Give a run of every lane that is ready, and put it in flight.

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
