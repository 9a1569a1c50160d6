"""The outbox on disk: sends, their attempts and their ends; reading and ending them by id.

:func:`find` works on any open journal: that of a running gateway (on its writer's thread), or
the file of a stopped one. :func:`cancelling` and :func:`resolving` are commands for either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from actors.policy.reasons import BY_HAND, UNCONFIRMED
from actors.ports.commands import MarkDelivery
from actors.ports.journal import Journal, SendQuery, SendRecord
from actors.values import Content, Delivery, SendOutcome, SendResult
from actors.values import SendState as State
from gateway.journal.rows import Statement, Value, storable, text
from gateway.journal.schema import SendState
from gateway.journal.work import Work

EPOCH: Final = 1
"""Ownership token of a single machine."""


# An attempt of which no byte left is none; one that was proven absent still says when the
# send may first have been seen.
_RECORDS: Final = (
    "SELECT outbox_id, uuid, account, lane, recipient, body, expires_at, event_id, state, reason, "
    "server_message_id, (SELECT count(*) {tried}), (SELECT min(started_at) {tried}), "
    "(SELECT platform_at {tried} ORDER BY rowid LIMIT 1), accepted_at, ended_at FROM outbox WHERE "
).replace(
    "{tried}",
    "FROM attempt WHERE attempt.outbox_id=outbox.outbox_id AND coalesce(result, '')<>'unwritten'",
)
_OUTBOX = Statement(
    "INSERT OR FAIL INTO outbox"
    "(outbox_id,uuid,account,lane,recipient,body,expires_at,event_id,accepted_at) VALUES",
    "(?,?,?,?,?,?,?,?,?)",
    " ON CONFLICT(outbox_id) DO NOTHING",
)
_ATTEMPT: Final = (
    "INSERT INTO attempt(mid,outbox_id,gen,epoch,started_at,platform_at) VALUES(?,?,?,?,?,?)"
)
_SENDING: Final = "UPDATE outbox SET state=1, reason=NULL WHERE outbox_id=? AND state=0"
_ENDED: Final = (
    "UPDATE outbox SET state=?, server_message_id=?, reason=?, ended_at=? "
    "WHERE outbox_id=? AND state {}"
)
_RESULT: Final = (
    "UPDATE attempt SET result=? WHERE rowid="
    "(SELECT max(rowid) FROM attempt WHERE outbox_id=? AND gen=?)"
)
_REQUEUED: Final = "UPDATE outbox SET state=0, reason=? WHERE outbox_id=? AND state IN (1, 2)"
_GIVEN_BACK: Final = "UPDATE attempt SET result=? WHERE outbox_id=? AND mid=?"

_STATE: Final = {
    SendOutcome.ACCEPTED: SendState.CONFIRMED,
    SendOutcome.REFUSED: SendState.REJECTED,
    SendOutcome.EXPIRED: SendState.EXPIRED,
    SendOutcome.UNKNOWN: SendState.UNKNOWN,
    SendOutcome.CANCELLED: SendState.CANCELLED,
}
_SHOWN: Final = {
    SendState.QUEUED: State.QUEUED,
    SendState.SENDING: State.SENDING,
    SendState.UNKNOWN: State.UNKNOWN,
    SendState.CONFIRMED: State.ACCEPTED,
    SendState.REJECTED: State.REFUSED,
    SendState.EXPIRED: State.EXPIRED,
    SendState.CANCELLED: State.CANCELLED,
    SendState.FAILED: State.UNKNOWN,
}
_NEVER_LEFT: Final = frozenset({SendState.EXPIRED, SendState.CANCELLED})


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


def mark(work: Work, note: MarkDelivery) -> bool:
    """Note an attempt, a result, or both; False if the row did not allow it.

    What has ended stays ended. An attempt begins only what is queued, and only what is
    queued expires or is cancelled.
    """
    held = True
    if note.requeued is not None and note.mid is not None:
        work.one(_GIVEN_BACK, (note.requeued, note.outbox_id, note.mid))
        return work.one(_REQUEUED, (note.requeued, note.outbox_id)).rowcount > 0
    if note.mid is not None:
        held = work.one(_SENDING, (note.outbox_id,)).rowcount > 0
        if held:
            begun = (note.mid, note.outbox_id, note.generation, EPOCH, work.now_ms)
            work.one(_ATTEMPT, (*begun, note.platform_ms))
    result = note.result
    if result is not None and held:
        state = state_of(result)
        ended_at = None if state is SendState.UNKNOWN else work.now_ms
        end = (state.value, result.message_id, result.reason, ended_at, note.outbox_id)
        allowed = "=0" if state in _NEVER_LEFT else "=2" if note.by_hand else "<3"
        held = work.one(_ENDED.format(allowed), end).rowcount > 0
        if held:
            work.one(_RESULT, (result.outcome.value, note.outbox_id, note.generation))
    return held


def state_of(result: SendResult) -> SendState:
    """Return the row's state; an UNKNOWN that nothing will ever resolve is at its end."""
    if result.outcome is SendOutcome.UNKNOWN and result.reason == UNCONFIRMED:
        return SendState.FAILED
    return _STATE[result.outcome]


