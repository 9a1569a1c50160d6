"""Whether a person writes in a conversation himself: what the account said that no send explains.

The platform shows the account its own messages, whoever wrote them: a send of ours, or the shop's
owner on his phone. Only the second begins a take-over. It decides; who asks is
:mod:`actors.account.attribution`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from actors.policy.sends import DOUBT_MS, LATE_S, SLACK_MS
from actors.values import Event, SendState

MINUTE_MS: Final = 60_000


class Author(enum.Enum):
    """Who wrote an own message. OPEN: a send may explain it, which cannot be told yet."""

    OURS = "ours"
    OPEN = "open"
    PERSON = "person"


class Explanation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A send in the conversation of an own message, as the journal has it.

    Attributes:
        state: Where it stands.
        ended: It has an outcome, or only a person can tell it.
        tried: An attempt of it may have left.
        same: The message says what it says; None: that cannot be told now.
        message_id: The platform's id of it, if that is known.
        first_ms: The platform's Unix time of the first attempt, or ours; None: unknown.
        last_ms: The same of its end.
    """

    state: SendState
    ended: bool
    tried: bool
    same: bool | None
    message_id: str | None = None
    first_ms: int | None = None
    last_ms: int | None = None


def may_begin(event: Event) -> bool:
    """Return whether an event may begin a take-over: somebody said something as the account."""
    return event.own and event.said and event.conversation_id is not None


def until_ms(event: Event, *, auto_ms: int, now_ms: int, platform_ms: int | None) -> int | None:
    """Return when the take-over ends that a message begins, in our Unix time.

    The platform's times are compared with the platform's times, as ours may be hours off.

    Args:
        event: The message.
        auto_ms: So long after it.
        now_ms: Our Unix time.
        platform_ms: The platform's; None: it is not known.

    Returns:
        None if that is past, or ``auto_ms`` is zero: the message begins none.
    """
    if event.occurred_at_ms is None:
        age_ms = now_ms - event.received_at_ms
    else:
        age_ms = (now_ms if platform_ms is None else platform_ms) - event.occurred_at_ms
    left_ms = auto_ms - max(0, age_ms)
    return now_ms + left_ms if left_ms > 0 else None


def author(message_id: str | None, at_ms: int | None, sends: Iterable[Explanation]) -> Author:
    """Return who wrote an own message.

    Args:
        message_id: The platform's id of it.
        at_ms: The platform's Unix time of it; None: it does not tell.
        sends: Those of its conversation.
    """
    found = Author.PERSON
    for send in sends:
        if message_id is not None and send.message_id == message_id:
            return Author.OURS
        if not send.tried or send.message_id or send.state is SendState.REFUSED:
            continue
        if not _within(send, at_ms):
            continue
        if send.ended and send.same:
            return Author.OURS
        if not send.ended or send.same is None:
            found = Author.OPEN
    return found


def _within(send: Explanation, at_ms: int | None) -> bool:
    """Return whether the platform may have made this message of this send."""
    if at_ms is None:
        return True
    if send.first_ms is not None and at_ms < send.first_ms - SLACK_MS:
        return False
    return send.last_ms is None or at_ms <= send.last_ms + LATE_S * 1000 + DOUBT_MS
