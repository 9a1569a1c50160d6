"""The first page: the verdict, what needs a person, the accounts; and the stream of hints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from actors.state import ConnectionState
from actors.values import AccountId
from gateway.host.advice import Action
from gateway.web.context import Answer
from gateway.web.pages import glance, past
from gateway.web.pages.verdict import Matter
from gateway.web.pages.visit import Shown, Visit
from gateway.web.problems import Problem, bad_request

MOST_MATTERS: Final = 20
"""Matters that the first page names."""

MANY: Final = 100
"""Accounts beyond which there are a search, a tally and pages."""

PART: Final = 50
"""Accounts of one page, then."""


def show(visit: Visit) -> Shown:
    """Show all at a glance; ``q``, ``state`` and ``page`` choose accounts."""
    seen = glance.look(visit.context)
    wanted = visit.query.get("q", "").strip()
    state = _state(visit.query.get("state", ""))
    names = _chosen(visit, seen.order, wanted, state)
    many = len(seen.order) > MANY
    part = PART if many else MANY
    pages = max(1, math.ceil(len(names) / part))
    page = min(_page(visit.query.get("page", "1")), pages)
    cards = names[(page - 1) * part : page * part]
    hour = past.hour(visit.context, visit.now_ms)
    return Shown(
        template="home.html",
        data={
            "verdict": seen.verdict,
            "matters": [(each, _verb(visit, each)) for each in seen.matters[:MOST_MATTERS]],
            "more_matters": max(0, len(seen.matters) - MOST_MATTERS),
            "states": {each.value: seen.states.get(each, 0) for each in ConnectionState},
            "total": len(seen.order),
            "online": seen.states.get(ConnectionState.CONNECTED, 0),
            "hour": hour,
            "asking": past.asking(visit.context) if visit.may_read_chats else None,
            "cards": _cards(visit, cards),
            "many": many,
            "wanted": wanted,
            "state": "" if state is None else state.value,
            "page": page,
            "pages": pages,
        },
    )


def stream(visit: Visit) -> Answer:
    """Tell an open page what changed, as it does; 503 where too many listen."""
    lines = visit.hints.stream(visit.gone)
    if lines is None:
        told = "too many pages are open; this one looks again by itself"
        raise Problem(503, "busy", told, "close other pages")
    return Answer(
        body=lines,
        content_type="text/event-stream",
        headers=(("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")),
    )


def _verb(visit: Visit, matter: Matter) -> str:
    """Return what its button does: a login that is not kept here is mended elsewhere."""
    if matter.verb != Action.SIGN_IN.value or matter.account is None:
        return matter.verb
    return matter.verb if glance.signs_in(visit.context, matter.account) else "account"


def _chosen(
    visit: Visit, order: Sequence[AccountId], wanted: str, state: ConnectionState | None
) -> Sequence[AccountId]:
    if not wanted and state is None:
        return order
    accounts, low = visit.context.gateway.accounts, wanted.casefold()
    states = dict(accounts.states())
    return [
        name
        for name in order
        if low in name.casefold() and (state is None or states.get(name) is state)
    ]


def _cards(visit: Visit, names: Sequence[AccountId]) -> list[Mapping[str, Any]]:
    accounts = visit.context.gateway.accounts
    letters, to_review = accounts.letters(), accounts.to_review()
    hours = past.hours(visit.context, names, visit.now_ms)
    cards: list[Mapping[str, Any]] = []
    for name in names:
        if name not in accounts:  # removed meanwhile
            continue
        view = accounts[name]
        minutes = hours.get(name, past.NOTHING)
        cards.append(
            {
                "id": name,
                "state": view.state.value,
                "paused": view.paused,
                "since_ms": view.since_ms,
                "received": sum(minutes.received),
                "answered": sum(minutes.answered),
                "line": minutes.received,
                "waiting": letters.get(name, 0) + to_review.get(name, 0),
            }
        )
    return cards


def _state(told: str) -> ConnectionState | None:
    if not told:
        return None
    try:
        return ConnectionState(told)
    except ValueError:
        raise bad_request("state is none there is", "choose one of the list") from None


def _page(told: str) -> int:
    if not (told.isascii() and told.isdigit() and len(told) <= 6 and int(told)):
        raise bad_request("page must be a number from 1 on", "go to the first page")
    return int(told)
