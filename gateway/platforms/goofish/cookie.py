"""One cookie: where it came from, where it may go, and a ``Set-Cookie`` line (RFC 6265). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from gateway.platforms.goofish.dates import date_ms
from gateway.platforms.goofish.endpoints import is_loopback

LONGEST = 4096
"""Characters of a name and its value together; browsers keep no longer ones."""

LONGEST_LIFE_MS = 400 * 24 * 3600 * 1000
"""What is said to last longer ends then; browsers do so, and a number stays a small one."""

_LONGEST_LINE = 4 * LONGEST
_LONGEST_PATH = 1024
_LATEST_MS = 2**53
_NAME = re.compile(r"[!#$%&*+.^_|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"(?:[!-:<-~](?:[ -:<-~]*[!-:<-~])?)?").fullmatch
_PATH = re.compile(r"/[ -:<-~]*").fullmatch
_LINE = re.compile(r"[ -~]*").fullmatch
_DOMAIN = re.compile(r"[0-9a-z_-]+(?:\.[0-9a-z_-]+)*|\[?[0-9a-f:.]+\]?").fullmatch
_ADDRESS = re.compile(r"[\d.]+|.*:.*").fullmatch
_AGE = re.compile(r"-?\d+", re.ASCII).fullmatch
_MOST_DIGITS = 12


class Place(NamedTuple):
    """A URL as cookies see it: ``secure`` is TLS, or loopback."""

    host: str
    path: str
    secure: bool


class Cookie(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie. ``repr`` does not show the value.

    Attributes:
        name: Without blanks, quotes, ``=`` and ``;``.
        value: Printable ASCII without ``;``; may be empty.
        domain: In lower case, without the leading dot.
        path: Begins with ``/``.
        host_only: It goes to the domain itself and to no host below it.
        secure: It goes over TLS, or to loopback.
        http_only: Scripts of a page do not see it.
        partitioned: It was set for pages of the platform only (CHIPS).
        expires_at_ms: Unix time; None: it ends with the session.
        set_at_ms: Our Unix time when it came.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    host_only: bool = False
    secure: bool = False
    http_only: bool = False
    partitioned: bool = False
    expires_at_ms: int | None = None
    set_at_ms: int = 0

    @property
    def identity(self) -> tuple[str, str, str, bool]:
        """What tells it from other cookies; a later one of the same replaces it."""
        return self.name, self.domain, self.path, self.partitioned

    @property
    def size(self) -> int:
        """Characters it takes."""
        return len(self.name) + len(self.value) + len(self.domain) + len(self.path)

    def lives(self, now_ms: int) -> bool:
        """Return True if it has not expired."""
        return self.expires_at_ms is None or self.expires_at_ms > now_ms

    def goes_to(self, place: Place) -> bool:
        """Return True if a browser sends it there."""
        if self.secure and not place.secure:
            return False
        if self.host_only:
            return place.host == self.domain and _covers(self.path, place.path)
        return is_within(place.host, self.domain) and _covers(self.path, place.path)

    def is_sound(self) -> bool:
        """Return True if a header can carry it and nothing is beyond its bounds."""
        return (
            _NAME(self.name) is not None
            and _VALUE(self.value) is not None
            and len(self.name) + len(self.value) <= LONGEST
            and _DOMAIN(self.domain) is not None
            and _PATH(self.path) is not None
            and len(self.path) <= _LONGEST_PATH
            and 0 <= self.set_at_ms <= _LATEST_MS
            and (self.expires_at_ms is None or abs(self.expires_at_ms) <= _LATEST_MS)
        )

    def __repr__(self) -> str:
        """Show what it is, not what is in it."""
        return f"Cookie({self.name} of {self.domain}{self.path})"

    __str__ = __repr__


def place_of(url: str) -> Place:
    """Return a URL as cookies see it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return Place(host, parts.path or "/", parts.scheme == "https" or is_loopback(host))


def is_within(host: str, domain: str) -> bool:
    """Return True if a host is a domain or below it; an address is only itself."""
    return host == domain or (host.endswith(f".{domain}") and not _ADDRESS(host))


def bounded_expiry(expires_at_ms: int | None, now_ms: int) -> int | None:
    """Return an expiry that is no later than browsers keep anything."""
    return None if expires_at_ms is None else min(expires_at_ms, now_ms + LONGEST_LIFE_MS)


def read_set_cookie(line: str, place: Place, now_ms: int) -> Cookie | None:
    """Return the cookie of a ``Set-Cookie`` value, one to be deleted as expired; None: refused.

    Args:
        line: One value; several are never joined.
        place: Where the answer came from; it may set only its own domains.
        now_ms: Unix time.
    """
    if len(line) > _LONGEST_LINE or not _LINE(line):
        return None
    pair, *rest = line.split(";")
    name, equals, value = pair.partition("=")
    said = _attributes(rest)
    domain = said.get("domain", "").lower().removeprefix(".")
    if not equals or not _may_set(place.host, domain):
        return None
    path = said.get("path", "")
    cookie = Cookie(
        name=name.strip(" "),
        value=value.strip(" "),
        domain=domain or place.host,
        path=path if path.startswith("/") else _default_path(place.path),
        host_only=not domain,
        secure="secure" in said,
        http_only="httponly" in said,
        partitioned="partitioned" in said,
        expires_at_ms=_expiry(said, now_ms),
        set_at_ms=now_ms,
    )
    return cookie if cookie.is_sound() else None


def _attributes(parts: list[str]) -> dict[str, str]:
    """Return the attributes by name, the last one of a name; one that says nothing is none."""
    said = {}
    for part in parts:
        name, _, value = part.partition("=")
        name, value = name.strip(" ").lower(), value.strip(" ")
        if not _is_ignored(name, value):
            said[name] = value
    return said


def _is_ignored(name: str, value: str) -> bool:
    """Return True for an attribute that RFC 6265 has us pass over."""
    if name == "max-age":
        return not _AGE(value)
    return name == "expires" and date_ms(value) is None


def _may_set(host: str, domain: str) -> bool:
    """Return True if a host may set cookies for a domain: its own, and none as wide as ``com``."""
    return not domain or host == domain or ("." in domain and is_within(host, domain))


def _expiry(said: dict[str, str], now_ms: int) -> int | None:
    age = said.get("max-age")
    if age is None:
        return bounded_expiry(date_ms(said.get("expires", "")), now_ms)
    if age.startswith("-") or not age.strip("0"):
        return 0
    # The length first: the interpreter refuses to read thousands of digits.
    seconds = int(age) if len(age) <= _MOST_DIGITS else LONGEST_LIFE_MS
    return bounded_expiry(now_ms + seconds * 1000, now_ms)


def _default_path(path: str) -> str:
    """Return the directory of a path (RFC 6265, 5.1.4)."""
    return path[: path.rfind("/")] or "/"


def _covers(path: str, asked: str) -> bool:
    """Return True if a cookie of a path goes to another (RFC 6265, 5.1.4)."""
    return asked == path or (
        asked.startswith(path) and (path.endswith("/") or asked[len(path)] == "/")
    )
