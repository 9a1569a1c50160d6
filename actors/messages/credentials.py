"""What the credentials actor of the process receives, and what it tells who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from actors.identity import Why
from actors.messages.base import Control, Message
from actors.values import AccountId, Generation

if TYPE_CHECKING:
    from actors.messages.connection import DialFailed, GrantAwaited, GrantGiven, Rotate
    from actors.messages.supervisor import DialAllowed
    from actors.plan import AccountPlan
    from actors.ports import Kept, Mailbox, Renewal


class RequestGrant(Message, frozen=True, kw_only=True, gc=False):
    """Ask for what an attempt registers with.

    Attributes:
        plan: Whose; it has a source.
        connection: Hears of the grant, that it waits for one, or that only a person helps.
        supervisor: Hears when an account that waits may try again.
        generation: Of the attempt.
    """

    plan: AccountPlan
    connection: Mailbox[DialFailed | GrantAwaited | GrantGiven | Rotate]
    supervisor: Mailbox[DialAllowed]
    generation: Generation


class WatchCredentials(Control, frozen=True, kw_only=True, gc=False):
    """Know an account from its start: what is stuck is shown whether it asks or not.

    Attributes:
        plan: Whose; it has a source.
        connection: Hears of a newer grant.
    """

    plan: AccountPlan
    connection: Mailbox[Rotate]


class CancelGrant(Control, frozen=True, kw_only=True, gc=False):
    """An attempt needs no grant any more."""

    account: AccountId
    generation: Generation


class GrantReported(Control, frozen=True, kw_only=True, gc=False):
    """What became of a grant that was given.

    Attributes:
        account: Whose.
        version: Of the grant.
        linked: The account is CONNECTED with it.
        fault: REFUSED: the platform refused it. SUSPECT: its link was alive and pushed nothing.
    """

    account: AccountId
    version: int
    linked: bool
    fault: Why | None = None


class CredentialsLoaded(Control, frozen=True, kw_only=True, gc=False):
    """What an earlier life left was read.

    Attributes:
        account: Whose.
        job: Number of the worker's job.
        kept: From the store.
    """

    account: AccountId
    job: int
    kept: Kept


class CredentialsReplaced(Control, frozen=True, kw_only=True, gc=False):
    """A person signed in or gave new credentials; they are in the store.

    Attributes:
        account: Whose.
        kept: What is stored now.
    """

    account: AccountId
    kept: Kept


class RenewalEnded(Control, frozen=True, kw_only=True, gc=False):
    """A renewal is over.

    Attributes:
        account: Whose.
        job: Number of the worker's job.
        flight: Number of the account's renewal.
        renewal: What it brought.
    """

    account: AccountId
    job: int
    flight: int
    renewal: Renewal


class RenewNow(Control, frozen=True, kw_only=True, gc=False):
    """Renew because a person says so, whatever was before."""

    plan: AccountPlan


class ForgetCredentials(Control, frozen=True, kw_only=True, gc=False):
    """Nothing renews the account's credentials any more: it is gone, or its settings say so."""

    account: AccountId


class CredentialsDue(Message, frozen=True, kw_only=True, gc=False):
    """A renewal may begin now, or one has taken too long."""


CredentialsInbox: TypeAlias = (
    RequestGrant
    | CancelGrant
    | WatchCredentials
    | GrantReported
    | CredentialsLoaded
    | CredentialsReplaced
    | RenewalEnded
    | RenewNow
    | ForgetCredentials
    | CredentialsDue
)
