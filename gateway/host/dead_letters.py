"""Dead letters and parked events: list, show, replay, drop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from actors.ports.commands import DropEvent
from actors.ports.journal import Letter
from actors.values import AccountId, Frame
from gateway import arguments
from gateway.errors import UnknownLetterError
from gateway.host.access import JournalAccess
from gateway.host.undisturbed import undisturbed
from gateway.platforms import registry

MOST_LISTED: Final = 1_000_000
"""Most dead letters in one list."""


TOLD: Final = ("kind", "sender_id", "sender_nick", "text", "summary", "order_id", "occurred_at_ms")
"""Columns of a dead letter for a person, by the names of an event's fields."""


def told(frame: Frame | None, index: int, platforms: Iterable[str]) -> dict[str, Any]:
    """Return sender and text of a dead letter, as far as a platform can read its frame.

    Args:
        frame: The frame it came in.
        index: Which of the frame's events it is.
        platforms: Names of platforms to read it with; the first that can, does.
    """
    if frame is None:
        return {}
    for name in platforms:
        try:
            event = registry.get(name).decode(frame).events[index]
        except Exception:  # noqa: BLE001, S112  # it is shown all the same, without
            continue
        found = {key: getattr(event, key, None) for key in TOLD}
        return {key: value for key, value in found.items() if value is not None}
    return {}


class DeadLetters:
    """Events that wait for a person (``contract.md`` I9, I11). Any thread.

    All methods raise ShuttingDownError if the gateway is not running, and TimeoutError if the
    journal does not answer in 10 s; then it is unknown whether it was done. An argument of
    another type is a TypeError, an id that is empty a ValueError.

    Args:
        journal: Where they lie.
    """

    def __init__(self, journal: JournalAccess) -> None:
        self._journal = journal

    @undisturbed
    def list(self, account: AccountId | None = None, limit: int = 100) -> Sequence[Letter]:
        """Return dead and parked events, the newest first, without their frames.

        Args:
            account: Only this account's; None: of all, removed ones included.
            limit: How many at most.
        """
        account = None if account is None else arguments.account(account)
        limit = arguments.whole("limit", limit, least=0, most=MOST_LISTED)
        return self._journal.read(lambda journal: journal.letters(account, limit))

    @undisturbed
    def page(
        self,
        account: AccountId | None,
        limit: int,
        *,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        """Return a page of dead and parked events, the newest first.

        Args:
            account: Only this account's; None: of all, removed ones included.
            limit: How many at most.
            before: ``at_ms`` and ``lane_seq`` of the last one of the page before; None: the first.
            frames: Give frames of at most so many characters or bytes, too.
        """
        account = None if account is None else arguments.account(account)
        limit = arguments.whole("limit", limit, least=0, most=MOST_LISTED)
        return self._journal.read(
            lambda journal: journal.letters(account, limit, before=before, frames=frames)
        )

    @undisturbed
    def show(self, event_id: str) -> Letter:
        """Return one with the frame it came in.

        Raises:
            UnknownLetterError: It is neither dead nor parked.
        """
        event_id = _event_id(event_id)
        letter = self._journal.read(lambda journal: journal.letter(event_id))
        if letter is None:
            raise UnknownLetterError(event_id)
        return letter

    @undisturbed
    def replay(self, event_id: str) -> None:
        """Hand it to the handlers again, at the end of its conversation, as if never tried.

        Raises:
            UnknownLetterError: It is neither dead nor parked.
        """
        event_id = _event_id(event_id)
        if not self._journal.replay(event_id):
            raise UnknownLetterError(event_id)

    @undisturbed
    def drop(self, event_id: str) -> None:
        """Let it go: it counts as ignored and is listed no more.

        Raises:
            UnknownLetterError: It is neither dead nor parked.
        """
        event_id = _event_id(event_id)
        if not self._journal.do(DropEvent(event_id=event_id)):
            raise UnknownLetterError(event_id)


def _event_id(value: object) -> str:
    """Return the id of an event; a platform's own may be long and odd."""
    return arguments.text(
        "event_id", value, most=arguments.FRAME_CHARS, remedy="take it from list()"
    )
