"""What waits for a person: dead letters, parked events, and sends whose outcome nobody knows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from actors.policy.reasons import NEEDS_REVIEW
from actors.ports.journal import JournalError, Letter
from actors.values import AccountId, SendState
from gateway import arguments
from gateway.errors import GatewayError, ShuttingDownError, UnknownLetterError
from gateway.host.dead_letters import told
from gateway.host.send_view import SendView
from gateway.platforms import registry
from gateway.reading.messages import legible
from gateway.web import records
from gateway.web.context import Answer, Context
from gateway.web.pages import addresses, waiting_list
from gateway.web.pages.visit import Shown, Visit, moved
from gateway.web.problems import bad_request
from gateway.web.request import Request

PART: Final = 50
"""Rows of a page."""

MOST_CHOSEN: Final = 1_000
"""Letters of one form."""

LONGEST_S: Final = 30.0
"""Seconds for all of them; those that are left then are told as not tried."""

LISTED_FRAME: Final = 16_384
"""A longer frame is not decoded for the list; the page of its letter does."""

MOST_CHARS: Final = 20_000
"""Of a frame that is shown."""

LISTED_CHARS: Final = 300
"""Of what was said, in the list."""

_REDACTED: Final = 2 * MOST_CHARS
"""Characters that are masked before the frame is cut, so that no secret is cut."""

_VERBS: Final[Mapping[str, Callable[[Context, Request], Answer]]] = {
    "replayed": records.dead_letters_replay,
    "dropped": records.dead_letters_drop,
}
_FAILURES: Final = ("gone", "untried", "failed")
"""What may become of a letter instead."""


def show(visit: Visit) -> Shown:
    """Show a page of all that waits, or of what waits for ``account``."""
    account = _account(visit.query.get("account", ""))
    try:
        begin = waiting_list.cursor(visit.query)
    except ValueError:
        raise bad_request("this is no page of the list", "go to its first page") from None
    gateway = visit.context.gateway
    frames = LISTED_FRAME if visit.may_read_chats else 0
    letters = gateway.dead_letters.page(account, PART + 1, before=begin.letter, frames=frames)
    sends = gateway.sends.to_review(account, PART + 1, before=begin.send)
    page = waiting_list.merged(letters, sends, begin, PART)
    platforms = _platforms(visit.context)
    rows = [_row(visit, each, platforms) for each in page.rows]
    return Shown(
        template="waiting.html",
        data={
            "account": account,
            "rows": rows,
            "any_letters": any(each["letter"] for each in rows),
            "counts": _counts(visit, account),
            "first": begin == waiting_list.Cursor(),
            "here_url": _address(begin, account),
            "first_url": _address(waiting_list.Cursor(), account),
            "next_url": None if page.next is None else _address(page.next, account),
            "did": _did(visit.query),
        },
    )


def choose(visit: Visit) -> Answer:
    """Replay or drop the letters that were chosen; one that cannot be stops no other."""
    verb, chosen = visit.field("verb"), visit.form.get("letter", ())
    if verb not in _VERBS:
        raise bad_request(f"verb must be one of {', '.join(_VERBS)}", "load the page again")
    if not chosen:
        raise bad_request("no message is chosen", "choose some, then press the button again")
    if len(chosen) > MOST_CHOSEN:
        detail = f"{len(chosen)} messages are chosen, at most {MOST_CHOSEN} are taken at a time"
        raise bad_request(detail, "choose fewer")
    try:
        ids = [addresses.name_of(each) for each in chosen]
    except ValueError:
        raise bad_request("a message has no such id", "load the page again") from None
    counts = _all_done(visit, _VERBS[verb], list(dict.fromkeys(ids)))
    to = addresses.within(visit.field("to") or "/waiting")
    kept = to.partition("?")[2]
    told_of = [f"did={verb}", *(f"{name}={count}" for name, count in sorted(counts.items()))]
    return moved(f"/waiting?{'&'.join(filter(None, [kept, *told_of]))}")


def replay(visit: Visit) -> Answer:
    """Put a letter back into its lane."""
    records.dead_letters_replay(visit.context, Request(name=visit.names[0]))
    return _back(visit, "replayed")


def drop(visit: Visit) -> Answer:
    """Forget a letter."""
    records.dead_letters_drop(visit.context, Request(name=visit.names[0]))
    return _back(visit, "dropped")


def arrived(visit: Visit) -> Answer:
    """End a send as a person saw it arrive."""
    return _resolved(visit, "accepted")


def missing(visit: Visit) -> Answer:
    """End a send as a person saw that it did not arrive."""
    return _resolved(visit, "refused")


def letter(visit: Visit) -> Shown:
    """Show a letter as a whole; its words and its frame to who may read chats."""
    found = visit.context.gateway.dead_letters.show(visit.names[0])
    frame = found.frame if visit.may_read_chats else None
    text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame or ""
    shown = visit.context.gateway.redact(text[:_REDACTED])
    data = _row(visit, found, _platforms(visit.context)) | {
        "frame": shown[:MOST_CHARS],
        "cut": max(0, len(text) - MOST_CHARS) if len(shown) > MOST_CHARS else 0,
    }
    return Shown(template="letter.html", data={"row": data, "back_url": _of(found.account)})


def send(visit: Visit) -> Shown:
    """Show a send; its words to who may read chats."""
    request = Request(name=visit.names[0])
    records.outbox_show(visit.context, request)  # refuses what is none
    found = visit.context.gateway.sends.get(visit.names[0])
    assert found is not None
    data = {"row": _row(visit, found, {}), "send": found, "back_url": _of(found.account)}
    return Shown(template="send.html", data=data)


def _resolved(visit: Visit, outcome: str) -> Answer:
    body = msgspec.json.encode({"outcome": outcome})
    records.outbox_resolve(visit.context, Request(name=visit.names[0], body=body))
    return _back(visit, "resolved")


def _back(visit: Visit, done: str) -> Answer:
    visit.hints.hint("waiting")
    return moved(addresses.within(visit.field("to") or "/waiting"), done)


def _all_done(
    visit: Visit, do: Callable[[Context, Request], Answer], ids: Sequence[str]
) -> Counter[str]:
    """Do it to each, until the time is over or nothing can be stored; count what became of them."""
    counts: Counter[str] = Counter()
    ends_s = time.monotonic() + LONGEST_S
    for number, event_id in enumerate(ids):
        if time.monotonic() > ends_s or visit.context.closing.is_set():
            counts["untried"] = len(ids) - number
            break
        try:
            do(visit.context, Request(name=event_id))
        except UnknownLetterError:
            counts["gone"] += 1
        except (JournalError, ShuttingDownError, TimeoutError):
            counts["failed"] += 1
            counts["untried"] = len(ids) - number - 1
            break
        except (GatewayError, ValueError):
            counts["failed"] += 1
        else:
            counts["count"] += 1
    visit.hints.hint("waiting")
    return counts


def _did(query: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what the form before did, as its way here tells; None: there was none."""
    verb = query.get("did", "")
    if verb not in _VERBS:
        return None
    failures = {name: _count(query.get(name, "")) for name in _FAILURES}
    return {
        "verb": verb,
        "count": _count(query.get("count", "")),
        "failures": {name: count for name, count in failures.items() if count},
    }


