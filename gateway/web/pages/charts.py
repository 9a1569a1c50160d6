"""Charts as SVG: one path each, without a script, a style or a colour of their own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MOST_PARTS = 288
"""Parts of a timeline: five minutes of a day each."""


def bars(values: Sequence[float], *, height: int, step: int = 4, gap: int = 1) -> str:
    """Return the path of a bar chart; a value above 0 is at least one unit high.

    Args:
        values: One a bar, the oldest first; none is negative.
        height: Of the highest bar, in units.
        step: From one bar to the next, in units.
        gap: Between two bars, in units.
    """
    most = max(values, default=0) or 1
    parts = []
    for number, value in enumerate(values):
        if value > 0:
            high = max(1, round(value / most * height))
            parts.append(f"M{number * step} {height}v-{high}h{step - gap}v{high}z")
    return "".join(parts)


class Part(NamedTuple):
    """A part of a timeline.

    Attributes:
        begin: Where it begins, in units.
        width: In units, at least one.
        state: What it was meanwhile.
    """

    begin: int
    width: int
    state: str


def timeline(
    changes: Sequence[tuple[int, str]], *, since_ms: int, until_ms: int, before: str | None
) -> list[Part]:
    """Return what a state was over an interval, in :data:`MOST_PARTS` units.

    Of several states within a unit the worst is shown, so that no short loss is hidden.

    Args:
        changes: When it became what, the oldest first.
        since_ms: Begin of the interval.
        until_ms: Its end.
        before: What it was at the begin; None: nobody knows.
    """
    span = max(1, until_ms - since_ms)
    units: list[str | None] = [None] * MOST_PARTS
    known = before
    edges = [(since_ms, known), *((at, state) for at, state in changes if at > since_ms)]
    for (at, state), (to, _) in zip(edges, [*edges[1:], (until_ms, None)], strict=True):
        if state is None:
            continue
        first = (at - since_ms) * MOST_PARTS // span
        last = min(MOST_PARTS - 1, (max(at, to - 1) - since_ms) * MOST_PARTS // span)
        for unit in range(max(0, first), last + 1):
            units[unit] = _worse(units[unit], state)
    return _joined(units)


_WORST = ("failed", "reconnecting", "disconnected", "connecting", "closed", "connected")


def _worse(one: str | None, other: str) -> str:
    if one is None:
        return other
    places = {state: place for place, state in enumerate(_WORST)}
    return min(one, other, key=lambda state: places.get(state, len(_WORST)))


def _joined(units: Sequence[str | None]) -> list[Part]:
    parts: list[Part] = []
    for place, state in enumerate(units):
        if state is None:
            continue
        last = parts[-1] if parts else None
        if last is not None and last.state == state and last.begin + last.width == place:
            parts[-1] = Part(last.begin, last.width + 1, state)
        else:
            parts.append(Part(place, 1, state))
    return parts
