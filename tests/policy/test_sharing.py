"""A link's share of the reader's time: what presses takes as much as it leaves."""

from __future__ import annotations

from actors.policy.sharing import LEAST_S, MOST_S, PATIENCE, Share


def turn(share: Share, began: float, took_s: float) -> bool:
    """Have a turn; return whether a rest begins."""
    share.begin(began)
    return share.end(began + took_s)


def test_a_burst_is_no_flood() -> None:
    """However long the work of one turn was, who stays away after it owes nothing."""
    share, took_s = Share(), 5 * LEAST_S
    at = 100.0
    for _ in range(10):
        assert not turn(share, at, took_s)
        assert not share.pressing
        at += took_s + PATIENCE * took_s
    assert share.until is None
    assert not share.rests(at)


def test_what_comes_again_at_once_rests_as_long_as_it_took() -> None:
    share, at, taken_s = Share(), 100.0, 0.0
    for _ in range(1_000):
        took_s = 0.0025
        taken_s += took_s
        at = at + took_s if not turn(share, at, took_s) else share.until or 0.0
    assert share.pressing
    assert 0.45 < taken_s / (at - 100.0) <= 0.51


def test_a_rest_ends() -> None:
    share = Share()
    turn(share, 100.0, 0.002)
    assert turn(share, 100.002, 0.002)
    assert share.until is not None
    assert abs(share.until - 100.008) < 1e-9
    assert share.rests(100.0079)
    assert not share.rests(100.0081)
    assert share.until is None


def test_a_trickle_rests_once_it_is_worth_a_wait() -> None:
    share, at, rests = Share(), 100.0, []
    for _ in range(20):
        rested = turn(share, at, LEAST_S / 8)
        rests.append(rested)
        at = share.until if rested and share.until is not None else at + LEAST_S / 8
    assert not any(rests[:7])
    assert any(rests[7:])


def test_what_held_the_reader_up_for_long_is_not_the_links_debt() -> None:
    share = Share()
    turn(share, 100.0, 0.01)
    assert turn(share, 100.01, 30.0)
    assert share.until == 130.01 + MOST_S
