"""What parts that all accounts share did in this process, for the metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from actors.policy.histogram import Histogram
from actors.values import ErrorClass, Failure, Phase

OK: Final = "ok"
RESULTS: Final = (OK, *(each.value for each in ErrorClass))
"""How a dial or a call for a token ended: well, or by what class of failure."""

PHASES: Final = (Phase.DNS, Phase.TCP, Phase.PROXY, Phase.TLS, Phase.UPGRADE)
"""Phases of a dial that are timed."""


def result_of(failure: Failure | None) -> str:
    """Return which of :data:`RESULTS` it is."""
    return OK if failure is None else failure.error_class.value


class DialCounts:
    """Dials of all accounts. Owner: the dialing actor, whose lives it outlasts.

    Attributes:
        ended: Dials that ended, by result.
        took: How long the phases of those took that succeeded.
    """

    __slots__ = ("ended", "took")

    def __init__(self) -> None:
        self.ended = dict.fromkeys(RESULTS, 0)
        self.took = {phase: Histogram() for phase in PHASES}

    def add(self, failure: Failure | None, phases: Iterable[tuple[Phase, float]]) -> None:
        """Count a dial; a phase that is not timed is left out."""
        self.ended[result_of(failure)] += 1
        for phase, took_s in phases:
            if phase in self.took:
                self.took[phase].add(took_s)


class TokenCounts:
    """Calls for a token, of all accounts. Owner: the credentials actor, whose lives it outlasts.

    Attributes:
        calls: By the result of the renewal that made them.
    """

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = dict.fromkeys(RESULTS, 0)

    def add(self, failure: Failure | None, calls: int) -> None:
        """Count the calls of a renewal."""
        self.calls[result_of(failure)] += calls
