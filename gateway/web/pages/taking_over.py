"""A person takes a conversation over: the bot is silent in it until a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from actors.values import AccountId
from gateway.web.context import Answer, Context
from gateway.web.pages import addresses
from gateway.web.pages.visit import Visit, moved
from gateway.web.problems import Problem

MINUTES: Final = 30
"""So long the bot is silent."""


class Engine(Protocol):
    """What takes conversations over."""

    def take_over(self, account: AccountId, conversation: str, minutes: int) -> int | None:
        """Silence the bot in a conversation; 0 minutes hand it back.

        Returns:
            Our Unix time in ms until when; None: it is not silent.
        """

    def taken_over(self, account: AccountId) -> Mapping[str, int]:
        """Return the conversations of an account in which the bot is silent, and until when."""


# MERGE: when gateway.accounts has both methods, return context.gateway.accounts here; until then
# no page offers it.
def engine(_context: Context) -> Engine | None:
    """Return what takes conversations over; None: nothing here does."""
    return None


def until_ms(context: Context, account: AccountId, lane: str) -> int | None:
    """Return until when the bot is silent in a conversation; None: it is not."""
    takes = engine(context)
    return None if takes is None else takes.taken_over(account).get(lane)


def take_over(visit: Visit) -> Answer:
    """Silence the bot for :data:`MINUTES`."""
    return _set(visit, MINUTES, "taken_over")


def hand_back(visit: Visit) -> Answer:
    """Have the bot answer again."""
    return _set(visit, 0, "handed_back")


def _set(visit: Visit, minutes: int, done: str) -> Answer:
    account, lane = visit.names
    name = visit.context.gateway.accounts[account].id
    takes = engine(visit.context)
    if takes is None:
        told = "this gateway takes no conversation over"
        raise Problem(409, "not_offered", told, "bring it up to date")
    takes.take_over(name, lane, minutes)
    visit.context.log.info("control.performed", verb=done, account=name)
    visit.hints.hint("chats")
    return moved(f"{addresses.chat(name, lane)}#latest", done)
