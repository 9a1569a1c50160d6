"""The table: route → what it answers, by status. A test compares real answers with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, get_type_hints

from actors.policy.alerts import Alert
from actors.ports.journal import Letter, Tally
from actors.state import ConnectionState
from actors.values import ErrorClass, Phase, SendResult
from gateway.credentials.shapes import CredentialsShown, SignInShown
from gateway.events import FIELDS, PlatformEvent
from gateway.host.advice import Action
from gateway.host.dead_letters import TOLD
from gateway.host.reloading import Reloaded
from gateway.host.send_view import SendView
from gateway.journal.care import Report
from gateway.journal.files.backup import Backup
from gateway.journal.upkeep.retention import Pruned
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
from gateway.web.context import Route
from gateway.web.schemas import Also, Maybe, Named, OrNull, Text

_EVENT_HINTS: Final = get_type_hints(PlatformEvent) | {"kind": str}

_FAILURE: Final = Named(
    "Failure", {"error_class": ErrorClass, "reason": str, "detail": str, "phase": Phase}
)
_ADVICE: Final = Named(
    "Advice", {"key": str, "means": str, "next_step": str, "action": OrNull(Action)}
)
_ACCOUNT: Final = Named(
    "Account",
    {
        "id": str,
        "state": ConnectionState,
        "since_ms": int,
        "attempt": int,
        "next_retry_s": OrNull(float),
        "last_error": OrNull(_FAILURE),
        "advice": _ADVICE,
        "paused": bool,
        "generation": int,
        "dead_letters": int,
        "counters": Tally,
        "alerts": list[Alert],
    },
)
_EVENT: Final = Named(
    "Event",
    {
        "account": str,
        "kind": str,
        **{name: Maybe(_EVENT_HINTS[name]) for name in FIELDS},
        "reason": Maybe(str),
        "raw": Maybe(str),
        "raw_base64": Maybe(str),
    },
)
_DEAD_LETTER: Final = Also(Letter, {name: Maybe(_EVENT_HINTS[name]) for name in TOLD})
_STATUS: Final = {
    "version": str,
    "pid": int,
    "running": bool,
    "now_ms": int,
    "uptime_s": float,
    "data_dir": str,
    "durability": str,
    "accounts": int,
    "states": {each.value: int for each in ConnectionState},
    "troubled": int,
    "troubled_accounts": [_ACCOUNT],
    "paused": int,
    "alerts": int,
    "latest_alerts": list[Alert],
}
_MOVED: Final = {"done": str, "account": _ACCOUNT}
_SIGN_IN: Final = Also(SignInShown, {"svg": OrNull(str)})
_IN_OUTBOX: Final = {"outbox_id": str, "outcome": NoneType}

ANSWERS: Final[Mapping[Route, Mapping[int, Any]]] = {
    operations.livez: {200: {"status": str}},
    operations.readyz: {200: {"status": str}},
    operations.identity: {200: {"proof": OrNull(str), "viewer_proof": OrNull(str)}},
    metrics.show: {200: Text(("text/plain", metrics.OPENMETRICS))},
    metrics.accounts: {200: Text(("text/plain",))},
    description.show: {200: Mapping[str, Any]},
    operations.status: {200: _STATUS},
    operations.stop: {200: {"done": str, "clean": bool}, 202: {"done": str}},
    access.make_link: {201: {"role": str, "code": str, "path": str, "expires_s": int}},
    operations.accounts_list: {200: {"accounts": [_ACCOUNT], "next": OrNull(str)}},
    operations.account_show: {200: _ACCOUNT},
    operations.account_pause: {200: _MOVED},
    operations.account_resume: {200: _MOVED},
    operations.account_reset: {200: _MOVED},
    operations.send: {
        200: Also(SendResult, {"outbox_id": str, "confirmed": bool}),
        202: _IN_OUTBOX,
    },
    operations.events: {200: {"events": [_EVENT], "next": str, "missed": bool}},
    credentials.reload: {200: Reloaded},
    credentials.show: {200: CredentialsShown},
    credentials.put: {
        200: {"done": str, "proven": bool, "doubt": OrNull(str), "login": CredentialsShown}
    },
    credentials.renew: {
        200: {"done": bool, "login": CredentialsShown},
        202: {"done": bool, "login": CredentialsShown},
    },
    joining.add: {201: {"done": str, "kept": str, "account": _ACCOUNT}},
    joining.remove: {200: {"done": str, "account": {"id": str}}},
    sign_in.begin: {202: _SIGN_IN},
    sign_in.show: {200: _SIGN_IN},
    sign_in.cancel: {200: _SIGN_IN},
    takeover.take: {
        200: {"done": str, "account": str, "conversation": str, "until_ms": OrNull(int)}
    },
    takeover.show: {
        200: {
            "account": str,
            "taken_over": [{"conversation": str, "until_ms": int}],
            "count": int,
        }
    },
    records.dead_letters_list: {200: {"dead_letters": list[Letter]}},
    records.dead_letters_show: {200: _DEAD_LETTER},
    records.dead_letters_replay: {200: {"done": str, "event_id": str}},
    records.dead_letters_drop: {200: {"done": str, "event_id": str}},
    records.outbox_list: {200: {"sends": list[SendView]}},
    records.outbox_show: {200: SendView},
    records.outbox_cancel: {200: {"done": str, "outbox_id": str}},
    records.outbox_resolve: {200: {"done": str, "outbox_id": str, "send": SendView}},
    records.journal_check: {200: {"ok": bool, "problems": list[str], "report": Report}},
    records.journal_backup: {200: {"done": str, "path": str, "report": Backup}},
    records.journal_prune: {200: {"done": str, "report": Pruned}},
}
"""Every route has its answers here; refusals are alike for all (:class:`Problem`)."""
