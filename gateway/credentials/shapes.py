"""What a person is shown of credentials. No value of a secret, ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from actors.values import AccountId


class CookieShown(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie that is kept.

    Attributes:
        name: Its name; the value is never shown.
        expires_in_s: Seconds until it ends; None: with the session.
    """

    name: str
    expires_in_s: float | None


class CredentialsShown(msgspec.Struct, frozen=True, kw_only=True):
    """How an account's credentials stand.

    Attributes:
        account: Whose.
        kind: ``static``, ``goofish``, ``file``, ``env``, ``python`` or ``http``.
        state: ``ready``, ``due``, ``renewing``, ``waiting``, ``needs_human``, ``none``; of
            ``static`` always ``static``.
        user_id: The platform's id of the account.
        version: Number of the newest token; 0: there is none.
        lineage: Number of the sign-in; 0: there was none.
        expires_in_s: Seconds the token is used for; None without one.
        login_ends_in_s: Seconds until the login ends and a person must sign in again; 0: it has
            ended. None: nobody says.
        next_renewal_in_s: Seconds to the next renewal; None: none is planned.
        reason: Why the last renewal failed, in snake_case; None: it did not.
        detail: The same for a person, with the next step.
        calls_last_hour: Calls to the platform's sign-in.
        calls_last_day: The same in a day.
        kept: Cookies that are kept, by name.
        missing: Names of cookies without which the platform refuses.
        hints: Names of further cookies that a browser has.
    """

    account: AccountId
    kind: str
    state: str
    user_id: str | None = None
    version: int = 0
    lineage: int = 0
    expires_in_s: float | None = None
    login_ends_in_s: float | None = None
    next_renewal_in_s: float | None = None
    reason: str | None = None
    detail: str | None = None
    calls_last_hour: int = 0
    calls_last_day: int = 0
    kept: Sequence[CookieShown] = ()
    missing: Sequence[str] = ()
    hints: Sequence[str] = ()


SIGN_IN_ENDS: Final = frozenset({"done", "expired", "cancelled", "failed"})
"""States that a sign-in stays in."""


class SignInShown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sign-in by a code stands. ``repr`` shows neither link: each can take it over.

    Attributes:
        account: Whose.
        number: Grows with each change, over all sign-ins of the account.
        state: ``starting``, ``waiting`` (there is a code to scan), ``scanned`` (it is to be
            confirmed on the phone), ``verifying`` (the platform asks who it is), ``checking`` (a
            token is asked for), ``done``, ``expired``, ``cancelled`` or ``failed``.
        code: Number of the code, of those in a row; 0: there was none yet.
        left_s: Seconds until the code, or the identity check, is given up; None: neither is there.
        link: The address to draw as a code; None: there is none to scan now.
        check_link: Where the platform asks who it is; None: it does not.
        user_id: With ``done``: who is signed in.
        reason: Why it ended, in snake_case; with ``done``: why the login is not proven.
        detail: The same for a person, with the next step.
    """

    account: AccountId
    number: int
    state: str = "starting"
    code: int = 0
    left_s: float | None = None
    link: str | None = None
    check_link: str | None = None
    user_id: str | None = None
    reason: str | None = None
    detail: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it stays as it is."""
        return self.state in SIGN_IN_ENDS

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"SignInShown({self.account!r}, {self.number}, {self.state}, {self.reason})"

    __str__ = __repr__
