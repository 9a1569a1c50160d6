"""What stands in the answers of the platform's passport. Pure, total over any bytes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import msgspec

from gateway.http_messages import HttpAnswer
from gateway.platforms.goofish.cookie import is_within
from gateway.platforms.goofish.endpoints import DOMAIN, PASSPORT
from gateway.platforms.goofish.fields import at, text
from gateway.platforms.goofish.verdicts import read_json

LARGEST_PAGE = 2 * 1024 * 1024
"""Bytes of the sign-in page that are read."""

_MOST_PLACES = 10
_MOST_FIELDS = 60
_LONGEST_FIELD = 4096
_LARGEST_NUMBER = 10**20
_FORM_DATA = re.compile(r"[\"']?loginFormData[\"']?\s*[:=]\s*(?=\{)")
_FIELD = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII).fullmatch
_DIGITS = re.compile(r"\d{1,20}", re.ASCII).fullmatch
_OPAQUE = re.compile(r"[!-~]{1,2048}").fullmatch
_CODE_URL = re.compile(r"https://[!-~]{1,1024}").fullmatch
_decoder = json.JSONDecoder()


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A code to scan. ``repr`` shows nothing of it: whoever has it can take the sign-in over.

    Attributes:
        t: Its time, as digits.
        ck: Its key.
        content: The address that is drawn.
    """

    t: str
    ck: str
    content: str

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Code()"

    __str__ = __repr__


def said(answer: HttpAnswer) -> Mapping[str, object] | None:
    """Return what an answer's ``content`` holds; None: an error, or it cannot be read."""
    try:
        body = read_json(answer)
    except (ValueError, RecursionError):
        return None
    if answer.status != 200 or not isinstance(body, dict) or is_yes(at(body, "hasError")):
        return None
    # The silent renewal may wrap it once more.
    content = at(body, "content") or at(body, "data", "content")
    return content if isinstance(content, dict) else {}


def code_of(data: object) -> Code | None:
    """Return the code that was generated; None: there is none to be drawn."""
    t = _as_digits(at(data, "t"))
    ck = _opaque(at(data, "ck"))
    content = text(at(data, "codeContent")) or ""
    if t is None or ck is None or not _CODE_URL(content):
        return None
    return Code(t=t, ck=ck, content=content)


def claim_of(data: object) -> str | None:
    """Return the token that a confirmed code brought; None: it brought none."""
    return _opaque(at(data, "token")) or _opaque(at(data, "lgToken"))


def check_of(data: object) -> str | None:
    """Return the address of the identity check the platform asks for; None: none of its own."""
    told = _opaque(at(data, "iframeRedirectUrl"))
    if told is None or not is_yes(at(data, "iframeRedirect")):
        return None
    try:
        url = urljoin(f"{PASSPORT}/", told)
        parts = urlsplit(url)
    except ValueError:
        return None
    is_ours = parts.scheme == "https" and is_within(parts.hostname or "", DOMAIN)
    return url if is_ours and "@" not in parts.netloc and parts.path.startswith("/iv/") else None


def form_of(answer: HttpAnswer) -> Mapping[str, str] | None:
    """Return ``loginFormData`` of the sign-in page; None: it is not in it."""
    page = answer.body[:LARGEST_PAGE].decode("utf-8", "replace")
    for found in itertools.islice(_FORM_DATA.finditer(page), _MOST_PLACES):
        try:
            fields = _plain_fields(_decoder.raw_decode(page, found.end())[0])
        except (ValueError, RecursionError):
            continue
        if fields:
            return fields
    return None


def is_yes(told: object) -> bool:
    """Return True if a flag is set, be it as text."""
    return told is True or told == "true"


def instant_ms(told: str | None) -> int | None:
    """Return the instant a cookie names, in seconds or milliseconds; None: it names none."""
    if told is None or not _DIGITS(told):
        return None
    return int(told) * (1 if int(told) >= 10**11 else 1000)


def _plain_fields(told: Mapping[str, object]) -> dict[str, str]:
    """Return the fields that a form can carry."""
    found = ((name, _as_text(value)) for name, value in told.items() if _FIELD(name))
    fields = ((name, value) for name, value in found if value is not None)
    return dict(itertools.islice(fields, _MOST_FIELDS))


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _as_digits(value)
    if isinstance(value, str) and len(value) <= _LONGEST_FIELD and value.isprintable():
        return value
    return None


def _as_digits(value: object) -> str | None:
    """Return a whole number as digits: printed as ``1.7e12`` it is refused."""
    if isinstance(value, str):
        return value if _DIGITS(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return f"{int(value)}" if 0 <= value < _LARGEST_NUMBER else None


def _opaque(told: object) -> str | None:
    return told if isinstance(told, str) and _OPAQUE(told) else None
