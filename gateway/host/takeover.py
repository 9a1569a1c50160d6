"""Takes conversations over for a person, and hands them back to the handlers."""

from __future__ import annotations

from collections.abc import Callable

from actors.ports.commands import CLOSED
from actors.ports.journal import CommandRefusedError
from actors.runtime.takeovers import TakeOvers
from actors.sections import MOST_TAKEN_MINUTES
from actors.values import AccountId
from gateway import arguments
from gateway.errors import ShuttingDownError
from gateway.host.access import ANSWER_S
from gateway.host.undisturbed import undisturbed


class TakeOverDesk:
    """Who answers which conversation, for the host. Any thread.

    Args:
        takeovers: The truth.
        running: Raises ShuttingDownError if nothing runs.
    """

    def __init__(self, takeovers: TakeOvers, running: Callable[[], object]) -> None:
        self._takeovers = takeovers
        self._running = running

    @undisturbed
    def take(self, account: AccountId, conversation: object, minutes: object) -> int | None:
        """Take a conversation over, or hand it back; see :meth:`Accounts.take_over`."""
        lane = arguments.text("conversation", conversation, most=arguments.FRAME_CHARS)
        remedy = "0 hands the conversation back to the handlers"
        for_min = arguments.whole(
            "minutes", minutes, least=0, most=MOST_TAKEN_MINUTES, remedy=remedy
        )
        self._running()
        try:
            return self._takeovers.take(account, lane, for_min, ANSWER_S)
        except CommandRefusedError as error:
            if error.reason == CLOSED:
                raise ShuttingDownError from None
            raise

    def taken(self, account: AccountId) -> dict[str, int]:
        """Return what is taken over now; see :meth:`Accounts.taken_over`."""
        self._running()
        return self._takeovers.of(account)
