"""What people ask a reading copy: conversations, a transcript, words, minutes, changes of state.

Each call opens the file, reads, and closes it: a copy that is built anew is another file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from actors.values import AccountId
from gateway import arguments
from gateway.reading.answers import Conversation, Found, Line
from gateway.reading.asking import most, rows
from gateway.reading.messages import legible

LEAST_TRIGRAM: Final = 3
"""Characters of a word that the index of words can find; shorter ones are looked for by reading."""

MOST_SHOWN: Final = 10_000
"""Characters of a line of a transcript; one that is longer ends in an ellipsis."""

MOST_SOUGHT: Final = 200
"""Characters that can be looked for."""

AROUND: Final = 100
"""Characters shown before what was found; after it some more."""

_NO_BOUND: Final = 1 << 62


_CONVERSATIONS: Final = (
    "SELECT account, lane, peer, nick, item, at, text, own, waits_since FROM lane "
)
# A send of ours whose echo has come is one line with it: the platform's, with our outcome.
_LINES: Final = """
SELECT at, own, kind, subtype, who, substr(text, 1, :s), flags, sent_id, event_id, state, reason,
  place, answers FROM (SELECT * FROM (
  SELECT s.at AS at, s.own AS own, s.kind AS kind, s.subtype AS subtype, s.who AS who,
    s.text AS text, s.flags AS flags, o.outbox_id AS sent_id,
    coalesce(o.event_id, s.event_id) AS event_id, o.state AS state, o.reason AS reason,
    s.seq * 2 AS place, o.event_id AS answers
  FROM said AS s LEFT JOIN sent AS o ON s.own=1 AND o.account=s.account AND o.lane=s.lane
    AND o.message_id=s.message_id
  WHERE s.account=:a AND s.lane=:l AND s.at<=:b AND (s.at<:b OR s.seq*2<:k)
  ORDER BY s.at DESC, s.seq DESC LIMIT :n)
  UNION ALL SELECT * FROM (
  SELECT o.at, 1, 'chat_message', NULL, NULL, o.text, 0, o.outbox_id, o.event_id, o.state,
    o.reason, o.number * 2 + 1, o.event_id
  FROM sent AS o WHERE o.account=:a AND o.lane=:l AND o.at<=:b AND (o.at<:b OR o.number*2+1<:k)
    AND NOT EXISTS (
    SELECT 1 FROM said AS s WHERE s.account=o.account AND s.lane=o.lane AND s.own=1
    AND s.message_id=o.message_id)
  ORDER BY o.at DESC, o.number DESC LIMIT :n))
ORDER BY at DESC, place DESC LIMIT :n
"""
# The newest by their numbers, so that a word in a million lines costs as much as one in a hundred.
_FOUND: Final = """
SELECT f.account, f.lane, n.nick, f.at, f.own,
  substr(f.text, max(1, instr(lower(f.text), lower(:q)) - :r), :s)
