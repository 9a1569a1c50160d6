"""Where an account's credentials come from, as far as the kernel cares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from actors.identity import Grant, Why
from actors.values import Failure


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier life left of an account's credentials.

    Attributes:
        grant: The newest one; None: none.
        lineage: Number of the sign-in it comes from; grows by one a sign-in, paste or new seed.
        stuck: Why only a person helps; None: it renews itself.
        calls_ms: Wall Unix milliseconds of the calls of the last day, oldest first.
    """

    grant: Grant | None = None
    lineage: int = 0
    stuck: Failure | None = None
    calls_ms: Sequence[int] = ()


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one renewal.

    Attributes:
        result: The new grant, or why there is none.
        lineage: Of the sign-in it worked with; None: it never came to work with one.
        calls: How many calls it made to the platform.
    """

    result: Grant | Failure
    lineage: int | None = None
    calls: int = 0


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What of an account's credentials is to be looked after.

    Attributes:
        unsaved: The newest could not be stored, and live in memory only.
        login_ends_ms: Wall Unix milliseconds when the login ends, and only a person can begin
            another; None: nobody knows.
        to_sign_in: What that person does.
    """

    unsaved: bool = False
    login_ends_ms: int | None = None
    to_sign_in: str = ""


NOTHING_AHEAD: Final = Outlook()
"""There is nothing to look after."""


class CredentialSource(Protocol):
    """Obtains the grants of one account. Each method blocks; the kernel calls one at a time."""

    @property
    def egress(self) -> str:
        """Return the way its calls leave by: accounts of one egress share a rate. No secret."""

    @property
    def outlook(self) -> Outlook:
        """Return what is to be looked after; never blocks, and is asked while a method runs."""

    def load(self) -> Kept:
        """Return what an earlier life left."""

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        """Obtain a new grant.

        Args:
            last: The newest grant; None: there was none.
            why: What it is for.
            calls: How many calls it may make at most.
            deadline_s: Seconds after which nobody waits for it any more.
        """

    def mark_stuck(self, reason: Failure) -> None:
        """Store that only a person helps, so that a restart does not ask again."""

    def save(self) -> None:
        """Store again what could not be stored; may be called while another method runs."""
