"""How often an event may be tried, and what must be noted before a try. Pure.

Failed tries are noted when they end. A try that ends with the process says nothing, so it
must be noted before it begins, and that costs a commit. Only events that may have killed a
process pay it: those an earlier life left pending, and of them only the first of each lane,
because whatever was being handled at the end of that life is among them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.values import Disposition, Event, Outcome, Tries

SUSPECTS: Final = 16
"""Events of a lane an earlier life may have left in a handler: the length of a run."""

CRASH_LOOP: Final = Outcome(disposition=Disposition.DEAD, reason="crash_loop")
EXPIRED: Final = Outcome(disposition=Disposition.EXPIRED, reason="expired")


UNTRIED: Final = Tries()


class TryRules(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When an event is given up.

    Attributes:
        pauses_s: Seconds before the 2nd, 3rd, … try; after the last it is a dead letter.
        crash_limit: Lives of the process it may end. The first of them was not noted, so all
            but one are certain; hence at least 3.
        expire_s: Age beyond which it is not handled; None: it always is.
    """

    pauses_s: tuple[float, ...]
    crash_limit: int = 3
    expire_s: float | None = None


def pause_s(rules: TryRules, failures: int) -> float | None:
    """Say how long to wait after this many failures; None: give it up."""
    return rules.pauses_s[failures - 1] if failures <= len(rules.pauses_s) else None


def verdict(rules: TryRules, tries: Tries, event: Event, now_ms: int) -> Outcome | None:
    """Say how an event ends without being handled; None: it is to be handled.

    Its age counts from when the peer says it happened, else from when it came.
    """
    if tries.crashes >= rules.crash_limit - 1:
        return CRASH_LOOP
    if rules.expire_s is None:
        return None
    began_ms = event.received_at_ms if event.occurred_at_ms is None else event.occurred_at_ms
    return EXPIRED if now_ms - began_ms > rules.expire_s * 1000 else None


def to_be_noted(event: Event, tries: Tries, noted_in_lane: int) -> bool:
    """Say whether a try must be in the journal before it begins.

    Args:
        event: Which.
        tries: What is known of it.
        noted_in_lane: Tries of its lane that were noted in this life.
    """
    return tries.crashes > 0 or (event.redelivered and noted_in_lane < SUSPECTS)
