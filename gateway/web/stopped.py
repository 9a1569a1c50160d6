"""A stopped gateway's journal behind a gateway's interface: what is safe while it is stopped.

Opening it takes the journal's lock, so it is never touched beside a running gateway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from actors.policy.alerts import Alert
from actors.ports.commands import StorePast
from actors.runtime.clock import SystemClock
from actors.values import AccountId
from gateway import logs
from gateway.commands import command
from gateway.credentials.registry import Surroundings
from gateway.credentials.store import store_of
from gateway.host import assembly
from gateway.host.access import StoppedJournal
from gateway.host.accounts import Accounts
from gateway.host.credentials import CredentialDesk
from gateway.host.dead_letters import DeadLetters
from gateway.host.sends import Sends, SendTicket, Tickets
from gateway.host.undisturbed import run
from gateway.journal import schema
from gateway.journal.files import integrity, opening
from gateway.redaction import Redactor
from gateway.settings import AccountSettings, Settings
from gateway.web.problems import Problem
from gateway.web.upkeep import FileCare, journal_path

CLOSE_S: Final = 10.0
"""Seconds to wait for a sign-in that only lacks a token."""


def not_running(where: str) -> Problem:
    """Return the problem that no gateway is running."""
    return Problem(
        503,
        "not_running",
        f"no gateway runs {where}",
        f"start it: {command('run -c FILE')}, with http.listen set; or name it with --url",
    )


class StoppedGateway:
    """Dead letters, outbox and upkeep of a journal that no gateway has open.

    Args:
        settings: Name the journal.
    """

    running = False
    alerts: Sequence[Alert] = ()
    hung: str | None = None
    storing = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        redactor = logs.redactor_of(settings)
        self.redact: Callable[[Any], Any] = redactor.value
        self._redactor = redactor
        self._journal: StoppedJournal | None = None
        self._desk: CredentialDesk | None = None

    @property
    def accounts(self) -> Accounts:
        """Nobody connects them."""
        return self._nobody()

    @property
    def dead_letters(self) -> DeadLetters:
        """Of the file.

        Raises:
            JournalError: A gateway has it open, or it cannot be read.
        """
        return DeadLetters(self._open())

    @property
    def sends(self) -> Sends:
        """Of the file.

        Raises:
            JournalError: A gateway has it open, or it cannot be read.
        """
        return Sends(self._open(), Tickets())

    @property
    def credentials(self) -> CredentialDesk:
        """Of the files beside the journal, whose lock is taken first.

        Raises:
            JournalError: A gateway has it open, or it cannot be read.
        """
        if self.settings.durability == "memory":
            told = "durability is memory: nothing is kept without a running gateway"
            raise Problem(409, "no_journal", told, "start it, then ask again; or set durability")
        self._open(make=True)
        if self._desk is None:
            keeper = _Keeper(self.settings, self._redactor)
            log = logs.get_logger(self._redactor)
            self._desk = CredentialDesk(keeper, self.forget_failures, log)
        return self._desk

    def forget_failures(self, account: AccountId) -> None:
        """Have an account try again when its gateway starts, whatever became of it before.

        Raises:
            JournalError: A gateway has the journal open, or it cannot be read.
        """
        self._open(make=True).do(StorePast(account=account, past=None))

    @property
    def journal(self) -> FileCare:
        """Upkeep of the file."""
        return FileCare(self.settings, in_use=False)

    def send(self, *_: Any, **__: Any) -> SendTicket:
        """Nobody sends."""
        return self._nobody()

    def tap(self, listener: Any) -> None:
        """There is nothing to show."""

    def close(self) -> None:
        """End what was begun, and let go of the journal. Idempotent."""
        if self._desk is not None:
            self._desk.close(CLOSE_S)
        journal, self._journal = self._journal, None
        if journal is not None:
            run(journal.close, last=True)

    def _open(self, *, make: bool = False) -> StoppedJournal:
        if self._journal is None:
            if not make:
                journal_path(self.settings)
            self._refuse_older()
            self._journal = StoppedJournal(assembly.journal(self.settings, SystemClock()))
        return self._journal

    def _refuse_older(self) -> None:
        """Refuse a journal that would be brought up to date: only a start does that, with a copy.

        Raises:
            Problem: 409; names its schema, and what to do.
        """
        path = Path(self.settings.data_dir) / assembly.JOURNAL_FILE
        if self.settings.durability == "memory" or not path.is_file():
            return
        with contextlib.closing(opening.reader(path)) as connection:
            found = integrity.identify(connection, path)
        if found < schema.VERSION:
            told = f"{path} has journal schema {found}, this version writes {schema.VERSION}"
            fix = "start the gateway once, which copies it and brings it up to date"
            raise Problem(409, "older_journal", told, fix)

    def _nobody(self) -> NoReturn:
        raise not_running(f"on {self.settings.data_dir}")


class _Keeper:
    """The accounts of a configuration, none of which is connected."""

    def __init__(self, settings: Settings, redactor: Redactor) -> None:
        around = Surroundings(
            store=store_of(settings),
            clock=SystemClock(),
            learn=lambda account, secrets: redactor.learn(secrets, of=f"credentials/{account}"),
            unsaved=lambda _account, _why: None,
        )
        self._settings = {each.id: each for each in settings.accounts}
        self.plans = {each.id: assembly.plan(each, settings, around) for each in settings.accounts}

    def settings_of(self, account: AccountId) -> AccountSettings:
        return self._settings[account]

    def system(self) -> None:
        return None
