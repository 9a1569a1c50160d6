"""JSON shapes of a gateway's objects; names carry units. Decides nothing."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.state import ConnectionState
from actors.values import Event
from gateway.events import as_dict
from gateway.host.accounts import AccountView
from gateway.words import WORDS

HEALTHY = frozenset({ConnectionState.CONNECTED, ConnectionState.CLOSED})


def plain(value: Any) -> Any:  # noqa: PLR0911  # a case a kind of value
    """Return any value of ours as what JSON can say; events as ``as_dict`` has them."""
    match value:
        case Event():
            return as_dict(value)
        case enum.Enum():
            return value.value if isinstance(value.value, str) else value.name.lower()
        case msgspec.Struct():
            return {key: plain(getattr(value, key)) for key in value.__struct_fields__}
        case Mapping():
            return {str(plain(key)): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case Path():
            return str(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = (key.name for key in dataclasses.fields(value))
            return {name: plain(getattr(value, name)) for name in names}
        case _:
            return value


def account(view: AccountView) -> dict[str, Any]:
    """Return one account."""
    failure, advice = view.last_error, view.advice
    means, next_step = WORDS["en"].advice[advice.key]
    return {
        "id": view.id,
        "state": view.state.value,
        "since_ms": view.since_ms,
        "attempt": view.attempt,
        "next_retry_s": None if view.next_retry_s is None else round(view.next_retry_s, 1),
        "last_error": None
        if failure is None
        else {
            "error_class": failure.error_class.value,
            "reason": failure.reason,
            "detail": failure.detail,
            "phase": failure.phase.value,
        },
        "advice": {
            "key": advice.key,
            "means": means,
            "next_step": next_step,
            "action": plain(advice.action),
        },
        "paused": view.paused,
        "generation": view.generation,
        "dead_letters": view.dead_letters,
        "counters": plain(view.counters),
        "alerts": plain(list(view.alerts)),
    }


def tally(views: Iterable[AccountView]) -> dict[str, int]:
    """Count accounts by state; every state is named."""
    counts = Counter(view.state for view in views)
    return {state.value: counts[state] for state in ConnectionState}
