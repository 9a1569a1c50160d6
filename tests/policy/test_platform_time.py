"""What is known of the platform's clock: bounds that hold whatever becomes of ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.platform_time import NOTHING_TOLD, begun_ms

T_MS = 1_700_000_000_000
MS = st.integers(0, 20_000)


def test_nothing_is_known_before_the_first_answer() -> None:
    assert NOTHING_TOLD.latest_ms(5.0) is None
    assert NOTHING_TOLD.earliest_ms(5.0) is None


@given(st.lists(st.tuples(MS, MS, MS, st.integers(0, 86_400_000)), min_size=1, max_size=20), MS)
def test_bounds_hold(answers: list[tuple[int, int, int, int]], later: int) -> None:
    """Whatever an answer takes on its way, and however long this machine slept in between.

    Each answer: on the way there, on the way back, pause before the next, asleep before it.
    """
    now_ms = ahead_ms = 0
    known = NOTHING_TOLD
    for there, back, pause, asleep in answers:
        asked = now_ms / 1000
        told_ms = T_MS + ahead_ms + now_ms + there
        now_ms += there + back
        known = known.told(told_ms, asked=asked, now=now_ms / 1000)
        true_ms = T_MS + ahead_ms + now_ms
        earliest, latest = known.earliest_ms(now_ms / 1000), known.latest_ms(now_ms / 1000)
        assert earliest is not None
        assert latest is not None
        assert true_ms - back - 1 <= earliest <= true_ms, "it was told, and time passed since"
        assert known.told_ms is not None
        assert known.told_ms <= true_ms
        if len({each[3] for each in answers}) == 1 and not answers[0][3]:
            assert latest + 1 >= true_ms
        now_ms += pause
        ahead_ms += asleep
    still = known.earliest_ms((now_ms + later) / 1000)
    assert still is not None
    assert still <= T_MS + ahead_ms + now_ms + later, "asleep, more time passed, never less"


def test_the_narrowest_bound_is_kept() -> None:
    known = NOTHING_TOLD.told(T_MS + 2_000, asked=0.0, now=4.0)
    assert known.latest_ms(0.0) == T_MS + 2_000
    known = known.told(T_MS + 10_100, asked=10.0, now=10.2)
    assert known.latest_ms(0.0) == T_MS + 100
    known = known.told(T_MS + 21_000, asked=20.0, now=21.0)
    assert known.latest_ms(0.0) == T_MS + 100


def test_a_contradiction_begins_anew() -> None:
    """The laptop slept for an hour: what was at most so is not any more."""
    known = NOTHING_TOLD.told(T_MS, asked=0.0, now=0.1)
    known = known.told(T_MS + 3_600_000, asked=1.0, now=1.1)
    assert known.latest_ms(1.0) == T_MS + 3_600_000
    known = known.told(T_MS, asked=2.0, now=2.1)
    assert known.latest_ms(2.0) == T_MS, "or their clock was set back"


def test_when_something_began_by_their_clock() -> None:
    assert begun_ms(T_MS, begun_at=1.0, now=3.0004) == T_MS - 2_001
    assert begun_ms(T_MS, begun_at=None, now=3.0) == T_MS
