"""What stands now, read once for a page: accounts, alerts, counts. Nothing is decided here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from actors.state import ConnectionState
from actors.values import AccountId
from gateway.host.accounts import AccountView
from gateway.web.context import Context
from gateway.web.pages.verdict import Matter, Standing, Verdict, matters, verdict

_CALM = frozenset({ConnectionState.CONNECTED, ConnectionState.CLOSED})


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts at a glance.

    Attributes:
        matters: What needs a person, the worst first.
        states: How many accounts stand where.
        order: Names of all accounts, those in trouble first.
    """

    matters: Sequence[Matter]
    verdict: Verdict
    states: Mapping[ConnectionState, int]
    order: Sequence[AccountId]


_RANKS = {
    ConnectionState.FAILED: 0,
    ConnectionState.RECONNECTING: 1,
    ConnectionState.CONNECTING: 2,
    ConnectionState.DISCONNECTED: 3,
    ConnectionState.CLOSED: 4,
    ConnectionState.CONNECTED: 5,
}


def look(context: Context) -> Glance:
    """Read what stands. 10,000 accounts take some milliseconds."""
    accounts = context.gateway.accounts
    letters, to_review = accounts.letters(), accounts.to_review()
    views = list(accounts.views())
    states = Counter(view.state for view in views)
    resting = sum(map(_rests, views))
    troubled = [
        view
        for view in views
        if view.state not in _CALM or view.id in letters or view.id in to_review
    ]
    standings = [
        Standing(
            id=view.id,
            state=view.state,
            since_ms=view.since_ms,
            advice=view.advice,
            dead_letters=letters.get(view.id, 0),
            to_review=to_review.get(view.id, 0),
        )
        for view in troubled
    ]
    found = matters(standings, accounts.alerts_on())
    changing = next((view.id for view in troubled if _changes(view)), None)
    return Glance(
        matters=found,
        verdict=verdict(found, states, resting=resting, changing=changing),
        states=states,
        order=[view.id for view in sorted(views, key=lambda view: (_RANKS[view.state], view.id))],
    )


def waiting(context: Context) -> int:
    """Return how many events and sends wait for a person."""
    accounts = context.gateway.accounts
    return sum(accounts.letters().values()) + sum(accounts.to_review().values())


def signs_in(context: Context, account: AccountId) -> bool:
    """Return whether an account's login is kept here: a code or a cookie replaces it."""
    return context.gateway.credentials.show(account).kind == "goofish"


def _changes(view: AccountView) -> bool:
    return view.state not in _CALM and not _rests(view)


def _rests(view: AccountView) -> bool:
    return view.paused or not view.enabled
