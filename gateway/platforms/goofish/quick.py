"""The fast path: a push of ordinary texts, by far the commonest frame.

It knows one shape and gives up on anything else; :mod:`lenient` and :mod:`entries` then say
what it is. ``_usual.pyx`` is the same, compiled. All must give the same event, which property
tests hold them to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec

from actors.values import Decoded, Event, Frame
from gateway.events import ChatMessage
from gateway.platforms.goofish.envelope import PACKAGES, decode_headers, decode_push
from gateway.platforms.goofish.fields import SESSION_TYPES, SUFFIX, query
from gateway.platforms.goofish.messages import decode_text
from gateway.platforms.goofish.payload import BROKEN, MAX_CHARS, check_depth, unpack_msgpack
from gateway.platforms.goofish.subtypes import TEXT

_UNLIKE = (KeyError, IndexError, TypeError, AttributeError, *BROKEN)
_convert = msgspec.convert
_ITEM = "?itemId="
_ITEM_CHARS = len(_ITEM)


PushFields: TypeAlias = tuple[
    str,
    str,
    int,
    int,
    int,
    int,
    int,
    int,
    list[Event],
    list[tuple[int, str, int | None]] | None,
]
"""Fields of such a push: path, acknowledgement, ``startSeq``, ``endSeq``, ``maxPts``, ``hasMore``,
``timestamp``, ``syncExtraType.type``, events of its entries; then place, ``data`` and number of
each entry that is no ordinary text and for which :data:`UNREAD` stands."""

UNREAD: Final = Event()


class PushReader:
    """Reads the pushes of an account whose JSON is as it should be.

    Args:
        account: Our name of the account.
        user_id: Its id on the platform, to know its own messages.
    """

    __slots__ = ("_account", "_user_id")

    def __init__(self, account: str, user_id: str | None) -> None:
        self._account = account
        self._user_id = user_id

    def read(
        self, frame: Frame, received_at_ms: int, numbers: Iterator[int] | None
    ) -> PushFields | None:
        """Read a push; None if it is anything else.

        Args:
            frame: What came.
            received_at_ms: Our Unix time.
            numbers: One is drawn for each entry, unless there are none to draw.
        """
        if type(frame) is not str:
            return None
        try:
            check_depth(frame)
            push = decode_push(frame)
            usual = push.lwp in PACKAGES and decode_headers(push.headers).mid
            headers = str(push.headers, "utf-8")
        except (ValueError, RecursionError):
            return None
        if not usual:
            return None
        package, extra = push.body.syncPushPackage, push.body.syncExtraType
        events: list[Event] = []
        odd: list[tuple[int, str, int | None]] = []
        for place, entry in enumerate(package.data):
            lane_seq = None if numbers is None else next(numbers)
            event = quick_text(entry.data, self._account, self._user_id, received_at_ms, lane_seq)
            if event is None:
                odd.append((place, entry.data, lane_seq))
            events.append(event or UNREAD)
        return (
            push.lwp,
            f'{{"code":200,"headers":{headers}}}',
            package.startSeq,
            package.endSeq,
            package.maxPts,
            package.hasMore,
            package.timestamp,
            extra.type if extra else 0,
            events,
            odd,
        )

    def follow(
        self,
        frame: Frame,
        received_at_ms: int,
        numbers: Iterator[int] | None,
        expected: dict[str, int],
    ) -> Decoded | PushFields | None:
        """Read a push, and end it here if there is nothing more to say about it.

        Args:
            frame: What came.
            received_at_ms: Our Unix time.
            numbers: As for :meth:`read`.
            expected: By path the ``startSeq`` that is next (protocol 9.2); kept up to date for
                what ends here.

        Returns:
            What it means, if all its entries are ordinary texts, it is the next of its path
            and says nothing else; what it says, if it is a push; None if it is anything else.
        """
        push = self.read(frame, received_at_ms, numbers)
        if push is None:
            return None
        lwp, ack, first, last, points, more, _, extra, events, odd = push
        if odd or more or extra or first > last or first != expected.get(lwp):
            return push
        expected[lwp] = last + 1
        return Decoded(raw=frame, events=events, ack=ack, point=points)


def quick_text(
    data: str, account: str, user_id: str | None, received_at_ms: int, lane_seq: int | None
) -> ChatMessage | None:
    """Return the event of an ordinary text, or None if the entry may be anything else."""
    if len(data) > MAX_CHARS:
        return None
    try:
        value: Any = unpack_msgpack(_convert(data, bytes))
        message = value[1]
        body = message[6].get(3)
        extension = message[10]
        content_type = body[4]
        content = body[5]
        summary = body[2]
        message_id = message[3]
        created_ms = message[5]
        sender_id = message[1].get(1).removesuffix(SUFFIX)
        conversation_id = message[2].removesuffix(SUFFIX)
        nick = extension["reminderTitle"]
        url = extension["reminderUrl"]
        tag = extension["bizTag"]
        more = extension["extJson"]
        session = extension.get("sessionType")
        if (
            type(value) is not dict
            or type(message) is not dict
            or type(body) is not dict
            or type(content_type) is not int
            or type(created_ms) is not int
            or type(content) is not str
            or type(summary) is not str
            or type(message_id) is not str
            or type(nick) is not str
            or (type(session) is not str and session is not None)
            or content_type != TEXT
            or not (message_id and sender_id and conversation_id and nick)
            # Anything that smells of an order, or hides behind an escape.
            or "redReminder" in extension
            or "C2C:" in tag
            or "\\" in tag
            or "taskName" in tag
            or "msgArg1" in more
            or "\\" in more
        ):
            return None
        text = decode_text(content).text.text
        start = url.find(_ITEM) + _ITEM_CHARS
        end = url.find("&", start)
        item_id = url[start:end] if _ITEM_CHARS <= start < end else query(url, "itemId")
    except _UNLIKE:
        return None
    return ChatMessage(
        "text",
        message_id,
        sender_id,
        nick,
        text,
        summary,
        TEXT,
        item_id,
        None,
        None,
        None,
        None,
        None if session is None else SESSION_TYPES.get(session),
        account=account,
        event_id=f"{account}/{message_id}",
        conversation_id=conversation_id,
        lane_seq=lane_seq,
        occurred_at_ms=created_ms,
        received_at_ms=received_at_ms,
        own=sender_id == user_id,
        raw=data,
    )
