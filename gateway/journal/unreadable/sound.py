"""What each column of a journal must hold to be read, in SQL and by what reads it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from actors.ports.commands import Past
from actors.values import Content
from gateway.journal.rows import text
from gateway.journal.schema import SendState, Status

HIGHEST: Final = (1 << 62) - 1
"""Highest number a key or a counter may have: what counts on from it must have room."""

_WHOLE: Final = "typeof({0})='integer'"
_COUNT: Final = f"{_WHOLE} AND {{0}} BETWEEN 0 AND {HIGHEST}"
_WHOLE_OR_NONE: Final = "typeof({0}) IN ('integer','null')"
_NAME: Final = "typeof({0})='text'"
_TEXT: Final = "typeof({0}) IN ('text','blob')"
_TEXT_OR_NONE: Final = "typeof({0}) IN ('text','blob','null')"
_WORD: Final = "typeof({0}) IN ('text','null')"
_STATUS: Final = f"{{0}} IN ({','.join(str(each.value) for each in Status)})"
_STATE: Final = f"{{0}} IN ({','.join(str(each.value) for each in SendState)})"

SOUND: Final[dict[str, dict[str, str]]] = {
    "inbox": {
        **dict.fromkeys(("raw_id", "gen"), _COUNT),
        "received_at": _WHOLE,
        "account": _NAME,
        "kind": "{0} IN (0,1,2)",
        "raw": _TEXT,
    },
    "event": {
        **dict.fromkeys(("lane_seq", "raw_id", "source", "attempts", "crashes"), _COUNT),
        "flags": _WHOLE,
        "event_id": _TEXT,
        "idx": _COUNT,
        "account": _NAME,
        "lane": _TEXT_OR_NONE,
        "server_time": _WHOLE_OR_NONE,
        "status": _STATUS,
    },
    "dead_letter": {
        "lane_seq": _COUNT,
        "account": _NAME,
        "event_id": _TEXT,
        "reason": _WORD,
        "at": _WHOLE,
    },
    "outbox": {
        "position": _COUNT,
        **dict.fromkeys(("outbox_id", "uuid", "lane", "body"), _TEXT),
        **dict.fromkeys(("recipient", "event_id", "server_message_id", "reason"), _TEXT_OR_NONE),
        "account": _NAME,
        "expires_at": _WHOLE,
        "accepted_at": _WHOLE,
        "state": _STATE,
        "ended_at": _WHOLE_OR_NONE,
    },
    "attempt": {
        **dict.fromkeys(("mid", "outbox_id"), _TEXT),
        "gen": _COUNT,
        "epoch": _COUNT,
        "started_at": _WHOLE,
        "result": _WORD,
        "platform_at": _WHOLE_OR_NONE,
    },
    "cursor": {  # one that names no position is none: history is read again
        "account": _NAME,
        "stream_marker": _TEXT_OR_NONE,
        "at": _WHOLE,
        "position": "typeof({0}) IN ('integer','text','null')",
    },
    "account_state": {
        "account": _NAME,
        "desired": _WORD,
        "failed_reason": _WORD,
        "n": _COUNT,
        "not_before": _WHOLE_OR_NONE,
        "history": _WORD,
        "duplicates": _COUNT,
    },
    "note": {"account": _NAME, "lane": _TEXT, "key": _TEXT, "value": _TEXT_OR_NONE, "at": _WHOLE},
    "tally": {"account": _NAME, "name": _NAME, "count": _COUNT},
    "log_meta": {
        "key": _NAME,
        "value": "CASE WHEN key IN ('counts','salvaged') OR key LIKE 'unreadable/%' "
        f"THEN {_NAME} WHEN key LIKE 'hold/%' OR key IN ('numbers','epoch') THEN {_COUNT} "
        "WHEN key LIKE 'first/%' OR key IN "
        "('created_at','clean_shutdown','synced_at','checked_at','platform_ms') "
        f"THEN {_WHOLE} ELSE 1 END",
    },
}
"""What each column of each table must hold to be read, as SQL of the column."""


def _readable_text(value: Any) -> None:
    text(value)


VALUES: Final[dict[tuple[str, str], Callable[[Any], object]]] = {
    ("account_state", "history"): msgspec.json.Decoder(Past).decode,
    **{
        (table, column): _readable_text
        for table, columns in SOUND.items()
        for column, rule in columns.items()
        if rule in (_TEXT, _TEXT_OR_NONE) and (table, column) != ("inbox", "raw")
    },
    ("outbox", "body"): msgspec.json.Decoder(Content).decode,
}
"""Columns whose content is read on, and how it is decoded."""

META: Final[dict[str, Callable[[Any], object]]] = {
    "counts": msgspec.json.Decoder(dict[str, dict[str, int]]).decode,
    "salvaged": msgspec.json.Decoder(dict[str, Any]).decode,
}
"""Keys of ``log_meta`` whose values are read on, and how they are decoded."""
