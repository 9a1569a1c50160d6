"""Writes lines and sends into a reading copy, within a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from actors.values import AccountId
from gateway.journal.rows import Statement, Value
from gateway.reading.messages import ASKS, Said

MINUTE_MS: Final = 60_000

MOST_AT_A_GLANCE: Final = 500
"""Characters of the last word of a conversation."""

APART_MS: Final = 3_600_000
"""So far apart our clock and the platform's may be: a question that it dates so much before a send
of ours may have come after it."""

_SAID = Statement(
    "INSERT OR IGNORE INTO said(seq,account,lane,event_id,at,came,own,kind,subtype,who,text,"
    "message_id,flags) VALUES",
    "(?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "RETURNING seq",
)
_WORDS = Statement("INSERT INTO words(rowid,text) VALUES", "(?,?)")
_SENT_WORDS: Final = "INSERT INTO sent_words(rowid,text) VALUES(?,?)"
_FORGET: Final = {
    "said": ("seq", "INSERT INTO words(words,rowid,text) VALUES('delete',?,?)"),
    "sent": ("number", "INSERT INTO sent_words(sent_words,rowid,text) VALUES('delete',?,?)"),
}
"""Tables with words: their key, and what takes a text out of the index."""
_LANE = Statement(
    "INSERT INTO lane(account,lane,peer,nick,item,at,text,own) VALUES",
    "(?,?,?,?,?,?,?,?)",
    "ON CONFLICT(account,lane) DO UPDATE SET peer=coalesce(excluded.peer,peer), "
    "nick=coalesce(excluded.nick,nick), item=coalesce(excluded.item,item), "
    "text=iif(excluded.at>=at,excluded.text,text), own=iif(excluded.at>=at,excluded.own,own), "
    "at=max(at,excluded.at) RETURNING account, lane, waits_since",
)
# Since when the first question is open that came after our last word. What we said is dated by the
# platform's clock, as questions are; a send of ours by our own, as their coming is.
_WAITS: Final = """
UPDATE lane SET waits_since=(
  SELECT min(s.at) FROM said AS s, (SELECT
    coalesce((SELECT max(at) FROM said WHERE account=:a AND lane=:l AND own=1), 0) AS own,
    coalesce((SELECT max(at) FROM sent WHERE account=:a AND lane=:l
      AND state IN ('queued','sending','accepted')), 0) AS sent) AS last
  WHERE s.account=:a AND s.lane=:l AND s.flags&:asks AND s.at>=max(last.own, last.sent-:apart)
    AND s.came>=last.sent)
