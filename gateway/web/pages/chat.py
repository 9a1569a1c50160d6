"""One conversation: what was said, what became of it, and a box to write."""

from __future__ import annotations

import re
import secrets
from typing import Final

import msgspec

from actors.state import ConnectionState
from actors.values import AccountId
from gateway.arguments import ID_CHARS
from gateway.errors import GatewayError, KeyReusedError
from gateway.host.send_view import SendView
from gateway.web import operations
from gateway.web.context import Answer
from gateway.web.pages import addresses, past, taking_over
from gateway.web.pages.transcript import bubbles
from gateway.web.pages.visit import Shown, Visit, moved
from gateway.web.problems import Problem, bad_request, of_exception
from gateway.web.request import Request

PART: Final = 100
"""Lines of a page."""

MOST_WRITTEN: Final = 10_000
"""Characters of what a person writes."""

WAIT_S: Final = 3.0
"""Seconds a send is awaited before the page shows it."""

_PLACE: Final = re.compile(r"([0-9]{1,15})\.([0-9]{1,18})")
_AWAY: Final = frozenset({
    ConnectionState.FAILED, ConnectionState.CLOSED, ConnectionState.DISCONNECTED,
})  # fmt: skip
"""Where an account does not come back by itself soon."""


def show(visit: Visit) -> Shown:
    """Show the newest lines of a conversation, or those ``before`` one."""
    return _shown(visit)


def back(visit: Visit) -> Answer:
    """Lead to the conversation who asks for the address of its box."""
    return moved(addresses.chat(*visit.names))


def send(visit: Visit) -> Shown | Answer:
    """Send what was written; where that is refused, it stays in the box."""
    text = visit.field("text", MOST_WRITTEN).replace("\r\n", "\n")
    key = visit.field("key")
    try:
        outbox_id = _sent(visit, text, key)
    except (GatewayError, TimeoutError) as error:
        problem = of_exception(error)
        if problem is None:
            raise
        if isinstance(error, KeyReusedError):
            told = "this page has sent another message already"
            problem = Problem(409, "sent_already", told, "press the button again to send this, too")
            key = ""
        return _shown(visit, draft=text, key=key, problem=problem)
    return moved(f"{addresses.chat(*visit.names)}?sent={addresses.segment(outbox_id)}#latest")


def _sent(visit: Visit, text: str, key: str) -> str:
    """Put it into the outbox, and wait a little for what becomes of it.

    Raises:
        Problem: It is refused, and nothing was accepted.
        GatewayError: The same.
        TimeoutError: It is unknown whether it is in the outbox.
    """
    account, lane = visit.names
    view = visit.context.gateway.accounts[account]
    if not text:
        raise bad_request("nothing is written", "write something, then send it")
    if not key:
        raise bad_request("the form lacks its key", "press the button again")
    if view.paused or view.state in _AWAY:
        told = f"{view.id} is not online, so nothing can be sent"
        raise Problem(409, "offline", told, "see on its page what helps")
    talk = past.conversation(visit.context, view.id, lane)
    body = operations.SendBody(
        account=view.id,
        conversation=lane,
        text=text,
        to=None if talk is None else talk.peer,
        idempotency_key=key,
        wait_s=WAIT_S,
    )
    request = Request(body=msgspec.json.encode(body), gone=visit.gone)
    answer = operations.send(visit.context, request)
    visit.hints.hint("chats")
    return str(answer.body["outbox_id"])


def _shown(
    visit: Visit, *, draft: str = "", key: str = "", problem: Problem | None = None
) -> Shown:
    account, lane = visit.names
    context = visit.context
    before = _before(visit.query.get("before", ""))
    talk = past.conversation(context, account, lane)
    lines = past.transcript(context, account, lane, before=before, limit=PART + 1)
    more = lines is not None and len(lines) > PART
    lines = (lines or ())[-PART:]
    sent = _just_sent(visit, account, lane) if before is None else None
    there = account in context.gateway.accounts
    shown = bubbles(lines, sent)
    known = talk is not None or bool(shown)
    status = 200 if problem is None else problem.status
    return Shown(
        template="chat.html",
        status=status if known or problem is not None else 404,
        data={
            "account": account,
            "lane": lane,
            "talk": talk,
            "name": (talk.nick or talk.peer or lane) if talk is not None else lane,
            "bubbles": shown,
            "standing": past.standing(context),
            "known": known,
            "older": f"{lines[0].at_ms}.{lines[0].key}" if more else None,
            "newest": before is None,
            "there": there,
            "silent_until_ms": taking_over.until_ms(context, account, lane) if there else None,
            "can_take_over": there and taking_over.engine(context) is not None,
            "minutes": taking_over.MINUTES,
            "most_written": MOST_WRITTEN,
            "draft": draft,
            "key": key or secrets.token_hex(16),
            "problem": problem,
            "sent_id": None if sent is None else sent.outbox_id,
        },
    )


def _just_sent(visit: Visit, account: AccountId, lane: str) -> SendView | None:
    """Return what was sent from this page just now, of which the copy may not know yet."""
    outbox_id = visit.query.get("sent", "")
    if not outbox_id or len(outbox_id) > ID_CHARS or not outbox_id.isprintable():
        return None
    found = visit.context.gateway.sends.get(outbox_id)
    ours = found is not None and (found.account, found.conversation_id) == (account, lane)
    return found if ours else None


def _before(told: str) -> tuple[int, int] | None:
    if not told:
        return None
    place = _PLACE.fullmatch(told)
    if place is None:
        raise bad_request("this is no place of the conversation", "go to its newest messages")
    return int(place[1]), int(place[2])
