"""What people ask a reading copy: conversations, a transcript, words, minutes, changes of state.

Each call opens the file, reads, and closes it: a copy that is built anew is another file.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from actors.values import AccountId
from gateway.reading import schema
from gateway.reading.writing import MINUTE_MS

LEAST_TRIGRAM: Final = 3
"""Characters of a word that the index of words can find; shorter ones are looked for by reading."""

MOST_ROWS: Final = 1_000

T = TypeVar("T")


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation at a glance.

    Attributes:
        at_ms: Of its last word.
        text: Its last word.
        own: That was ours.
        waits_since_ms: A buyer waits since then; None: nobody does.
    """

    account: AccountId
    lane: str
    peer: str | None
    nick: str | None
    item: str | None
    at_ms: int
    text: str | None
    own: bool
    waits_since_ms: int | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a transcript: what was said, or is to be.

    Attributes:
        key: Of its place: lines of one moment in order; for :meth:`Queries.transcript`.
        own: Ours.
        flags: As :class:`gateway.reading.messages.Said` has them.
        outbox_id: Our send of it; None: nobody here sent it.
        event_id: What it is; of a send what it answers.
        state: Of our send.
        reason: Of that state.
    """

    key: int
    at_ms: int
    own: bool
    kind: str
    subtype: str | None
    who: str | None
    text: str | None
    flags: int
    outbox_id: str | None
    event_id: str | None
    state: str | None
    reason: str | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A line with a word that was looked for."""

    account: AccountId
    lane: str
    nick: str | None
    at_ms: int
    own: bool
    text: str


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one minute.

    Attributes:
        minute: Unix time in minutes.
        slowest_ms: The longest from a message to its accepted answer.
    """

    minute: int
    received: int
    answered: int
    reconnects: int
    slowest_ms: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of all accounts together."""

    received: int
    answered: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's state."""

    at_ms: int
    state: str
    cause: str
    why: str | None
    reason: str | None
    detail: str | None


_CONVERSATIONS: Final = (
    "SELECT account, lane, peer, nick, item, at, text, own, waits_since FROM lane "
)
# A send of ours whose echo has come is one line with it: the platform's, with our outcome.
_LINES: Final = """
SELECT at, own, kind, subtype, who, text, flags, sent_id, event_id, state, reason, place FROM (
  SELECT s.at AS at, s.own AS own, s.kind AS kind, s.subtype AS subtype, s.who AS who,
    s.text AS text, s.flags AS flags, o.outbox_id AS sent_id,
    coalesce(o.event_id, s.event_id) AS event_id, o.state AS state, o.reason AS reason,
    s.seq * 2 AS place
  FROM said AS s LEFT JOIN sent AS o ON s.own=1 AND o.account=s.account AND o.lane=s.lane
    AND o.message_id=s.message_id
  WHERE s.account=:a AND s.lane=:l AND s.at<:b
  UNION ALL
  SELECT o.at, 1, 'chat_message', NULL, NULL, o.text, 0, o.outbox_id, o.event_id, o.state,
    o.reason, o.position * 2 + 1
  FROM sent AS o WHERE o.account=:a AND o.lane=:l AND o.at<:b AND NOT EXISTS (
    SELECT 1 FROM said AS s WHERE s.account=o.account AND s.lane=o.lane AND s.own=1
    AND s.message_id=o.message_id))
ORDER BY at DESC, place DESC LIMIT :n
"""


_FOUND: Final = """
SELECT f.account, f.lane, n.nick, f.at, f.own, f.text FROM (
  SELECT account, lane, at, own, text, message_id FROM said
    WHERE seq IN (SELECT rowid FROM words WHERE words MATCH :w) {whose}
  UNION ALL
  SELECT account, lane, at, 1, text, message_id FROM sent
    WHERE position IN (SELECT rowid FROM sent_words WHERE sent_words MATCH :w) {whose}
    AND NOT EXISTS (SELECT 1 FROM said AS s WHERE s.account=sent.account AND s.own=1
      AND s.message_id=sent.message_id)
) AS f LEFT JOIN lane AS n ON n.account=f.account AND n.lane=f.lane
ORDER BY f.at DESC LIMIT :n
"""
_FOUND_SHORT: Final = re.sub(
    r"\w+ IN \(SELECT rowid FROM \w+ WHERE \w+ MATCH :w\)", r"text LIKE :w ESCAPE '\\'", _FOUND
)


