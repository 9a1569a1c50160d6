"""What an account registers with: asked for before the gate, reported after the registration."""

from __future__ import annotations

from actors.account.services import Account
from actors.identity import Grant, Identity, Why
from actors.messages import (
    CancelGrant,
    ForgetCredentials,
    ForgetGrant,
    GrantReported,
    RequestGrant,
    WatchCredentials,
)
from actors.plan import AccountPlan
from actors.state import Cause
from actors.values import ErrorClass, Failure, Generation


def look_after(account: Account) -> bool:
    """Have the credentials of an account looked after; False: nothing renews them."""
    if account.plan.source is None:
        return False
    keep = WatchCredentials(plan=account.plan, connection=account.peers.connection)
    account.services.credentials.tell(keep)
    return True


def replace_credentials(account: Account, plan: AccountPlan) -> None:
    """Give an account other credentials; its link stays until there is a token of them."""
    account.plan = plan
    if not look_after(account):
        account.services.credentials.tell(ForgetCredentials(account=account.name))
    account.peers.connection.tell(ForgetGrant())


class GrantInUse:
    """The grant of the attempt or link. Does nothing for an account without a source.

    A part of the connection, without a mailbox: each method is called on the connection's turn.

    Attributes:
        asked: A grant is asked for and has not been given.
    """

    __slots__ = ("_account", "_grant", "_linked", "asked")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._grant: Grant | None = None
        self._linked = False
        self.asked = False

    @property
    def identity(self) -> Identity | None:
        """Return who registers; None: the plan says it."""
        return None if self._grant is None else self._grant.identity

    @property
    def version(self) -> int:
        """Return the number of the token; 0 without one."""
        return 0 if self._grant is None else self._grant.version

    def ask(self, generation: Generation) -> bool:
        """Ask for a grant; False: the account has no source, and needs none."""
        account = self._account
        if account.plan.source is None:
            return False
        self.asked = True
        account.services.credentials.tell(
            RequestGrant(
                plan=account.plan,
                connection=account.peers.connection,
                supervisor=account.peers.supervisor,
                generation=generation,
            )
        )
        return True

    def given(self, grant: Grant) -> None:
        """Take the grant that was asked for."""
        self.asked = False
        self._grant = grant

    def forget(self) -> None:
        """Count what it registers with, or is linked with, as older than any grant to come."""
        self._grant = None
        self.asked = False
        if self._linked:
            self._report(None)

    def cancel(self, generation: Generation) -> None:
        """Ask no more."""
        if self.asked:
            self.asked = False
            self._account.services.credentials.tell(
                CancelGrant(account=self._account.name, generation=generation)
            )

    def linked(self) -> None:
        """Report that the platform took the grant."""
        self._linked = True
        self._report(None)

    def lost(self, cause: Cause, failure: Failure | None) -> None:
        """Report the end of a link or attempt, and whether the grant is to blame."""
        fault = None
        if cause is Cause.ZOMBIE:
            fault = Why.SUSPECT
        elif failure is not None and failure.error_class is ErrorClass.AUTH:
            fault = Why.REFUSED
        if self._linked or fault is not None:
            self._linked = False
            self._report(fault)

    def introduce(self, generation: Generation) -> None:
        """Tell a credentials actor that was restarted what its former self knew."""
        if self.asked:
            self.ask(generation)
        elif self._linked:
            self._report(None)

    def _report(self, fault: Why | None) -> None:
        account = self._account
        if account.plan.source is not None:
            account.services.credentials.tell(
                GrantReported(
                    account=account.name,
                    version=self.version,
                    linked=self._linked,
                    fault=fault,
                )
            )
