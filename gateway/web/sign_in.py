"""Routes of a sign-in by a code. They alone show its code and its links; nothing keeps them."""

from __future__ import annotations

import time
from typing import Any

from gateway.commands import command
from gateway.credentials.shapes import SignInShown
from gateway.errors import CredentialsRefusedError
from gateway.web import codes, shapes
from gateway.web.context import TURN_S, Answer, Context
from gateway.web.credentials import problem_of
from gateway.web.problems import Problem, bad_request
from gateway.web.request import Request

_MOST_DIGITS = 9
_LINKS = ("link", "check_link")


def begin(context: Context, request: Request) -> Answer:
    """Begin to sign an account in."""
    try:
        shown = context.gateway.credentials.sign_in(request.name)
    except CredentialsRefusedError as error:
        if error.reason == "busy":
            cancel = command("accounts sign-in ACCOUNT --cancel -c FILE")
            raise problem_of(
                error, f"DELETE to this address cancels it, as {cancel} does"
            ) from error
        raise problem_of(error) from error
    context.log.info("control.performed", verb="begin sign-in", account=request.name)
    return _answer(shown, status=202)


def show(context: Context, request: Request) -> Answer:
    """Return where it stands; ``seen`` and ``wait_s``: wait until it stands elsewhere."""
    seen, wait_s = _seen(request), request.wait_s()
    desk = context.gateway.credentials
    with context.waiting(wait_s):
        deadline_s = time.monotonic() + wait_s
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            shown = desk.sign_in_status(request.name, seen, min(left_s, TURN_S))
            changed = shown is None or shown.number != seen
            if changed or not left_s or context.closing.is_set() or request.gone():
                return _answer(_there(shown, request))


def cancel(context: Context, request: Request) -> Answer:
    """End it; too late while a token is asked for."""
    shown = _there(context.gateway.credentials.sign_in_cancel(request.name), request)
    context.log.info("control.performed", verb="cancel sign-in", account=request.name)
    return _answer(shown)


def _there(shown: SignInShown | None, request: Request) -> SignInShown:
    if shown is None:
        told = f"account {request.name} was not signed in by a code since its gateway started"
        raise Problem(404, "no_sign_in", told, "POST to this address begins to")
    return shown


def _answer(shown: SignInShown, status: int = 200) -> Answer:
    body = shapes.plain(shown)
    unmasked: dict[str, Any] = {name: body.pop(name) for name in _LINKS}
    unmasked["svg"] = None if shown.link is None else codes.svg(shown.link)
    return Answer(status=status, body=body, unmasked=unmasked)


def _seen(request: Request) -> int | None:
    told = request.query.get("seen")
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) <= _MOST_DIGITS):
        raise bad_request("seen must be the number of an answer before")
    return int(told)