class Queries:
    """Reads a copy. Any thread.

    Args:
        path: The copy's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def conversations(
        self,
        account: AccountId | None = None,
        *,
        waiting: bool = False,
        before_ms: int | None = None,
        limit: int = 50,
    ) -> list[Conversation]:
        """Return conversations, the newest first.

        Args:
            account: Only of this; None: of all.
            waiting: Only those in which a buyer waits, the longest first.
            before_ms: Only those whose last word is older.
            limit: How many at most.

        Raises:
            CopyUnreadableError: There is none, or it cannot be read just now.
        """
        conditions: list[str] = ["1"]
        values: list[str | int] = []
        if account is not None:
            conditions.append("account=?")
            values.append(account)
        if waiting:
            conditions.append("waits_since IS NOT NULL")
        if before_ms is not None:
            conditions.append("at<?")
            values.append(before_ms)
        order = "waits_since" if waiting else "at DESC"
        query = f"{_CONVERSATIONS} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?"
        rows = self._rows(query, (*values, min(limit, MOST_ROWS)))
        return [
            Conversation(
                account=account_, lane=lane, peer=peer, nick=nick, item=item, at_ms=at, text=text,
                own=bool(own), waits_since_ms=waits,
            )
            for account_, lane, peer, nick, item, at, text, own, waits in rows
        ]  # fmt: skip

    def conversation(self, account: AccountId, lane: str) -> Conversation | None:
        """Return one conversation; None: nothing was said in it."""
        query = f"{_CONVERSATIONS} WHERE account=? AND lane=?"
        for row in self._rows(query, (account, lane)):
            _, _, peer, nick, item, at, text, own, waits = row
            return Conversation(
                account=account, lane=lane, peer=peer, nick=nick, item=item, at_ms=at, text=text,
                own=bool(own), waits_since_ms=waits,
            )  # fmt: skip
        return None

    def transcript(
        self, account: AccountId, lane: str, *, before_ms: int | None = None, limit: int = 100
    ) -> list[Line]:
        """Return the newest lines of a conversation, the oldest of them first.

        Args:
            account: Whose.
            lane: The conversation.
            before_ms: Only lines older than this; None: the newest.
            limit: How many at most.
        """
        bound = 1 << 62 if before_ms is None else before_ms
        rows = self._rows(_LINES, {"a": account, "l": lane, "b": bound, "n": min(limit, MOST_ROWS)})
        return [
            Line(
                key=place, at_ms=at, own=bool(own), kind=kind, subtype=subtype, who=who, text=text,
                flags=flags, outbox_id=outbox_id, event_id=event_id, state=state, reason=reason,
            )
            for (
                at, own, kind, subtype, who, text, flags, outbox_id, event_id, state, reason, place
            ) in reversed(rows)
        ]  # fmt: skip

    def search(self, words: str, account: AccountId | None = None, limit: int = 50) -> list[Found]:
        """Return the newest lines with a text in them.

        Args:
            words: What is looked for, as it is; case does not count for A to Z.
            account: Only of this; None: of all.
            limit: How many at most.
        """
        short = len(words) < LEAST_TRIGRAM
        pattern = re.sub(r"([\\%_])", r"\\\1", words)
        quoted = words.replace('"', '""')
        wanted = f"%{pattern}%" if short else f'"{quoted}"'
        query = (_FOUND_SHORT if short else _FOUND).replace(
            "{whose}", "" if account is None else "AND account=:a"
        )
        rows = self._rows(query, {"w": wanted, "a": account, "n": min(limit, MOST_ROWS)})
        return [
            Found(account=account_, lane=lane, nick=nick, at_ms=at, own=bool(own), text=text)
            for account_, lane, nick, at, own, text in rows
        ]

    def minutes(self, account: AccountId | None, since_ms: int) -> list[Minute]:
        """Return the minutes in which something happened, the oldest first.

        Args:
            account: Of this; None: of all together.
            since_ms: Our Unix time.
        """
        whose = "" if account is None else "AND account=:a "
        query = (
            "SELECT minute, sum(received), sum(answered), sum(reconnects), max(slowest) "  # noqa: S608  # ours
            f"FROM minute WHERE minute>=:m {whose}GROUP BY minute ORDER BY minute"
        )
        return [
            Minute(
                minute=minute, received=received, answered=answered, reconnects=reconnects,
                slowest_ms=slowest,
            )
            for minute, received, answered, reconnects, slowest in self._rows(
                query, {"m": since_ms // MINUTE_MS, "a": account}
            )
        ]  # fmt: skip

    def changes(self, account: AccountId, *, since_ms: int = 0, limit: int = 20) -> list[Change]:
        """Return changes of an account's state, the newest first."""
        query = (
            "SELECT at, state, cause, why, reason, detail FROM state "
            "WHERE account=? AND at>=? ORDER BY at DESC, number DESC LIMIT ?"
        )
        return [
            Change(at_ms=at, state=state, cause=cause, why=why, reason=reason, detail=detail)
            for at, state, cause, why, reason, detail in self._rows(
                query, (account, since_ms, min(limit, MOST_ROWS))
            )
        ]

    def _rows(self, query: str, values: Any) -> Sequence[Any]:
        try:
            with contextlib.closing(schema.connect(self._path, read_only=True)) as copy:
                return copy.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CopyUnreadableError(str(error)) from error


class CopyUnreadableError(Exception):
    """There is no reading copy, or it cannot be read just now; it is built anew by itself."""