WHERE account=:a AND lane=:l
"""
_COUNT: Final = (
    "ON CONFLICT DO UPDATE SET received=received+excluded.received, "
    "answered=answered+excluded.answered, reconnects=reconnects+excluded.reconnects, "
    "slowest=max(slowest,excluded.slowest)"
)
_MINUTE: Final = f"INSERT INTO minute VALUES(?,?,?,?,?,?) {_COUNT}"
_TOTAL: Final = f"INSERT INTO total VALUES(?,?,?,?,?) {_COUNT}"
_SENT: Final = (
    "INSERT INTO sent(position,outbox_id,account,lane,at,text,state,reason,message_id,event_id,"
    "ended) VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(outbox_id) DO UPDATE SET "
    "state=excluded.state, reason=excluded.reason, message_id=excluded.message_id, "
    "ended=excluded.ended, position=excluded.position RETURNING number"
)
_STATE: Final = "INSERT INTO state(account,at,state,cause,why,reason,detail) VALUES(?,?,?,?,?,?,?)"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outbox.

    Attributes:
        position: Its place in the journal.
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


class _Lane:
    """What a batch adds to a conversation; its last word, and the first question."""

    __slots__ = ("asked_ms", "at_ms", "item", "nick", "own", "peer", "recount", "text")

    def __init__(self) -> None:
        self.peer: str | None = None
        self.nick: str | None = None
        self.item: str | None = None
        self.text: str | None = None
        self.at_ms = -1
        self.own = self.recount = False
        self.asked_ms: int | None = None

    def add(self, at_ms: int, text: str | None, *, own: bool) -> None:
        """Take a line for the last word if it is the newest."""
        if at_ms >= self.at_ms:
            self.at_ms, self.text, self.own = at_ms, (text or "")[:MOST_AT_A_GLANCE] or None, own


class _Counts:
    """Of one account and minute."""

    __slots__ = ("answered", "received", "reconnects", "slowest")

    def __init__(self) -> None:
        self.received = self.answered = self.reconnects = self.slowest = 0


class Batch:
    """What one transaction writes; :meth:`end` writes what follows from all of it.

    Args:
        copy: In a transaction.

    Attributes:
        written: Lines, sends and changes that are new or other than before.
    """

    def __init__(self, copy: sqlite3.Connection) -> None:
        self._copy = copy
        self._counts: defaultdict[tuple[AccountId, int], _Counts] = defaultdict(_Counts)
        self._lanes: defaultdict[tuple[AccountId, str], _Lane] = defaultdict(_Lane)
        self._moved: set[tuple[AccountId, str]] = set()
        self.written = 0

    def say(self, lines: Iterable[Said]) -> None:
        """Write lines; one that is there stays as it is."""
        by_number = {line.seq: line for line in lines}
        values: list[Value] = []
        for line in by_number.values():
            values += (
                line.seq, line.account, line.lane, line.event_id, line.at_ms, line.received_at_ms,
                line.own, line.kind, line.subtype, line.who, line.text, line.message_id, line.flags,
            )  # fmt: skip
        words: list[Value] = []
        for query, part in _SAID.parts(values):
            for (number,) in self._copy.execute(query, part).fetchall():
                self.written += 1
                self._follow(by_number[number])
                if by_number[number].text is not None:
                    words += number, by_number[number].text
        for query, part in _WORDS.parts(words):
            self._copy.execute(query, part)

    def _follow(self, line: Said) -> None:
        lane = self._lanes[line.account, line.lane]
        lane.add(line.at_ms, line.text, own=line.own)
        lane.peer, lane.item = line.peer or lane.peer, line.item or lane.item
        lane.recount |= line.own
        if not line.own:
            lane.nick = line.who or lane.nick
            if line.kind == "chat_message":
                self._counts[line.account, line.received_at_ms // MINUTE_MS].received += 1
        if line.flags & ASKS:
            first = lane.asked_ms
            lane.asked_ms = line.at_ms if first is None else min(first, line.at_ms)

    def send(self, rows: Iterable[Sent]) -> None:
        """Write sends, or what became of them."""
        for row in rows:
            query = "SELECT ended, state FROM sent WHERE outbox_id=?"
            before = self._copy.execute(query, (row.outbox_id,)).fetchone()
            ended = row.ended_ms is not None
            ((number,),) = self._copy.execute(
                _SENT,
                (
                    row.position, row.outbox_id, row.account, row.lane, row.at_ms, row.text,
                    row.state, row.reason, row.message_id, row.event_id, ended,
                ),
            ).fetchall()  # fmt: skip
            if before is None and row.text is not None:
                self._copy.execute(_SENT_WORDS, (number, row.text))
                self._lanes[row.account, row.lane].add(row.at_ms, row.text, own=True)
            if before != (ended, row.state):
                self.written += 1
                self._moved.add((row.account, row.lane))
            if row.ended_ms is not None and row.state == "accepted" and not (before and before[0]):
                self._count_answer(row, row.ended_ms)

    def move(self, moves: Iterable[Moved]) -> None:
        """Write changes of state."""
        for each in moves:
            told = (each.account, each.at_ms, each.state, each.cause)
            self._copy.execute(_STATE, (*told, each.why, each.reason, each.detail))
            self._counts[each.account, each.at_ms // MINUTE_MS].reconnects += each.lost
            self.written += 1

    def end(self) -> None:
        """Write counts, and who waits since when."""
        rows: list[Value] = []
        for (account, name), lane in self._lanes.items():
            rows += (
                account,
                name,
                lane.peer,
                lane.nick,
                lane.item,
                lane.at_ms,
                lane.text,
                lane.own,
            )
        for query, part in _LANE.parts(rows):
            for account, name, waits in self._copy.execute(query, part).fetchall():
                lane = self._lanes[account, name]
                # A buyer who waits already, waits on; else our last word decides.
                asked = lane.asked_ms is not None and (waits is None or lane.asked_ms < waits)
                if lane.recount or asked:
                    self._moved.add((account, name))
        values = {"asks": ASKS, "apart": APART_MS}
        for account, name in self._moved:
            self._copy.execute(_WAITS, {"a": account, "l": name, **values})
        for (account, minute), each in self._counts.items():
            counts = each.received, each.answered, each.reconnects, each.slowest
            if any(counts):
                self._copy.execute(_MINUTE, (account, minute, *counts))
                self._copy.execute(_TOTAL, (minute, *counts))

    def _count_answer(self, row: Sent, ended_ms: int) -> None:
        counts = self._counts[row.account, ended_ms // MINUTE_MS]
        counts.answered += 1
        asked = self._copy.execute(
            "SELECT came FROM said WHERE account=? AND event_id=?", (row.account, row.event_id)
        ).fetchone()
        if asked is not None:
            counts.slowest = max(counts.slowest, ended_ms - asked[0])


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
