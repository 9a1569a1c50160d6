"""Routes that add an account to a running gateway and remove it. What was added ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.commands import page
from gateway.config import from_mapping
from gateway.errors import ConfigError, UnknownAccountError
from gateway.web import shapes
from gateway.web.context import Answer, Context
from gateway.web.problems import Problem
from gateway.web.request import Request

OF_CALLERS: Final = frozenset({"static", "goofish", "http"})
"""Kinds of credentials a caller may name: others read this machine, or run code on it."""

_KEPT: Final = "until the gateway stops; write it into the configuration to keep it"


def add(context: Context, request: Request) -> Answer:
    """Start one more account: the body is an entry of ``accounts`` as a file has it."""
    body = request.json(dict[str, Any])
    if "accounts" in body:
        told = "the body is a whole configuration; one account is taken"
        raise Problem(422, "config", told, "send one entry of its list accounts")
    _refuse_this_machine(body)
    try:
        settings = from_mapping({"accounts": [body]}, source="the body", environment={})
    except ConfigError as error:
        raise Problem(
            422, "config", f"{error}", f"see {page('config/default.yaml')} for the keys"
        ) from error
    view = context.gateway.accounts.add(settings.accounts[0])
    context.log.info("control.performed", verb="add", account=view.id)
    body = {"done": "added", "kept": _KEPT, "account": shapes.account(view)}
    return Answer(status=201, body=body)


def remove(context: Context, request: Request) -> Answer:
    """Close an account's link and forget the account; its rows in the journal stay."""
    accounts = context.gateway.accounts
    if request.name not in accounts:
        raise UnknownAccountError(request.name, list(accounts))
    accounts.remove(request.name)
    context.log.info("control.performed", verb="remove", account=request.name)
    return Answer(body={"done": "removed", "account": {"id": request.name}})


def _refuse_this_machine(body: Mapping[str, Any]) -> None:
    """Refuse what lets a caller read files of this machine, or run code on it.

    Raises:
        Problem: 422; names the key.
    """
    credentials, tls = body.get("credentials"), body.get("tls")
    fix = "write this account into the configuration"
    kind = credentials.get("kind", "static") if isinstance(credentials, Mapping) else "static"
    if kind not in OF_CALLERS:
        told = f"credentials of kind {', '.join(sorted(OF_CALLERS))} are taken here, no others"
        raise Problem(422, "of_a_file", told, fix)
    if isinstance(tls, Mapping) and tls.get("ca_file") is not None:
        raise Problem(422, "of_a_file", "tls.ca_file can only be named in a file", fix)
