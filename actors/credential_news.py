"""What people are told of an account's credentials: log, alerts, listeners, and what is shown."""

from __future__ import annotations

from typing import Final

from actors import sign_in_due
from actors.account.services import Observer
from actors.credential_entry import Entry
from actors.identity import CredentialsSeen, Grant
from actors.policy import alerts, budget
from actors.policy.credentials import Now
from actors.ports import Renewal
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.log import Log
from actors.values import AccountId, Failure

EXPIRING_S: Final = 3600.0
"""A person hears of a token that could not be renewed and ends within so many seconds."""


class News:
    """Tells. A part of the credentials actor, without a mailbox.

    Args:
        log: Takes lines.
        alerts: Takes what a person should look at.
        observer: Hears of each change.
        seen: How the credentials of accounts stand; any thread reads it.
    """

    __slots__ = ("_alerts", "_log", "_observer", "_seen")

    def __init__(
        self,
        log: Log,
        alerts: AlertRegistry,
        observer: Observer,
        seen: dict[AccountId, CredentialsSeen],
    ) -> None:
        self._log = log
        self._alerts = alerts
        self._observer = observer
        self._seen = seen

    def show(self, entry: Entry, now: Now) -> None:
        """Let whoever looks see how they stand."""
        self._seen[entry.name] = entry.seen(now)

    def forget(self, account: AccountId) -> None:
        """Show nothing of an account whose credentials nobody renews any more."""
        self._seen.pop(account, None)
        for name in alerts.OF_CREDENTIALS:
            self._alerts.end(name, account=account)

    def stale(self, entry: Entry) -> None:
        """Log a renewal that ended too late."""
        self._log.debug("credentials.stale_dropped", account=entry.name)

    def restored(self, entry: Entry, now: Now) -> None:
        """Raise or end alerts after the store was read, or a person gave others."""
        stuck = entry.policy.stuck
        self._alerts.end("credentials.expiring", account=entry.name)
        if stuck is None:
            self._alerts.end("credentials.needs_human", account=entry.name)
        else:
            self._say_stuck(entry, stuck)
        self.look_at_login(entry, now)

    def replaced(self, entry: Entry, now: Now) -> None:
        """Call the listeners: a person gave others."""
        self._tell(entry, "replaced", None, now)

    def renewed(
        self, entry: Entry, grant: Grant, renewal: Renewal, left_s: float | None, now: Now
    ) -> None:
        """Log a new token, end its alerts, and call the listeners.

        Args:
            entry: Whose.
            grant: The new one.
            renewal: What brought it.
            left_s: Seconds the one before it was good for.
            now: The moment.
        """
        self._log.info(
            "credentials.renewed",
            account=entry.name,
            version=grant.version,
            life_s=round(entry.policy.left_s(now) or 0.0),
            left_s=None if left_s is None else round(left_s),
            calls=renewal.calls,
        )
        self._alerts.end("credentials.expiring", account=entry.name)
        self._alerts.end("credentials.needs_human", account=entry.name)
        self.look_at_login(entry, now)
        self._tell(entry, "renewed", None, now)

    def failed(self, entry: Entry, failure: Failure, now: Now) -> None:
        """Log a renewal that failed, call the listeners, and raise what alert follows from it."""
        policy = entry.policy
        next_at = policy.next_at(now, asked=True, linked=False)
        stuck, left_s = policy.stuck, policy.left_s(now)
        self._log_failed(entry, failure, None if next_at is None else next_at - now.monotonic_s)
        self._tell(entry, "failed" if stuck is None else "needs_human", stuck or failure, now)
        if stuck is not None:
            self._say_stuck(entry, stuck)
        elif left_s is not None and left_s < EXPIRING_S:
            self._alerts.say(
                "credentials.expiring",
                account=entry.name,
                detail=f"the token ends in {left_s / 60:.0f} minutes and was not renewed: "
                f"{failure.detail}",
                next_step="see credentials.renewal_failed; it is tried again",
            )

    def refused(self, entry: Entry, now: Now) -> None:
        """Log that the calls are spent, so that a person's renewal does not begin."""
        wait_s = entry.policy.free_at(now) - now.monotonic_s
        refusal = budget.refused_until(wait_s)
        self._log_failed(entry, refusal, wait_s)
        self._tell(entry, "failed", refusal, now)

    def look_at_login(self, entry: Entry, now: Now, *, on: bool = True) -> None:
        """Raise or end the alert about a login that ends soon; ``on``: it may be on."""
        sign_in_due.look(self._alerts, entry.name, entry.source.outlook, now.wall_ms, on=on)

    def told_of_login(self) -> frozenset[AccountId | None]:
        """Return the accounts whose alert about the end of the login is on."""
        return frozenset(sign_in_due.whose(self._alerts))

    def _tell(self, entry: Entry, what: str, failure: Failure | None, now: Now) -> None:
        self.show(entry, now)  # who hears of it looks at once
        self._observer.credentials_changed(entry.changed(what, failure))

    def _log_failed(self, entry: Entry, failure: Failure, next_s: float | None) -> None:
        self._log.warning(
            "credentials.renewal_failed",
            account=entry.name,
            reason=failure.reason,
            detail=failure.detail,
            next_s=None if next_s is None else round(next_s, 1),
        )

    def _say_stuck(self, entry: Entry, stuck: Failure) -> None:
        self._alerts.say(
            "credentials.needs_human",
            account=entry.name,
            detail=stuck.detail,
            next_step="do what the detail names; nothing is asked of the platform until then",
            why=stuck.reason,
        )
