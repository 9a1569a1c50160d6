"""Attempts at an event: how many there are, and which must be noted before they begin. Pure.

Failed attempts are noted when they end. A try that ends with the process says nothing, so it
must be noted before it begins, and that costs a commit. Only events that may have killed a
process pay it: those an earlier life left pending, and of them only the first of each lane,
because whatever was being handled at the end of that life is among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from actors.policy import reasons
from actors.sections import RetrySettings
from actors.values import Attempts, Disposition, Event, Outcome

SUSPECTS: Final = 16
"""Most events of a lane that may have been in a handler when a process ended: one run."""

CRASH_LOOP: Final = Outcome(disposition=Disposition.DEAD, reason=reasons.CRASH_LOOP)
EXPIRED: Final = Outcome(disposition=Disposition.EXPIRED, reason="expired")
STALE: Final = Outcome(disposition=Disposition.PARKED, reason=reasons.STALE)
STALE_NOTICE: Final = Outcome(disposition=Disposition.EXPIRED, reason=reasons.STALE)
"""Expired, not parked: a platform repeats old notices at each connection, and parked ones would
hide messages of people."""

PAST: Final = Outcome(disposition=Disposition.IGNORED, reason="before_first_contact")
"""The event is older than the account's first contact; its conversation counts as over."""

UNDECODABLE: Final = Outcome(disposition=Disposition.DEAD, reason=reasons.UNDECODABLE)
"""This version of the reader makes no event of a frame that an earlier version decoded."""

PUSHED_LATE_MS: Final = 600_000
"""A pushed event up to this much older than the first contact counts as new: a buyer who wrote a
minute before the start waits for an answer."""

UNTRIED: Final = Attempts()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRules(RetrySettings):
    """When an event is given up.

    Attributes:
        horizon_s: Shortest time for which the journal recognises a repetition; None: as long as
            it has the event.
    """

    horizon_s: float | None = None


def pause_s(rules: AttemptRules, failures: int) -> float | None:
    """Return how long to wait after this many failures; None: give it up."""
    return rules.retry_delays_s[failures - 1] if failures <= len(rules.retry_delays_s) else None


def verdict(
    rules: AttemptRules, attempts: Attempts, event: Event, now_ms: int, platform_ms: int | None
) -> Outcome | None:
    """Return how an event ends without being handled; None: it is to be handled.

    Its age counts from when the platform says it happened, by the platform's clock; else
    from when it came, by ours.

    Args:
        rules: When an event is given up.
        attempts: What is known of its attempts.
        event: Which.
        now_ms: Our Unix time.
        platform_ms: A Unix time that the platform's clock has reached; None: it told none.
    """
    if attempts.crashes >= rules.crash_limit - 1:
        return CRASH_LOOP
    if rules.expire_s is None:
        return None
    age_ms = now_ms - event.received_at_ms
    if event.occurred_at_ms is not None and platform_ms is not None:
        age_ms = platform_ms - event.occurred_at_ms
    return EXPIRED if age_ms > rules.expire_s * 1000 else None


def young(events: Sequence[Event], since_ms: float) -> bool:
    """Return whether nothing of it happened before a time; what has none counts as young."""
    for event in events:
        at_ms = event.occurred_at_ms
        if at_ms is not None and at_ms < since_ms:
            return False
    return True


def stale(
    rules: AttemptRules,
    events: Sequence[Event],
    attempts: Mapping[str, Attempts],
    now_ms: int,
    platform_ms: int | None,
) -> list[Event]:
    """Return those of which nobody can tell whether they were handled before; usually none.

    They happened longer than the horizon before they came: of an earlier copy the journal may
    have forgotten (``contract.md`` I6). How long they waited since does not matter, for
    meanwhile their own rows stayed. What has no time is never stale, nor what a person put
    back; what will expire anyway is left to :func:`verdict`.

    Args:
        rules: When an event is given up.
        events: Which.
        attempts: What is known of their attempts.
        now_ms: Our Unix time.
        platform_ms: A Unix time that the platform's clock has reached. None: it told none in
            this life; then our clock must do, unless it went back since they came.
    """
    horizon_s, expire_s = rules.horizon_s, rules.expire_s
    if horizon_s is None or (expire_s is not None and expire_s <= horizon_s):
        return []
    horizon_ms = horizon_s * 1000
    came_ms = now_ms if platform_ms is None else platform_ms
    return [
        event
        for event in events
        if (at_ms := event.occurred_at_ms) is not None
        and came_ms - at_ms > horizon_ms
        and came_ms - at_ms - max(0, now_ms - event.received_at_ms) > horizon_ms
        and (platform_ms is not None or event.received_at_ms <= now_ms)
        and not attempts.get(event.event_id, UNTRIED).replayed
    ]


def past(
    events: Sequence[Event], attempts: Mapping[str, Attempts], first_ms: int | None
) -> list[Event]:
    """Return those that happened long before the first contact, by the platform's times alone.

    What has no time is none of them, nor what a person put back. History before the first
    contact is not read at all; what is pushed then is news, unless it is old.

    Args:
        events: Which.
        attempts: What is known of their attempts.
        first_ms: The first contact; zero or None: there is no past.
    """
    if not first_ms:
        return []
    return [
        event
        for event in events
        if (at_ms := event.occurred_at_ms) is not None
        and at_ms < first_ms - PUSHED_LATE_MS
        and not attempts.get(event.event_id, UNTRIED).replayed
    ]


def to_be_noted(event: Event, attempts: Attempts, noted_in_lane: int) -> bool:
    """Return whether a try must be in the journal before it begins.

    Args:
        event: Which.
        attempts: What is known of it.
        noted_in_lane: Attempts of its lane that were noted in this life.
    """
    return attempts.crashes > 0 or (event.redelivered and noted_in_lane < SUSPECTS)
