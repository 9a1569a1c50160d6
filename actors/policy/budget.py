"""How many calls for credentials an account may make, and from when on. Pure.

A person's calls count as the gateway's own do: the platform cannot tell them apart. All moments
are seconds of one clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from actors.policy.failures import of_credentials
from actors.sections import RenewalSettings
from actors.values import Failure

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0

BUDGET_SPENT: Final = of_credentials(
    "budget_spent", "The calls of this hour or day are spent; it is renewed when there are more."
)
"""Why an account waits whose calls are spent."""


def left(made_s: Sequence[float], now_s: float, rules: RenewalSettings) -> int:
    """Return how many calls may be made now.

    Args:
        made_s: When calls were made, oldest first.
        now_s: The moment.
        rules: The bounds.
    """
    day = [at for at in made_s if at > now_s - DAY_S]
    hour = sum(at > now_s - HOUR_S for at in day)
    return max(0, min(rules.per_hour - hour, rules.per_day - len(day)))


def free_at_s(made_s: Sequence[float], rules: RenewalSettings) -> float:
    """Return the moment from which on there is a call; one that is past: there is one now.

    Args:
        made_s: When calls were made, oldest first.
        rules: The bounds.
    """
    at = -math.inf
    if len(made_s) >= rules.per_day:
        at = max(at, made_s[-rules.per_day] + DAY_S)
    if len(made_s) >= rules.per_hour:
        at = max(at, made_s[-rules.per_hour] + HOUR_S)
    return at


def told(wait_s: float) -> str:
    """Return a wait as a person reads it, rounded up: ``40 s``, ``12 min``, ``3.5 h``."""
    if wait_s < 60.0:
        return f"{max(1, math.ceil(wait_s))} s"
    if wait_s < 2 * HOUR_S:
        return f"{math.ceil(wait_s / 60.0)} min"
    return f"{math.ceil(wait_s / 360.0) / 10:g} h"


def refused_until(wait_s: float) -> Failure:
    """Return why a person's renewal does not begin, and when it could."""
    return of_credentials(
        BUDGET_SPENT.reason,
        f"The calls of this hour or day are spent, and asking more often risks the account; there "
        f"is one again in {told(wait_s)}.",
    )
