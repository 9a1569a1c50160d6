"""The cookies of one account, as a browser keeps them (RFC 6265). Pure and immutable.

A jar knows the platform by its own names: whoever asks it gives the platform's URL, also where the
request itself goes to another endpoint (:mod:`gateway.platforms.goofish.endpoints`).

In one thing it is stricter than a browser: of several cookies of one name that match a URL, one is
sent. Which of them a server reads is its secret; a call is signed with one and must carry that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import msgspec

from gateway.platforms.goofish.cookie import Cookie, place_of, read_set_cookie

MOST = 100
"""Cookies in a jar."""

LARGEST = 64 * 1024
"""Characters of all cookies together."""

NEEDED = ("unb", "cookie2")
"""Without these there is no login."""

HELPFUL = (
    "sgcookie",
    "t",
    "_tb_token_",
    "cna",
    "havana_lgc2_77",
    "_hvn_lgc_",
    "havana_lgc_exp",
)
"""A login without these works, but perhaps not for long."""

_KEPT = frozenset(
    {
        *NEEDED,
        *HELPFUL,
        *("_m_h5_tk", "_m_h5_tk_enc", "csg", "tracknick"),
        *("sdkSilent", "cookie3_bak_exp", "XSRF-TOKEN"),
    }
)
"""These make room for no others."""

_USER_ID = re.compile(r"[0-9A-Za-z_-]{1,64}").fullmatch
_Identity = tuple[str, str, str, bool]


class StoredCookiesError(ValueError):
    """What a store holds is no jar; the text shows nothing of it."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie as it may be shown.

    Attributes:
        name: Its name.
        domain: Where it goes, with a leading dot if also to hosts below.
        path: Where it goes there.
        partitioned: It was set for pages of the platform only.
        age_s: Seconds since it came; negative if the clock was set back.
        expires_in_s: Seconds; None: with the session.
    """

    name: str
    domain: str
    path: str
    partitioned: bool
    age_s: float
    expires_in_s: float | None


class Jar(msgspec.Struct, frozen=True):
    """Cookies in the order they came; one that is replaced comes anew. ``repr`` shows names only.

    Attributes:
        cookies: Of each identity one; within :data:`MOST` and :data:`LARGEST`.
    """

    cookies: tuple[Cookie, ...] = ()

    @classmethod
    def of(cls, cookies: Iterable[Cookie], now_ms: int) -> Self:
        """Return a jar of cookies that are sound; of one identity the last, and none expired."""
        return cls().including(cookies, now_ms)

    @classmethod
    def of_plain(cls, stored: object) -> Self:
        """Return the jar that :meth:`plain` made a value of.

        Raises:
            StoredCookiesError: It is no such value.
        """
        try:
            cookies = msgspec.convert(stored, tuple[Cookie, ...])
        except (ValueError, TypeError, OverflowError, RecursionError):
            cookies = None
        if cookies is None:
            raise StoredCookiesError("the stored cookies are no list of cookies")
        if not all(cookie.is_sound() for cookie in cookies):
            raise StoredCookiesError("a stored cookie is none that a header can carry")
        if len({cookie.identity for cookie in cookies}) < len(cookies):
            raise StoredCookiesError("a stored cookie is there twice")
        if _is_too_much(cookies):
            raise StoredCookiesError(f"more than {MOST} cookies or {LARGEST} characters are stored")
        return cls(cookies)

    def plain(self) -> list[Mapping[str, str | int | bool | None]]:
        """Return what JSON can hold of it; values included, so it is a secret."""
        return [msgspec.structs.asdict(cookie) for cookie in self.cookies]

    def apply(self, set_cookies: Iterable[str], url: str, now_ms: int) -> Self:
        """Return the jar after an answer.

        A cookie that is refused leaves the rest alone: one for another's domain, beyond the
        bounds, or that no header can carry.

        Args:
            set_cookies: Each ``Set-Cookie`` of the answer by itself, in order.
            url: The platform's URL that answered.
            now_ms: Unix time.
        """
        place = place_of(url)
        read = (read_set_cookie(line, place, now_ms) for line in set_cookies)
        return self.including((cookie for cookie in read if cookie is not None), now_ms)

    def including(self, cookies: Iterable[Cookie], now_ms: int) -> Self:
        """Return the jar with these, which are sound; one that has expired deletes its like."""
        kept = {each.identity: each for each in self.cookies if each.lives(now_ms)}
        for cookie in cookies:
            kept.pop(cookie.identity, None)
            if cookie.lives(now_ms):
                kept[cookie.identity] = cookie
                _make_room(kept)
        return type(self)(tuple(kept.values()))

    def header(self, url: str, now_ms: int) -> str:
        """Return the ``Cookie`` header for one of the platform's URLs; empty: there is none."""
        return "; ".join(f"{each.name}={each.value}" for each in self._for(url, now_ms))

    def value(self, name: str, url: str, now_ms: int) -> str | None:
        """Return the value of the cookie that would be sent; None: none would."""
        sent = (each.value for each in self._for(url, now_ms) if each.name == name)
        return next(sent, None)

    @property
    def user_id(self) -> str | None:
        """The platform's user id, by the newest ``unb``; None: nobody is signed in."""
        found = [each.value.strip('"') for each in self.cookies if each.name == "unb"]
        return found[-1] if found and _USER_ID(found[-1]) else None

    def missing(self) -> tuple[str, ...]:
        """Return the names without which there is no login."""
        return tuple(name for name in NEEDED if name not in self._names())

    def hints(self) -> tuple[str, ...]:
        """Return the other names a login better has, and this has not."""
        return tuple(name for name in HELPFUL if name not in self._names())

    def names(self, now_ms: int) -> tuple[Kept, ...]:
        """Return what may be shown of each cookie."""
        return tuple(
            Kept(
                name=each.name,
                domain=each.domain if each.host_only else f".{each.domain}",
                path=each.path,
                partitioned=each.partitioned,
                age_s=(now_ms - each.set_at_ms) / 1000,
                expires_in_s=_seconds_to(each.expires_at_ms, now_ms),
            )
            for each in self.cookies
        )

    def __repr__(self) -> str:
        """Show names only."""
        return f"Jar({', '.join(each.name for each in self.cookies)})"

    __str__ = __repr__

    def _names(self) -> set[str]:
        """Return the names that say something, and a user id only if it is one."""
        names = {each.name for each in self.cookies if each.value and each.name != "unb"}
        return names if self.user_id is None else names | {"unb"}

    def _for(self, url: str, now_ms: int) -> list[Cookie]:
        """Return what is sent: longest path first, of one name one, the newest of equal ones."""
        place = place_of(url)
        best: dict[str, Cookie] = {}
        for each in self.cookies:
            rival = best.get(each.name)
            if each.lives(now_ms) and each.goes_to(place):
                best[each.name] = _better(each, rival)
        return sorted(best.values(), key=lambda each: -len(each.path))


def _better(newer: Cookie, older: Cookie | None) -> Cookie:
    return newer if older is None or len(newer.path) >= len(older.path) else older


def _make_room(kept: dict[_Identity, Cookie]) -> None:
    """Take out what came first of the names nobody needs; if there are none, what came last."""
    while _is_too_much(tuple(kept.values())):
        others = (identity for identity, each in kept.items() if each.name not in _KEPT)
        del kept[next(others, None) or next(reversed(kept))]


def _is_too_much(cookies: Sequence[Cookie]) -> bool:
    return len(cookies) > MOST or sum(each.size for each in cookies) > LARGEST


def _seconds_to(instant_ms: int | None, now_ms: int) -> float | None:
    return None if instant_ms is None else (instant_ms - now_ms) / 1000
