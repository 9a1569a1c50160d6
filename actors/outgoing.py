"""What an outbox reads: open sends from the journal, pages of history from answers."""

from __future__ import annotations

import contextlib
from typing import Final

from actors.messages import ClaimsRead, SendsRestored
from actors.policy.claims import MOST
from actors.policy.sends import PageRead
from actors.ports import Session
from actors.storage import Journal, SendQuery
from actors.values import Delivery, Reply, SendState

CLAIMS_AMONG: Final = 20_000
"""Sends that are searched for those that were confirmed lately."""


def read_page(session: Session, reply: Reply, delivery: Delivery, now_ms: int) -> PageRead | None:
    """Say what a page of history tells about a send; None: it is a refusal."""
    page = session.messages(reply, received_at_ms=now_ms)
    if page is None:
        return None
    times = [event.occurred_at_ms for event in page.events]
    return PageRead(
        matches=[
            (message_id, event.occurred_at_ms or 0)
            for event in page.events
            if (message_id := session.echoed(event, delivery)) is not None
        ],
        oldest_ms=min((time for time in times if time is not None), default=None),
        next_cursor=page.next_cursor,
        intact=None not in times,
    )


def has_history(session: Session) -> bool:
    """Say whether the platform can be asked what was said."""
    with contextlib.suppress(ValueError):
        session.list_messages("0", "0", None, 1)
        return True
    return False


def read_open(account: str, journal: Journal) -> SendsRestored:
    """Read the open sends.

    On the writer's thread; a journal that can not answer now is asked again.
    """
    try:
        records = journal.sends(SendQuery(account=account, open_only=True))
    except Exception:  # noqa: BLE001  # whatever it is: who waits for the answer must get one
        return SendsRestored(records=None)
    return SendsRestored(records=records)


def read_claims(account: str, journal: Journal) -> ClaimsRead:
    """Read which messages are known to be sends that were confirmed.

    Those of earlier lives count, too: else an equal text of yesterday's process is taken for
    the one in doubt. It is a long search, hence only made when something is in doubt. The last
    ones are taken whatever our clock says: it may have been set since.

    Args:
        account: Whose they are.
        journal: Asked on the writer's thread.
    """
    query = SendQuery(
        account=account,
        state=SendState.ACCEPTED,
        among_last=CLAIMS_AMONG,
        newest_first=True,
        limit=MOST,
    )
    try:
        records = journal.sends(query)
    except Exception:  # noqa: BLE001  # as above
        return ClaimsRead(claimed=None)
    ids = [each.message_id for each in reversed(records) if each.message_id is not None]
    return ClaimsRead(claimed=ids)
