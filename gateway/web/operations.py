"""Routes of a running gateway: status, accounts, sends, events."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec

import gateway as package
from actors.state import ConnectionState
from actors.values import AccountId, SendOutcome
from gateway.arguments import ID_CHARS, PRINTABLE
from gateway.commands import command
from gateway.events import PIXELS
from gateway.host.accounts import Accounts
from gateway.web import proof, shapes
from gateway.web.context import TURN_S, Answer, Context
from gateway.web.problems import Problem, bad_request
from gateway.web.request import LONGEST_WAIT_S, Request, bounded_wait
from gateway.web.stopped import StoppedGateway, not_running

MOST_TROUBLED = 20
"""Accounts in trouble that the status names."""

MOST_ALERTS = 100
"""Alerts that the status shows, the newest."""

_TOLD = {"pause": "paused", "resume": "resumed", "reset": "reset"}


def livez(context: Context, _request: Request) -> Answer:
    """Return whether the process answers and its threads do their work."""
    hung = context.gateway.hung
    if hung is None:
        return Answer(body={"status": "ok"})
    raise Problem(503, "hung", hung, "restart the process")


def identity(context: Context, request: Request) -> Answer:
    """Prove knowledge of the tokens to a client that has not sent one."""
    challenge = request.text("challenge") or ""
    if not proof.is_challenge(challenge):
        raise bad_request("challenge must be 32 to 128 hexadecimal digits")
    http = context.gateway.settings.http
    known = {"proof": http.token, "viewer_proof": http.viewer_token}
    return Answer(
        body={name: proof.proof(each, challenge) if each else None for name, each in known.items()}
    )


def readyz(context: Context, _request: Request) -> Answer:
    """Return whether work is taken: started, not being stopped, and able to store."""
    gateway = context.gateway
    if gateway.storing:
        return Answer(body={"status": "ready"})
    if gateway.running:
        told = "the journal cannot store, so nothing is taken"
        fix = "see the alert journal.unavailable"
        raise Problem(503, "not_storing", told, f"{fix} ({command('status')})")
    raise Problem(503, "not_ready", "the gateway is starting or stopping", "ask again later")


def status(context: Context, _request: Request) -> Answer:
    """Return the whole at a glance."""
    accounts = context.gateway.accounts
    views = [accounts[name] for name in accounts]
    troubled = [view for view in views if view.last_error and view.state not in shapes.HEALTHY]
    alerts = context.gateway.alerts
    now_ms = time.time_ns() // 1_000_000
    return Answer(
        body={
            "version": package.__version__,
            "pid": os.getpid(),
            "running": context.gateway.running,
            "now_ms": now_ms,
            "uptime_s": round(time.monotonic() - context.began_s, 1),
            "data_dir": context.gateway.settings.data_dir,
            "durability": context.gateway.settings.durability,
            "accounts": len(views),
            "states": shapes.tally(views),
            "troubled": len(troubled),
            "troubled_accounts": [shapes.account(view) for view in troubled[:MOST_TROUBLED]],
            "paused": sum(view.paused for view in views),
            "alerts": len(alerts),
            "latest_alerts": [shapes.plain(alert) for alert in alerts[-MOST_ALERTS:]],
        }
    )


def stop(context: Context, request: Request) -> Answer:
    """Stop the gateway in order; ``wait_s``: 200 once all is stored and closed, else 202."""
    gateway, wait_s = context.gateway, request.wait_s()
    if isinstance(gateway, StoppedGateway):
        raise not_running("here")
    context.log.info("control.performed", verb="stop")
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(gateway.stop()), name="gateway/stop")
    with context.waiting(wait_s):
        thread.start()
        thread.join(wait_s)
    if not ended:
        return Answer(status=202, body={"done": "stopping"})
    return Answer(body={"done": "stopped", "clean": ended[0]})


def accounts_list(context: Context, request: Request) -> Answer:
    """Return accounts by name; ``state``, ``limit`` and ``after`` (a name) choose."""
    accounts, after = context.gateway.accounts, request.text("after")
    state = request.choice("state", (each.value for each in ConnectionState))
    limit = request.limit()
    names = sorted(name for name in accounts if after is None or name > after)
    views = [accounts[name] for name in names]
    wanted = [view for view in views if state in (None, view.state.value)]
    shown = [shapes.account(view) for view in wanted[:limit]]
    more = shown[-1]["id"] if len(wanted) > limit else None
    return Answer(body={"accounts": shown, "next": more})


def account_show(context: Context, request: Request) -> Answer:
    """Return one account."""
    return Answer(body=shapes.account(context.gateway.accounts[request.name]))


def account_pause(context: Context, request: Request) -> Answer:
    """Close an account's link and keep it away."""
    return _verb(context, request, Accounts.pause, "pause")


