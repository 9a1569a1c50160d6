"""One call while it is answered, and the account it is of."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.testing.platform.accounts import Account
from gateway.testing.web.http import Asked
from gateway.testing.web.logins import (
    LONG,
    MEMBER,
    ROTATING,
    SIGN,
    VISITOR,
    Given,
    Line,
    Login,
    Logins,
)
from gateway.testing.web.records import Grant, Records, WebCall
from gateway.testing.web.rules import WebBehaviour

_OTHER_SCOPE = {"": "partition", "partition": ""}


class Member:
    """The web side of one account.

    Attributes:
        login: The newest that a person made.
        captchas: So many calls are answered with risk control.
    """

    def __init__(self, account: Account, login: Login, behaviour: WebBehaviour) -> None:
        self.account = account
        self.login = login
        self.long_login = behaviour.long_login
        self.captchas = behaviour.captcha_for

    @property
    def user_id(self) -> str:
        """The account's id on the platform."""
        return self.account.user_id


class World:
    """What both faces share. Everything in it is done under the platform's lock."""

    def __init__(self, behaviour: WebBehaviour, logins: Logins, records: Records) -> None:
        self.behaviour = behaviour
        self.logins = logins
        self.records = records
        self.members: dict[str, Member] = {}
        self.granted: dict[str, Grant] = {}

    def acted(self, user_id: str) -> None:
        """Note that a person did what was asked."""
        self.records.person_asked.discard(user_id)
        member = self.members.get(user_id)
        if member is not None:
            member.captchas = 0


class Turn:
    """A call that is being answered.

    Attributes:
        lines: Cookies the answer brings.
        grant: The token it brings.
    """

    def __init__(
        self,
        world: World,
        call: WebCall,
        asked: Asked,
        *,
        login: Login,
        given: list[Given],
        now_ms: int,
    ) -> None:
        self.world = world
        self.call = call
        self.asked = asked
        self.login = login
        self.given = given
        self.now_ms = now_ms
        self.lines: list[Line] = []
        self.grant: Grant | None = None

    @property
    def member(self) -> Member | None:
        """Whose login it is; None: nobody is signed in."""
        return self.world.members.get(self.login.user_id or "")

    def carried(self, name: str) -> list[str]:
        """Return the values of a cookie it came with, but for those that newer ones replaced."""
        return [
            self.login.values[name, given.scope][given.index]
            for given in self.given
            if given.name == name and given.login is self.login and not self.login.is_stale(given)
        ]

    def bring(self, names: Iterable[str], scope: str = "") -> None:
        """Give new values of cookies."""
        self.lines += self.world.logins.make(self.login, names, now_ms=self.now_ms, scope=scope)

    def greet(self) -> None:
        """Give a new visitor the cookies all have."""
        if not self.login.values:
            self.bring(VISITOR)

    def renew_sign(self) -> None:
        """Give what the next call is signed with; where scopes rotate, in the other one."""
        behaviour, login = self.world.behaviour, self.login
        login.h5_until_ms = self.now_ms + round(behaviour.h5_life_s * 1000)
        if behaviour.rotation != "scopes":
            self.bring(SIGN)
            return
        newest = login.values.get((SIGN[0], ""), [""])[-1]
        scope = _OTHER_SCOPE[""] if newest else ""
        self.bring(SIGN, scope)
        self.lines += self.world.logins.delete(login, SIGN, scope=_OTHER_SCOPE[scope])

    def rotate(self) -> None:
        """Renew what each answer renews."""
        if self.world.behaviour.rotation != "none" and self.member is not None:
            self.bring(ROTATING)

    def sign_in(self, user_id: str, *, long: bool) -> None:
        """Make the visitor a member, by a person's act."""
        self.login.user_id = user_id
        self.login.over = False
        self.call.account = user_id
        self.bring(("cookie2", *MEMBER))
        if long:
            self.bring(LONG)
        self.world.acted(user_id)
        member = self.world.members.get(user_id)
        if member is not None:
            member.login = self.login
