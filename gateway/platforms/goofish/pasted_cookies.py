"""Cookies as people paste them: a header, a command, an export of a browser. Pure.

What is said of a paste that cannot be used names the form, the place in it and the next step,
never a piece of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from gateway.platforms.goofish.cookie import Cookie, bounded_expiry, is_within
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.curl import options, words
from gateway.platforms.goofish.endpoints import DOMAIN, PASSPORT, SITE
from gateway.platforms.goofish.fields import at
from gateway.platforms.goofish.payload import mending, unpack_json

LARGEST_BYTES = 64 * 1024
"""Longest paste, as UTF-8."""

_HEADER = f"copy the request header Cookie of {SITE}/im and paste it whole, on one line"
_EXPORT = f"export the cookies of {SITE}/im again, as JSON or as cookies.txt"
_CURL = "choose 'Copy as cURL' and paste the command whole"
_PASSPORT_ONLY = frozenset({"XSRF-TOKEN"})
_PASSPORT_HOST = urlsplit(PASSPORT).hostname or ""
_FROM_MS = 10**11
"""A number of this size is an instant in milliseconds, a smaller one in seconds."""

_NEVER = 10**16
_BEGINS_CURL = re.compile(r"curl(?:\.exe)?\s", re.IGNORECASE).match
_BEGINS_SCRIPT = re.compile(
    r"(?:await\s+)?fetch\(|invoke-\w+\s|\$\w+\s|import\s", re.IGNORECASE
).match
_BEGINS_TABLE = re.compile(r"#\s*(?:netscape|http) ", re.IGNORECASE).match
_COOKIE_LINE = re.compile(r"^[ ]*cookie[ ]*:\s*([^\r\n]*)", re.IGNORECASE | re.MULTILINE).findall
_SET_COOKIE_LINE = re.compile(r"^[ ]*set-cookie[ ]*:", re.IGNORECASE | re.MULTILINE).search
_HTTP_ONLY = "#HttpOnly_"
_QUOTES = "\"'`"
_WORDS = {"TRUE": True, "FALSE": False}


class PastedCookiesError(ValueError):
    """What was pasted cannot be used; the text says why, and what to do, and shows none of it."""


def parse_pasted(text: str, now_ms: int) -> Jar:
    """Return the cookies somebody pasted; those of other sites, and expired ones, are left out.

    Args:
        text: A ``Cookie`` header with or without its name, a copied curl command, a browser's
            export as JSON, or a ``cookies.txt``.
        now_ms: Unix time.

    Raises:
        PastedCookiesError: It is none of these.
    """
    # The characters first: to encode a large text is to copy it.
    if len(text) > LARGEST_BYTES or len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        _refuse("it is larger than 64 KiB", "paste nothing but the cookies")
    text = text.strip().removeprefix("\ufeff").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    cookies = list(_read(text, now_ms))
    users = {each.value for each in cookies if each.name == "unb"}
    if len(users) > 1:
        _refuse("it holds cookies of two accounts", f"sign in to one of them alone; {_HEADER}")
    jar = Jar.of(cookies, now_ms)
    if not jar.cookies:
        _refuse("all cookies in it have expired", f"sign in again and {_HEADER}")
    return jar


def _read(text: str, now_ms: int) -> Iterable[Cookie]:
    """Read any of the forms."""
    if not text:
        _refuse("there is nothing in it", _HEADER)
    if text[0] in "[{":
        return _ours(_of_json(text, now_ms), "the export")
    if _BEGINS_CURL(text):
        return _of_curl(text, now_ms)
    if _BEGINS_SCRIPT(text):
        _refuse("it is a piece of a program", _CURL)
    if "\t" in text or _BEGINS_TABLE(text):
        return _ours(_of_table(text, now_ms), "the cookies.txt")
    if _SET_COOKIE_LINE(text):
        _refuse("it is an answer's Set-Cookie", _HEADER)
    lines = _COOKIE_LINE(text)
    return _of_header("; ".join(lines) if lines else text, now_ms)


def _of_header(header: str, now_ms: int) -> list[Cookie]:
    """Read ``name=value; name=value``; of one name the first, as servers do."""
    if "\n" in header or "\r" in header:
        _refuse("there is a line break in it", _HEADER)
    if "=" not in header:
        _refuse("there is no name=value in it", _HEADER)
    found: dict[str, Cookie] = {}
    for number, part in enumerate(header.split(";"), 1):
        name, equals, value = part.partition("=")
        name = name.strip(" ")
        if equals and name not in found:
            found[name] = _sound(_of_pair(name, value.strip(" "), now_ms), number)
    return list(found.values())


def _of_pair(name: str, value: str, now_ms: int) -> Cookie:
    """Return a cookie of a header, which does not say where it goes."""
    is_passport = name in _PASSPORT_ONLY
    return Cookie(
        name=name,
        value=value,
        domain=_PASSPORT_HOST if is_passport else DOMAIN,
        host_only=is_passport,
        set_at_ms=now_ms,
    )


def _of_curl(command: str, now_ms: int) -> list[Cookie]:
    try:
        given = words(command)
    except ValueError:
        _refuse("a quote of the command is not closed", _CURL)
    for word in given:
        if word.lower().startswith(("http://", "https://")) and not _is_ours(word):
            _refuse("the command goes to another site", f"on {SITE}/im, {_CURL}")
    headers = (each.partition(":") for each in options(given, "-H", "--header"))
    cookies = [value for name, _, value in headers if name.strip().lower() == "cookie"]
    # Without a = it is the name of a file.
    cookies += [each for each in options(given, "-b", "--cookie") if "=" in each]
    if not cookies:
        _refuse("there is no cookie in the command", f"sign in on {SITE}/im, then {_CURL}")
    return _of_header("; ".join(cookies), now_ms)


def _is_ours(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_within(host, DOMAIN)


def _of_json(text: str, now_ms: int) -> Iterator[Cookie]:
    """Read the export of a browser's extension: a list of objects, or one that holds it."""
    try:
        exported = mending(unpack_json, text)
    except (ValueError, RecursionError):
        _refuse("it begins like JSON and is none", _EXPORT)
    listed: object = at(exported, "cookies") if isinstance(exported, dict) else exported
    if not isinstance(listed, list):
        _refuse("it is JSON without a list of cookies", _EXPORT)
    for number, each in enumerate(listed, 1):
        name, value = at(each, "name"), at(each, "value")
        if not isinstance(name, str) or not isinstance(value, str):
            _refuse(f"entry {number} of the list has no name or no value", _EXPORT)
        domain = at(each, "domain")
        domain = domain.lower() if isinstance(domain, str) else f".{DOMAIN}"
        site = at(each, "partitionKey")
        site = at(site, "topLevelSite") if isinstance(site, dict) else site
        if not is_within(domain.removeprefix("."), DOMAIN) or not _is_for_us(site):
            continue
        path, host_only = at(each, "path"), at(each, "hostOnly")
        cookie = Cookie(
            name=name,
            value=value,
            domain=domain.removeprefix("."),
            path=path if isinstance(path, str) and path else "/",
            host_only=host_only if isinstance(host_only, bool) else not domain.startswith("."),
            secure=at(each, "secure") is True,
            http_only=at(each, "httpOnly") is True,
            partitioned=bool(site),
            expires_at_ms=_exported_expiry(each, now_ms),
            set_at_ms=now_ms,
        )
        yield _sound(cookie, number)


