"""What a pasted secret brought along: its name, quotes, a whole command. Pure.

The platform would refuse it hours later, in words that lead nowhere. What is said names the form
that was pasted, never what is in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Protocol

from gateway.config.findings import Finding

BREAK = re.compile(r"[\r\n\0]")
"""Characters that end a header too early."""

_UNSEEN = frozenset({"Cf", "Zl", "Zp"})
_COOKIE_NAME = re.compile(
    r"\s*((?:-H|--header|-b|--cookie)[\s='\"]+(?:cookie\s*:)?|(?:set-)?cookie\s*:|curl\s|fetch\()",
    re.IGNORECASE,
)
_KEY_NAME = re.compile(
    r"\s*((?:access[_-]?token|token|device[_-]?id|user[_-]?id|unb)[\"']?\s*[:=]"
    r"|(?:authorization\s*:\s*)?bearer\s)",
    re.IGNORECASE,
)
_COOKIES_TXT = re.compile(r"\s*#\s*(?:netscape |http )", re.IGNORECASE)
_THE_VALUE = {True: "the cookies: name=value; name=value", False: "the value itself"}
_QUOTES = tuple("\"'`“”‘’")


class Pasted(Protocol):
    """What somebody may have pasted: credentials of the settings, or of another program."""

    @property
    def user_id(self) -> str | None:
        """The platform's id of the account."""

    @property
    def device_id(self) -> str | None:
        """The one the token was asked for."""

    @property
    def token(self) -> str | None:
        """Proof for the registration."""

    @property
    def cookie(self) -> str | None:
        """``Cookie`` header of the upgrade."""


def findings(credentials: Pasted, path: str) -> Iterator[Finding]:
    """Yield what is wrong with the form of credentials, a line each at most."""
    for key in ("user_id", "device_id", "token", "cookie"):
        value = getattr(credentials, key) or ""
        told = _with(value, is_cookie=key == "cookie") if value else None
        if told:
            yield f"{path}.{key}", told


def users_of(cookie: str | None) -> frozenset[str]:
    """Return the users a Goofish cookie is of: its values of ``unb``."""
    pairs = (part.strip().partition("=") for part in (cookie or "").split(";"))
    return frozenset(value.strip('"') for name, _, value in pairs if name == "unb" and value)


def _with(value: str, *, is_cookie: bool) -> str | None:
    """Return what is wrong with one of them."""
    form = _form_of(value, is_cookie=is_cookie)
    told = f"{form}; copy only {_THE_VALUE[is_cookie]}" if form else None
    if told is None and BREAK.search(value):
        told = "holds a line break; write it on one line"
    elif told is None and is_cookie and not value.isascii():
        told = "holds letters no header can carry; copy it again"
    elif told is None and value.strip()[:1] in _QUOTES:
        told = "has quotes around it that are not part of it; leave them out"
    elif told is None and not value.strip("*. …"):
        told = "is a mask that something shows in its place; copy it itself"
    elif told is None and not is_cookie and value != value.strip():
        told = "begins or ends with a blank; leave it out"
    elif told is None and not value.isprintable() and (unseen := unseen_in(value)):
        told = f"holds a character that nobody sees ({unseen}); copy it again"
    return told


def _form_of(value: str, *, is_cookie: bool) -> str | None:
    """Name the form of what was pasted, if it is more than the value."""
    if value.lstrip().startswith(("[", "{")):
        return "is JSON, as a page or an extension gives it"
    if is_cookie and ("\t" in value or _COOKIES_TXT.match(value)):
        return "is a table with tabs, as a cookies.txt has"
    named = (_COOKIE_NAME if is_cookie else _KEY_NAME).match(value)
    return f"begins with {named[1]!r}" if named else None


def unseen_in(text: str) -> str:
    """Return the number of the first character that shows nothing, or turns a line; or nothing."""
    found = (each for each in text if unicodedata.category(each) in _UNSEEN)
    return next((f"U+{ord(each):04X}" for each in found), "")
