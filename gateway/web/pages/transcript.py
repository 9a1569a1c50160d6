"""A conversation as it is shown: bubbles, lines between them, and who wrote what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from gateway.host.send_view import SendView
from gateway.reading.answers import Line
from gateway.reading.messages import LATE, RECOVERED

SHOWN: Final = 2_000
"""Characters of a text that are shown at once."""

MOST: Final = 20_000
"""Characters of a text that can be unfolded."""

MEDIA: Final = frozenset({
    "image", "audio", "video", "expression", "item_card", "order_card", "text_card",
})  # fmt: skip
"""Subtypes that have words, where they carry no text."""

Author = Literal["buyer", "bot", "here", "device"]


class Bubble(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said, or a line between.

    Attributes:
        note: It is told by the platform, not said by anybody.
        who: Display name of a buyer.
        author: ``bot``: a reply of a handler; ``here``: a send of a person or program that
            answers no event; ``device``: nobody here sent it.
        text: Its begin; empty: it has none.
        rest: What follows, to be unfolded.
        media: What it is instead of a text: one of :data:`MEDIA`, or ``other``.
        state: Of a send of ours.
    """

    key: str
    note: bool
    own: bool
    who: str | None
    author: Author
    at_ms: int
    text: str
    rest: str
    media: str
    late: bool
    recovered: bool
    outbox_id: str | None
    state: str | None
    reason: str | None


def bubbles(lines: Sequence[Line], sent: SendView | None = None) -> list[Bubble]:
    """Return what is shown of lines, the oldest first.

    Args:
        lines: Of a conversation.
        sent: What was just sent there; it is shown even if the copy has not got it yet.
    """
    shown = [_of_line(line) for line in _answers_below(lines) if line.text or not _is_note(line)]
    if sent is not None and sent.outbox_id not in {line.outbox_id for line in lines}:
        shown.append(_of_send(sent))
    return shown


def _answers_below(lines: Sequence[Line]) -> list[Line]:
    """Return lines so that no answer is above its question.

    A question has the time of the platform's clock, its answer that of ours.
    """
    asked = {line.event_id for line in lines if not line.own}
    held: defaultdict[str, list[Line]] = defaultdict(list)
    ordered: list[Line] = []
    for line in lines:
        if line.own and line.answers is not None and line.answers in asked:
            held[line.answers].append(line)
            continue
        ordered.append(line)
        if not line.own and line.event_id is not None:
            asked.discard(line.event_id)
            ordered += held.pop(line.event_id, ())
    return ordered


def _of_line(line: Line) -> Bubble:
    text = line.text or ""
    media = line.subtype if line.subtype in MEDIA else "other"
    return Bubble(
        key=f"{line.at_ms}.{line.key}",
        note=_is_note(line),
        own=line.own,
        who=line.who,
        author=_author(line),
        at_ms=line.at_ms,
        text=text[:SHOWN],
        rest=text[SHOWN:MOST],
        media="" if text or media is None else media,
        # How the platform's copy of our own send came says nothing of it.
        late=bool(line.flags & LATE) and line.outbox_id is None,
        recovered=bool(line.flags & RECOVERED) and line.outbox_id is None,
        outbox_id=line.outbox_id,
        state=line.state,
        reason=line.reason,
    )


def _is_note(line: Line) -> bool:
    return line.kind != "chat_message"


def _author(line: Line) -> Author:
    if not line.own:
        return "buyer"
    if line.outbox_id is None:
        return "device"
    return "here" if line.answers is None else "bot"


def _of_send(sent: SendView) -> Bubble:
    text = sent.text or ""
    return Bubble(
        key=f"{sent.accepted_at_ms}.{sent.outbox_id}",
        note=False,
        own=True,
        who=None,
        author="here" if sent.event_id is None else "bot",
        at_ms=sent.accepted_at_ms,
        text=text[:SHOWN],
        rest=text[SHOWN:MOST],
        media="" if text else "image",
        late=False,
        recovered=False,
        outbox_id=sent.outbox_id,
        state=sent.state.value,
        reason=sent.reason,
    )
