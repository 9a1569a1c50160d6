"""When a journal is slow, down and up again."""

from __future__ import annotations

from actors.policy.journal_health import JournalHealth, JournalVerdict


def test_slow_then_down_then_up_are_each_told_once() -> None:
    health = JournalHealth(limit_s=10, slow_s=2)
    told = [health.judge(s) for s in (0.0, 1.9, 2.0, 5.0, 9.9, 10.0, 60.0)]
    assert told == [None, None, JournalVerdict.SLOW, None, None, JournalVerdict.DOWN, None]
    assert health.down
    assert [health.judge(0.0), health.judge(0.0)] == [JournalVerdict.UP, None]
    assert not health.down


def test_slow_commits_that_hold_keep_the_links() -> None:
    health = JournalHealth(limit_s=10, slow_s=2)
    for _ in range(3):
        assert health.judge(9.9) is JournalVerdict.SLOW
        assert health.judge(0.0) is None
        assert not health.down


def test_a_limit_below_slow_says_down_only() -> None:
    health = JournalHealth(limit_s=1, slow_s=2)
    assert [health.judge(s) for s in (1.0, 2.0, 0.0)] == [
        JournalVerdict.DOWN,
        None,
        JournalVerdict.UP,
    ]


def test_a_new_try_after_down_is_not_up() -> None:
    """Only a commit that held brings accounts back."""
    health = JournalHealth(limit_s=10, slow_s=2)
    assert health.judge(10.0) is JournalVerdict.DOWN
    assert health.judge(0.5) is None
    assert health.down
