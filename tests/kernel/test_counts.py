"""What the kernel counts for the metrics, where it happens."""

from __future__ import annotations

import pytest

from actors.account.counts import AccountCounts
from actors.runtime.counts import OK, RESULTS, DialCounts, TokenCounts
from actors.state import TRANSITIONS, Cause, ConnectionState
from actors.values import Disposition, ErrorClass, Failure, Phase

REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused")


def test_a_try_that_is_followed_by_another_has_not_ended() -> None:
    counts = AccountCounts()
    for disposition in Disposition:
        counts.settle(disposition)
    counts.settle(Disposition.DONE, 3)
    counts.settle(Disposition.PARKED, 0)
    rest = ("dead", "ignored", "parked", "expired")
    assert (counts.done, counts.ended) == (4, dict.fromkeys(rest, 1))


@pytest.mark.parametrize(("old", "cause", "new", "_"), TRANSITIONS)
def test_links_are_counted_at_both_ends(
    old: ConnectionState, cause: Cause, new: ConnectionState, _: str
) -> None:
    counts = AccountCounts()
    counts.move(old, cause, new)
    assert counts.connects == (new is ConnectionState.CONNECTED)
    assert counts.lost == ({cause.value: 1} if old is ConnectionState.CONNECTED else None)


def test_dials_are_counted_by_result() -> None:
    counts = DialCounts()
    counts.add(None, [(Phase.TCP, 0.5), (Phase.REGISTER, 9.0)])
    counts.add(REFUSED, ())
    assert counts.ended == dict.fromkeys(RESULTS, 0) | {OK: 1, "network": 1}
    assert counts.took[Phase.TCP].sum_s == 0.5
    assert sum(sum(each.counts) for each in counts.took.values()) == 1


def test_calls_for_tokens_are_counted_by_verdict() -> None:
    counts = TokenCounts()
    counts.add(None, 2)
    counts.add(REFUSED, 3)
    counts.add(REFUSED, 0)
    assert counts.calls == dict.fromkeys(RESULTS, 0) | {OK: 2, "network": 3}