def _count(told_count: str) -> int:
    fits = told_count.isascii() and told_count.isdigit() and len(told_count) <= 4
    return min(int(told_count), MOST_CHOSEN) if fits else 0


def _account(name: str) -> AccountId | None:
    return arguments.account(name) if name else None


def _address(at: waiting_list.Cursor, account: AccountId | None) -> str:
    query = at.query(account)
    return f"/waiting?{query}" if query else "/waiting"


def _of(account: AccountId) -> str:
    return _address(waiting_list.Cursor(), account)


def _counts(visit: Visit, account: AccountId | None) -> Mapping[str, int]:
    accounts = visit.context.gateway.accounts
    letters, to_review = accounts.letters(), accounts.to_review()
    if account is None:
        return {"letters": sum(letters.values()), "sends": sum(to_review.values())}
    return {"letters": letters.get(account, 0), "sends": to_review.get(account, 0)}


def _row(
    visit: Visit, found: Letter | SendView, platforms: Mapping[AccountId, str]
) -> dict[str, Any]:
    """Return what a row shows; strangers' words only to who may read them."""
    lane = found.conversation_id
    common = {
        "account": found.account,
        "lane": None if lane is None else legible(lane),
        "reason": found.reason,
        "attempts": found.attempts,
        "event_id": found.event_id,
    }
    if isinstance(found, Letter):
        said = _said(visit, found, platforms)
        return common | {
            "letter": True,
            "state": found.status,
            "at_ms": found.at_ms,
            "came_ms": found.received_at_ms,
            "who": said.get("sender_nick") or said.get("sender_id"),
            "words": said.get("text") or said.get("summary"),
        }
    words = found.text if found.text is not None else found.image_url
    resolvable = found.state is SendState.UNKNOWN and found.reason == NEEDS_REVIEW
    return common | {
        "letter": False,
        "outbox_id": found.outbox_id,
        "state": found.state.value,
        "at_ms": found.accepted_at_ms,
        "who": None,
        "words": words if visit.may_read_chats else None,
        "resolvable": resolvable,
    }


def _said(visit: Visit, found: Letter, platforms: Mapping[AccountId, str]) -> Mapping[str, Any]:
    if not visit.may_read_chats or found.frame is None:
        return {}
    mine = platforms.get(found.account)
    every = sorted(registry.names(), key=lambda name: name == "plain")
    return told(found.frame, found.index, every if mine is None else [mine])


def _platforms(context: Context) -> Mapping[AccountId, str]:
    return {each.id: each.platform for each in context.gateway.settings.accounts}
