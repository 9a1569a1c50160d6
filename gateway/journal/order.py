"""Order of what one command stores. Pure.

Within one lane and one command events follow the peer's clock, then their arrival
(``contract.md`` I7); what came in earlier commands is never moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from actors.values import Event

OriginT = TypeVar("OriginT")


def in_order(events: Sequence[Event]) -> bool:
    """Return whether numbers grow and no lane goes back in time. Nearly always true."""
    newest: dict[str, int] = {}
    last = -1
    for event in events:
        number = event.lane_seq
        if number is None or number <= last:
            return False
        last = number
        at, lane = event.occurred_at_ms, event.conversation_id
        if at is not None and lane is not None:
            if at < newest.get(lane, at):
                return False
            newest[lane] = at
    return True


def arrange(
    events: Sequence[Event], origins: Sequence[OriginT], numbers: Iterator[int]
) -> tuple[list[Event], list[OriginT]]:
    """Put each lane in order of time and number the result upwards.

    An event without a time stays behind the one it came after; one without a lane does not
    move. The numbers already drawn are dealt out anew; if one is missing all are drawn
    again (gaps are normal).

    Args:
        events: As they arrived.
        origins: Something about each event that moves along with it.
        numbers: Source of ``lane_seq``.

    Returns:
        Events with growing ``lane_seq``, and their origins.
    """
    drawn = [event.lane_seq for event in events if event.lane_seq is not None]
    if len(drawn) < len(events):
        drawn = [next(numbers) for _ in events]
    drawn.sort()
    lanes: dict[str, list[int]] = {}
    for place, event in enumerate(events):
        if event.conversation_id is not None:
            lanes.setdefault(event.conversation_id, []).append(place)
    order = list(range(len(events)))
    clocks = [event.occurred_at_ms for event in events]
    for places in lanes.values():
        for place, source in zip(places, _by_time(clocks, places), strict=True):
            order[place] = source
    arranged = [
        event if event.lane_seq == number else msgspec.structs.replace(event, lane_seq=number)
        for event, number in zip((events[source] for source in order), drawn, strict=True)
    ]
    return arranged, [origins[source] for source in order]


def merge(
    rows: Sequence[tuple[int, str | bytes | None, int | None]],
) -> list[tuple[int, int]]:
    """Put what waited in order of time, lane by lane (``contract.md`` I7).

    A lane's own numbers are dealt out anew, so that what is stored later stays behind it.

    Args:
        rows: Number, lane and time of events none of which was handled; by number.

    Returns:
        Old and new number of each that moves.
    """
    lanes: dict[str | bytes, list[int]] = {}
    for place, (_, lane, _) in enumerate(rows):
        if lane is not None:
            lanes.setdefault(lane, []).append(place)
    moved: list[tuple[int, int]] = []
    for places in lanes.values():
        for place, source in zip(places, _by_time([row[2] for row in rows], places), strict=True):
            if place != source:
                moved.append((rows[source][0], rows[place][0]))
    return moved


def _by_time(clocks: Sequence[int | None], places: Sequence[int]) -> list[int]:
    """Sort places of one lane by time; stable, a missing time is that of the one before."""
    times: dict[int, float] = {}
    at = float("-inf")
    for place in places:
        own = clocks[place]
        at = at if own is None else own
        times[place] = at
    return sorted(places, key=times.__getitem__)
