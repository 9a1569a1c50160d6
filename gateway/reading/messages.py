"""What of an event stands in a transcript. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.values import AccountId, Event
from gateway.journal import rows

MOST_CHARS: Final = 100_000
"""Of one text; the journal has it whole."""

MOST_OF_NAME: Final = 500
"""Characters of a name, and of whatever else is said beside the text."""

AHEAD_MS: Final = 86_400_000
"""What the platform dates later than this after it came, was said when it came."""

LATE: Final = 1
RECOVERED: Final = 2
ASKS: Final = 4
"""Bits of :attr:`Said.flags`."""

_WORDS: Final = ("text", "summary", "order_text")
"""What a line says: the first of them that an event has."""

_KINDS: Final = frozenset({"chat_message", "order_status", "system_notification"})


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a transcript.

    Attributes:
        seq: Its number in the journal when it was read.
        at_ms: When it was said, by the platform's clock if it tells, else when it came.
        received_at_ms: When it came, by ours.
        own: The account said it.
        who: Display name of who said it.
        peer: The buyer's id; None: this does not tell.
        flags: :data:`LATE`, :data:`RECOVERED`; :data:`ASKS`: a buyer waits for an answer to it.
    """

    seq: int
    account: AccountId
    lane: str
    event_id: str
    at_ms: int
    received_at_ms: int
    own: bool
    kind: str
    subtype: str | None
    who: str | None
    peer: str | None
    item: str | None
    text: str | None
    message_id: str | None
    flags: int


def said(event: Event, *, late: bool) -> Said | None:
    """Return the line of an event, numbered by the journal; None: it is none of a conversation.

    Args:
        event: As it was decoded again.
        late: A newer one of its conversation was handled before.
    """
    if event.conversation_id is None or event.kind not in _KINDS or event.lane_seq is None:
        return None
    words = next(filter(None, (_of(event, each, MOST_CHARS) for each in _WORDS)), None)
    private = _of(event, "session_type") in (None, "private")
    message = event.kind == "chat_message"
    asks = message and private and not event.own
    return Said(
        seq=event.lane_seq,
        account=event.account,
        lane=legible(event.conversation_id),
        event_id=legible(event.event_id),
        at_ms=_when(event.occurred_at_ms, event.received_at_ms),
        received_at_ms=event.received_at_ms,
        own=event.own,
        kind=event.kind,
        subtype=_of(event, "subtype"),
        who=_of(event, "sender_nick"),
        peer=None if event.own or not message else _of(event, "sender_id"),
        item=_of(event, "item_id"),
        text=words,
        message_id=_of(event, "message_id"),
        flags=LATE * late + RECOVERED * event.recovered + ASKS * asks,
    )


def legible(text: str) -> str:
    """Return a text that UTF-8 can say and SQL reads to its end.

    Half of a character is escaped, and a NUL shown as U+2400.
    """
    return (rows.legible(text) or "").replace("\0", "\u2400")


def _when(occurred_at_ms: int | None, received_at_ms: int) -> int:
    if not occurred_at_ms or not 0 < occurred_at_ms <= received_at_ms + AHEAD_MS:
        return received_at_ms
    return occurred_at_ms


def _of(event: Event, name: str, most: int = MOST_OF_NAME) -> str | None:
    value = getattr(event, name, None)
    return legible(value[:most]) if isinstance(value, str) and value else None