FROM (SELECT * FROM (
  SELECT t.account, t.lane, t.at, t.own, t.text FROM {said}
    {whose} ORDER BY {said_number} DESC LIMIT :n)
  UNION ALL SELECT * FROM (
  SELECT t.account, t.lane, t.at, 1, t.text FROM {sent}
    {whose} AND NOT EXISTS (SELECT 1 FROM said AS s WHERE s.account=t.account AND s.own=1
      AND s.message_id=t.message_id) ORDER BY {sent_number} DESC LIMIT :n)
) AS f LEFT JOIN lane AS n ON n.account=f.account AND n.lane=f.lane
ORDER BY f.at DESC LIMIT :n
"""
_BY_INDEX: Final = {
    "said": "words CROSS JOIN said AS t ON t.seq=words.rowid WHERE words MATCH :w",
    "sent": "sent_words CROSS JOIN sent AS t ON t.number=sent_words.rowid "
    "WHERE sent_words MATCH :w",
    "said_number": "words.rowid",
    "sent_number": "sent_words.rowid",
}
_BY_READING: Final = {
    "said": "said AS t WHERE t.text LIKE :w ESCAPE '\\'",
    "sent": "sent AS t WHERE t.text LIKE :w ESCAPE '\\'",
    "said_number": "t.seq",
    "sent_number": "t.number",
}


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
        before: tuple[int, AccountId, str] | None = None,
        limit: int = 50,
    ) -> list[Conversation]:
        """Return conversations, the newest first.

        Args:
            account: Only of this; None: of all.
            waiting: Only those in which a buyer waits, the longest first.
            before: ``at_ms``, ``account`` and ``lane`` of the last one that was shown, to go on
                after it; not with ``waiting``.
            limit: How many at most.

        Raises:
            CopyUnreadableError: There is none, or it cannot be read just now.
        """
        conditions: list[str] = ["1"]
        values: list[str | int] = []
        if account is not None:
            conditions.append("account=?")
            values.append(arguments.account(account))
        if waiting:
            conditions.append("waits_since IS NOT NULL")
        if before is not None:
            conditions.append("at<=? AND (at,account,lane)<(?,?,?)")
            values += (before[0], *before)
        order = "waits_since" if waiting else "at DESC, account DESC, lane DESC"
        query = f"{_CONVERSATIONS} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?"
        return [_conversation(row) for row in rows(self._path, query, (*values, most(limit)))]

    def conversation(self, account: AccountId, lane: str) -> Conversation | None:
        """Return one conversation; None: nothing was said in it.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        query = f"{_CONVERSATIONS} WHERE account=? AND lane=?"
        values = arguments.account(account), legible(lane)
        return next(map(_conversation, rows(self._path, query, values)), None)

    def transcript(
        self,
        account: AccountId,
        lane: str,
        *,
        before: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> list[Line]:
        """Return the newest lines of a conversation, the oldest of them first.

        Args:
            account: Whose.
            lane: The conversation.
            before: ``at_ms`` and ``key`` of the first line that was shown, for those before it;
                None: the newest.
            limit: How many at most.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        at_ms, key = (_NO_BOUND, 0) if before is None else before
        found = rows(self._path,
            _LINES,
            {
                "a": arguments.account(account), "l": legible(lane), "b": at_ms, "k": key,
                "n": most(limit), "s": MOST_SHOWN + 1,
            },
        )  # fmt: skip
        return [
            Line(
                key=place, at_ms=at, own=bool(own), kind=kind, subtype=subtype, who=who,
                text=_cut(text), flags=flags, outbox_id=outbox_id, event_id=event_id, state=state,
                reason=reason, answers=answers,
            )
            for (
                at, own, kind, subtype, who, text, flags, outbox_id, event_id, state, reason,
                place, answers
            ) in reversed(found)
        ]  # fmt: skip

    def search(self, words: str, account: AccountId | None = None, limit: int = 50) -> list[Found]:
        """Return the newest lines with a text in them.

        Words of three characters and more are found by an index; for shorter ones all lines are
        read, so name the account.

        Args:
            words: What is looked for, as it is; case does not count for A to Z. Blank: nothing
                is found.
            account: Only of this; None: of all.
            limit: How many at most, by the journal's order.

        Raises:
            CopyUnreadableError: There is no copy, it cannot be read just now, or it took too long.
            ValueError: More than 200 characters are looked for.
        """
        sought = legible(arguments.text("words", words, most=MOST_SOUGHT, empty=True))
        if not sought.strip():
            return []
        short = len(sought) < LEAST_TRIGRAM
        pattern = re.sub(r"([\\%_])", r"\\\1", sought)
        quoted = sought.replace('"', '""')
        whose = "" if account is None else "AND t.account=:a"
        query = _FOUND.format(whose=whose, **(_BY_READING if short else _BY_INDEX))
        values = {
            "w": f"%{pattern}%" if short else f'"{quoted}"',
            "a": None if account is None else arguments.account(account),
            "n": most(limit), "q": sought, "r": AROUND, "s": 3 * AROUND,
        }  # fmt: skip
        return [
            Found(account=account_, lane=lane, nick=nick, at_ms=at, own=bool(own), text=text)
            for account_, lane, nick, at, own, text in rows(self._path, query, values)
        ]


def _conversation(row: Sequence[Any]) -> Conversation:
    account, lane, peer, nick, item, at, text, own, waits = row
    return Conversation(
        account=account, lane=lane, peer=peer, nick=nick, item=item, at_ms=at, text=text,
        own=bool(own), waits_since_ms=waits,
    )  # fmt: skip


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
