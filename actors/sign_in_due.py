"""The alert ``credentials.sign_in_due``: a login ends soon, and only a person can begin another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from actors.policy import budget
from actors.ports import Outlook
from actors.runtime.alert_registry import AlertRegistry
from actors.values import AccountId

NAME: Final = "credentials.sign_in_due"
DUE_S: Final = 3 * 86_400.0
"""A person hears of a login that ends within so many seconds."""


def look(
    alerts: AlertRegistry, account: AccountId, outlook: Outlook, now_ms: int, *, on: bool = True
) -> None:
    """Begin the alert, change its words, or end it.

    Args:
        alerts: Where it is.
        account: Whose login.
        outlook: Of the account.
        now_ms: Wall Unix milliseconds.
        on: The alert may be on; False: it is known to be off.
    """
    ends_ms = outlook.login_ends_ms
    left_s = DUE_S if ends_ms is None else (ends_ms - now_ms) / 1000
    if left_s < DUE_S:
        ends = f"in {budget.told(left_s)}" if left_s > 0 else "now"
        alerts.say(
            NAME,
            account=account,
            detail=f"the login ends {ends}; after that it is not renewed without a person",
            next_step=outlook.to_sign_in,
        )
    elif on:
        alerts.end(NAME, account=account)


def whose(alerts: AlertRegistry) -> Collection[AccountId | None]:
    """Return the accounts whose alert is on."""
    return {each.account for each in alerts.on() if each.name == NAME}
