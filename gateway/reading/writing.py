"""Writes lines and sends into a reading copy, within a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from actors.values import AccountId
from gateway.reading.messages import ASKS, Said

MINUTE_MS: Final = 60_000

_SAID: Final = (
    "INSERT OR IGNORE INTO said(seq,account,lane,event_id,at,came,own,kind,subtype,who,text,"
    "message_id,flags) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_WORDS: Final = "INSERT INTO words(rowid,text) VALUES(?,?)"
_SENT_WORDS: Final = "INSERT INTO sent_words(rowid,text) VALUES(?,?)"
_FORGET: Final = {
    "said": ("seq", "INSERT INTO words(words,rowid,text) VALUES('delete',?,?)"),
    "sent": ("position", "INSERT INTO sent_words(sent_words,rowid,text) VALUES('delete',?,?)"),
}
"""Tables with words: their key, and what takes a text out of the index."""
_LANE: Final = (
    "INSERT INTO lane(account,lane,peer,nick,item,at,text,own) VALUES(?,?,?,?,?,?,?,?) "
    "ON CONFLICT(account,lane) DO UPDATE SET peer=coalesce(excluded.peer,peer), "
    "nick=coalesce(excluded.nick,nick), item=coalesce(excluded.item,item), "
    "text=iif(excluded.at>=at,excluded.text,text), own=iif(excluded.at>=at,excluded.own,own), "
    "at=max(at,excluded.at)"
)
# Since when the first question is open that came after our last word.
_WAITS: Final = (
    "UPDATE lane SET waits_since=(SELECT min(at) FROM said WHERE account=:a AND lane=:l "
    "AND flags&:asks AND at>=max("
    "coalesce((SELECT max(at) FROM said WHERE account=:a AND lane=:l AND own=1),0),"
    "coalesce((SELECT max(at) FROM sent WHERE account=:a AND lane=:l AND "
    "state IN ('queued','sending','accepted')),0))) WHERE account=:a AND lane=:l"
)
_COUNT: Final = (
    "INSERT INTO minute(account,minute,{name}) VALUES(?,?,?) "
    "ON CONFLICT(account,minute) DO UPDATE SET {name}={how}"
)
_RECEIVED: Final = _COUNT.format(name="received", how="received+excluded.received")
_ANSWERED: Final = _COUNT.format(name="answered", how="answered+excluded.answered")
_RECONNECTS: Final = _COUNT.format(name="reconnects", how="reconnects+excluded.reconnects")
_SLOWEST: Final = _COUNT.format(name="slowest", how="max(slowest,excluded.slowest)")
_SENT: Final = (
    "INSERT INTO sent(position,outbox_id,account,lane,at,text,state,reason,message_id,event_id,"
    "ended) VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(position) DO UPDATE SET "
    "state=excluded.state, reason=excluded.reason, message_id=excluded.message_id, "
    "ended=excluded.ended"
)
_STATE: Final = "INSERT INTO state(account,at,state,cause,why,reason,detail) VALUES(?,?,?,?,?,?,?)"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outbox.

    Attributes:
        position: Its number in the journal.
        at_ms: When it was accepted, by our clock.
        ended_ms: When it ended; None: it is worked on.
        event_id: What it answers; None: nothing.
    """

    position: int
    outbox_id: str
    account: AccountId
    lane: str
    at_ms: int
    text: str | None
    state: str
    reason: str | None
    message_id: str | None
    event_id: str | None
    ended_ms: int | None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's state."""

    account: AccountId
    at_ms: int
    state: str
    cause: str
    why: str | None
    reason: str | None
    detail: str | None
    lost: bool


def write_said(copy: sqlite3.Connection, lines: Iterable[Said]) -> int:
    """Write lines; one that is there stays as it is. Return how many are new."""
    touched: set[tuple[AccountId, str]] = set()
    new = 0
    for line in lines:
        added = copy.execute(
            _SAID,
            (
                line.seq, line.account, line.lane, line.event_id, line.at_ms, line.received_at_ms,
                line.own, line.kind, line.subtype, line.who, line.text, line.message_id, line.flags,
            ),
        ).rowcount  # fmt: skip
        if not added:
            continue
        new += 1
        if line.text is not None:
            copy.execute(_WORDS, (line.seq, line.text))
        nick = None if line.own else line.who
        about = (line.account, line.lane, line.peer, nick, line.item, line.at_ms)
        copy.execute(_LANE, (*about, line.text, line.own))
        touched.add((line.account, line.lane))
        if not line.own and line.kind == "chat_message":
            copy.execute(_RECEIVED, (line.account, line.received_at_ms // MINUTE_MS, 1))
    for account, lane in touched:
        copy.execute(_WAITS, {"a": account, "l": lane, "asks": ASKS})
    return new


def write_sent(copy: sqlite3.Connection, rows: Iterable[Sent]) -> None:
    """Write sends, or what became of them."""
    for row in rows:
        before = copy.execute("SELECT ended FROM sent WHERE position=?", (row.position,)).fetchone()
        ended = row.ended_ms is not None
        copy.execute(
            _SENT,
            (
                row.position, row.outbox_id, row.account, row.lane, row.at_ms, row.text, row.state,
                row.reason, row.message_id, row.event_id, ended,
            ),
        )  # fmt: skip
        if before is None and row.text is not None:
            copy.execute(_SENT_WORDS, (row.position, row.text))
        copy.execute(_WAITS, {"a": row.account, "l": row.lane, "asks": ASKS})
        if ended and row.state == "accepted" and not (before and before[0]):
            _count_answer(copy, row)


def write_moves(copy: sqlite3.Connection, moves: Iterable[Moved]) -> None:
    """Write changes of state."""
    for move in moves:
        told = (move.account, move.at_ms, move.state, move.cause)
        copy.execute(_STATE, (*told, move.why, move.reason, move.detail))
        if move.lost:
            copy.execute(_RECONNECTS, (move.account, move.at_ms // MINUTE_MS, 1))


def forget(
    copy: sqlite3.Connection, table: str, where: str, values: tuple[object, ...], limit: int
) -> int:
    """Delete the oldest rows of ``said`` or ``sent``, with their words; return how many.

    Args:
        copy: Where.
        table: Which of the two.
        where: A condition, SQL of ours.
        values: Of its places.
        limit: How many at most.
    """
    key, forget_words = _FORGET[table]
    query = f"SELECT {key}, text FROM {table} WHERE {where} ORDER BY at LIMIT ?"  # noqa: S608  # ours
    rows = copy.execute(query, (*values, limit)).fetchall()
    copy.executemany(forget_words, [(number, text) for number, text in rows if text is not None])
    delete = f"DELETE FROM {table} WHERE {key}=?"  # noqa: S608  # the same
    copy.executemany(delete, [(number,) for number, _ in rows])
    return len(rows)


def _count_answer(copy: sqlite3.Connection, row: Sent) -> None:
    assert row.ended_ms is not None
    minute = row.ended_ms // MINUTE_MS
    copy.execute(_ANSWERED, (row.account, minute, 1))
    asked = copy.execute(
        "SELECT came FROM said WHERE account=? AND event_id=?", (row.account, row.event_id)
    ).fetchone()
    if asked is not None:
        copy.execute(_SLOWEST, (row.account, minute, max(0, row.ended_ms - asked[0])))
