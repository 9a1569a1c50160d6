"""The cookies of what is stored. Pure."""

from __future__ import annotations

from gateway.credentials.store import Stored
from gateway.platforms.goofish.cookies import Jar, StoredCookiesError


def jar_of(stored: Stored) -> Jar:
    """Return the stored cookies; what of them cannot be read is none."""
    try:
        return Jar.of_plain(list(stored.cookies))
    except StoredCookiesError:
        return Jar()
