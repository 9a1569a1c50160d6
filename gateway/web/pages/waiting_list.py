"""What waits for a person as one list: dead letters and sends, merged a page at a time. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from actors.ports.journal import Letter
from actors.values import AccountId
from gateway.arguments import ID_CHARS
from gateway.host.send_view import SendView

_PLACE: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page ends: in each of both lists.

    Attributes:
        letter: ``at_ms`` and ``lane_seq`` of the last letter that was shown; None: none was.
        send: Id of the last send that was shown; None: none was.
    """

    letter: tuple[int, int] | None = None
    send: str | None = None

    def query(self, account: AccountId | None = None) -> str:
        """Return it as the query of an address; empty if it is the begin."""
        told = {} if account is None else {"account": account}
        if self.letter is not None:
            told["before"] = f"{self.letter[0]}.{self.letter[1]}"
        if self.send is not None:
            told["send"] = self.send
        return urlencode(told)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list, the newest first.

    Attributes:
        next: Where it ends; None: nothing follows.
    """

    rows: Sequence[Letter | SendView]
    next: Cursor | None


def cursor(query: Mapping[str, str]) -> Cursor:
    """Read the query of an address.

    Raises:
        ValueError: It is none of ours.
    """
    before, send = query.get("before", ""), query.get("send", "")
    place = _PLACE.fullmatch(before)
    if (before and place is None) or len(send) > ID_CHARS or (send and not send.isprintable()):
        raise ValueError(before)
    return Cursor(
        letter=None if place is None else (int(place[1]), int(place[2])), send=send or None
    )


def merged(letters: Sequence[Letter], sends: Sequence[SendView], begin: Cursor, most: int) -> Page:
    """Return a page of both lists, each of which has its newest first.

    Args:
        letters: Behind ``begin``; one more than ``most`` if there are so many.
        sends: The same.
        begin: Where the page before ended.
        most: Rows of a page.
    """
    rows: list[Letter | SendView] = []
    heard, sent = 0, 0
    while len(rows) < most and (heard < len(letters) or sent < len(sends)):
        later = sent == len(sends) or (
            heard < len(letters) and letters[heard].at_ms >= sends[sent].accepted_at_ms
        )
        if later:
            rows.append(letters[heard])
            heard += 1
        else:
            rows.append(sends[sent])
            sent += 1
    if heard == len(letters) and sent == len(sends):
        return Page(rows=rows, next=None)
    last = letters[heard - 1] if heard else None
    return Page(
        rows=rows,
        next=Cursor(
            letter=begin.letter if last is None else (last.at_ms, last.lane_seq),
            send=sends[sent - 1].outbox_id if sent else begin.send,
        ),
    )
