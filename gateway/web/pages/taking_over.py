"""A person takes a conversation over: the bot is silent in it until a time."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.values import AccountId
from gateway.web import takeover
from gateway.web.context import Answer, Context
from gateway.web.pages import addresses
from gateway.web.pages.visit import Visit, moved
from gateway.web.request import Request

MINUTES: Final = 30
"""So long the bot is silent."""


def until_ms(context: Context, account: AccountId, lane: str) -> int | None:
    """Return until when the bot is silent in a conversation; None: it is not."""
    return context.gateway.accounts.taken_over(account).get(lane)


def take_over(visit: Visit) -> Answer:
    """Silence the bot for :data:`MINUTES`."""
    return _set(visit, MINUTES, "taken_over")


def hand_back(visit: Visit) -> Answer:
    """Have the bot answer again."""
    return _set(visit, 0, "handed_back")


def _set(visit: Visit, minutes: int, done: str) -> Answer:
    account, lane = visit.names
    body = takeover.TakeOverBody(conversation=lane, minutes=minutes)
    takeover.take(visit.context, Request(name=account, body=msgspec.json.encode(body)))
    visit.hints.hint("chats")
    return moved(f"{addresses.chat(account, lane)}#latest", done)
