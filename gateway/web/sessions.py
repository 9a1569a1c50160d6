"""Sessions: a signed cookie that says who signed in, and when. The server keeps nothing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from gateway.web.callers import Caller, Role
from gateway.web.proof import stretched

if TYPE_CHECKING:
    from itsdangerous import Signer

NAME: Final = "gw"
"""Of the cookie."""

_DAY_S: Final = 86_400
LIFE_S: Final = 30 * _DAY_S
"""Seconds a session lives."""

IDLE_S: Final = 7 * _DAY_S
"""Seconds after which it ends unless it is used."""

FRESH_S: Final = _DAY_S
"""Age of a cookie, in seconds, beyond which a new one takes its place."""

_LONGEST: Final = 200
_ID_BYTES: Final = 8
_SHOWN: Final = 8
_RULES: Final = "HttpOnly; SameSite=Strict; Path=/"


class Sessions:
    """Issues and reads cookies. May be called on any thread.

    Args:
        tokens: Whose sessions end when that token changes, by role.
        clock_s: The time of day: a session outlives this process.

    Raises:
        ImportError: itsdangerous is not installed.
    """

    def __init__(self, tokens: Mapping[Role, str], clock_s: Callable[[], float]) -> None:
        import itsdangerous  # noqa: F401, PLC0415  # the extra may be missing; told at once

        self._tokens = dict(tokens)
        self._clock_s = clock_s

    def issue(self, role: Role) -> tuple[Caller, str]:
        """Begin a session; return who it is, and the value of its cookie."""
        name, now = secrets.token_hex(_ID_BYTES), int(self._clock_s())
        return _caller(role, name), self._signed(role, name, began=now, issued=now)

    def read(self, values: Iterable[str]) -> Caller | None:
        """Return whose cookie this is.

        Args:
            values: Those of the cookie; the first that is good counts.

        Returns:
            None if none is good: forged, of another token, or over.
        """
        for value in values:
            for role in self._tokens:
                caller = self._read(role, value)
                if caller is not None:
                    return caller
        return None

    def _read(self, role: Role, value: str) -> Caller | None:
        import itsdangerous  # noqa: PLC0415  # the extra may be missing

        if len(value) > _LONGEST:
            return None
        try:
            told = self._signer(role).unsign(value.encode("utf-8", "surrogatepass")).decode()
        except itsdangerous.BadSignature:
            return None
        name, began, issued = told.split(".")  # ours: the signature says so
        now = int(self._clock_s())
        idle = now - int(issued)
        if idle >= IDLE_S or now - int(began) >= LIFE_S:
            return None
        fresh = None
        if idle > FRESH_S:
            fresh = self._signed(role, name, began=int(began), issued=now)
        return _caller(role, name, fresh)

    def _signed(self, role: Role, name: str, *, began: int, issued: int) -> str:
        return self._signer(role).sign(f"{name}.{began}.{issued}").decode()

    def _signer(self, role: Role) -> Signer:
        from itsdangerous import Signer  # noqa: PLC0415  # the extra may be missing

        # Of the role, too: with one token for both, a viewer's cookie is no owner's.
        purpose = b"xianyu-gateway session of " + role.value.encode()
        key = stretched(self._tokens[role], purpose)
        return Signer(key, key_derivation="hmac", digest_method=hashlib.sha256)


def set_cookie(value: str, *, secure: bool) -> str:
    """Return the value of ``Set-Cookie`` that signs in.

    Args:
        value: Of the cookie.
        secure: The request came by TLS.
    """
    return f"{NAME}={value}; {_RULES}; Max-Age={IDLE_S}{_secure(secure)}"


def delete_cookie(*, secure: bool) -> str:
    """Return the value of ``Set-Cookie`` that signs out."""
    return f"{NAME}=; {_RULES}; Max-Age=0{_secure(secure)}"


def _secure(secure: bool) -> str:  # noqa: FBT001  # of the two above
    return "; Secure" if secure else ""


def _caller(role: Role, name: str, fresh: str | None = None) -> Caller:
    return Caller(role, f"session {name[:_SHOWN]}", fresh)
