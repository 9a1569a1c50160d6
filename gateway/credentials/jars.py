"""What the cookies of what is stored say. Pure."""

from __future__ import annotations

import msgspec

from gateway.credentials.store import Stored
from gateway.platforms.goofish.cookies import Jar, StoredCookiesError
from gateway.platforms.goofish.renewal import long_login_ends_ms


def jar_of(stored: Stored) -> Jar:
    """Return the stored cookies; what of them cannot be read is none."""
    try:
        return Jar.of_plain(list(stored.cookies))
    except StoredCookiesError:
        return Jar()


def login_ends_ms(stored: Stored, now_ms: int) -> int | None:
    """Return when the login ends; None: nobody says.

    The cookie that says so goes when its time is over: then what it said is remembered.
    """
    said_ms = long_login_ends_ms(jar_of(stored), now_ms)
    return stored.login_ends_ms if said_ms is None else said_ms


def dated(stored: Stored, now_ms: int) -> Stored:
    """Return the same with the end of its login noted."""
    ends_ms = login_ends_ms(stored, now_ms)
    return msgspec.structs.replace(stored, login_ends_ms=ends_ms)
