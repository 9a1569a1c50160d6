"""One timer slot of an actor: at most one message that is due later."""

from __future__ import annotations

from typing import Generic, TypeVar

from actors.ports import Mailbox
from actors.runtime.pool.timers import Timer, Timers

M = TypeVar("M")


class Alarm(Generic[M]):
    """At most one timer, and the message it tells. For one owner, on its turns.

    A timer that is cancelled may be firing at that moment: its message lies in the inbox then.
    :meth:`rang` tells such a message from the one that is waited for.
    """

    __slots__ = ("_mailbox", "_message", "_timer", "_timers")

    def __init__(self, timers: Timers, mailbox: Mailbox[M]) -> None:
        self._timers = timers
        self._mailbox = mailbox
        self._timer: Timer | None = None
        self._message: M | None = None

    @property
    def armed(self) -> bool:
        """Return True from :meth:`set` to :meth:`clear` or :meth:`rang`."""
        return self._timer is not None

    def set(self, delay_s: float, message: M, *, slack_s: float = 0.0) -> None:
        """Tell a message in ``delay_s`` seconds, and not what was set before.

        Args:
            delay_s: Seconds to wait at least.
            message: To the owner.
            slack_s: How much later it may be; see :meth:`actors.runtime.pool.timers.Timers.after`.
        """
        self.clear()
        self._message = message
        self._timer = self._timers.after(delay_s, self._mailbox, message, slack_s=slack_s)

    def clear(self) -> None:
        """Wait for nothing. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._message = None

    def rang(self, message: M) -> bool:
        """Return True, once, for the message that was set last and not cleared."""
        if message is not self._message:
            return False
        self._timer = self._message = None
        return True
