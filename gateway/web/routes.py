"""The table: method and path → function. ``<…>`` stands for one name, slashes and all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.commands import page
from gateway.web import (
    access,
    credentials,
    description,
    joining,
    metrics,
    operations,
    records,
    sign_in,
    takeover,
)
from gateway.web.callers import Need
from gateway.web.context import Route
from gateway.web.problems import Problem, bad_request

TABLE: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/livez"): operations.livez,
    ("GET", "/healthz"): operations.livez,
    ("GET", "/readyz"): operations.readyz,
    ("GET", "/metrics"): metrics.show,
    ("GET", "/metrics/accounts"): metrics.accounts,
    ("GET", "/v1/identity"): operations.identity,
    ("GET", "/v1/openapi.json"): description.show,
    ("GET", "/v1/status"): operations.status,
    ("POST", "/v1/reload"): credentials.reload,
    ("POST", "/v1/stop"): operations.stop,
    ("POST", "/v1/sign-in-links"): access.make_link,
    ("POST", "/v1/accounts"): joining.add,
    ("GET", "/v1/accounts"): operations.accounts_list,
    ("GET", "/v1/accounts/<account>/credentials"): credentials.show,
    ("PUT", "/v1/accounts/<account>/credentials"): credentials.put,
    ("POST", "/v1/accounts/<account>/credentials/renew"): credentials.renew,
    ("POST", "/v1/accounts/<account>/sign-in"): sign_in.begin,
    ("GET", "/v1/accounts/<account>/sign-in"): sign_in.show,
    ("DELETE", "/v1/accounts/<account>/sign-in"): sign_in.cancel,
    ("POST", "/v1/accounts/<account>/pause"): operations.account_pause,
    ("POST", "/v1/accounts/<account>/resume"): operations.account_resume,
    ("POST", "/v1/accounts/<account>/reset"): operations.account_reset,
    ("POST", "/v1/accounts/<account>/takeover"): takeover.take,
    ("GET", "/v1/accounts/<account>/takeover"): takeover.show,
    ("GET", "/v1/accounts/<account>"): operations.account_show,
    ("DELETE", "/v1/accounts/<account>"): joining.remove,
    ("POST", "/v1/send"): operations.send,
    ("GET", "/v1/events"): operations.events,
    ("GET", "/v1/dead-letters"): records.dead_letters_list,
    ("POST", "/v1/dead-letters/<event_id>/replay"): records.dead_letters_replay,
    ("POST", "/v1/dead-letters/<event_id>/drop"): records.dead_letters_drop,
    ("GET", "/v1/dead-letters/<event_id>"): records.dead_letters_show,
    ("GET", "/v1/outbox"): records.outbox_list,
    ("POST", "/v1/outbox/<outbox_id>/cancel"): records.outbox_cancel,
    ("POST", "/v1/outbox/<outbox_id>/resolve"): records.outbox_resolve,
    ("GET", "/v1/outbox/<outbox_id>"): records.outbox_show,
    ("GET", "/v1/journal/check"): records.journal_check,
    ("POST", "/v1/journal/backup"): records.journal_backup,
    ("POST", "/v1/journal/prune"): records.journal_prune,
}
"""Every route there is; ``docs/control.md`` shows it, and a test compares."""

QUERY: Final[dict[Route, tuple[str, ...]]] = {
    operations.identity: ("challenge",),
    credentials.renew: ("wait_s",),
    operations.stop: ("wait_s",),
    sign_in.show: ("seen", "wait_s"),
    operations.accounts_list: ("state", "limit", "after"),
    operations.events: ("after", "account", "limit", "wait_s"),
    takeover.show: ("limit",),
    records.dead_letters_list: ("account", "limit"),
    records.outbox_list: ("account", "state", "limit"),
}
"""Parameters of the address that a route takes; others take none."""

BODIES: Final[dict[Route, type]] = {
    credentials.put: credentials.CookieBody,
    joining.add: dict,
    takeover.take: takeover.TakeOverBody,
    operations.send: operations.SendBody,
    records.outbox_resolve: records.ResolveBody,
    records.journal_backup: records.BackupBody,
    access.make_link: access.LinkBody,
}
"""What a route reads as its body; others take none."""

REQUIRED_BODIES: Final = frozenset(BODIES.values()) - {records.BackupBody, access.LinkBody}

PROBES: Final = frozenset({"/livez", "/healthz", "/readyz"})
"""Asked by machines, which may add anything to an address."""

OPEN: Final = PROBES | {"/v1/identity"}
"""Paths that need no token: they tell alive, ready, and that we know the token."""

NEEDS: Final[dict[Route, Need]] = {
    **dict.fromkeys(
        (
            *(metrics.show, metrics.accounts, description.show),
            *(operations.status, operations.accounts_list, operations.account_show),
            *(records.dead_letters_list, records.journal_check, takeover.show),
        ),
        Need.LOOK,
    ),
    **dict.fromkeys(
        (
            *(operations.events, records.dead_letters_show),
            *(records.outbox_list, records.outbox_show),
        ),
        Need.READ,
    ),
}
"""What a route needs of its caller; what is not named needs the owner. For paths in
:data:`OPEN` nobody asks."""

METRICS: Final = frozenset({"/metrics", "/metrics/accounts"})
"""Paths that ``http.metrics_token`` opens, too."""

LABELS: Final = tuple(f"{method} {path}" for method, path in TABLE)
"""Each route as the metrics name it."""

_LABELS: Final = {route: label for label, route in zip(LABELS, TABLE.values(), strict=True)}

_PATTERNS: Final = [
    (method, re.compile(re.sub(r"<\w+>", "(.+)", path)), route)
    for (method, path), route in TABLE.items()
]


def find(method: str, path: str) -> tuple[Route, str]:
    """Return the route of a path and the name in it.

    Raises:
        Problem: 404, or 405 if the path has another method.
    """
    allowed = []
    for its_method, pattern, route in _PATTERNS:
        match = pattern.fullmatch(path)
        if match and its_method == method:
            return route, match[1] if pattern.groups else ""
        if match and not (pattern.groups and "/" in match[1]):  # rather a verb that is none
            allowed.append(its_method)
    if allowed:
        told = f"{path} takes {' or '.join(sorted(set(allowed)))}, not {method}"
        raise Problem(405, "method_not_allowed", told, f"see {page('docs/control.md')}")
    raise Problem(404, "unknown_path", f"there is no {path}", f"see {page('docs/control.md')}")


def need(route: Route) -> Need:
    """Return what a route needs of its caller."""
    return NEEDS.get(route, Need.ACT)


def label(route: Route, method: str, path: str) -> str:
    """Return which of :data:`LABELS` a request is; paths may share a route."""
    return f"{method} {path}" if (method, path) in TABLE else _LABELS[route]


def check_query(route: Route, query: Iterable[str]) -> None:
    """Refuse parameters that nobody would read: a misspelt one changes what the answer means.

    Raises:
        Problem: 400; names those that the route takes.
    """
    takes = QUERY.get(route, ())
    for name in query:
        if name not in takes:
            told = f"this address takes {', '.join(takes) or 'none'}"
            raise bad_request(f"unknown parameter {name[:40]!r}: {told}")


def check_body(route: Route, body: bytes) -> None:
    """Refuse a body that nobody would read: its caller means something by it.

    Raises:
        Problem: 400; the route takes none.
    """
    if route not in BODIES and body.strip() not in (b"", b"{}", b"null"):
        raise bad_request("this address takes no body", "leave it out")
