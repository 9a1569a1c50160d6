"""Who is let in, and what they may do. Reads no socket; clocks are given."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

from gateway.commands import command
from gateway.web.attempts import Attempts
from gateway.web.callers import LOCAL, Caller, Need, Role
from gateway.web.head import Head
from gateway.web.links import Links
from gateway.web.origins import Origins, admit_change
from gateway.web.problems import Problem
from gateway.web.sessions import NAME, Sessions

__all__ = ["Caller", "Guard", "Head", "Need", "Role"]

_OF_METRICS: Final = Caller(Role.VIEWER, "metrics_token")


class Guard:
    """Lets a request in, or says why not. May be called on any thread.

    Args:
        host: Name or address the server listens on.
        token: Of the owner, as ``Authorization: Bearer`` or for a session; None: everybody is.
        hosts: Further names that may stand in ``Host``, e.g. of a reverse proxy.
        metrics_token: Opens the metrics, too, and nothing else; None: there is none.
        viewer_token: Of those who may look; None: there is none.
        viewer_chats: They may see what buyers wrote, too.
        clock_s: Monotonic time.
        day_s: The time of day, in seconds.
        refused: Told once of each address that is refused for its wrong tokens.

    Raises:
        ImportError: itsdangerous is not installed, and there is a token.
    """

    def __init__(
        self,
        host: str,
        token: str | None,
        hosts: Iterable[str] = (),
        *,
        metrics_token: str | None = None,
        viewer_token: str | None = None,
        viewer_chats: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
        day_s: Callable[[], float] = time.time,
        refused: Callable[[str], object] = lambda _address: None,
    ) -> None:
        self._origins = Origins(host, hosts)
        self._viewer_chats = viewer_chats
        self._refused = refused
        self._attempts = Attempts(clock_s)
        self._links = Links(clock_s)
        self._tokens: list[tuple[bytes, Caller]] = []
        self._sessions: Sessions | None = None
        if token is None:
            return
        known = (
            (token, Caller(Role.OWNER, "token")),
            (viewer_token, Caller(Role.VIEWER, "viewer_token")),
            (metrics_token, _OF_METRICS),
        )
        self._tokens = [(_digest(each), caller) for each, caller in known if each is not None]
        self._sessions = Sessions({Role.OWNER: token, Role.VIEWER: viewer_token or token}, day_s)

    def admit_page(self, head: Head) -> None:
        """Refuse what a foreign page could have made; :meth:`Origins.admit_page`.

        Raises:
            Problem: 403, 400 without a ``Host``.
        """
        self._origins.admit_page(head)

    def is_secure(self, head: Head) -> bool:
        """Return whether a request came by TLS; :meth:`Origins.is_secure`."""
        return self._origins.is_secure(head)

    def caller_of(self, head: Head, *, metrics: bool = False) -> Caller:
        """Return who asks; takes the same time for any wrong token.

        Args:
            head: Of the request.
            metrics: It asks for metrics, which have a token of their own.

        Raises:
            Problem: 401; 403 if a session changes something, and not from a page of ours; 429 if
                wrong tokens came from that address.
        """
        if self._sessions is None:
            return LOCAL
        bearer = head.bearer
        if bearer is not None:
            return self._caller_by(bearer, head.address, metrics=metrics)
        caller = self._sessions.read(head.cookies(NAME))
        if caller is None:
            raise _unauthorized()
        admit_change(head)
        return caller

    def sign_in(self, token: str, address: str) -> tuple[Caller, str]:
        """Begin a session with a token that somebody typed.

        Args:
            token: As it was typed.
            address: Of the other end of the connection.

        Returns:
            Who it is, and the value of the cookie (:func:`gateway.web.sessions.set_cookie`).

        Raises:
            Problem: 401; 429 if wrong tokens came from that address; 409 if no token is set.
        """
        sessions, typed = self._must_have_sessions(), token.strip()
        if not typed:
            raise _wrong_token()
        return sessions.issue(self._caller_by(typed, address, wrong=_wrong_token).role)

    def redeem(self, code: str, address: str) -> tuple[Caller, str]:
        """Begin a session with a one-time link, and end the link.

        Args:
            code: Of the link.
            address: Of the other end of the connection.

        Returns:
            As :meth:`sign_in`.

        Raises:
            Problem: As :meth:`sign_in`.
        """
        sessions = self._must_have_sessions()
        self._admit_address(address)
        role = self._links.redeem(code)
        if role is None:
            self._note_wrong(address)
            raise Problem(
                401,
                "link_over",
                "this link is over: it was used, or is older than five minutes",
                f"make another: {command('sign-in-link -c FILE')}",
            )
        return sessions.issue(role)

    def make_link(self, role: Role) -> str:
        """Return the code of a new one-time link (:data:`gateway.web.links.LIFE_S`).

        Raises:
            Problem: 409; no token is set.
        """
        self._must_have_sessions()
        return self._links.make(role)

    def may(self, caller: Caller, need: Need) -> bool:
        """Return whether somebody may use a route that needs this."""
        if caller.role is Role.OWNER or need is Need.LOOK:
            return True
        return need is Need.READ and self._viewer_chats

    def must(self, caller: Caller, need: Need) -> None:
        """Refuse a route to somebody who may not use it.

        Raises:
            Problem: 403.
        """
        if self.may(caller, need):
            return
        if need is Need.READ:
            told, fix = "a viewer does not see what buyers wrote", "set http.viewer_chats to true"
            raise Problem(403, "not_allowed", told, f"{fix}, or come with http.token")
        told = "a viewer may look, and change nothing"
        raise Problem(403, "not_allowed", told, "come with http.token")

    def _caller_by(
        self,
        token: str,
        address: str,
        *,
        metrics: bool = False,
        wrong: Callable[[], Problem] | None = None,
    ) -> Caller:
        """Return whose token this is.

        Raises:
            Problem: 401, 429.
        """
        self._admit_address(address)
        digest, found = _digest(token), None
        for known, caller in self._tokens:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(digest, known):
                found = caller
        if found is None:
            self._note_wrong(address)
        if found is None or (found is _OF_METRICS and not metrics):
            raise _unauthorized() if wrong is None else wrong()
        return found

    def _admit_address(self, address: str) -> None:
        left_s = math.ceil(self._attempts.blocked_s(address))
        if left_s:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_attempts",
                "too many wrong tokens came from this address, so no token is looked at",
                f"wait {left_s} s, then give the right one",
                retry_s=left_s,
            )

    def _note_wrong(self, address: str) -> None:
        if self._attempts.wrong(address):
            self._refused(address)

    def _must_have_sessions(self) -> Sessions:
        if self._sessions is None:
            told = "http.token is not set, so there is no sign-in"
            raise Problem(409, "no_token", told, "open the page as it is")
        return self._sessions


def _unauthorized() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "the token is missing or wrong",
        "give http.token as a bearer; commands: --token-file or XIANYU_GATEWAY_TOKEN",
    )


def _wrong_token() -> Problem:
    fix = f"copy http.token of the configuration; or make a link: {command('sign-in-link -c FILE')}"
    return Problem(401, "unauthorized", "this token is wrong", fix)


def _digest(text: str) -> bytes:
    # Of one length, so that the comparison does not tell the token's.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
