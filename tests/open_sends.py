"""What a journal holds of an account's outbox, as tests compare it."""

from __future__ import annotations

from actors.ports.journal import Journal, SendQuery
from actors.values import Delivery, SendOutcome, SendState


def unsent(journal: Journal, account: str) -> list[tuple[Delivery, SendOutcome | None]]:
    """Return the open sends in the order they were accepted; UNKNOWN if one was tried."""
    records = journal.sends(SendQuery(account=account, open_only=True))
    return [
        (record.delivery, None if record.state is SendState.QUEUED else SendOutcome.UNKNOWN)
        for record in records
    ]
