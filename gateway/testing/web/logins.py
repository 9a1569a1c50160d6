"""Cookies as the platform remembers them: logins, what each was given, and what of it is current.

Pure: times come in as arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from itertools import count
from typing import Final

import msgspec

SIGN: Final = ("_m_h5_tk", "_m_h5_tk_enc")
VISITOR: Final = ("cookie2", "t", "_tb_token_")
MEMBER: Final = ("unb", "sgcookie", "csg", "tracknick")
LONG: Final = ("havana_lgc2_77", "_hvn_lgc_", "havana_lgc_exp")
XSRF: Final = "XSRF-TOKEN"
"""Of one host alone."""
ROTATING: Final = ("sgcookie", "csg")
"""What an answer renews where cookies rotate."""

_LONG_S: Final = 30 * 86_400
_SIGN_S: Final = 604_800
_SITE: Final = "goofish.com"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one cookie, of those that the platform ever gave."""

    login: Login
    name: str
    scope: str
    index: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A ``Set-Cookie`` that is about to leave; None as ``given``: it deletes."""

    text: str
    given: Given | None


class Login:
    """One browser, as the platform sees it: what it was given; signed in or not.

    Attributes:
        number: Among all, in the order they began.
        user_id: Whose it is; None: a visitor's.
        over: It must be renewed.
        h5_until_ms: When the ``_m_h5_tk`` of each scope is over.
    """

    def __init__(self, number: int, user_id: str | None = None) -> None:
        self.number = number
        self.user_id = user_id
        self.over = False
        self.values: dict[tuple[str, str], list[str]] = {}
        self.handed: dict[tuple[str, str], int] = {}
        self.h5_until_ms = 0

    def current(self, name: str) -> list[str]:
        """Return the newest value in each scope it has one in."""
        newest = [values[-1] for (each, _), values in self.values.items() if each == name]
        return [value for value in newest if value]

    def is_stale(self, given: Given) -> bool:
        """Return whether a newer value was handed out."""
        return given.index < self.handed.get((given.name, given.scope), 0)


class Logins:
    """All logins, and whose each value is."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._makes = count(1)
        self._given: dict[tuple[str, str], Given] = {}
        self._newest_seen: dict[str, int] = {}

    def begin(self, user_id: str | None = None) -> Login:
        """Return a new login without cookies."""
        return Login(next(self._numbers), user_id)

    def make(
        self, login: Login, names: Iterable[str], *, now_ms: int, scope: str = ""
    ) -> list[Line]:
        """Give a login new values, and return how an answer says so."""
        lines: list[Line] = []
        for name in names:
            key = (name, scope)
            values = login.values.setdefault(key, [])
            value = self._value(login, name, now_ms)
            if values and values[-1] == value:  # as ``unb`` is
                lines.append(Line(text=_line(name, value, now_ms, scope), given=None))
                continue
            values.append(value)
            given = Given(login=login, name=name, scope=scope, index=len(values) - 1)
            self._given[name, value] = given
            lines.append(Line(text=_line(name, value, now_ms, scope), given=given))
        return lines

    def delete(self, login: Login, names: Iterable[str], *, scope: str = "") -> list[Line]:
        """Take values of a scope away, and return how an answer says so."""
        lines: list[Line] = []
        for name in names:
            if any(login.values.get((name, scope), [""])[-1:]):
                values = login.values[name, scope]
                values.append("")
                gone = Given(login=login, name=name, scope=scope, index=len(values) - 1)
                text = _written(f"{name}=", life="; Max-Age=0", scope=scope)
                lines.append(Line(text=text, given=gone))
        return lines

    def of(self, known: Sequence[Given]) -> Login:
        """Return the login a request belongs to, a new one if it carries nothing of ours."""
        for name in ("cookie2", SIGN[0]):
            found = [given.login for given in known if given.name == name]
            if found:
                return max(found, key=lambda login: login.number)
        return known[0].login if known else self.begin()

    def known(self, cookies: Sequence[tuple[str, str]]) -> list[Given]:
        """Return what of a request's cookies the platform gave."""
        found = (self._given.get(pair) for pair in cookies)
        return [given for given in found if given is not None]

    def seen(self, login: Login) -> bool:
        """Note that a login is used; False: a newer one of the account was used before."""
        if login.user_id is None:
            return True
        newest = self._newest_seen.setdefault(login.user_id, login.number)
        self._newest_seen[login.user_id] = max(newest, login.number)
        return login.number >= newest

    def _value(self, login: Login, name: str, now_ms: int) -> str:
        if name == "unb":
            return login.user_id or ""
        if name == "tracknick":
            return f"nick{login.user_id}"
        if name == "havana_lgc_exp":
            return self._unique(name, now_ms + _LONG_S * 1000)
        if name == "_m_h5_tk":
            return f"{_hex(next(self._makes), name)}_{max(login.h5_until_ms, 0):013d}"
        return _hex(next(self._makes), name)

    def _unique(self, name: str, number: int) -> str:
        """Return a number that no login has yet: whose a value is must be plain."""
        while (name, f"{number}") in self._given:
            number += 1
        return f"{number}"


def foreign(name: str, value: str) -> str:
    """Return a ``Set-Cookie`` of a value that is no login's."""
    return _written(f"{name}={value}", life="")


def _hex(number: int, name: str) -> str:
    return hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:32]


def _written(pair: str, *, life: str, scope: str = "") -> str:
    """Return a cookie as the platform writes it, whatever name it was asked by."""
    partition = "; Partitioned" if scope else ""
    return f"{pair}; Domain=.{_SITE}; Path=/{life}; Secure; SameSite=None{partition}"


def _line(name: str, value: str, now_ms: int, scope: str) -> str:
    pair = f"{name}={value}"
    if name == XSRF:
        return f"{pair}; Path=/"
    if name in SIGN:
        life = f"; Max-Age={_SIGN_S}"
    elif name in LONG:
        life = f"; Expires={formatdate(now_ms / 1000 + _LONG_S, usegmt=True)}"
    else:
        life = "; HttpOnly" if name == "cookie2" else ""
    return _written(pair, life=life, scope=scope)
