"""Credentials that somebody else renews: a file, the environment, a function, a service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.identity import Grant, Identity, Why
from actors.ports import NOTHING_AHEAD, Kept, Outlook, Renewal
from actors.values import AccountId, ErrorClass, Failure
from gateway.credentials.failures import failure
from gateway.redaction import cookie_values

ASSUMED_LIFE_S: Final = 86_400.0
"""How long what is given is taken for good if nobody says; then it is asked for again."""

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


class UnreachableError(ValueError):
    """Whoever gives the credentials could not be asked."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class GivenSource:
    """Asks somebody for the credentials each time; what is the same as before is no renewal.

    Args:
        account: Our name of the account.
        ask: Returns what is given now; called with why and the version that is refused. Raises
            ValueError with a text that may be shown.
        user_agent: For the identity.
        unix_ms: Wall time.
        learn: Told of the secrets before they are used.
        egress: Names the way the question leaves by.
        calls: How many a question counts for in the budget.
    """

    def __init__(
        self,
        account: AccountId,
        ask: Callable[[Why, int], Given],
        *,
        user_agent: str | None,
        unix_ms: Callable[[], int],
        learn: Callable[[Iterable[str]], None],
        egress: str = "",
        calls: int = 0,
    ) -> None:
        self._account = account
        self._ask = ask
        self._user_agent = user_agent
        self._unix_ms = unix_ms
        self._learn = learn
        self.egress = egress
        self._calls = calls

    @property
    def outlook(self) -> Outlook:
        """Return that nothing is to be looked after."""
        return NOTHING_AHEAD

    def load(self) -> Kept:
        """Return nothing: whoever gives them keeps them."""
        return Kept()

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        """Ask for what is given now."""
        del calls, deadline_s
        version = 0 if last is None else last.version
        try:
            given = self._ask(why, version)
        except UnreachableError as error:
            return Renewal(result=error.failure)
        except ValueError as error:
            found = failure("credentials_unusable", f"{error}", ErrorClass.OTHER)
            return Renewal(result=found)
        self._learn(given.secrets())
        now_ms = self._unix_ms()
        life_s = ASSUMED_LIFE_S if given.expires_in_s is None else given.expires_in_s
        grant = Grant(
            identity=Identity(
                account=self._account,
                user_id=given.user_id,
                device_id=given.device_id,
                token=given.token,
                cookie=given.cookie,
                user_agent=self._user_agent,
                version=version + 1,
            ),
            obtained_at_ms=now_ms,
            expires_at_ms=now_ms + int(life_s * 1000),
        )
        same = last is not None and _same(last.identity, grant.identity)
        if last is not None and same and why is not Why.REFUSED:
            grant = msgspec.structs.replace(grant, identity=last.identity)
        elif same:
            found = failure(
                "credentials_unchanged",
                "The platform refused the credentials and there are no others yet; it is looked "
                "again.",
                ErrorClass.AUTH,
            )
            return Renewal(result=found, calls=self._calls)
        return Renewal(result=grant, calls=self._calls)

    def mark_stuck(self, reason: Failure) -> None:
        """Keep nothing: what is given next time may be new."""

    def save(self) -> None:
        """Keep nothing."""


def from_file(path: Path) -> Callable[[Why, int], Given]:
    """Return what reads a JSON file each time it is asked.

    The function raises ValueError: the file cannot be read, or holds something else.
    """

    def ask(_: Why, __: int) -> Given:
        try:
            with path.open("rb") as file:
                text = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        return parsed(text, f"{path}")

    return ask


def from_environment(
    names: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> Callable[[Why, int], Given]:
    """Return what reads environment variables each time it is asked.

    Args:
        names: Variable of each of user_id, device_id, token, cookie.
        environment: Of the process.
    """

    def ask(_: Why, __: int) -> Given:
        values = {key: environment.get(name) for key, name in names.items()}
        if not values.get("token"):
            raise ValueError(f"the environment variable {names.get('token', '')} is not set")
        return Given(**{key: value for key, value in values.items() if value})  # type: ignore[arg-type]  # texts all

    return ask


def parsed(text: bytes, where: str) -> Given:
    """Return credentials out of JSON.

    Raises:
        ValueError: It holds something else; names what, shows no value.
    """
    if len(text) > LARGEST_BYTES:
        raise ValueError(f"{where} holds more than {LARGEST_BYTES} bytes; that is something else")
    try:
        given = msgspec.json.decode(text, type=Given)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        told = f"{error}" if isinstance(error, msgspec.ValidationError) else "it is no JSON"
        raise ValueError(f"{where}: {told}") from None
    return _usable(given, where)


def checked(found: Any, where: str) -> Given:
    """Return credentials that a function gave: :class:`Given`, or a mapping of its fields.

    Raises:
        ValueError: It is something else; names what, shows no value.
    """
    if isinstance(found, Given):
        return found
    try:
        given = msgspec.convert(found, Given)
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from None
    return _usable(given, where)


def _usable(given: Given, where: str) -> Given:
    if not given.token:
        raise ValueError(f"{where}: token is empty")
    if given.expires_in_s is not None and not given.expires_in_s > 0:
        raise ValueError(f"{where}: expires_in_s is over; give the seconds that are left")
    return given


def _same(one: Identity, other: Identity) -> bool:
    return (one.token, one.cookie, one.device_id) == (other.token, other.cookie, other.device_id)
