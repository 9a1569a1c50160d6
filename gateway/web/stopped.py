"""A stopped gateway's journal with the face of a gateway: what is safe while nobody has it.

Opening it takes the journal's lock, so it is never touched beside a running gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from actors.runtime.clock import SystemClock
from actors.storage import Journal, SendQuery
from actors.values import SendState
from gateway import logs, planning
from gateway.commands import command
from gateway.journal import letters, sends
from gateway.sending import SendView
from gateway.settings import Settings
from gateway.web.ports import Accounts, Ticket
from gateway.web.problems import Problem
from gateway.web.upkeep import FileCare, journal_path


def not_running(where: str) -> Problem:
    """Say that nobody is there to do it."""
    return Problem(
        503,
        "not_running",
        f"no gateway runs {where}",
        f"start it: {command('run -c FILE')}, with http.listen set; or name it with --url",
    )


class StoppedGateway:
    """Dead letters, outbox and upkeep of a journal that nobody has open.

    Args:
        settings: Name the journal.
    """

    running = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redact: Callable[[Any], Any] = logs.redactor_of(settings).value
        self._journal: Journal | None = None

    @property
    def accounts(self) -> Accounts:
        """Nobody connects them."""
        return self._nobody()

    @property
    def dead_letters(self) -> Any:
        """Of the file.

        Raises:
            JournalError: A gateway has it open, or it can not be read.
        """
        return _Letters(self._open())

    @property
    def sends(self) -> Any:
        """Of the file.

        Raises:
            JournalError: A gateway has it open, or it can not be read.
        """
        return _Sends(self._open())

    @property
    def journal(self) -> FileCare:
        """Upkeep of the file."""
        return FileCare(self.settings, in_use=False)

    def send(self, *_: Any, **__: Any) -> Ticket:
        """Nobody sends."""
        return self._nobody()

    def tap(self, listener: Any) -> None:
        """There is nothing to show."""

    def close(self) -> None:
        """Let go of the journal. Idempotent."""
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _open(self) -> Journal:
        if self._journal is None:
            journal_path(self.settings)
            self._journal = planning.journal(self.settings, SystemClock())
        return self._journal

    def _nobody(self) -> NoReturn:
        raise not_running(f"on {self.settings.data_dir}")


class _Letters:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def list(self, account: str | None = None, limit: int = 100) -> Any:
        return letters.list_letters(self._journal, account, limit)

    def show(self, event_id: str) -> Any:
        return letters.show(self._journal, event_id)

    def replay(self, event_id: str) -> bool:
        return bool(letters.replay(self._journal, event_id))

    def drop(self, event_id: str) -> bool:
        return bool(letters.drop(self._journal, event_id))


class _Sends:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def get(self, outbox_id: str) -> Any:
        found = sends.find(self._journal, outbox_id)
        return None if found is None else SendView.of(found)

    def list(
        self, account: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[Any]:
        query = SendQuery(
            account=account,
            state=None if state is None else SendState(state),
            newest_first=True,
            limit=limit,
        )
        return [SendView.of(row) for row in self._journal.sends(query)]

    def cancel(self, outbox_id: str) -> bool:
        return bool(sends.cancel(self._journal, outbox_id))
