"""Buyers who wait for an answer: in which conversations, and since when. No clock, no thread."""

from __future__ import annotations

from collections import Counter
from typing import Final

from actors.values import AccountId, Event

MOST: Final = 100_000
"""Conversations that are remembered; those that begin to wait beyond are not."""

_PRIVATE: Final = (None, "private")


class Unanswered:
    """The conversations whose last word is a buyer's. Each call is atomic; any thread.

    Args:
        most: See :data:`MOST`.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._since_ms: dict[tuple[AccountId, str], int] = {}

    def hear(self, event: Event, *, answered: bool) -> None:
        """Note what an event means for its conversation.

        Args:
            event: In the order of its conversation; those of the account itself, too.
            answered: Its handler replied.
        """
        if event.conversation_id is None:
            return
        if event.own or answered:
            self.answered(event.account, event.conversation_id)
            return
        said = event.kind == "chat_message" and getattr(event, "session_type", None) in _PRIVATE
        if said and len(self._since_ms) < self._most:
            key = event.account, event.conversation_id
            self._since_ms.setdefault(key, event.received_at_ms)

    def answered(self, account: AccountId, conversation: str) -> None:
        """Note that the account said something in a conversation."""
        self._since_ms.pop((account, conversation), None)

    def forget(self, account: AccountId) -> None:
        """Forget the conversations of an account."""
        for key in self._since_ms.copy():
            if key[0] == account:
                self._since_ms.pop(key, None)

    def overdue(self, before_ms: int) -> Counter[AccountId]:
        """Return how many conversations of each account have waited since before a moment.

        Args:
            before_ms: Our Unix time.
        """
        waiting = self._since_ms.copy().items()
        return Counter(account for (account, _), since_ms in waiting if since_ms <= before_ms)
