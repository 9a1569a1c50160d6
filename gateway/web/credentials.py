"""Routes of the credentials of an account: shown, replaced, renewed. No answer holds a secret."""

from __future__ import annotations

import msgspec

from actors.values import AccountId
from gateway.commands import page
from gateway.errors import CredentialsRefusedError
from gateway.web import shapes
from gateway.web.context import Answer, Context
from gateway.web.problems import Problem
from gateway.web.request import Request

_STATUS = {"busy": 409, "budget_spent": 409, "not_running": 503, "not_renewed_here": 409}


class CookieBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``PUT /v1/accounts/<account>/credentials`` takes.

    Attributes:
        cookie: What a browser that is signed in sends, in any form it is copied in.
    """

    cookie: str


def show(context: Context, request: Request) -> Answer:
    """Return how an account's credentials stand."""
    return Answer(body=shapes.plain(context.gateway.credentials.show(request.name)))


def put(context: Context, request: Request) -> Answer:
    """Put a new login in place, once the platform gave a token for it."""
    return replaced(context, request.name, request.json(CookieBody).cookie)


def replaced(context: Context, account: AccountId, cookie: str) -> Answer:
    """Put the login of a cookie in place, and return how it stands then."""
    try:
        doubt = context.gateway.credentials.replace(account, cookie).doubt
    except CredentialsRefusedError as error:
        raise problem_of(error) from error
    context.log.info("control.performed", verb="set credentials", account=account)
    shown = context.gateway.credentials.show(account)
    return Answer(
        body={
            "done": "replaced",
            "proven": doubt is None,
            "doubt": None if doubt is None else doubt.detail,
            "login": shapes.plain(shown),
        }
    )


def renew(context: Context, request: Request) -> Answer:
    """Have an account's token renewed now; ``wait_s``: wait so long for the end of it."""
    try:
        with context.waiting(request.wait_s()):
            over = context.gateway.credentials.renew(request.name, request.wait_s())
    except CredentialsRefusedError as error:
        raise problem_of(error) from error
    context.log.info("control.performed", verb="renew credentials", account=request.name)
    shown = shapes.plain(context.gateway.credentials.show(request.name))
    return Answer(status=200 if over else 202, body={"done": over, "login": shown})


def reload(context: Context, _request: Request) -> Answer:
    """Have the gateway take changed credentials over from its settings."""
    reloaded = context.gateway.accounts.reload()
    context.log.info("control.performed", verb="reload")
    return Answer(body=shapes.plain(reloaded))


def problem_of(
    error: CredentialsRefusedError,
    step: str = f"see {page('docs/credentials.md')}; what was there stays",
) -> Problem:
    """Return the refusal as it is answered, with the next step."""
    if error.reason == "budget_spent":
        step = "ask again then: until then the platform is asked nothing"
    return Problem(_STATUS.get(error.reason, 422), error.reason, f"{error}", step)
