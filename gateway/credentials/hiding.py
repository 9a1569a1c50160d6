"""What of an account's credentials no log may show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.credentials.store import Stored


def of_stored(stored: Stored) -> list[str]:
    """Return the secrets of what is kept."""
    tokens = [stored.token or "", stored.device_id or ""]
    return tokens + of_cookies(stored.cookies, public=stored.user_id)


def of_cookies(cookies: Iterable[Mapping[str, Any]], *, public: str | None) -> list[str]:
    """Return the secrets of cookies; ``public``: the user's id, which is one of their values."""
    values = [str(cookie.get("value") or "") for cookie in cookies]
    values += [value.partition("_")[0] for value in values if "_" in value]
    return [value for value in values if value and value != public]


def of_link(link: str | None) -> list[str]:
    """Return the secrets of an address that leads a person on: itself, and what it bears."""
    if not link:
        return []
    return [link, *(value for _, value in parse_qsl(urlsplit(link).query) if len(value) >= 8)]
