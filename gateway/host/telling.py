"""Who hears of alerts besides the log: the host's listeners, the bell, a dead man's switch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from actors.ports import Clock, Handle
from actors.ports.commands import StoreKept
from actors.ports.journal import Journal
from actors.ports.machine import MovedClock
from actors.state import ConnectionState
from actors.system import System
from actors.values import AccountId
from gateway.config.notifying import minute_of
from gateway.errors import ConfigError
from gateway.host.accounts import Accounts
from gateway.host.announcing import AlertListener, Announcer
from gateway.host.unanswered import UnansweredWatch
from gateway.notify.bell import KEPT, Bell
from gateway.notify.courier import Courier, missing
from gateway.notify.heartbeat import Heartbeat
from gateway.notify.rules import Rules
from gateway.redaction import Redactor
from gateway.settings import NotifySettings
from gateway.words import Language, spoken

LEAST_S: Final = 0.5
"""Seconds that each of them gets at least to end."""


class Telling:
    """All that alerts are told to. Made before the start, used once.

    Args:
        settings: The section ``notify``.
        language: Of the gateway; None: that of the process.
        accounts: Say how many are connected.
        hung: Says what stands still; None: nothing does.
        clock: Time.
        redactor: Masks secrets.
        log: A structlog logger.

    Raises:
        ConfigError: The address of the dead man's switch cannot be used on this machine.

    Attributes:
        on_alert: The host's listeners.
    """

    def __init__(
        self,
        settings: NotifySettings,
        *,
        language: Language | None,
        accounts: Accounts,
        hung: Callable[[], str | None],
        clock: Clock,
        redactor: Redactor,
        log: Any,
    ) -> None:
        self.on_alert: list[AlertListener] = []
        self._settings = settings
        self._language: Language | None = language
        self._accounts = accounts
        self._hung = hung
        self._clock = clock
        self._redactor = redactor
        self._log = log
        self._announcer = Announcer(self.on_alert, redactor, log)
        self._unanswered = self._make_unanswered()
        self._bell: Bell | None = None
        self._heartbeat = self._make_heartbeat()

    @property
    def is_here(self) -> bool:
        """Return whether the calling thread is that of the host's listeners."""
        return self._announcer.is_here

    @property
    def rung(self) -> Mapping[str, int]:
        """Return how many messages of the bell arrived, were tried in vain, and were left out."""
        return {} if self._bell is None else self._bell.counts

    def around(self, handle: Handle) -> Handle:
        """Return what is to handle events: the same, heard by who looks for buyers that wait."""
        return handle if self._unanswered is None else self._unanswered.around(handle)

    def sent(self, account: AccountId, conversation: str) -> None:
        """Hear that the host sends something in a conversation."""
        if self._unanswered is not None:
            self._unanswered.sent(account, conversation)

    def listen(self, system: System, journal: Journal) -> None:
        """Hear of every alert of a system that is not started yet."""
        alerts = system.services.alerts
        alerts.hear(self._announcer.hear)
        if self._unanswered is not None:
            self._unanswered.begin(system.services.timers, alerts)
        if not self._settings.urls():
            return
        told = missing()
        if told is not None:  # messages of customers matter more: it goes on without a bell
            self._log.error("notify.unavailable", detail=told)
            return
        self._bell = self._make_bell(system, journal.kept_texts(KEPT).get(KEPT))
        alerts.hear(self._bell.look)
        if isinstance(self._clock, MovedClock):
            self._clock.on_move(self._bell.look)

    def start(self) -> None:
        """Start the threads."""
        self._announcer.start()
        if self._bell is not None:
            self._bell.start()
        if self._heartbeat is not None:
            self._heartbeat.start()

    def end(self) -> None:
        """Begin to stop what writes to the journal, and what says that all is well."""
        for part in (self._unanswered, self._bell, self._heartbeat):
            if part is not None:
                part.end()

    def stop(self, timeout_s: float) -> list[str]:
        """End; return the name of the listeners' thread if it did not in time.

        A delivery or a request under way is left: both are bounded, and tell nobody else.
        """
        until = time.monotonic() + timeout_s
        self._announcer.end()
        for part in (self._bell, self._heartbeat):
            if part is not None:
                part.stop(max(LEAST_S, until - time.monotonic()))
        return self._announcer.stop(max(LEAST_S, until - time.monotonic()))

    def _make_unanswered(self) -> UnansweredWatch | None:
        minutes = self._settings.unanswered_min
        if minutes is None:
            return None
        known = self._accounts.__contains__
        return UnansweredWatch(minutes, clock=self._clock, is_known=known)

    def _make_heartbeat(self) -> Heartbeat | None:
        beat = self._settings.heartbeat
        if beat.url is None:
            return None
        try:
            return Heartbeat(
                beat.url,
                beat.every_s,
                alive=lambda: self._hung() is None,
                counts=self._counts,
                log=self._log,
            )
        except ValueError as error:  # it has no authorities to trust, say
            raise ConfigError([f"notify.heartbeat.url: {error}"]) from error

    def _make_bell(self, system: System, kept: str | None) -> Bell:
        notify, writer = self._settings, system.services.writer

        def keep(text: str) -> None:
            if not writer.stopping:  # a delivery may outlast the journal
                writer.submit(StoreKept(name=KEPT, text=text), _nothing)

        return Bell(
            rules_of(notify),
            Courier(notify.urls(), mask=self._redactor.text),
            chosen=chosen_of(notify),
            alerts=system.services.alerts,
            language=spoken(notify.language, self._language, environment=os.environ),
            clock=self._clock,
            log=self._log,
            mask=self._redactor.text,
            keep=keep,
            kept=kept,
            link=notify.link,
        )

    def _counts(self) -> tuple[int, int]:
        """Return how many accounts are connected, and how many there are."""
        states = [self._accounts[name].state for name in self._accounts]
        return sum(state is ConnectionState.CONNECTED for state in states), len(states)


def rules_of(notify: NotifySettings) -> Rules:
    """Return the rules of the bell."""
    quiet = notify.quiet
    hours = None
    if quiet.from_ is not None and quiet.to is not None:
        hours = minute_of(quiet.from_), minute_of(quiet.to)
    return Rules(
        after_ms=round(notify.after_s * 1000),
        at_once=notify.at_once,
        quiet=hours,
        but=quiet.but,
        group_ms=round(notify.group_s * 1000),
        per_hour=notify.per_hour,
        again_ms=None if notify.again_h is None else round(notify.again_h * 3_600_000),
        over=notify.over,
    )


def chosen_of(notify: NotifySettings) -> dict[str, tuple[str, ...]]:
    """Return which alerts the targets of ``also`` get, by their places."""
    return {
        place: each.alerts
        for nth, each in enumerate(notify.also)
        for place in notify.urls()
        if place.startswith(f"notify.also[{nth}].")
    }


def _nothing(_answer: object) -> None:
    """Nobody waits for it."""
