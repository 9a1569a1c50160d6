"""Orders as cards, tips and reminders tell them (protocol 12.1, 12.2, 13)."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.platforms.goofish.fields import at, ident, query, text
from gateway.platforms.goofish.order_words import (
    BUTTONS,
    REFUND_ASKED,
    furthest,
    is_unknown,
    of_reminder,
    of_stage,
    of_task,
    of_words,
)
from gateway.platforms.goofish.payload import mending, unpack_json

_UPDATE = "_CONTENT_MAP_UPDATE_PRE_dxCard.item.main.exContent."


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What an entry says about an order.

    Attributes:
        marked: Made by the trade system, so that its words can be believed; anybody can
            type them (protocol 13).
        words: The line for people that told the state; if none did, the first that could.
    """

    marked: bool = False
    order_id: str | None = None
    status: str | None = None
    red_reminder: str | None = None
    role: str | None = None
    words: str | None = None


def read_trade(extension: Any, content: Any, summary: str | None) -> Trade:
    """Read the order marks of a message or of the update of one.

    Args:
        extension: The extension map (protocol 12.1).
        content: The decoded content JSON, or None.
        summary: The line for display.
    """
    reminder = text(at(extension, "redReminder")) or None
    key = update_key(extension)
    main = _card(content)
    button = at(main, "exContent", "button") or _changed(extension, "button")
    # What has a reminder is made by the trade system, too, unless its source is a person: that one
    # typed the words of a text, but not those of a card or a tip.
    typed = _source(extension).startswith("S:")
    trusted = _made_by_trade(extension) or (reminder is not None and not typed)
    seen = trusted or (reminder is not None and _is_made(content))
    words, told = None, None
    if seen:
        heading = text(at(extension, "reminderTitle")) or ""
        lines = _lines(extension, content, main, summary)
        words, told = _told(lines, heading, text(at(button, "text")))
    status = told if trusted else None
    if status is None:
        stale = (of_task(task_name(extension)), of_stage(key))
        status = furthest(
            of_reminder(reminder), *(stale if trusted and not _turned_down(words) else ())
        )
    status = status or told
    marked = reminder is not None or (trusted and (key is not None or status is not None))
    return Trade(
        marked=marked,
        order_id=_order_id(main, button, key),
        status=status,
        red_reminder=reminder,
        role=query(at(main, "targetUrl"), "role") or query(at(button, "targetUrl"), "role"),
        words=words if marked else None,
    )


def update_key(extension: Any) -> str | None:
    """Return ``<cid>:<order>:<stage>`` of a card."""
    return text(at(inner(at(extension, "extJson")), "updateKey")) or None


def task_name(extension: Any) -> str | None:
    """Return the readable label of a trade message, e.g. ``已拍下_未付款_卖家``."""
    return text(at(inner(at(extension, "bizTag")), "taskName"))


def inner(value: Any) -> Any:
    """Decode JSON that stands inside a text; None if it is none."""
    if type(value) is not str:
        return None
    try:
        return mending(unpack_json, value)
    except (ValueError, RecursionError):
        return None


def _made_by_trade(extension: Any) -> bool:
    source = _source(extension)
    return (
        source.startswith("C2C:")
        or at(inner(at(extension, "extJson")), "msgArg1") in ("MsgCard", "MsgTips")
        # Some updates name their task and no source; what a person writes has a source.
        or (not source and bool(task_name(extension)))
    )


def _is_made(content: Any) -> bool:
    """Return whether it is a card or a tip, which no person types."""
    return _card(content) is not None or at(content, "tip") is not None


def _source(extension: Any) -> str:
    return text(at(inner(at(extension, "bizTag")), "sourceId")) or ""


def _card(content: Any) -> Any:
    changed = at(content, "dynamicOperation", "changeContent")
    return at(content if changed is None else changed, "dxCard", "item", "main")


def _lines(extension: Any, content: Any, main: Any, summary: str | None) -> list[str]:
    """Return the lines for people, in the order they are believed in."""
    lines = (
        summary,
        at(extension, "reminderContent"),
        at(extension, "detailNotice"),
        at(main, "exContent", "title"),
        _changed(extension, "title"),
        at(content, "tip", "tip"),
    )
    return [line for line in lines if type(line) is str and line]


def _told(lines: list[str], heading: str, button: str | None) -> tuple[str | None, str | None]:
    """Return the line that counts, and the state it stands for.

    A heading may be the name of a person, so it counts only if it is known. Without a state a
    line that stands in no row is news; a known one says no more than that a card came.
    """
    for line in (*lines, heading):
        status = of_words(line)
        if status is not None:
            if status == REFUND_ASKED and button in BUTTONS:
                status = BUTTONS[button]
            return line, status
    return next(filter(is_unknown, lines), lines[0] if lines else None), None


def _turned_down(words: str | None) -> bool:
    """Return whether words asked for a refund and have no state: then it was refused."""
    return words is not None and of_words(words) == REFUND_ASKED


def _changed(extension: Any, part: str) -> Any:
    """Return what an update says of a part of its card (protocol 12.3)."""
    found = at(extension, f"{_UPDATE}{part}")
    value = inner(found)
    return found if value is None else value


def _order_id(main: Any, button: Any, key: str | None) -> str | None:
    url = at(button, "targetUrl")
    found = (
        query(url, "bizOrderId")
        or query(url, "orderId")
        or query(url, "id")
        or query(at(main, "targetUrl"), "id")
        or (key.split(":")[1] if key and ":" in key else None)
    )
    return ident(found) if found and found.isdigit() else None
