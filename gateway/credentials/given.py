"""Credentials that somebody else renews: what is given, read and checked, and made into a grant.

Who gives them is in :mod:`gateway.credentials.givers`. What is said of credentials that cannot be
used names the place, what was found there, and the next step, never a value.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from actors.identity import Grant, Identity, Why
from actors.ports import NOTHING_AHEAD, Kept, Outlook, Renewal
from actors.values import AccountId, ErrorClass, Failure
from gateway import arguments
from gateway.config import pasted
from gateway.credentials import given_words as words
from gateway.credentials.failures import failure
from gateway.redaction import cookie_values

ASSUMED_LIFE_S: Final = 86_400.0
"""How long what is given is taken for good if nobody says; then it is asked for again."""

LONGEST_LIFE_S: Final = 366 * 86_400.0
"""A longer life counts as this: no clock counts to the end of some numbers."""

LARGEST_BYTES: Final = 64 * 1024
"""Credentials are no larger; what is, is something else."""


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file, a function or a service gives. Its ``repr`` shows nothing.

    Attributes:
        user_id: The platform's id of the account.
        device_id: The one the token was asked for.
        token: Proof for the registration.
        cookie: ``Cookie`` header of the upgrade.
        expires_in_s: How long the token lasts; None: nobody knows, so it is asked for once a day.
    """

    token: str
    user_id: str | None = None
    device_id: str | None = None
    cookie: str | None = None
    expires_in_s: float | None = None

    def __repr__(self) -> str:
        """Show nothing."""
        return "Given(…)"

    def secrets(self) -> list[str]:
        """Return what no log may show."""
        values = [self.token, self.device_id or "", *cookie_values(self.cookie or "")]
        return [value for value in values if value and value != self.user_id]

    __str__ = __repr__


