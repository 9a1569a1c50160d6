"""What later lives must know: failures of accounts in a row, pauses, and texts that we keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from actors.ports.commands import Past, StoreKept, StorePast, StorePaused
from actors.values import AccountId
from gateway.journal.work import Work

PASTS: Final = "SELECT account, history FROM account_state WHERE history IS NOT NULL"
"""Query that :func:`past_row` reads."""

_STORE: Final = (
    "INSERT INTO account_state(account,failed_reason,n,not_before,history) VALUES(?,?,?,?,?) "
    "ON CONFLICT DO UPDATE SET failed_reason=excluded.failed_reason, n=excluded.n, "
    "not_before=excluded.not_before, history=excluded.history"
)
PAUSED: Final = "SELECT account FROM account_state WHERE desired = 'paused'"

_PAUSE: Final = (
    "INSERT INTO account_state(account, desired) VALUES(?,?) "
    "ON CONFLICT DO UPDATE SET desired=excluded.desired"
)
KEPT: Final = "SELECT key, value FROM log_meta WHERE key >= ? AND key < ?"
"""Query whose values are :func:`kept_below`."""

_FORGET: Final = "DELETE FROM log_meta WHERE key = ?"
_KEEP: Final = "INSERT OR REPLACE INTO log_meta(key, value) VALUES(?,?)"
_PAST: Final = msgspec.json.Decoder(Past)


def store(work: Work, command: StorePast) -> None:
    """Note an account's past; the columns beside ``history`` are for people."""
    past = command.past
    if past is None:
        work.one(_STORE, (command.account, None, 0, None, None))
        return
    history, given_up = past.history, past.given_up
    work.one(
        _STORE,
        (
            command.account,
            None if given_up is None else given_up.why,
            history.failures,
            past.at_ms + int(history.wait_s * 1000),
            msgspec.json.encode(past).decode(),
        ),
    )


def pause(work: Work, command: StorePaused) -> None:
    """Note what a person wants of an account."""
    work.one(_PAUSE, (command.account, "paused" if command.paused else None))


def keep(work: Work, command: StoreKept) -> None:
    """Keep a text, or forget it."""
    key = kept_key(command.name)
    if command.text is None:
        work.one(_FORGET, (key,))
    else:
        work.one(_KEEP, (key, command.text))


def kept_key(name: str) -> str:
    """Return the key of ``log_meta`` under which a text is kept."""
    return f"kept/{name}"


def kept_below(prefix: str) -> tuple[str, str]:
    """Return the bounds of the keys under which texts are kept whose names begin so."""
    key = kept_key(prefix)
    return key, key + chr(0x10FFFF)


def past_row(row: Sequence[Any]) -> tuple[AccountId, Past] | None:
    """Read a row of :data:`PASTS`; None if another version wrote it and we cannot."""
    account, history = row
    try:
        return str(account), _PAST.decode(history)
    except msgspec.DecodeError:
        return None