def shown(stored: SendState) -> State:
    """Return a row's state as it is shown."""
    return _SHOWN[stored]


def select(query: SendQuery) -> tuple[str, list[Value]]:
    """Return SQL and values for the sends that are asked for; :func:`record` reads the rows."""
    conditions: list[str] = []
    values: list[Value] = []
    for condition, value in (
        ("outbox_id=?", query.outbox_id),
        ("account=?", query.account),
        ("lane=?", storable(query.conversation_id)),
        ("position>(SELECT coalesce(max(position),0) FROM outbox)-?", query.among_last),
        ("reason=?", query.reason),
        ("position<coalesce((SELECT position FROM outbox WHERE outbox_id=?),1<<62)", query.before),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if query.open_only:
        conditions.append("state<3")  # word for word that of the index outbox_open
    if query.state is not None:
        numbers = [str(number.value) for number, state in _SHOWN.items() if state is query.state]
        conditions.append(f"state IN ({','.join(numbers)})")
    where = " AND ".join(conditions) or "1"
    order = "DESC" if query.newest_first else "ASC"
    if query.open_only and query.newest_first:  # few are open: else all that ended are read
        where = (
            f"position IN (SELECT position FROM outbox INDEXED BY outbox_open WHERE {where} "  # noqa: S608  # ours
            "ORDER BY position DESC LIMIT ?)"
        )
        values.append(query.limit)
    return f"{_RECORDS}{where} ORDER BY position {order} LIMIT ?", [*values, query.limit]


def record(row: Sequence[Any]) -> SendRecord:
    """Read a row of :func:`select`."""
    *sent, state, reason, message_id, attempts, first_ms, platform_ms, accepted_at, ended_at = row
    return SendRecord(
        delivery=_delivery(sent),
        state=shown(SendState(state)),
        reason=reason,
        message_id=message_id,
        attempts=attempts,
        first_attempt_ms=first_ms,
        first_platform_ms=platform_ms,
        accepted_at_ms=accepted_at,
        ended_at_ms=ended_at,
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    outbox_id, uuid, account, lane, recipient, body, expires_at, event_id = row
    return Delivery(
        outbox_id=text(outbox_id),
        uuid=text(uuid),
        account=account,
        conversation_id=text(lane),
        to=None if recipient is None else text(recipient),
        content=msgspec.json.decode(body, type=Content),
        expires_at_ms=expires_at,
        event_id=None if event_id is None else text(event_id),
    )


def encode_content(content: Content) -> bytes:
    """Return a body as JSON; what no wire can carry (lone surrogates) becomes ``?``."""
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


# --- on an open journal, by id --------------------------------------------------------


def find(journal: Journal, outbox_id: str) -> SendRecord | None:
    """Return a send, or None if there is none of that id."""
    return next(iter(journal.sends(SendQuery(outbox_id=outbox_id))), None)


def cancelling(outbox_id: str) -> MarkDelivery:
    """Return the command that cancels what is queued."""
    result = SendResult(outcome=SendOutcome.CANCELLED, reason=BY_HAND)
    return MarkDelivery(outbox_id=outbox_id, generation=0, result=result)


def resolving(outbox_id: str, outcome: SendOutcome, message_id: str | None = None) -> MarkDelivery:
    """Return the command that ends what is UNKNOWN.

    Args:
        outbox_id: Which send.
        outcome: ACCEPTED: a person saw it arrive. REFUSED: it did not arrive.
        message_id: The platform's id of it, if that is known.

    Raises:
        ValueError: Neither of the two.
    """
    if outcome not in (SendOutcome.ACCEPTED, SendOutcome.REFUSED):
        raise ValueError(
            f"a send is resolved as ACCEPTED (it arrived) or REFUSED (it did not), not {outcome}"
        )
    result = SendResult(outcome=outcome, message_id=message_id, reason=BY_HAND)
    return MarkDelivery(outbox_id=outbox_id, generation=0, result=result, by_hand=True)
