"""Reports of the kernel: kept in views and tickets, and passed to listeners."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from actors.account.services import Observer
from actors.identity import CredentialsChanged
from actors.messages import StateChanged
from actors.values import AccountId, Event, Recovered, SendResult
from gateway.host.accounts import Accounts
from gateway.host.calls import Calls
from gateway.host.masking import masked_change
from gateway.host.sends import Tickets
from gateway.redaction import Redactor

StateListener = Callable[[StateChanged], None]
RecoveryListener = Callable[[Recovered], None]
CredentialsListener = Callable[[CredentialsChanged], None]


class GatewayObserver(Observer):
    """Hears the kernel on behalf of one gateway.

    Args:
        accounts: Show where each account stands.
        tickets: Tell of sends.
        calls: Call listeners.
        forget: Called with an event that will not be tried again.
        redactor: Takes our secrets out of what others say.
        heard: Called first with what became of credentials.

    Attributes:
        on_state: Listeners of state changes.
        on_recovery: Listeners of recoveries.
        on_credentials: Listeners of renewals.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        tickets: Tickets,
        calls: Calls,
        forget: Callable[[Event], None],
        redactor: Redactor,
        heard: CredentialsListener,
    ) -> None:
        self.on_state: list[StateListener] = []
        self.on_recovery: list[RecoveryListener] = []
        self.on_credentials: list[CredentialsListener] = []
        self._accounts = accounts
        self._tickets = tickets
        self._calls = calls
        self._forget = forget
        self._redactor = redactor
        self._heard = heard

    def state_changed(self, change: StateChanged) -> None:
        """Take a change over and pass it to the listeners, without our secrets.

        A server may repeat a token in its words; they go on in the failure's detail.
        """
        change = masked_change(change, self._redactor)
        if change.account in self._accounts:
            self._accounts[change.account].apply(change)
        for listener in self.on_state:
            self._calls.call(change.account, listener, change)

    def credentials_changed(self, change: CredentialsChanged) -> None:
        """Tell who waits for a renewal, and the listeners."""
        self._heard(change)
        for listener in self.on_credentials:
            self._calls.call(change.account, listener, change)

    def recovery_ended(self, outcome: Recovered) -> None:
        """Pass it to the listeners."""
        for listener in self.on_recovery:
            self._calls.call(outcome.account, listener, outcome)

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """Resolve the ticket."""
        del account
        self._tickets.end(outbox_id, _masked(result, self._redactor))

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """Show when the next attempt is due."""
        if account in self._accounts:
            self._accounts[account].retries(attempt, delay_s)

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """Forget what is known of it; the journal keeps it."""
        del account, reason
        self._forget(event)


def _masked(result: SendResult, redactor: Redactor) -> SendResult:
    """Return a result without our secrets; a platform may repeat one in its reason."""
    told = redactor.text(result.reason or "")
    return result if told == (result.reason or "") else structs.replace(result, reason=told)
