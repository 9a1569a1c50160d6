"""The outbox: sends, their attempts and their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from actors.storage import MarkDelivery
from actors.values import Content, Delivery, SendOutcome
from gateway.journal.rows import Statement, Value, text
from gateway.journal.schema import SendState
from gateway.journal.work import Work

EPOCH: Final = 1
"""Ownership token of a single machine."""

UNSENT: Final = (
    "SELECT outbox_id, uuid, account, lane, recipient, body, expires_at, event_id, state "
    "FROM outbox WHERE account=? AND state<3 ORDER BY position"
)
"""Query that :func:`sent_row` reads."""

_OUTBOX = Statement(
    "INSERT OR FAIL INTO outbox"
    "(outbox_id,uuid,account,lane,recipient,body,expires_at,event_id,accepted_at) VALUES",
    "(?,?,?,?,?,?,?,?,?)",
    " ON CONFLICT(outbox_id) DO NOTHING",
)
_ATTEMPT: Final = "INSERT INTO attempt(mid,outbox_id,gen,epoch,started_at) VALUES(?,?,?,?,?)"
_SENDING: Final = "UPDATE outbox SET state=1 WHERE outbox_id=? AND state<3"
_ENDED: Final = (
    "UPDATE outbox SET state=?, server_message_id=?, reason=?, ended_at=? "
    "WHERE outbox_id=? AND state<3"
)
_RESULT: Final = (
    "UPDATE attempt SET result=? WHERE rowid="
    "(SELECT max(rowid) FROM attempt WHERE outbox_id=? AND gen=?)"
)

_STATE: Final = {
    SendOutcome.ACCEPTED: SendState.CONFIRMED,
    SendOutcome.REFUSED: SendState.REJECTED,
    SendOutcome.EXPIRED: SendState.EXPIRED,
    SendOutcome.UNKNOWN: SendState.UNKNOWN,
}


def accept(work: Work, deliveries: Sequence[Delivery]) -> None:
    """Put sends into the outbox in this order; one that is there already stays as it is."""
    rows: list[Value] = []
    for sent in deliveries:
        rows += (
            sent.outbox_id,
            sent.uuid,
            sent.account,
            sent.conversation_id,
            sent.to,
            encode_content(sent.content),
            sent.expires_at_ms,
            sent.event_id,
            work.now_ms,
        )
    work.many(_OUTBOX, rows)


def mark(work: Work, note: MarkDelivery) -> None:
    """Note an attempt, a result, or both. What has ended stays ended."""
    if note.mid is not None:
        work.one(_ATTEMPT, (note.mid, note.outbox_id, note.generation, EPOCH, work.now_ms))
        work.one(_SENDING, (note.outbox_id,))
    result = note.result
    if result is not None:
        state = _STATE[result.outcome]
        ended_at = None if state is SendState.UNKNOWN else work.now_ms
        end = (state.value, result.message_id, result.reason, ended_at, note.outbox_id)
        work.one(_ENDED, end)
        work.one(_RESULT, (result.outcome.value, note.outbox_id, note.generation))


def sent_row(row: Sequence[Any]) -> tuple[Delivery, SendOutcome | None]:
    """Read a row of :data:`UNSENT`; a send that was tried is UNKNOWN (O10)."""
    outbox_id, uuid, account, lane, recipient, body, expires_at, event_id, state = row
    delivery = Delivery(
        outbox_id=text(outbox_id),
        uuid=text(uuid),
        account=account,
        conversation_id=text(lane),
        to=None if recipient is None else text(recipient),
        content=msgspec.json.decode(body, type=Content),
        expires_at_ms=expires_at,
        event_id=None if event_id is None else text(event_id),
    )
    return delivery, None if state == SendState.QUEUED else SendOutcome.UNKNOWN


def encode_content(content: Content) -> bytes:
    """Give a body as JSON; what no wire can carry (lone surrogates) becomes ``?``."""
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError:
        said, url = content.text, content.image_url
        clean = msgspec.structs.replace(
            content,
            text=said and said.encode("utf-8", "replace").decode(),
            image_url=url and url.encode("utf-8", "replace").decode(),
        )
        return msgspec.json.encode(clean)
