"""Who registers, and the proof for it: what sign-in and kernel hand each other.

Nothing here is ever logged or shown: ``repr`` says the account and the version, no more.
"""

from __future__ import annotations

import enum

import msgspec

from actors.values import AccountId, Failure


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who registers. One version of it makes one session; never logged, never shown.

    Attributes:
        account: Our name of the account.
        user_id: The platform's id of the account, if it has one.
        device_id: Stays the same across reconnects; must be the one of the token.
        token: Proof for the registration.
        cookie: ``Cookie`` header of the upgrade, this account's only.
        user_agent: Sent in the upgrade and in the registration; None: the platform's own.
        version: Number of the token, from 1; 0: it is not renewed.
    """

    account: AccountId
    user_id: str | None = None
    device_id: str | None = None
    token: str | None = None
    cookie: str | None = None
    user_agent: str | None = None
    version: int = 0

    def __repr__(self) -> str:
        """Show nothing but the account."""
        return f"Identity(account={self.account!r}, …)"

    __str__ = __repr__


class Why(enum.Enum):
    """What a renewal is for."""

    START = "start"
    EXPIRING = "expiring"
    REFUSED = "refused"
    SUSPECT = "suspect"
    PERSON = "person"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """An identity the platform gave a token for. Its ``repr`` shows account and version only.

    Attributes:
        identity: Token and device id together, so that they never part; ``version`` grows by one
            a token.
        obtained_at_ms: Our wall Unix milliseconds when the token came.
        expires_at_ms: When it ends, by what the platform told and on the same clock; None: the
            platform did not tell.
    """

    identity: Identity
    obtained_at_ms: int
    expires_at_ms: int | None = None

    @property
    def version(self) -> int:
        """Return the number of its token."""
        return self.identity.version

    def __repr__(self) -> str:
        """Show account and version only."""
        return f"Grant(account={self.identity.account!r}, version={self.version})"

    __str__ = __repr__


class CredentialsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How an account's credentials stand; no secret.

    Attributes:
        state: ``ready``, ``due``, ``renewing``, ``waiting``, ``needs_human`` or ``none``.
        version: Number of the newest token; 0: there is none.
        good_until_s: Monotonic seconds until which it is used; None without one.
        next_at_s: Monotonic seconds of the next renewal; None: none is planned.
        failure: Why the last renewal failed; None: it did not.
    """

    state: str
    version: int = 0
    good_until_s: float | None = None
    next_at_s: float | None = None
    failure: Failure | None = None


class CredentialsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an account's credentials; no secret.

    Attributes:
        account: Whose.
        what: ``renewed``, ``failed``: it is tried again; ``needs_human``; or ``replaced``: by a
            person.
        version: Number of the newest token; 0: there is none.
        reason: Why it failed, in snake_case.
        detail: The same for a person, with the next step.
    """

    account: AccountId
    what: str
    version: int = 0
    reason: str | None = None
    detail: str | None = None
