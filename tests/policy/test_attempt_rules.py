"""When an event is given up, and which attempts must be noted first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.attempts import (
    CRASH_LOOP,
    EXPIRED,
    PUSHED_LATE_MS,
    SUSPECTS,
    UNTRIED,
    AttemptRules,
    past,
    pause_s,
    stale,
    to_be_noted,
    verdict,
    young,
)
from actors.values import Attempts, Event

RULES = AttemptRules(retry_delays_s=(1.0, 5.0, 25.0))


def test_three_pauses_make_four_tries() -> None:
    """H5: 1, 5 and 25 s, then a dead letter."""
    assert [pause_s(RULES, failures) for failures in (1, 2, 3, 4, 9)] == [
        1.0,
        5.0,
        25.0,
        None,
        None,
    ]
    assert pause_s(AttemptRules(retry_delays_s=()), 1) is None


def test_first_crash_is_never_noted_so_it_counts_by_itself() -> None:
    """Three lives ended: one before anything was noted, two with the note in the journal."""
    assert [verdict(RULES, Attempts(0, crashes), Event(), 0, None) for crashes in (0, 1, 2)] == [
        None,
        None,
        CRASH_LOOP,
    ]


@pytest.mark.parametrize(
    ("occurred", "received", "now", "theirs", "ended"),
    [
        (None, 1_000, 11_000, 90_000, None),
        (None, 1_000, 11_001, None, EXPIRED),
        (500, 1_000, 0, 10_501, EXPIRED),
        (500, 1_000, 90_000, 10_500, None),  # our clock is ahead of theirs
        (500, 1_000, 11_000, None, None),  # they told no time: since it came
        (500, 1_000, 11_001, None, EXPIRED),
    ],
)
def test_age_counts_from_when_it_happened(
    occurred: int | None, received: int, now: int, theirs: int | None, ended: object
) -> None:
    """Their times by their clock, ours by ours."""
    rules = AttemptRules(retry_delays_s=(), expire_s=10.0)
    event = Event(occurred_at_ms=occurred, received_at_ms=received)
    assert verdict(rules, UNTRIED, event, now, theirs) is ended


def test_nothing_expires_unless_somebody_says_so() -> None:
    assert verdict(RULES, UNTRIED, Event(occurred_at_ms=0), 1 << 50, 1 << 50) is None


DAY_MS = 24 * 3600 * 1000
WEEK = AttemptRules(retry_delays_s=(), horizon_s=7 * 24 * 3600.0)


@pytest.mark.parametrize(
    ("occurred", "received", "found"),
    [
        (DAY_MS, 8 * DAY_MS, False),
        (DAY_MS, 8 * DAY_MS + 1, True),
        (None, 80 * DAY_MS, False),  # nobody knows how old it is
        (90 * DAY_MS, 8 * DAY_MS, False),  # the peer's clock is ahead of ours
    ],
)
def test_stale_is_what_happened_longer_than_the_horizon_before_it_came(
    occurred: int | None, received: int, *, found: bool
) -> None:
    """I6: its identity may be forgotten. How late it is now is no matter."""
    event = Event(event_id="e", occurred_at_ms=occurred, received_at_ms=received)
    young = Event(event_id="y", occurred_at_ms=received, received_at_ms=received)
    later = received + 30 * DAY_MS
    for now_ms, theirs in ((received, None), (later, None), (received, received), (later, later)):
        assert stale(WEEK, [young, event], {}, now_ms, theirs) == [event] * found
        assert stale(WEEK, [event], {"e": Attempts(2, 1)}, now_ms, theirs) == [event] * found
        replayed = {"e": Attempts(replayed=True)}
        assert not stale(WEEK, [event], replayed, now_ms, theirs), "a person said so"
        assert not stale(RULES, [event], {}, now_ms, theirs), "without a horizon nothing is"


@pytest.mark.parametrize("ahead_ms", [8 * DAY_MS, 400 * DAY_MS, -8 * DAY_MS])
def test_a_wrong_clock_of_ours_makes_nothing_stale_or_fresh(ahead_ms: int) -> None:
    """Theirs tells the age; ours only how long something waited."""
    true_ms = 1_000 * DAY_MS
    ours_ms = true_ms + ahead_ms
    young = Event(event_id="y", occurred_at_ms=true_ms, received_at_ms=ours_ms)
    old = Event(event_id="o", occurred_at_ms=true_ms - 9 * DAY_MS, received_at_ms=ours_ms)
    assert stale(WEEK, [young, old], {}, ours_ms, true_ms) == [old]
    assert stale(WEEK, [young, old], {}, true_ms, true_ms) in ([old], [])
    assert young not in stale(WEEK, [young], {}, true_ms, None) or ahead_ms < 0


@pytest.mark.parametrize(("expire_s", "found"), [(60.0, False), (8 * 24 * 3600.0, True)])
def test_what_expires_anyway_needs_no_person(expire_s: float, *, found: bool) -> None:
    event = Event(occurred_at_ms=0, received_at_ms=9 * DAY_MS)
    rules = AttemptRules(retry_delays_s=(), horizon_s=WEEK.horizon_s, expire_s=expire_s)
    assert stale(rules, [event], {}, 9 * DAY_MS, 9 * DAY_MS) == [event] * found
    assert found or verdict(rules, UNTRIED, event, 9 * DAY_MS, 9 * DAY_MS) is EXPIRED


def test_what_was_said_before_the_first_contact_is_past() -> None:
    """By the platform's times alone; a person may still put it back."""
    first_ms = PUSHED_LATE_MS + 10
    old, new = Event(event_id="o", occurred_at_ms=9), Event(event_id="n", occurred_at_ms=10)
    timeless = Event(event_id="t")
    assert past([old, new, timeless], {}, first_ms) == [old]
    assert past([old], {"o": Attempts(replayed=True)}, first_ms) == []
    assert past([old], {}, 0) == past([old], {}, None) == []