def account_resume(context: Context, request: Request) -> Answer:
    """Connect an account again."""
    return _verb(context, request, Accounts.resume, "resume")


def account_reset(context: Context, request: Request) -> Answer:
    """Forget an account's failures; a FAILED one tries again, or will at the next start."""
    gateway = context.gateway
    if isinstance(gateway, StoppedGateway) and not gateway.running:
        context.must_know(request.name)
        gateway.forget_failures(request.name)
        stopped = {"id": request.name, "state": ConnectionState.DISCONNECTED.value}
        return Answer(body={"done": _TOLD["reset"], "account": stopped})
    return _verb(context, request, Accounts.reset, "reset")


def _verb(
    context: Context, request: Request, do: Callable[[Accounts, AccountId], None], verb: str
) -> Answer:
    accounts = context.gateway.accounts
    view = accounts[request.name]
    do(accounts, view.id)
    context.log.info("control.performed", verb=verb, account=view.id)
    return Answer(body={"done": _TOLD[verb], "account": shapes.account(view)})


Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS, pattern=PRINTABLE)]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
_ADDRESS: Final = r"^https?://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,4})?(/[!-~]*)?$"
Address: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": _ADDRESS})]
Pixels: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=PIXELS)]

WAIT: Final = {"minimum": 0, "maximum": LONGEST_WAIT_S}
"""Of the schema; a wait out of bounds is refused in words of its own."""

LONGEST_EXPIRY_S = 366 * 86_400.0


class SendBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/send`` takes; see :meth:`gateway.Gateway.send`.

    Attributes:
        idempotency_key: As the header ``Idempotency-Key``; one of the two.
        wait_s: Seconds to wait for the outcome; 0: answer as soon as it is in the outbox.
    """

    account: Id
    conversation: Id
    text: Text | None = None
    to: Id | None = None
    image_url: Address | None = None
    width: Pixels = 0
    height: Pixels = 0
    expires_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_EXPIRY_S)] | None = None
    idempotency_key: Id | None = None
    wait_s: Annotated[float, msgspec.Meta(extra_json_schema=WAIT)] = 0.0


def send(context: Context, request: Request) -> Answer:
    """Accept a message; 200 with its outcome, or 202 while there is none."""
    body = request.json(SendBody)
    wait_s = bounded_wait(body.wait_s)
    if (body.text is None) == (body.image_url is None):
        raise bad_request("give a text or an image_url, one of them")
    with context.waiting(wait_s):
        try:
            ticket = context.gateway.send(
                body.account,
                body.conversation,
                body.text,
                to=body.to,
                image_url=body.image_url,
                width=body.width,
                height=body.height,
                expires_s=body.expires_s,
                idempotency_key=_key_of(body, request),
            )
        except (TypeError, ValueError) as error:  # says which argument, and what it must be
            raise bad_request(str(error)) from error
        deadline = time.monotonic() + wait_s
        while not (ticket.done or context.closing.is_set() or request.gone()):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            ticket.result(min(left, TURN_S))
    result: dict[str, Any] = {"outbox_id": ticket.outbox_id, "outcome": None}
    if not ticket.done:
        return Answer(status=202, body=result)
    ended = ticket.result(0)
    result |= shapes.plain(ended)
    result["confirmed"] = ended.outcome is SendOutcome.ACCEPTED
    return Answer(body=result)


def _key_of(body: SendBody, request: Request) -> str | None:
    header = request.idempotency_key
    if header is not None and body.idempotency_key not in (None, header):
        told = "Idempotency-Key and idempotency_key differ"
        raise Problem(409, "two_keys", told, "give one of them")
    return body.idempotency_key if header is None else header


def events(context: Context, request: Request) -> Answer:
    """Return events after a cursor; waits up to ``wait_s`` for the first."""
    wait_s, account = request.wait_s(), request.text("account")
    context.must_know(account)
    with context.waiting(wait_s):
        page = context.tail.read(
            request.text("after"),
            account=account,
            limit=request.limit(),
            wait_s=wait_s,
            gone=request.gone,
        )
    return Answer(body={"events": page.events, "next": page.next, "missed": page.missed})
