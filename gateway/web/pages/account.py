"""One account: where it stands, what to do, its day, its login; and its verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from actors.state import Cause, ConnectionState
from actors.values import AccountId
from gateway.credentials.shapes import SIGN_IN_ENDS, SignInShown
from gateway.host.accounts import AccountView
from gateway.host.advice import Action, advise
from gateway.reading.answers import Change
from gateway.web import codes, credentials, operations
from gateway.web import sign_in as signing
from gateway.web.context import Answer
from gateway.web.pages import addresses, charts, glance, past
from gateway.web.pages.verdict import TOLD
from gateway.web.pages.visit import Shown, Visit, moved
from gateway.web.request import Request

DAY_MS: Final = 86_400_000
LAST: Final = 20
"""Changes that are listed."""

MOST_OF_A_DAY: Final = 1_000

LONGEST_COOKIE: Final = 200_000


def show(visit: Visit) -> Shown:
    """Show an account."""
    accounts = visit.context.gateway.accounts
    view = accounts[visit.account]
    name = view.id
    desk = visit.context.gateway.credentials
    login = desk.show(name)
    signing_in = desk.sign_in_status(name)
    last = past.changes(visit.context, name, limit=LAST)
    return Shown(
        template="account.html",
        data={
            "name": name,
            "view": view,
            "state": view.state.value,
            "advice_key": view.advice.key,
            "action": _action(visit, view),
            "failure": view.last_error if view.state.value != "connected" else None,
            "retry_s": view.next_retry_s if view.state.value == "reconnecting" else None,
            "alerts": [each for each in view.alerts if each.name not in TOLD],
            "waiting": view.dead_letters + accounts.to_review().get(name, 0),
            "spans": _day(visit, name),
            "hour": past.hours(visit.context, [name], visit.now_ms).get(name, past.NOTHING),
            "has_past": last is not None,
            "changes": [(each, _meaning(each)) for each in last or ()],
            "login": login,
            "renews": login.kind != "static",
            "keeps": glance.signs_in(visit.context, name),
            "signing": _signing(signing_in),
        },
    )


def pause(visit: Visit) -> Answer:
    """Close its link and keep it away."""
    return _verb(visit, operations.account_pause, "paused")


def resume(visit: Visit) -> Answer:
    """Connect it again."""
    return _verb(visit, operations.account_resume, "resumed")


def reset(visit: Visit) -> Answer:
    """Forget its failures."""
    return _verb(visit, operations.account_reset, "reset")


def renew(visit: Visit) -> Answer:
    """Renew its token now."""
    request = Request(name=visit.account, query={"wait_s": "3"})
    over = credentials.renew(visit.context, request).body["done"]
    return moved(addresses.account(visit.account), "renewed" if over else "renewing")


def paste(visit: Visit) -> Answer:
    """Put the login of a pasted cookie in place."""
    cookie = visit.field("cookie", LONGEST_COOKIE)
    proven = credentials.replaced(visit.context, visit.account, cookie).body["proven"]
    return moved(addresses.account(visit.account), "cookie" if proven else "cookie_unproven")


def sign_in(visit: Visit) -> Answer:
    """Begin a sign-in by a code; one that runs is shown."""
    running = visit.context.gateway.credentials.sign_in_status(visit.account)
    if running is None or running.ended:
        signing.begin(visit.context, Request(name=visit.account))
    return moved(f"{addresses.account(visit.account)}#sign-in", "sign_in")


def cancel_sign_in(visit: Visit) -> Answer:
    """End a sign-in by a code."""
    signing.cancel(visit.context, Request(name=visit.account))
    return moved(addresses.account(visit.account), "sign_in_cancelled")


def _verb(visit: Visit, route: Any, done: str) -> Answer:
    route(visit.context, Request(name=visit.account))
    return moved(addresses.within(visit.field("to") or addresses.account(visit.account)), done)


def _day(visit: Visit, name: AccountId) -> Sequence[charts.Part]:
    """Return the parts of the last 24 hours, as far as they are known."""
    since_ms = visit.now_ms - DAY_MS
    found = past.changes(visit.context, name, since_ms=since_ms, limit=MOST_OF_A_DAY)
    if found is None:
        return ()
    before = past.before(visit.context, name, since_ms)
    moves = [(each.at_ms, each.state) for each in reversed(found)]
    return charts.timeline(moves, since_ms=since_ms, until_ms=visit.now_ms, before=before)


def _action(visit: Visit, view: AccountView) -> str:
    """Return the verb that helps; empty if none of ours does."""
    action = view.advice.action
    if action is None or (action is Action.SIGN_IN and not glance.signs_in(visit.context, view.id)):
        return ""
    return action.value


def _meaning(change: Change) -> str:
    """Return the key of what a change means; empty where the state says it all."""
    try:
        state, cause = ConnectionState(change.state), Cause(change.cause)
    except ValueError:  # another version wrote it
        return ""
    if state in (ConnectionState.CONNECTED, ConnectionState.CONNECTING):
        return ""
    return advise(state, cause=cause, why=change.why).key


def _signing(shown: SignInShown | None) -> Mapping[str, Any] | None:
    if shown is None:
        return None
    return {
        "state": shown.state,
        "left_s": shown.left_s,
        "link": shown.link,
        "check_link": shown.check_link,
        "svg": None if shown.link is None else codes.svg(shown.link),
        "detail": shown.detail,
        "runs": shown.state not in SIGN_IN_ENDS,
    }
