"""What was seen on the gateway's side: each message's place in its lane, each fault's end. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Lane:
    """One buyer's messages, numbered from 0."""

    expected: int = 0
    missing: set[int] = field(default_factory=set)


class Lanes:
    """Counts what is doubled, late or lost; remembers only what is open."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = defaultdict(Lane)
        self.seen = self.doubled = self.reordered = 0

    def take(self, lane: str, number: int) -> None:
        """Note a message that a handler finished."""
        book = self._lanes[lane]
        self.seen += 1
        if number == book.expected:
            book.expected += 1
        elif number > book.expected:
            book.missing.update(range(book.expected, number))
            book.expected = number + 1
        elif number in book.missing:
            book.missing.discard(number)
            self.reordered += 1
        else:
            self.doubled += 1

    def open(self, sent: dict[str, int]) -> dict[str, list[int]]:
        """Give what never came, by lane; the first few of each."""
        missing = {
            lane: [*sorted(self._lanes[lane].missing), *range(self._lanes[lane].expected, count)]
            for lane, count in sent.items()
        }
        return {lane: numbers[:5] for lane, numbers in missing.items() if numbers}

    def lost(self, sent: dict[str, int]) -> int:
        """Say how many of those that were sent never came."""
        return sum(
            len(self._lanes[lane].missing) + count - self._lanes[lane].expected
            for lane, count in sent.items()
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to an account, or to all (``*``), at a monotonic second."""

    kind: str
    account: str
    at: float


class Links:
    """When each account's link went and came, and what that makes of the faults."""

    def __init__(self) -> None:
        self._moves: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        self.reconnects = 0

    def moved(self, account: str, at: float, *, up: bool) -> None:
        """Note that a link is there, or is not any more."""
        moves = self._moves[account]
        if not moves or moves[-1][1] is not up:
            moves.append((at, up))
            self.reconnects += up and len(moves) > 1

    def outcome(self, fault: Fault, until: float) -> tuple[float | None, float | None]:
        """Give seconds to detect and to recover; None where the link never went or came.

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

    def _one(self, account: str, at: float, until: float) -> tuple[float | None, float | None]:
        moves = self._moves[account]
        down = None
        for moment, up in moves[bisect_left(moves, (at, False)) :]:
            if moment > until:
                break
            if not up and down is None:
                down = moment
            elif up and down is not None:
                return down, moment
        return down, None
