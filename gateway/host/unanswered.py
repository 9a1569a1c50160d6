"""Tells when buyers wait too long for an answer, if that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.ports import Clock, Handle
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.pool.timers import Timers
from actors.values import AccountId, Event, Outcome
from gateway.notify.unanswered import Unanswered

OVERDUE: Final = "answer.overdue"

LOOK_S: Final = 15.0
"""Seconds between two looks."""


class UnansweredWatch:
    """Hears of every event that is handled, and looks now and then who still waits.

    Args:
        minutes: So long a buyer may wait.
        clock: Time.
        is_known: Whether there is an account of a name.
    """

    def __init__(
        self, minutes: float, *, clock: Clock, is_known: Callable[[AccountId], bool]
    ) -> None:
        self._minutes = minutes
        self._clock = clock
        self._is_known = is_known
        self._waiting = Unanswered()
        self._told: set[AccountId] = set()
        self._ended = False

    def around(self, handle: Handle) -> Handle:
        """Return a handle that does the same and is heard here."""

        def heard(event: Event) -> Outcome:
            outcome = handle(event)
            self._waiting.hear(event, answered=bool(outcome.replies))
            return outcome

        return heard

    def sent(self, account: AccountId, conversation: str) -> None:
        """Hear of a message of the host's, which no platform has to show to us again."""
        self._waiting.answered(account, conversation)

    def begin(self, timers: Timers, alerts: AlertRegistry) -> None:
        """Look now and then, until :meth:`end`."""

        def look() -> None:
            if not self._ended:
                self.look(alerts)
                timers.call_after(LOOK_S, look)

        timers.call_after(LOOK_S, look)

    def end(self) -> None:
        """Look no more."""
        self._ended = True

    def look(self, alerts: AlertRegistry) -> None:
        """Begin, change or end the alert of each account."""
        overdue = self._waiting.overdue(self._clock.unix_ms() - round(self._minutes * 60_000))
        for account in [each for each in overdue if not self._is_known(each)]:
            self._waiting.forget(account)
            del overdue[account]
        for account in self._told - overdue.keys():
            alerts.end(OVERDUE, account=account)
        for account, count in overdue.items():
            told = f"{count} buyers have waited longer than {self._minutes:g} minutes for an answer"
            alerts.say(
                OVERDUE,
                account=account,
                detail=told,
                next_step="answer them, or see why the bot did not",
            )
        self._told = set(overdue)
