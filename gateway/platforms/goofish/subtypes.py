"""What an event of this platform may be: its subtypes and their classes, as data.

``scripts/draw_events.py`` makes ``docs/events.md`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.events import (
    ChatMessage,
    OrderStatusChanged,
    PlatformEvent,
    SystemNotification,
    UndecodableEvent,
    UnknownEvent,
    UserInteraction,
)

TEXT: Final = 1
"""The number of a text."""

IMAGE: Final = "image"

_CONTENTS: Final[Mapping[int | None, tuple[str, type[PlatformEvent]]]] = {
    TEXT: ("text", ChatMessage),
    2: (IMAGE, ChatMessage),
    3: ("audio", ChatMessage),
    4: ("video", ChatMessage),
    5: ("expression", ChatMessage),
    6: ("text_card", ChatMessage),
    7: ("item_card", ChatMessage),
    14: ("tip", SystemNotification),
    25: ("order_card", ChatMessage),
    26: ("trade_card", OrderStatusChanged),
    32: ("dynamic_card", OrderStatusChanged),
}
"""Subtype and class of a message by the number of its content (protocol 13).

What bears marks of the trade system is an OrderStatusChanged, whatever its content.
"""

OTHER_CONTENT: Final = "content_type_{}"
"""Subtype of a message whose number is in no row."""

READ: Final = "read_receipt"
TYPING: Final = "typing"
MARKER: Final = "new_message_marker"
"""Subtype of an entry that says no more than: something about this message."""
EXTENSION: Final = "message_extension_update"
REMINDER: Final = "red_reminder"
ORDER: Final = "order_context"
AROUSE: Final = "session_arouse"
KICKOUT: Final = "kickout"
REMOVED: Final = "session_removed"
UNKNOWN: Final = "unknown"
ANY_PATH: Final = "/…"
"""Stands for the path of a push that nobody knows: that is its subtype."""
UNDECODABLE: Final = "undecodable"
NO_DATA: Final = "no_data_field"
NO_ENTRIES: Final = "no_entry_list"
"""Subtype of a push that should have entries and has none to be read."""
BAD_PAGE: Final = "history_page"
"""Subtype of the one event that keeps a page of history that cannot be read."""

MALFORMED: Final = "malformed_frame"
"""Only ``decode`` makes it: to the gateway such a frame is a fault of the link."""

SUBTYPES: Final[Mapping[str, tuple[type[PlatformEvent], ...]]] = {
    **{subtype: (kind,) for subtype, kind in _CONTENTS.values()},
    OTHER_CONTENT: (ChatMessage,),
    READ: (UserInteraction,),
    TYPING: (UserInteraction,),
    MARKER: (SystemNotification,),
    EXTENSION: (OrderStatusChanged, SystemNotification),
    REMINDER: (OrderStatusChanged,),
    ORDER: (OrderStatusChanged,),
    AROUSE: (SystemNotification,),
    KICKOUT: (SystemNotification,),
    REMOVED: (SystemNotification,),
    UNKNOWN: (UnknownEvent,),
    ANY_PATH: (UnknownEvent,),
    UNDECODABLE: (UndecodableEvent,),
    NO_DATA: (UndecodableEvent,),
    NO_ENTRIES: (UndecodableEvent,),
    BAD_PAGE: (UndecodableEvent,),
    MALFORMED: (UndecodableEvent,),
}
"""Every subtype, and the classes its events are of."""


def of_content(number: int | None) -> tuple[str, type[PlatformEvent]]:
    """Return subtype and class of a message by the number of its content."""
    return _CONTENTS.get(number) or (OTHER_CONTENT.format(number), ChatMessage)


def row_of(subtype: str) -> str:
    """Return the row of :data:`SUBTYPES` that a subtype belongs to."""
    if subtype.startswith("/"):
        return ANY_PATH
    return OTHER_CONTENT if subtype.startswith(OTHER_CONTENT.format("")) else subtype
