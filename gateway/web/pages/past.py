"""What the reading copy tells pages of the past; nothing of it where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from actors.values import AccountId
from gateway.reading.answers import Change, Conversation, Found, Line, Minute
from gateway.reading.asking import CopyUnreadableError
from gateway.reading.keeping import Reading
from gateway.web.context import Context

T = TypeVar("T")

MINUTE_MS: Final = 60_000
MINUTES: Final = 60


class Minutes(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of an hour, one a minute, the oldest first."""

    received: Sequence[int]
    answered: Sequence[int]
    reconnects: Sequence[int]
    slowest_ms: Sequence[int]


class Totals(NamedTuple):
    """What happened in an hour."""

    received: int
    answered: int


NOTHING: Final = Minutes(
    received=[0] * MINUTES, answered=[0] * MINUTES, reconnects=[0] * MINUTES,
    slowest_ms=[0] * MINUTES,
)  # fmt: skip


def hour(context: Context, now_ms: int) -> Totals | None:
    """Return what all accounts together received and answered in an hour; None: nobody knows."""
    since_ms = _first(now_ms) * MINUTE_MS
    found = _asked(context, lambda reading: reading.overview.minutes(None, since_ms))
    if found is None:
        return None
    return Totals(sum(each.received for each in found), sum(each.answered for each in found))


def hours(context: Context, names: Sequence[AccountId], now_ms: int) -> Mapping[AccountId, Minutes]:
    """Return the last hour of accounts; those in which nothing happened are left out."""
    first = _first(now_ms)
    found = _asked(context, lambda reading: reading.overview.minutes_of(names, first * MINUTE_MS))
    return {name: _spread(minutes, first) for name, minutes in (found or {}).items()}


def asking(context: Context) -> int | None:
    """Return how many conversations wait for an answer; None: nobody knows."""
    return _asked(context, lambda reading: reading.overview.asking())


def changes(
    context: Context, name: AccountId, *, since_ms: int = 0, limit: int = 20
) -> Sequence[Change] | None:
    """Return changes of an account's state, the newest first; None: nobody knows."""
    return _asked(
        context, lambda reading: reading.overview.changes(name, since_ms=since_ms, limit=limit)
    )


def before(context: Context, name: AccountId, at_ms: int) -> str | None:
    """Return the state an account was in at a time; None: nobody knows."""
    return _asked(context, lambda reading: reading.overview.state_at(name, at_ms))


def standing(context: Context) -> str:
    """Return how the reading copy stands: ``off_memory off failed behind fine``."""
    if context.reading is None:
        return "off_memory" if context.gateway.settings.durability == "memory" else "off"
    state = context.reading.state
    if state.failure is not None:
        return "failed"
    return "behind" if state.behind else "fine"


def conversations(
    context: Context,
    account: AccountId | None = None,
    *,
    waiting: bool = False,
    before: tuple[int, AccountId, str] | None = None,
    limit: int = 50,
) -> Sequence[Conversation] | None:
    """Return conversations, the newest first; None: nobody knows."""
    return _asked(
        context,
        lambda reading: reading.queries.conversations(
            account, waiting=waiting, before=before, limit=limit
        ),
    )


def conversation(context: Context, account: AccountId, lane: str) -> Conversation | None:
    """Return a conversation; None: nothing was said in it, or nobody knows."""
    return _asked(context, lambda reading: reading.queries.conversation(account, lane))


def transcript(
    context: Context,
    account: AccountId,
    lane: str,
    *,
    before: tuple[int, int] | None = None,
    limit: int = 100,
) -> Sequence[Line] | None:
    """Return lines of a conversation, the oldest first; None: nobody knows."""
    return _asked(
        context,
        lambda reading: reading.queries.transcript(account, lane, before=before, limit=limit),
    )


def search(
    context: Context, words: str, account: AccountId | None, limit: int
) -> Sequence[Found] | None:
    """Return the newest lines with a text in them; None: nobody knows."""
    return _asked(context, lambda reading: reading.queries.search(words, account, limit))


def _asked(context: Context, ask: Callable[[Reading], T]) -> T | None:
    if context.reading is None:
        return None
    try:
        return ask(context.reading)
    except CopyUnreadableError as error:
        if error.damaged:
            context.reading.found_damaged()
        return None


def _first(now_ms: int) -> int:
    return now_ms // MINUTE_MS - MINUTES + 1


def _spread(minutes: Sequence[Minute], first: int) -> Minutes:
    places = {each.minute - first: each for each in minutes}
    empty = Minute(minute=0, received=0, answered=0, reconnects=0, slowest_ms=0)
    row = [places.get(place, empty) for place in range(MINUTES)]
    return Minutes(
        received=[each.received for each in row],
        answered=[each.answered for each in row],
        reconnects=[each.reconnects for each in row],
        slowest_ms=[each.slowest_ms for each in row],
    )
