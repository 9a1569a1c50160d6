"""What pages are asked by: addresses, in which a name is one segment, and languages. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from actors.values import AccountId

_HALVES = "surrogatepass"
"""Ids of strangers may hold half of a letter, and come back as they were."""

_SHARE: Final = re.compile(r"[01](\.\d{0,3})?").fullmatch

_MARK = "~"
"""Before a name that a browser would take for a step of the path, and before one that begins so."""


def segment(name: str) -> str:
    """Return a name as one segment of a path.

    Browsers resolve ``.`` and ``..``, so those are marked.
    """
    marked = not name.strip(".") or name.startswith(_MARK)
    return (_MARK if marked else "") + quote(name, safe="", errors=_HALVES)


def name_of(part: str) -> str:
    """Return the name that a segment stands for.

    Raises:
        UnicodeDecodeError: It is no UTF-8.
    """
    return unquote_to_bytes(part).decode("utf-8", _HALVES).removeprefix(_MARK)


def parts_of(uri: str) -> tuple[str, ...]:
    """Return the segments of an address as they were asked for, still quoted.

    Raises:
        ValueError: It is none.
    """
    path = urlsplit(f"//host{uri}" if uri.startswith("/") else uri).path
    return tuple(path.strip("/").split("/")) if path.strip("/") else ()


def account(name: AccountId, *behind: str) -> str:
    """Return the address of an account, or of a verb of it."""
    return "/".join(("/accounts", segment(name), *behind))


def chat(name: AccountId, lane: str, *behind: str) -> str:
    """Return the address of a conversation, or of a verb of it."""
    return "/".join(("/chats", segment(name), segment(lane), *behind))


def letter(event_id: str, *behind: str) -> str:
    """Return the address of a dead letter, or of a verb of it."""
    return "/".join(("/waiting/letters", segment(event_id), *behind))


def send(outbox_id: str, *behind: str) -> str:
    """Return the address of a send, or of a verb of it."""
    return "/".join(("/waiting/sends", segment(outbox_id), *behind))


def within(to: str) -> str:
    """Return an address of this server as it was given; ``/`` if it is another's."""
    plain = to.isascii() and to.isprintable() and "\\" not in to
    return to if plain and to.startswith("/") and not to.startswith("//") else "/"


def accepted(languages: str) -> list[str]:
    """Return the names of ``Accept-Language``, the most wanted first; what is no number is 1."""
    wishes: list[tuple[float, int, str]] = []
    for wish in languages.lower().split(","):
        name, _, weight = wish.partition(";")
        number = weight.strip().removeprefix("q=")
        share = float(number) if _SHARE(number) else 1.0
        if name.strip() and share:
            wishes.append((-share, len(wishes), name.strip()))
    return [name for _, _, name in sorted(wishes)]
