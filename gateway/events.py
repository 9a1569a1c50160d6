"""The events a handler sees, what it says to them, and their JSON form.

What all platforms share lives here; what only one of them knows stays in its codec.
Nothing here reads a frame or touches a journal.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any, ClassVar, Final, overload

import msgspec

from actors.values import Content, Event, Note
from gateway import arguments, images
from gateway.delivering import Delivering, being_handled
from gateway.escaping import escaped

NOTE_KEY_CHARS: Final = 200
NOTE_VALUE_CHARS: Final = 16_384
PIXELS: Final = 100_000
"""Most pixels of an image's side."""

_KEEP_ELSEWHERE: Final = "keep text, and more than that in a store of your own"


def note_name(conversation: object, key: object) -> tuple[str, str]:
    """Return what a note is found by, checked: its conversation, "" for an account's, and its key.

    Raises:
        TypeError: One is no ``str``.
        ValueError: The key is empty, or one is too long.
    """
    lane = "" if conversation is None else conversation
    lane = arguments.text("conversation", lane, most=arguments.FRAME_CHARS, empty=True)
    return lane, arguments.text("key", key, most=NOTE_KEY_CHARS)


# Its own fields may be given by position, which makes a text in a fifth of the time:
# msgspec looks up every keyword among all fields.
class PlatformEvent(Event, frozen=True, gc=False):
    """An event with the fields a chat platform may know; None where one does not apply.

    Attributes:
        subtype: Finer than ``kind``, e.g. ``text``, ``image``, ``trade_card``, ``typing``.
        message_id: The platform's id of the message this is, or is about.
        sender_id: The sender, to whom a reply goes; of an own message the account itself.
        sender_nick: Display name of the sender.
        text: What was written; None unless it is a text.
        summary: One line the platform shows for it.
        content_type: The platform's number of the content.
        item_id: The goods the conversation is about.
        order_id: The order it is about.
        order_status: ``unpaid paid shipped done closed bargaining refund_asked refunding
            refund_withdrawn``.
        red_reminder: The platform's own word for the state of the order.
        role: What the account is in the order, in the platform's spelling (``seller``,
            ``Seller``, ``buyer``): compare without case.
        session_type: ``private``, ``group``, or ``system`` (the platform's own helper); None
            where the platform does not tell.
        order_text: The platform's own words about the order, as they came. With no
            ``order_status`` they are words that nobody knows yet, or that tell no state.
    """

    subtype: str | None = None
    message_id: str | None = None
    sender_id: str | None = None
    sender_nick: str | None = None
    text: str | None = None
    summary: str | None = None
    content_type: int | None = None
    item_id: str | None = None
    order_id: str | None = None
    order_status: str | None = None
    red_reminder: str | None = None
    role: str | None = None
    session_type: str | None = None
    order_text: str | None = None

    def reply(self, text: str) -> None:
        """Answer with a text; it leaves together with the settlement of this event.

        Args:
            text: Not empty, up to 65,536 bytes in UTF-8.

        Raises:
            EventSettledError: No handler is being called with this event on this thread just
                now, or this is a copy of the event; ``Gateway.send`` may be called anywhere.
            ForkedError: This is a child forked from the process that handles the event.
            NoAddresseeError: The platform wants to know whom, and this does not tell: the
                account's own message, say, or a word of the platform's. A ``ValueError``, too.
            TypeError: Not a ``str``, or this is a copy of the event.
            ValueError: Empty, too long, or with half of a character.
        """
        self._answer(lambda _: Content(text=arguments.message("text", text)))

    @overload
    def reply_image(self, url: str, width: int, height: int) -> None: ...

    @overload
    def reply_image(self, path: str | os.PathLike[str], /) -> None: ...

    def reply_image(
        self,
        url: str | os.PathLike[str],
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        """Answer with an image: ``reply_image(path)``, or ``reply_image(url, width, height)``.

        A file is uploaded in this call, which may take three quarters of ``handlers.deadline_s``,
        60 s at most. Otherwise as :meth:`reply`.

        Args:
            url: A JPEG, PNG, GIF or WebP file of up to 5 MiB; with a size the address where an
                uploaded image lies.
            width: Of the image at an address, in pixels.
            height: The same.

        Raises:
            EventSettledError, ForkedError, NoAddresseeError: As for :meth:`reply`.
            UploadError: The file cannot be sent, or was not uploaded; says what to do.
            OverloadedError: The account's outbox is full; nothing was uploaded.
            TypeError: The path is neither ``str`` nor ``Path``, ``url`` no ``str``, or a size no
                whole number.
            ValueError: ``url`` is no address, or a size is not 1 to 100,000; or the path is
                empty or an address.
        """
        if width is None and height is None:
            remedy = "give its size, too: reply_image(url, width, height)"
            self._answer(
                lambda current: current.upload(self, images.local_path("path", url, remedy=remedy))
            )
            return
        self._answer(
            lambda _: Content(
                image_url=arguments.web_address("url", url),
                width=arguments.whole("width", width, least=1, most=PIXELS),
                height=arguments.whole("height", height, least=1, most=PIXELS),
            )
        )

    def note(self, key: str, value: str | None, *, account_wide: bool = False) -> None:
        """Keep a value about this conversation; it is there once this event is settled.

        ``Gateway.note(account, conversation, key)`` reads it. A handler that raises keeps
        nothing; in a journal on disk notes outlive the process.

        Args:
            key: Its name, up to 200 characters; a second note of that name replaces the first.
            value: Up to 16,384 characters; None forgets the note.
            account_wide: Keep it about the account instead.

        Raises:
            EventSettledError, ForkedError: As for :meth:`reply`.
            TypeError: The key or the value is no ``str``.
            ValueError: The key is empty, or the key or the value is too long.
        """
        current = being_handled(self)
        note = Note(
            conversation_id="" if arguments.flag("account_wide", account_wide) else self._lane,
            key=arguments.text("key", key, most=NOTE_KEY_CHARS),
            value=None
            if value is None
            else arguments.text(
                "value", value, most=NOTE_VALUE_CHARS, empty=True, remedy=_KEEP_ELSEWHERE
            ),
        )
        if current.notes is None:
            current.notes = []
        current.notes.append(note)
        current.check_still(self)

    @property
    def _lane(self) -> str:
        return self.conversation_id or ""

    def _answer(self, content: Callable[[Delivering], Content]) -> None:
        current = being_handled(self)
        current.addressee(self)
        current.replies.append(content(current))
        current.check_still(self)


class ChatMessage(PlatformEvent, frozen=True, gc=False):
    """A message of another user, or of the account itself."""

    kind: ClassVar[str] = "chat_message"
    said: ClassVar[bool] = True


class OrderStatusChanged(PlatformEvent, frozen=True, gc=False):
    """An order changed its state, or the platform reported its state."""

    kind: ClassVar[str] = "order_status"


class UserInteraction(PlatformEvent, frozen=True, gc=False):
    """Another user read a message or is typing."""

    kind: ClassVar[str] = "user_interaction"
    notice: ClassVar[bool] = True


class SystemNotification(PlatformEvent, frozen=True, gc=False):
    """A notice by the platform itself."""

    kind: ClassVar[str] = "system_notification"
    notice: ClassVar[bool] = True


class UnknownEvent(PlatformEvent, frozen=True, gc=False):
    """A decoded entry of unknown meaning; ``raw`` holds it."""

    kind: ClassVar[str] = "unknown"


class UndecodableEvent(PlatformEvent, frozen=True, kw_only=True, gc=False):
    """An entry that cannot be decoded; ``raw`` holds it.

    Attributes:
        reason: Why, safe to log: a constant, or a constant and the codec's own words.
    """

    kind: ClassVar[str] = "undecodable"

    reason: str = ""


# --- JSON -----------------------------------------------------------------------------

FIELDS = (
    "subtype",
    "event_id",
    "message_id",
    "conversation_id",
    "sender_id",
    "sender_nick",
    "text",
    "summary",
    "content_type",
    "item_id",
    "order_id",
    "order_status",
    "red_reminder",
    "role",
    "session_type",
    "order_text",
    "own",
    "occurred_at_ms",
    "received_at_ms",
    "lane_seq",
    "redelivered",
    "recovered",
    "late",
    "taken_over",
)
_WITH_RAW = frozenset({UnknownEvent.kind, UndecodableEvent.kind})
_encode = msgspec.json.Encoder().encode


def as_dict(event: Event) -> dict[str, Any]:
    """Return the JSON names and values of an event, in the order of the fields, without None.

    ``raw`` is given for unknown and undecodable events only: text as it is, bytes that
    are no UTF-8 as ``raw_base64``.
    """
    line: dict[str, Any] = {"account": event.account, "kind": event.kind}
    for name in FIELDS:
        value = getattr(event, name, None)
        if value is not None:
            line[name] = value
    if event.kind in _WITH_RAW:
        reason = getattr(event, "reason", None)
        if reason is not None:
            line["reason"] = reason
        line.update(_raw(event.raw))
    return line


def to_json(event: Event) -> bytes:
    """Return :func:`as_dict` as one line of JSON in UTF-8, without the line feed."""
    return escaped(_encode(as_dict(event)))


def _raw(raw: str | bytes) -> dict[str, str]:
    if isinstance(raw, str):
        return {"raw": raw}
    try:
        return {"raw": raw.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(raw).decode()}