def _is_for_us(site: object) -> bool:
    """Return True for a cookie of no partition, or of the platform's own pages."""
    return not site or (isinstance(site, str) and _is_ours(site))


def _exported_expiry(exported: Mapping[str, object], now_ms: int) -> int | None:
    names = ("expirationDate", "expires", "expiry")
    told = next((exported[name] for name in names if name in exported), None)
    return _instant_ms(told, now_ms)


def _instant_ms(told: object, now_ms: int) -> int | None:
    """Return an instant in seconds or milliseconds; None: with the session, or it is none."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < _NEVER:
        return None
    return bounded_expiry(int(told if told >= _FROM_MS else told * 1000), now_ms)


def _of_table(text: str, now_ms: int) -> Iterator[Cookie]:
    """Read a ``cookies.txt``: domain, below too, path, secure, expiry, name, value."""
    for number, line in enumerate(text.splitlines(), 1):
        http_only = line.startswith(_HTTP_ONLY)
        row = line.removeprefix(_HTTP_ONLY)
        if not row.strip() or row.startswith("#"):
            continue
        domain, below, path, secure, expiry, name, value = _fields(row, number)
        domain = domain.lower().removeprefix(".")
        if is_within(domain, DOMAIN):
            cookie = Cookie(
                name=name,
                value=value,
                domain=domain,
                path=path,
                host_only=not _WORDS[below],
                secure=_WORDS[secure],
                http_only=http_only,
                expires_at_ms=_instant_ms(int(expiry), now_ms),
                set_at_ms=now_ms,
            )
            yield _sound(cookie, number)


def _fields(row: str, number: int) -> list[str]:
    """Return the seven fields; an empty value at the end may have lost its tab."""
    found = row.strip(" ").split("\t")
    found += [""] * (7 - max(len(found), 6))
    if len(found) == 7 and found[1] in _WORDS and found[3] in _WORDS and _is_number(found[4]):
        return found
    return _refuse(f"line {number} is none of a cookies.txt", _EXPORT)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _ours(cookies: Iterator[Cookie], form: str) -> list[Cookie]:
    found = list(cookies)
    if not found:
        _refuse(f"{form} holds no cookie of {DOMAIN}", _EXPORT)
    return found


def _sound(cookie: Cookie, number: int) -> Cookie:
    """Return a cookie that a header can carry."""
    if cookie.is_sound():
        return cookie
    told = "is too long or holds letters no header can carry, as when only its beginning is shown"
    return _refuse(f"cookie {number} {told}", "copy it again, from where it stands whole")


def _refuse(told: str, step: str) -> NoReturn:
    # From nothing: what was caught may show a piece of the paste.
    raise PastedCookiesError(f"{told}; {step}") from None
