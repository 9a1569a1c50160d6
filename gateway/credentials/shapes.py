"""What a person is shown of credentials. No value of a secret, ever."""

from __future__ import annotations

from collections.abc import Sequence

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
        next_renewal_in_s: Seconds to the next renewal; None: none is planned.
        reason: Why the last renewal failed, in snake_case; None: it did not.
        detail: The same for a person, with the next step.
        calls_last_hour: Calls to the platform's sign-in.
        calls_last_day: The same in a day.
        cookies: Names of what is kept.
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
    next_renewal_in_s: float | None = None
    reason: str | None = None
    detail: str | None = None
    calls_last_hour: int = 0
    calls_last_day: int = 0
    cookies: Sequence[CookieShown] = ()
    missing: Sequence[str] = ()
    hints: Sequence[str] = ()
