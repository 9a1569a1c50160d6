"""The carried failures of accounts: failures in a row, verdicts, waits that still run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from actors.ports.commands import Past, StorePast, StorePaused
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


def past_row(row: Sequence[Any]) -> tuple[AccountId, Past] | None:
    """Read a row of :data:`PASTS`; None if another version wrote it and we cannot."""
    account, history = row
    try:
        return str(account), _PAST.decode(history)
    except msgspec.DecodeError:
        return None