class GiverError(ValueError):
    """Raised when whoever gives the credentials could not be asked, or failed.

    Attributes:
        failure: What it was; its detail holds no secret.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Giver(Protocol):
    """Somebody who gives credentials."""

    @property
    def where(self) -> str:
        """Return the place a person changes: a file, variables, a function, a service."""

    def ask(self, why: Why, version: int) -> Given:
        """Return what is given now. Blocks.

        Args:
            why: What it is for.
            version: Number of the newest token there is.

        Raises:
            GiverError: It could not be asked, or failed.
            ValueError: It gives something else; says what, and the next step.
        """

    def look(self) -> Given | None:
        """Return what is given, if a look at this machine tells; None: only asking does.

        Raises:
            ValueError: Nothing that can be used is there; says what, and the next step.
        """

    def stamp(self) -> object:
        """Return what is another once something else is given; None: only asking tells.

        A look at this machine, which costs nobody anything.
        """


class GivenSource:
    """Asks somebody for the credentials each time; what is the same as before is no renewal.

    Args:
        account: Our name of the account.
        giver: Whom it asks.
        user_id: What the settings say; it stands in if nothing else is given.
        needs_user_id: The platform registers nobody without one.
        user_agent: For the identity.
        unix_ms: Wall time.
        learn: Told of the secrets before they are used.
        egress: Names the way the question leaves by.
        calls: How many a question counts for in the budget.
    """

    def __init__(
        self,
        account: AccountId,
        giver: Giver,
        *,
        user_id: str | None,
        needs_user_id: bool,
        user_agent: str | None,
        unix_ms: Callable[[], int],
        learn: Callable[[Iterable[str]], None],
        egress: str = "",
        calls: int = 0,
    ) -> None:
        self._account = account
        self._giver = giver
        self._user_id = user_id
        self._needs_user_id = needs_user_id
        self._user_agent = user_agent
        self._unix_ms = unix_ms
        self._learn = learn
        self.egress = egress
        self._calls = calls
        self._stamp: object = None

    @property
    def outlook(self) -> Outlook:
        """Return that nothing is to be looked after."""
        return NOTHING_AHEAD

    def load(self) -> Kept:
        """Return nothing: whoever gives them keeps them."""
        return Kept()

    def has_changed(self) -> bool | None:
        """Return whether something else is given than when it was asked; None: only asking tells.

        A look at this machine, which costs nobody anything.
        """
        stamp = self._giver.stamp()
        return None if stamp is None else stamp != self._stamp

    def looked_at(self) -> str | None:
        """Return what is wrong, as far as is known without asking; None: nothing that is known."""
        try:
            given = self._giver.look()
            if given is not None:
                self._whole(given)
        except ValueError as error:
            return f"{error}"
        return None

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        """Ask for what is given now."""
        del calls, deadline_s
        version = 0 if last is None else last.version
        self._stamp = self._giver.stamp()  # before: what changes meanwhile is looked at again
        try:
            given = self._whole(self._giver.ask(why, version))
        except GiverError as error:
            return Renewal(result=error.failure)
        except ValueError as error:
            return Renewal(result=failure("credentials_unusable", self._told(f"{error}")))
        self._learn(given.secrets())
        grant = self._grant(given, version + 1)
        same = last is not None and _same(last.identity, grant.identity)
        if last is not None and same and why is not Why.REFUSED:
            grant = msgspec.structs.replace(grant, identity=last.identity)
        elif same:
            told = self._told(
                f"the platform refused the token, and {self._giver.where} still gives the same; "
                "have a new one given there"
            )
            found = failure("credentials_unchanged", told, ErrorClass.AUTH)
            return Renewal(result=found, calls=self._calls)
        return Renewal(result=grant, calls=self._calls)

    def mark_stuck(self, reason: Failure) -> None:
        """Keep nothing: what is given next time may be new."""

    def save(self) -> None:
        """Keep nothing."""

    def _told(self, what: str) -> str:
        return f"Account {self._account}: {what}."

    def _whole(self, given: Given) -> Given:
        """Return what is given, with the user id of the settings.

        Raises:
            ValueError: There is none, or another.
        """
        where, user_id = self._giver.where, given.user_id or self._user_id
        if self._user_id is not None and user_id != self._user_id:
            raise ValueError(
                f"{where}: user_id is another than user_id in the credentials of the settings; "
                "correct the wrong one"
            )
        if user_id is None and self._needs_user_id:
            raise ValueError(
                f"{where}: there is no user_id; add it, it is the value of the cookie unb"
            )
        return msgspec.structs.replace(given, user_id=user_id)

    def _grant(self, given: Given, version: int) -> Grant:
        now_ms = self._unix_ms()
        life_s = ASSUMED_LIFE_S if given.expires_in_s is None else given.expires_in_s
        return Grant(
            identity=Identity(
                account=self._account,
                user_id=given.user_id,
                device_id=given.device_id,
                token=given.token,
                cookie=given.cookie,
                user_agent=self._user_agent,
                version=version,
            ),
            obtained_at_ms=now_ms,
            expires_at_ms=now_ms + int(min(life_s, LONGEST_LIFE_S) * 1000),
        )


def parsed(text: bytes, where: str) -> Given:
    """Return credentials out of JSON.

    Raises:
        ValueError: It holds something else; names what, shows no value.
    """
    if len(text) > LARGEST_BYTES:
        told = f"more than {LARGEST_BYTES // 1024} KiB, so it is something else"
        raise ValueError(f"{where}: {told}; it should be {words.SHAPE}")
    text = text.removeprefix(codecs.BOM_UTF8)  # as Notepad writes it
    if not text.strip():
        raise ValueError(f"{where}: it is empty; it should be {words.SHAPE}")
    try:
        given = msgspec.json.decode(text, type=Given)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {words.misfit(f'{error}', Given.__struct_fields__)}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: {words.no_json(f'{error}')}") from None
    return usable(given, where)


def checked(found: Any, where: str) -> Given:
    """Return credentials that a function gave: :class:`Given`, or a mapping of its fields.

    Raises:
        ValueError: It is something else; names what, shows no value.
    """
    if isinstance(found, Given):
        return usable(found, where)
    try:
        given = msgspec.convert(found, Given)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {words.misfit(f'{error}', Given.__struct_fields__)}") from None
    except (TypeError, RecursionError):
        kind = arguments.kind(found)
        raise ValueError(f"{where}: it gave {kind}; it should give a dict: {words.SHAPE}") from None
    return usable(given, where)


def usable(given: Given, where: str) -> Given:
    """Return credentials whose values can be what they should.

    Raises:
        ValueError: They cannot; names which, shows no value.
    """
    if not given.token:
        raise ValueError(f"{where}: token is empty; write the accessToken into it")
    if given.expires_in_s is not None and not given.expires_in_s > 0:
        raise ValueError(f"{where}: expires_in_s is over; give the seconds that are left")
    found = next(pasted.findings(given, ""), None)
    if found is not None:
        raise ValueError(f"{where}: {found[0].removeprefix('.')} {found[1]}")
    return given


def _same(one: Identity, other: Identity) -> bool:
    return (one.token, one.cookie, one.device_id) == (other.token, other.cookie, other.device_id)
