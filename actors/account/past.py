"""The failures of an account that its next process must know: written to the journal."""

from __future__ import annotations

from collections.abc import Callable

from actors.account.services import Account
from actors.messages import PastStored
from actors.ports.commands import Past, StorePast
from actors.values import ErrorClass

_OF_CREDENTIALS = (ErrorClass.AUTH, ErrorClass.NEEDS_HUMAN, ErrorClass.CONFIG)
"""Failures that new credentials may end."""


class PastWriter:
    """Leaves the past to the next life; at most one write is under way.

    A part of the supervisor, without a mailbox: each method is called on the supervisor's turn.

    Args:
        account: Whose.
        past: Returns what a later life must know; None: nothing.
    """

    __slots__ = ("_account", "_past", "_storing", "_unstored")

    def __init__(self, account: Account, past: Callable[[], Past | None]) -> None:
        self._account = account
        self._past = past
        self._storing = self._unstored = False

    def keep(self) -> None:
        """Write the past as it is now, unless there never was one."""
        account = self._account
        before, past = account.carried.past, self._past()
        account.carried.past = past
        self._unstored = self._storing
        if self._storing or (past is None and before is None):
            return
        self._storing = True
        supervisor = account.peers.supervisor
        account.services.writer.submit(
            StorePast(account=account.name, past=past),
            lambda _: supervisor.tell(PastStored()),
            refused=lambda _: supervisor.tell(PastStored()),
        )

    def stored(self) -> None:
        """Hear that the past is in the journal; write it again if it has changed since."""
        self._storing = False
        if self._unstored:
            self.keep()


def is_about_others(past: Past, fingerprint: str | None) -> bool:
    """Return whether a past is a refusal of credentials that are not these."""
    if None in (past.credentials, fingerprint) or past.credentials == fingerprint:
        return False
    given_up, history = past.given_up, past.history
    if given_up is not None:
        return given_up.failure.error_class in _OF_CREDENTIALS
    return history.error_class in {each.value for each in _OF_CREDENTIALS}
