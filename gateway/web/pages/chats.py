"""The conversations of all accounts or of one: who waits for an answer, then the newest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from actors.values import AccountId
from gateway.reading.answers import Conversation
from gateway.reading.queries import MOST_SOUGHT
from gateway.web.pages import addresses, past
from gateway.web.pages.visit import Shown, Visit
from gateway.web.problems import bad_request

PART: Final = 50
"""Conversations of a page."""

ON_TOP: Final = 20
"""Conversations that wait for an answer, above the others."""

MOST_ASKING: Final = 200
"""Of those, where nothing else is shown."""

_AT: Final = re.compile(r"[0-9]{1,15}")


def show(visit: Visit) -> Shown:
    """Show conversations; ``q`` looks for words, ``waiting`` leaves those that wait."""
    account = visit.names[0] if visit.names else None
    sought = visit.query.get("q", "").strip()
    if len(sought) > MOST_SOUGHT:
        told = f"{len(sought)} characters are looked for, at most {MOST_SOUGHT} are taken"
        raise bad_request(told, "look for less")
    only_asking = bool(visit.query.get("waiting", ""))
    begin = _begin(visit.query)
    context = visit.context
    asking: Sequence[Conversation] = ()
    rows: Sequence[Conversation] | None = ()
    found = None
    if sought:
        found = past.search(context, sought, account, PART)
    else:
        if begin is None:
            most = MOST_ASKING if only_asking else ON_TOP
            asking = past.conversations(context, account, waiting=True, limit=most) or ()
        if not only_asking:
            rows = past.conversations(context, account, before=begin, limit=PART + 1)
    if account is not None and account not in context.gateway.accounts and not (asking or rows):
        account = context.gateway.accounts[account].id  # says that there is none
    more = rows is not None and len(rows) > PART
    rows = rows if rows is None else rows[:PART]
    above = {(each.account, each.lane) for each in asking}
    return Shown(
        template="chats.html",
        data={
            "account": account,
            "base": _base(account),
            "sought": sought,
            "only_asking": only_asking,
            "standing": past.standing(context),
            "known": rows is not None and (not sought or found is not None),
            "asking": asking,
            "rows": [each for each in rows or () if (each.account, each.lane) not in above],
            "found": found,
            "begun": begin is not None,
            "here_url": _base(account) + ("?waiting=1" if only_asking else ""),
            "next_url": _after(account, rows[-1]) if more and rows else None,
        },
    )


def _base(account: AccountId | None) -> str:
    return "/chats" if account is None else f"/chats/{addresses.segment(account)}"


def _begin(query: Mapping[str, str]) -> tuple[int, AccountId, str] | None:
    """Read where a page begins.

    Raises:
        Problem: 400; it is no place of a list.
    """
    at = query.get("before", "")
    if not at:
        return None
    if not (_AT.fullmatch(at) and query.get("a")):
        raise bad_request("this is no page of the list", "go to its first page")
    return int(at), query["a"], query.get("c", "")


def _after(account: AccountId | None, last: Conversation) -> str:
    place = {"before": last.at_ms, "a": last.account, "c": last.lane}
    return f"{_base(account)}?{urlencode(place)}"
