"""The page of the journal that a dispatcher awaits: who asked for it, and who has it now."""

from __future__ import annotations

from itertools import count
from typing import Any

import pykka

from actors.account.services import Account
from actors.messages import EventsRestored, LanesHeld, PageDue, PendingRead
from actors.ports.journal import Journal, PendingRows
from actors.runtime.pool.alarm import Alarm

PAGE = 1000
"""Rows of one page of the journal; also the most new events that are kept while a page is read."""

READ_AGAIN_S = 1.0
"""Pause before the journal is read again if there was no decoder for a page."""

PAGE_LOOK_S = 10.0
"""Time between two checks of an awaited page. A page that is being worked on is not read again,
however long it takes: reading it again would take as long."""


_numbers = count(1)
"""Numbers of pages, unique in the process: a restarted dispatcher does not reuse them."""


class _Whereabouts:
    """Where a page is that is awaited.

    Attributes:
        failed: The journal could not be read.
        decoder: The decoder that was given it; None: it was not read yet.
    """

    __slots__ = ("decoder", "failed")

    def __init__(self) -> None:
        self.failed = False
        self.decoder: object = None


class Pages:
    """Asks for one page at a time: the writer reads it, the decoder makes events of its rows.

    A part of the dispatcher, without a mailbox: each method is called on the dispatcher's turn.

    Args:
        account: Whose events.
        ref: The dispatcher; a page that was read for a dead one is dropped.

    Attributes:
        awaited: Number of the page under way; 0: there is none.
        born_at: A handler may have seen events below this number.
    """

    __slots__ = ("_account", "_hold_read", "_look", "_ref", "_whereabouts", "awaited", "born_at")

    def __init__(self, account: Account, ref: pykka.ActorRef[Any]) -> None:
        self._account = account
        self._ref = ref
        self._hold_read = False
        self._whereabouts = _Whereabouts()
        self._look = Alarm[PageDue](account.services.timers, account.peers.dispatcher)
        self.awaited = 0
        self.born_at = 0

    def read(self, cursor: int, lane: str | None) -> None:
        """Have the page behind a number read, of a lane or of all."""
        number = self.awaited = next(_numbers)
        where = self._whereabouts = _Whereabouts()
        account, ref, born_at = self._account, self._ref, self.born_at
        limit = PAGE if lane is None else account.plan.flow.high
        hold_read, self._hold_read = self._hold_read, True

        def pages(journal: Journal) -> tuple[PendingRows, int | None]:
            try:
                held_from = None
                if not hold_read:
                    record = journal.recovery(account.name)
                    held_from = record.held_from
                    if account.carried.first_ms is None:
                        account.carried.first_ms = record.first_ms
                return journal.pending(account.name, cursor, limit, lane=lane), held_from
            except BaseException:
                where.failed = True
                raise

        def read(found: tuple[PendingRows, int | None]) -> None:
            rows, held_from = found
            peers = account.peers
            if held_from is not None:
                peers.dispatcher.tell(LanesHeld(held_from=held_from))
            page = PendingRead(
                rows=rows,
                more=rows.more,
                through=rows.through,
                redelivered_below=born_at,
                number=number,
                lane=lane,
            )
            where.decoder = peers.decoder.ref
            if ref.is_alive() and not peers.decoder.tell(page):
                nothing = EventsRestored(events=(), more=True, number=number, lane=lane)
                account.services.timers.after(READ_AGAIN_S, peers.dispatcher, nothing)

        self._look_later(number)
        account.services.writer.fetch(pages, read)

    def check_lost(self, number: int) -> bool:
        """Return whether nobody has the awaited page any more; look again later if one has."""
        if number != self.awaited:
            return False
        where = self._whereabouts
        gone = where.decoder is not None and where.decoder is not self._account.peers.decoder.ref
        if where.failed or gone:
            self.read_hold_again()
            return True
        self._look_later(number)
        return False

    def read_hold_again(self) -> None:
        """Have the next page tell of the hold, too: what was told of it may be lost."""
        self._hold_read = False

    def await_none(self) -> None:
        """Wait no longer: the page came, or is lost; one that comes all the same is dropped."""
        self.awaited = 0
        self._look.clear()

    def _look_later(self, number: int) -> None:
        self._look.set(PAGE_LOOK_S, PageDue(number=number))
