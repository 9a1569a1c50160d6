"""Access to the journal for the host's calls: of a running gateway, or a stopped one's file.

What can be asked of a journal, and done with what lies in it, is written once, over a
:class:`JournalAccess`: :class:`gateway.host.dead_letters.DeadLetters` and
:class:`gateway.host.sends.Sends`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from actors.messages import SendDropped
from actors.ports.commands import CLOSED, JournalAnswer, JournalCommand
from actors.ports.journal import CommandRefusedError, Journal
from actors.values import AccountId, SendOutcome
from gateway.errors import ShuttingDownError
from gateway.journal.sqlite import dead_letters

if TYPE_CHECKING:
    from actors.system import System

ANSWER_S: Final = 10.0
"""Seconds a call waits for the journal; then it raises TimeoutError."""

T = TypeVar("T")


class JournalAccess(Protocol):
    """Reads a journal, and has it do commands. Any thread; each call waits for the journal.

    All methods raise ShuttingDownError if nothing runs that could answer, TimeoutError if there
    is no answer in :data:`ANSWER_S` (then it is unknown whether a command was done), and
    JournalError if the journal cannot do it.
    """

    def read(self, fn: Callable[[Journal], T]) -> T:
        """Return what a function returns of the journal."""

    def do(self, command: JournalCommand) -> JournalAnswer:
        """Have a command committed, and return its answer."""

    def replay(self, event_id: str) -> bool:
        """Make an event pending again, at the end of its lane; False if it is no letter."""

    def send_dropped(self, account: AccountId, outbox_id: str, outcome: SendOutcome) -> None:
        """Tell the outbox that a person has ended a send."""


class RunningJournal:
    """The journal of a gateway, through the one thread that writes to it.

    Args:
        running: Gives the running system, or raises ShuttingDownError.
    """

    def __init__(self, running: Callable[[], System]) -> None:
        self._running = running

    def read(self, fn: Callable[[Journal], T]) -> T:
        """Read between two commits."""
        return self._running().services.writer.read(fn, ANSWER_S)

    def do(self, command: JournalCommand) -> JournalAnswer:
        """Wait for the commit."""
        try:
            return self._running().services.writer.call(command, ANSWER_S)
        except CommandRefusedError as error:
            if error.reason == CLOSED:
                raise ShuttingDownError from None
            raise

    def replay(self, event_id: str) -> bool:
        """Have its account's decoder do it, which numbers what comes into the lane."""
        letter = self.read(lambda journal: journal.letter(event_id))
        return letter is not None and self._running().accounts.replay(
            letter.account, event_id, ANSWER_S
        )

    def send_dropped(self, account: AccountId, outbox_id: str, outcome: SendOutcome) -> None:
        """Tell the account's outbox, if there is one.

        What is resolved was counted when it ended as unknown; what is cancelled is counted here.
        """
        system = self._running()
        if outcome is SendOutcome.CANCELLED:
            services = system.services
            services.sends.concluded(outbox_id, outcome, services.clock.monotonic())
        system.accounts.tell_outbox(account, SendDropped(outbox_id=outbox_id))


class StoppedJournal:
    """A journal that no other process has open; its opener closes it here.

    Args:
        journal: Open.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()  # Ctrl-C ends a wait, not the call: it may close meanwhile

    def read(self, fn: Callable[[Journal], T]) -> T:
        """Read at once."""
        with self._lock:
            return fn(self._journal)

    def do(self, command: JournalCommand) -> JournalAnswer:
        """Commit at once."""
        with self._lock:
            return self._journal.commit((command,))[0]

    def replay(self, event_id: str) -> bool:
        """Number it after everything there is."""
        with self._lock:
            return dead_letters.replay(self._journal, event_id)

    def send_dropped(self, account: AccountId, outbox_id: str, outcome: SendOutcome) -> None:
        """Nobody sends."""

    def close(self) -> None:
        """Let go of the journal."""
        with self._lock:
            self._journal.close()
