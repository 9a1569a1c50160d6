"""What was seen on the gateway's side: each message's place in its lane, each fault's end. Pure.

The books lie in the process whose memory is measured, so they are small: numbers in arrays.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

RECENT = 8192
"""Messages whose handling is remembered by its time."""

EXAMPLES = 5

Ends = tuple[float | None, float | None]
"""Seconds to detect and to recover; None where there was nothing to detect or it never came."""


@dataclass(slots=True)
class Lane:
    """One buyer's messages, numbered from 0."""

    expected: int = 0
    missing: set[int] = field(default_factory=set)


class Lanes:
    """Counts what is doubled, out of order, late or lost; remembers only what is open."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = defaultdict(Lane)
        self._recent: dict[tuple[str, int], float] = {}
        self.seen = self.doubled = self.reordered = self.late = 0
        self.examples: list[str] = []
        """The first few that were reordered: lane, number, and how many seconds after which."""

    def take(self, lane: str, number: int, at: float = 0.0, *, late: bool = False) -> None:
        """Note a message that a handler finished.

        Args:
            lane: Whose.
            number: Its place.
            at: Monotonic seconds.
            late: The gateway said that a newer one was handled before (I7).
        """
        book = self._lanes[lane]
        self.seen += 1
        self._recent[lane, number] = at
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        if number == book.expected:
            book.expected += 1
        elif number > book.expected:
            book.missing.update(range(book.expected, number))
            book.expected = number + 1
        elif number in book.missing:
            book.missing.discard(number)
            self.late += late
            self.reordered += not late
            if not late and len(self.examples) < EXAMPLES:
                newer = max(n for n in range(number + 1, book.expected) if n not in book.missing)
                after_s = at - self._recent.get((lane, newer), at)
                self.examples.append(f"{lane} {number}, {after_s:.1f} s after {newer}")
        else:
            self.doubled += 1

    def handled_at(self, lane: str, number: int) -> float | None:
        """Return when one of the recent messages was handled."""
        return self._recent.get((lane, number))

    def open(self, sent: Mapping[str, int]) -> dict[str, list[int]]:
        """Return what never came, by lane; the first few of each."""
        missing = {
            lane: [*sorted(self._lanes[lane].missing), *range(self._lanes[lane].expected, count)]
            for lane, count in sent.items()
        }
        return {lane: numbers[:5] for lane, numbers in missing.items() if numbers}

    def lost(self, sent: Mapping[str, int]) -> int:
        """Return how many of those that were sent never came."""
        return sum(
            len(self._lanes[lane].missing) + count - self._lanes[lane].expected
            for lane, count in sent.items()
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to an account, or to all (``*``), at a monotonic second.

    Attributes:
        lane: Of the message it was done to; empty: it was done to the link.
        number: Of that message.
    """

    kind: str
    account: str
    at: float
    lane: str = ""
    number: int = 0


class Links:
    """When each account's link went and came, and what that makes of the faults."""

    def __init__(self) -> None:
        self._moves: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self.reconnects = 0

    def moved(self, account: str, at: float, *, up: bool) -> None:
        """Note that a link is there, or is not any more; the first move is up."""
        moves = self._moves[account]
        if up is not bool(len(moves) % 2):  # it is up after an odd number of moves
            moves.append(at)
            self.reconnects += up and len(moves) > 1

    def outcome(self, fault: Fault, until: float) -> Ends:
        """Return seconds to detect and to recover; None where the link never went or came.

        Args:
            fault: What was done.
            until: When the next thing was done to that account; what is later is not this one's.
        """
        accounts = list(self._moves) if fault.account == "*" else [fault.account]
        ends = [self._one(account, fault.at, until) for account in accounts]
        gone = [down for down, _ in ends if down is not None]
        back = [up for down, up in ends if down is not None and up is not None]
        if not gone:
            return None, None
        return min(gone) - fault.at, max(back) - fault.at if len(back) == len(gone) else None

    def _one(self, account: str, at: float, until: float) -> Ends:
        moves = self._moves[account]
        place = bisect_left(moves, at)
        place += place % 2 == 0  # downs stand at odd places
        if place >= len(moves) or moves[place] > until:
            return None, None
        return moves[place], moves[place + 1] if place + 1 < len(moves) else None


class Outcomes:
    """The times of every fault by its kind; a fault that has ended is forgotten."""

    def __init__(self, links: Links, lanes: Lanes) -> None:
        self._links = links
        self._lanes = lanes
        self._open: list[Fault] = []
        self.injected: dict[str, int] = defaultdict(int)
        self._detect: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._recover: dict[str, array[float]] = defaultdict(lambda: array("d"))

    def settle(self, faults: Sequence[Fault], *, older_than: float) -> None:
        """Take faults in, in the order they were done, and end those before a second."""
        for fault in faults:
            self.injected[fault.kind] += 1
        waiting = [*self._open, *faults]
        self._open = [fault for fault in waiting if fault.at >= older_than]
        following: dict[str, float] = {}
        for fault in reversed(waiting):
            if fault.at < older_than:
                self._end(fault, following.get(fault.account, float("inf")))
            if not fault.lane:
                following[fault.account] = fault.at

    def _end(self, fault: Fault, until: float) -> None:
        if fault.lane:
            handled = self._lanes.handled_at(fault.lane, fault.number)
            detect, recover = None, None if handled is None else handled - fault.at
        else:
            detect, recover = self._links.outcome(fault, until)
        if detect is not None:
            self._detect[fault.kind].append(detect)
        if recover is not None:
            self._recover[fault.kind].append(recover)

    def rows(self) -> dict[str, dict[str, object]]:
        """Give, per kind: how many, and p50 and p99 to detect and to recover."""
        return {
            kind: {
                "injected": count,
                "detect_s": quantiles(self._detect[kind]),
                "recover_s": quantiles(self._recover[kind]),
            }
            for kind, count in sorted(self.injected.items())
        }


def quantiles(values: Sequence[float]) -> tuple[float, float] | None:
    """Return p50 and p99 by nearest rank; None of nothing."""
    values = sorted(values)
    if not values:
        return None
    return values[len(values) // 2], values[min(int(len(values) * 0.99), len(values) - 1)]
