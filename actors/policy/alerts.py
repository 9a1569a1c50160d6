"""Alerts: which are on, when each begins and when it ends. Pure.

An alert is said once when it begins and again only after it was over. The one owner is
:class:`actors.runtime.alert_registry.AlertRegistry`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, TypeAlias

import msgspec

from actors.policy.retries import Retry
from actors.values import AccountId, ErrorClass, Failure

FAILING: Final = 10
"""A person should look after this many unexpected failures in a row (``contract.md`` 2.5)."""

OVERSIZED: Final = 3
OVERSIZED_WINDOW_S: Final = 3600.0
"""This many messages above the limits within the window count as chance (``contract.md`` 2.10)."""

CROWD: Final = 20
CROWD_SHARE: Final = 0.05
CROWD_LEAST: Final = 3
"""With fewer crashed accounts than this there is no crowd: of a few accounts, one is already a
large share."""

CROWD_WINDOW_S: Final = 60.0
"""Accounts that crash within this window count as a crowd (``contract.md`` 2.8)."""

JOURNAL_FILLING: Final = "journal.filling"
"""Name of the alert that stops reading history."""

NO_ROOM: Final = "no_room"
"""Why of :data:`JOURNAL_FILLING` once nothing is stored any more."""

JOURNAL_LOST: Final = "journal.lost"
"""Name of the alert of a journal whose files were moved or deleted; the journal may repair that
itself."""

REFUSED_S: Final = 3600.0
"""The alert about frames the journal refused ends this long after the last one."""

LETTERS_WAITING: Final = "letters.waiting"
"""Name of the alert about dead letters and parked events of an account."""

OF_CREDENTIALS: Final = (
    "credentials.expiring",
    "credentials.needs_human",
    "credentials.sign_in_due",
    "credentials.unsaved",
)
"""Names of the alerts about the credentials of an account."""

KEPT_BY_RESET: Final = (LETTERS_WAITING, *OF_CREDENTIALS)
"""Alerts about what a reset of an account does not end."""

_TOO_BIG: Final = ("frame_too_big", "message_too_big")
_UNEXPECTED: Final = (ErrorClass.PROTOCOL, ErrorClass.OTHER)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should look at.

    Attributes:
        name: What; the log line that told it has this name.
        account: Whose; None: the whole process.
        lane: The conversation; None: no single one, "" those events that belong to none.
        detail: One sentence with numbers.
        next_step: What to do.
        why: Constant in snake_case, where one name has several causes.
        since_ms: Our Unix time when it began; 0: it is not on yet.
    """

    name: str
    account: AccountId | None = None
    lane: str | None = None
    detail: str = ""
    next_step: str = ""
    why: str = ""
    since_ms: int = 0


class AlertChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that began, or is over.

    Attributes:
        alert: Which, with its words of that moment.
        over: False: it began. True: it is over.
        at_ms: Our Unix time of the change.
    """

    alert: Alert
    over: bool
    at_ms: int


Key: TypeAlias = tuple[str, AccountId | None, str | None]


def key_of(alert: Alert) -> Key:
    """Return what makes two alerts the same occasion."""
    return (alert.name, alert.account, alert.lane)


class Alerts:
    """The alerts that are on, the oldest first."""

    def __init__(self) -> None:
        self._on: dict[Key, Alert] = {}
        self._until: dict[Key, float] = {}
        self._matched: set[Key] = set()

    def __contains__(self, name: str) -> bool:
        return any(alert.name == name for alert in self._on.values())

    def on(self, account: AccountId | None = None) -> list[Alert]:
        """Return them all, or those of an account."""
        return [each for each in self._on.values() if account in (None, each.account)]

    def names(self) -> list[str]:
        """Return the name of each that is on; of one that begins meanwhile perhaps not."""
        return [name for name, *_ in self._on.copy()]

    def begin(self, alert: Alert, now_ms: int, *, until: float | None = None) -> bool:
        """Note one; of one that is on already only the words and the end change.

        Args:
            alert: Which; its ``since_ms`` is set here.
            now_ms: Our Unix time.
            until: Monotonic seconds when it ends by itself; None: only :meth:`end` ends it.

        Returns:
            Whether it begins, so that it must be said.
        """
        key = key_of(alert)
        before = self._on.get(key)
        since_ms = now_ms if before is None else before.since_ms
        self._on[key] = msgspec.structs.replace(alert, since_ms=since_ms)
        if until is not None:
            self._until[key] = until
        return before is None

    def end(
        self,
        *,
        name: str | None = None,
        account: AccountId | None = None,
        but: Collection[str] = (),
    ) -> list[Alert]:
        """End those of a name and an account; without a name all of an account but some names."""
        return self._drop(
            key
            for key, alert in self._on.items()
            if alert.account == account and name in (None, alert.name) and alert.name not in but
        )

    def expire(self, now: float) -> list[Alert]:
        """End those whose time is up."""
        return self._drop(key for key, until in self._until.items() if until <= now)

    def match(self, found: Iterable[Alert], now_ms: int) -> tuple[list[Alert], list[Alert]]:
        """Make what one source says now the whole of what is on from it.

        Returns:
            What begins, and what is over.
        """
        alerts = list(found)
        keys = set(map(key_of, alerts))
        over = self._drop(key for key in self._matched - keys)
        self._matched = keys
        return [alert for alert in alerts if self.begin(alert, now_ms)], over

    def _drop(self, keys: Iterable[Key]) -> list[Alert]:
        dropped = []
        for key in list(keys):
            self._until.pop(key, None)
            alert = self._on.pop(key, None)
            if alert is not None:
                dropped.append(alert)
        return dropped


def too_big(failure: Failure) -> bool:
    """Return whether the peer sent more than we take; it was refused from its header."""
    return failure.reason in _TOO_BIG


def of_link(failure: Failure, retry: Retry) -> list[Alert]:
    """Return what the end of a link or attempt, and the wait that follows, should tell a person.

    Args:
        failure: How it ended.
        retry: What follows.
    """
    found = []
    if failure.error_class is ErrorClass.TLS_TRUST:
        found.append(
            Alert(
                name="link.untrusted",
                detail=f"the server's certificate is not trusted: {failure.reason}",
                next_step="see the machine's clock, tls.ca_file and what is on the way; "
                "no link is opened without trust",
            )
        )
    if failure.error_class in _UNEXPECTED and retry.nth >= FAILING:
        found.append(
            Alert(
                name="link.failing",
                detail=f"{retry.nth} failures in a row that nobody expects, "
                f"the last one {failure.reason}",
                next_step="see last_error and frame.rejected in the log; it is tried for ever",
            )
        )
    if retry.flapping:
        found.append(
            Alert(
                name="link.flapping",
                detail="five links died young",
                next_step="see last_error; the account waits, then reconnects",
            )
        )
    return found


def letters_wait(counts: Iterable[tuple[AccountId, int, int]]) -> tuple[Alert, ...]:
    """Return what a person should hear of dead letters and parked events.

    Args:
        counts: Account, dead letters and parked events of it.
    """
    return tuple(
        Alert(
            name=LETTERS_WAITING,
            account=account,
            detail=f"{dead} dead letters and {parked} parked events wait for a person",
            next_step="the commands dead-letters list and show tell whose and why; "
            "then replay or drop each",
        )
        for account, dead, parked in counts
        if dead + parked > 0
    )


def storage_refused(account: AccountId, frames: int, reason: str) -> Alert:
    """Return the alert of what came in and the journal can never store."""
    return Alert(
        name="journal.refused",
        account=account,
        detail=f"the journal cannot store {frames} frames the account received ({reason}); "
        "they were not acknowledged, and the platform gives them again",
        next_step="stop the gateway, then run the command journal check; "
        "if it finds nothing, report this line",
    )


def crowd(crashed: Iterable[Alert], accounts: int, now_ms: int) -> int:
    """Return how many accounts crashed lately, if too many to be the fault of single ones.

    Args:
        crashed: Alerts of accounts whose actors keep dying.
        accounts: How many there are in all.
        now_ms: Our Unix time.

    Returns:
        Their number; 0: they are no crowd.
    """
    since_ms = now_ms - CROWD_WINDOW_S * 1000
    lately = len({alert.account for alert in crashed if alert.since_ms >= since_ms})
    many = lately > CROWD or (lately >= CROWD_LEAST and lately > CROWD_SHARE * accounts)
    return lately if many else 0
