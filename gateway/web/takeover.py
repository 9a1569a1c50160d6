"""Routes of conversations that a person answers himself."""

from __future__ import annotations

from typing import Annotated

import msgspec

from actors.sections import MOST_TAKEN_MINUTES
from gateway.web.context import Answer, Context
from gateway.web.operations import Id
from gateway.web.request import Request


class TakeOverBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/accounts/<account>/takeover`` takes.

    Attributes:
        minutes: From now on; 0 hands the conversation back.
    """

    conversation: Id
    minutes: Annotated[int, msgspec.Meta(ge=0, le=MOST_TAKEN_MINUTES)]


def take(context: Context, request: Request) -> Answer:
    """Take a conversation over from the handlers, or hand it back."""
    body, accounts = request.json(TakeOverBody), context.gateway.accounts
    account = accounts[request.name].id
    until_ms = accounts.take_over(account, body.conversation, body.minutes)
    told = "handed back" if until_ms is None else "taken over"
    context.log.info("control.performed", verb="takeover", account=account, minutes=body.minutes)
    return Answer(
        body={
            "done": told,
            "account": account,
            "conversation": body.conversation,
            "until_ms": until_ms,
        }
    )


def show(context: Context, request: Request) -> Answer:
    """Return the conversations that a person answers now, those that last longest first."""
    limit = request.limit()
    taken = context.gateway.accounts.taken_over(request.name)
    rows = sorted(taken.items(), key=lambda row: (-row[1], row[0]))
    shown = [{"conversation": lane, "until_ms": until_ms} for lane, until_ms in rows[:limit]]
    return Answer(body={"account": request.name, "taken_over": shown, "count": len(rows)})