def test_young_is_all_that_is_not_before() -> None:
    events = [Event(occurred_at_ms=10), Event(), Event(occurred_at_ms=12)]
    assert young(events, 10)
    assert young([], 10)
    assert not young(events, 10.5)


def test_fresh_event_is_not_noted() -> None:
    """The ordinary path pays no second commit."""
    assert not to_be_noted(Event(), UNTRIED, 0)
    assert not to_be_noted(Event(), Attempts(3, 0), 0)


def test_only_the_first_of_a_lane_may_have_been_in_a_handler() -> None:
    old = Event(redelivered=True)
    assert to_be_noted(old, UNTRIED, SUSPECTS - 1)
    assert not to_be_noted(old, UNTRIED, SUSPECTS)
    assert to_be_noted(old, Attempts(0, 1), SUSPECTS), "a suspect is never let out of sight"


class Lane:
    """A lane of a process that dies in one event; the journal as far as attempts go."""

    def __init__(self, length: int, limit: int) -> None:
        self.rules = AttemptRules(retry_delays_s=(), crash_limit=limit)
        self.pending = list(range(length))
        self.crashes = dict.fromkeys(self.pending, 0)
        self.runs = dict.fromkeys(self.pending, 0)
        self.dead: list[int] = []
        self.lives = 0

    def live(self, poison: int, unsettled: int) -> bool:
        """Run until the poison; True if the process died. The last settlements get lost."""
        self.lives += 1
        noted, handled = 0, []
        for number in self.pending:
            attempts = Attempts(0, self.crashes[number])
            event = Event(redelivered=self.lives > 1)
            if verdict(self.rules, attempts, event, 0, None) is CRASH_LOOP:
                self.dead.append(number)
                handled.append(number)
                continue
            note = to_be_noted(event, attempts, noted)
            if note:
                noted += 1
                self.crashes[number] += 1
            self.runs[number] += 1
            if number == poison:
                # A note is committed behind the settlements before it, so they are kept then.
                kept = handled if note else handled[: max(0, len(handled) - unsettled)]
                self.pending = [each for each in self.pending if each not in kept]
                return True
            handled.append(number)
        self.pending = []
        return False


@given(
    length=st.integers(1, 60),
    place=st.integers(0, 59),
    limit=st.integers(3, 6),
    unsettled=st.integers(0, SUSPECTS - 1),
)
def test_poison_dies_and_takes_nobody_with_it(
    length: int, place: int, limit: int, unsettled: int
) -> None:
    """It ends as many lives as allowed, wherever it stands; its neighbours are all handled."""
    poison = place % length
    lane = Lane(length, limit)
    while lane.live(poison, unsettled):
        assert lane.lives <= limit, "it went on for ever"
    assert lane.dead == [poison]
    assert lane.runs[poison] == limit
    assert all(lane.runs[n] in (1, 2) for n in range(length) if n != poison)
