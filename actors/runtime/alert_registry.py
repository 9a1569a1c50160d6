"""The alert registry: logs each alert once when it begins and once when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from actors.policy.alerts import Alert, AlertChanged, Alerts
from actors.ports import Clock
from actors.runtime.log import Log
from actors.values import AccountId


class AlertRegistry:
    """The alerts of the process. Any thread.

    Args:
        clock: Time.
        log: A structlog logger; called outside the lock.
    """

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._alerts = Alerts()
        self._lock = threading.Lock()
        self._hearers: list[Callable[[AlertChanged], None]] = []
        self.begun = 0
        """Alerts that began; it changes when there is a new one."""

    def hear(self, hearer: Callable[[AlertChanged], None]) -> None:
        """Have a function called with each change from now on, in the order of the changes.

        Args:
            hearer: Called on any thread with the lock held: it may only put the change down, and
                must neither raise, wait, nor ask this registry.
        """
        with self._lock:
            self._hearers.append(hearer)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._alerts

    def on(self, account: AccountId | None = None) -> Sequence[Alert]:
        """Return the alerts that are on, of one account or all, the oldest first."""
        with self._lock:
            return self._alerts.on(account)

    def names(self) -> list[str]:
        """Return the name of each alert that is on; takes no lock."""
        return self._alerts.names()

    def say(
        self,
        name: str,
        *,
        account: AccountId | None = None,
        detail: str,
        next_step: str,
        why: str = "",
        for_s: float | None = None,
        **fields: Any,
    ) -> None:
        """Begin an alert, or change the words of one that is on.

        Args:
            name: Of the log line, ``area.past_participle``.
            account: Whose; None: the whole process.
            detail: One sentence with numbers.
            next_step: What a person should do.
            why: Constant in snake_case, where the name has several causes.
            for_s: It ends this many seconds after it was last said; None: at :meth:`end`.
            fields: More for the log line.
        """
        alert = Alert(name=name, account=account, detail=detail, next_step=next_step, why=why)
        self.raise_(alert, for_s=for_s, **fields)

    def raise_(self, alert: Alert, *, for_s: float | None = None, **fields: Any) -> None:
        """Begin an alert that was made elsewhere; see :meth:`say`."""
        until = None if for_s is None else self._clock.monotonic() + for_s
        with self._lock:
            now_ms = self._clock.unix_ms()
            begins = self._alerts.begin(alert, now_ms, until=until)
            self.begun += begins
            if begins:
                self._changed((msgspec.structs.replace(alert, since_ms=now_ms),), over=False)
        if begins:
            self._tell(alert, fields)

    def end(
        self,
        name: str | None = None,
        *,
        account: AccountId | None = None,
        but: Collection[str] = (),
    ) -> None:
        """End the alert of that name; without a name all of the account but those of some names."""
        with self._lock:
            over = self._alerts.end(name=name, account=account, but=but)
            self._changed(over, over=True)
        self._tell_over(over)

    def expire(self) -> None:
        """End the alerts whose time is up."""
        with self._lock:
            over = self._alerts.expire(self._clock.monotonic())
            self._changed(over, over=True)
        self._tell_over(over)

    def match(self, found: Iterable[Alert]) -> None:
        """Replace the journal's alerts by those it has now; the others of them end."""
        with self._lock:
            now_ms = self._clock.unix_ms()
            new, over = self._alerts.match(found, now_ms)
            self.begun += len(new)
            self._changed(over, over=True)
            self._changed(
                [msgspec.structs.replace(each, since_ms=now_ms) for each in new], over=False
            )
        self._tell_over(over)
        for alert in new:
            self._tell(alert, {})

    def _changed(self, alerts: Sequence[Alert], *, over: bool) -> None:
        for alert in alerts if self._hearers else ():
            change = AlertChanged(alert=alert, over=over, at_ms=self._clock.unix_ms())
            for hearer in self._hearers:
                hearer(change)

    def _tell(self, alert: Alert, fields: dict[str, Any]) -> None:
        told = {"detail": alert.detail, "next_step": alert.next_step}
        if alert.why:
            told["why"] = alert.why
        self._log.error(alert.name, **{**_whose(alert), **told, **fields})

    def _tell_over(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            lasted_s = (self._clock.unix_ms() - alert.since_ms) / 1000
            self._log.info("alert.ended", alert=alert.name, lasted_s=lasted_s, **_whose(alert))


def _whose(alert: Alert) -> dict[str, str]:
    whose = {"account": alert.account, "lane": alert.lane}
    return {name: value for name, value in whose.items() if value is not None}
