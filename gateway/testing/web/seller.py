"""What a test holds of an account's web side: the person behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.testing.web.logins import LONG, MEMBER, VISITOR
from gateway.testing.web.records import Grant, WebCall
from gateway.testing.web.turns import Member, World

_SITE = "www.goofish.com"


class Seller:
    """The person of one account, with a browser. Made by :meth:`FakeWeb.seller`."""

    def __init__(
        self,
        world: World,
        member: Member,
        lock: threading.Condition,
        now_ms: Callable[[], int],
    ) -> None:
        self._world = world
        self._member = member
        self._lock = lock
        self._now_ms = now_ms

    @property
    def user_id(self) -> str:
        """The account's id on the platform."""
        return self._member.user_id

    @property
    def cookie(self) -> str:
        """The ``Cookie`` header of the newest login, as the person would copy it now."""
        with self._lock:
            values = self._member.login.values
            pairs = [(name, found[-1]) for (name, _), found in values.items() if found[-1]]
            return "; ".join(f"{name}={value}" for name, value in pairs)

    def sign_in(self, *, long: bool = True) -> str:
        """Sign in anew with the browser, a person's act; return the cookie."""
        with self._lock:
            login = self._member.login = self._world.logins.begin(self.user_id)
            names = ("cna", *VISITOR, *MEMBER, *(LONG if long else ()))
            made = self._world.logins.make(login, names, now_ms=self._now_ms())
            for line in made:
                if line.given is not None:
                    login.handed[line.given.name, ""] = line.given.index
            self._world.acted(self.user_id)
            return self.cookie

    def end_login(self, *, long_login: bool = True) -> None:
        """End the login; ``long_login``: ``silentHasLogin`` gives it back."""
        with self._lock:
            self._member.login.over = True
            self._member.long_login = long_login

    def ask_captcha(self, calls: int = 1) -> None:
        """Answer the next calls with risk control, until a person acts."""
        with self._lock:
            self._member.captchas = calls

    def person_acted(self) -> None:
        """Say that the person has done in the browser what was asked."""
        with self._lock:
            self._world.acted(self.user_id)

    def end_tokens(self) -> None:
        """Let every token that was given be refused from now on."""
        with self._lock:
            for grant in self._world.records.grants:
                if grant.account == self.user_id:
                    grant.until_ms = min(grant.until_ms, self._now_ms())

    def calls(self, api: str | None = None) -> list[WebCall]:
        """Return the calls of the account, oldest first."""
        with self._lock:
            return [
                call
                for call in self._world.records.calls
                if call.account == self.user_id and api in (None, call.api)
            ]

    @property
    def grants(self) -> list[Grant]:
        """The tokens it was given, oldest first, without themselves."""
        with self._lock:
            found = self._world.records.grants
            return [grant for grant in found if grant.account == self.user_id]
