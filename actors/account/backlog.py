"""The backlog of one account: which pending events are in memory, and which only in the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pykka

from actors.account.pages import PAGE, Pages
from actors.account.services import Account
from actors.messages import EventsRestored, HoldExpired, LanesReleased
from actors.policy.lanes import HighWaterMark, Lanes
from actors.policy.overflow import Overflow
from actors.ports.commands import CloseHold, HoldClosed, JournalAnswer
from actors.runtime.pool.alarm import Alarm
from actors.values import Event

HELD_LIMIT = 20_000
"""Most events that may wait for a recovery if the journal is only memory."""

MOST = 8
"""If most pending events wait behind stuck ones, memory holds at most this many times
``flow.high``."""


class Backlog:
    """Fills the lanes of an account from news and from pages of the journal.

    A part of the dispatcher, without a mailbox: each method is called on the dispatcher's turn.
    Memory holds a bounded part of what is pending; the journal holds all of it. Beyond the
    bound, and after a start, the backlog is *behind*: it reads pages of the journal, in its
    order, and takes news from memory again once it has caught up. A lane that alone would fill
    memory *overflows*: its rest is read when there is room in it, and holds up no other.

    While a recovery holds the lanes, events from a number on stay in the journal: what is
    found in history gets its place before them there (``contract.md`` I7).

    Args:
        account: Whose events.
        lanes: What is in memory; the dispatcher takes runs out of it.
        ref: The dispatcher; a page that was read for a dead one is dropped.
        fresh: Ends events that are too old to be handled; returns the others.
    """

    __slots__ = (
        "_account",
        "_behind",
        "_cursor",
        "_fresh",
        "_handed",
        "_held_from",
        "_hold_alarm",
        "_lanes",
        "_news",
        "_overflow",
        "_pages",
        "_parked",
    )

    def __init__(
        self,
        account: Account,
        lanes: Lanes,
        *,
        ref: pykka.ActorRef[Any],
        fresh: Callable[[Sequence[Event]], Sequence[Event]],
    ) -> None:
        self._account = account
        self._lanes = lanes
        self._fresh = fresh
        self._overflow: Overflow | None = None  # most accounts never have one
        self._handed = HighWaterMark()
        self._cursor = 0
        self._behind = True
        self._news: list[Event] | None = None
        self._held_from: int | None = None
        self._hold_alarm = Alarm[HoldExpired](account.services.timers, account.peers.dispatcher)
        self._pages = Pages(account, ref)
        self._parked = 0

    @property
    def behind(self) -> bool:
        """Return True if the journal may hold events that memory does not."""
        return self._behind

    def begin(self) -> None:
        """Read what earlier dispatchers left, in this life or a former one."""
        self._pages.born_at = next(self._account.services.writer.numbers())
        self.catch_up()

    def close(self) -> None:
        """Leave no timer behind."""
        self._hold_alarm.clear()
        self._forget_page()

    def fall_behind(self) -> None:
        """Read the journal again: it has something that was not told."""
        self._behind, self._news = True, None

    def lose_mail(self) -> None:
        """Read everything again: news may be lost, the end of a hold among them."""
        self.fall_behind()
        self._pages.read_hold_again()
        self._forget_page()

    def awaits(self, page: EventsRestored) -> bool:
        """Return False for a page that another asked for, or before lanes were put in order."""
        return page.number == self._pages.awaited

    # --- from the journal and from memory ---------------------------------------------

    def take_news(self, events: Sequence[Event]) -> None:
        """Put events that were just stored into the lanes, if nothing before them is missing."""
        if self._held_from is not None:
            events = self._leave_held(events, self._held_from)
        if not self._behind:
            self._append(events)
            self._behind = self._has_more_than(self._account.plan.flow.high)
        elif self._news is not None:
            self._news.extend(events)
            if len(self._news) > PAGE:
                self._news = None

    def take_page(self, page: EventsRestored) -> None:
        """Put a page that was awaited into the lanes."""
        self._pages.await_none()
        events, more, through = page.events, page.more, page.through
        if self._held_from is not None:
            events = [event for event in events if (event.lane_seq or 0) < self._held_from]
            more = more and through < self._held_from
            through = min(through, self._held_from - 1)
        if page.lane is not None:
            if self._overflow is not None:
                self._overflow.read(page.lane, through, more=more)
            self._fill(events)
            return
        if self._held_from is None and self._parked:
            unparked = min(self._parked, len(events))
            self._parked -= unparked
            self._account.flow.taken(unparked)
        self._append(events)
        self._cursor = max(self._cursor, through)
        news, self._news = self._news, None
        if not more and news is not None:
            self._behind = False
            self.take_news([event for event in news if (event.lane_seq or 0) > self._cursor])

    def _append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._cursor = events[-1].lane_seq or self._cursor
        high, durable = self._account.plan.flow.high, self._account.services.writer.durable
        if durable and (self._overflow or self._lanes.pending + len(events) > high):
            if self._overflow is None:
                self._overflow = Overflow(self._account.plan.flow.low)
            events = self._overflow.keep(events, self._lanes.depth)
        self._fill(events)

    def _fill(self, events: Sequence[Event]) -> None:
        self._lanes.add(self._handed.mark(self._fresh(events)))

    def _has_more_than(self, limit: int) -> bool:
        """Return whether more events than ``limit`` wait; those behind a stuck one do not count."""
        pending = self._lanes.pending
        if pending <= limit:
            return False
        return pending > MOST * self._account.plan.flow.high or self._lanes.has_more_than(limit)

    def catch_up(self) -> None:
        """Read the next page, of a lane that has room again or of all."""
        if self._pages.awaited:
            return
        if self._overflow is not None:
            low = self._account.plan.flow.low
            found = self._overflow.next(self._lanes.depth, low)
            if found is not None:
                lane, after = found
                self._pages.read(after, lane)
                return
            if not self._behind:
                self._overflow.settle()
                self._overflow = self._overflow or None
        if self._behind and not self._has_more_than(self._account.plan.flow.low):
            self._news = []
            self._pages.read(self._cursor, None)

    def look_for(self, number: int) -> None:
        """Read a page again if nobody has it any more."""
        if self._pages.check_lost(number):
            self._forget_page()

    # --- while a recovery is open -----------------------------------------------------

    def hold(self, held_from: int) -> None:
        """Leave events from a number on in the journal, for ``hold_s`` at most."""
        if held_from == self._held_from:
            return
        if self._held_from is not None:  # its release was lost; what it held is unread
            self._behind, self._news = True, None
        self._held_from = held_from
        pages = self._pages
        pages.born_at = min(pages.born_at, held_from)  # no handler has seen what waits
        self._hold_alarm.set(self._account.plan.recovery.hold_s, HoldExpired(held_from=held_from))
        if not self._account.carried.connects:  # no recovery will read history
            self._end_hold()

    def _leave_held(self, events: Sequence[Event], held_from: int) -> Sequence[Event]:
        """Return what does not wait; the journal has the rest."""
        kept = [event for event in events if (event.lane_seq or 0) < held_from]
        held = len(events) - len(kept)
        if held and not self._account.services.writer.durable:
            self._account.let_go(held)  # or reading stops, and the recovery with it
            self._parked += held
            if self._parked > HELD_LIMIT:
                self._end_hold()
        return kept

    def expire_hold(self, held_from: int) -> None:
        """End a hold that has lasted as long as it may."""
        if held_from == self._held_from:
            self._end_hold()

    def _end_hold(self) -> None:
        """Wait no longer: the journal is told first, so that no number changes afterwards."""
        account, held_from = self._account, self._held_from
        assert held_from is not None

        def closed(answer: JournalAnswer) -> None:
            assert isinstance(answer, HoldClosed)
            for ended in {held_from, answer.held_from or held_from}:
                account.peers.dispatcher.tell(LanesReleased(held_from=ended))

        account.services.writer.submit(CloseHold(account=account.name), closed)

    def release(self, held_from: int) -> None:
        """Go on with what waited, from the journal; its numbers may have changed."""
        if held_from != self._held_from:
            return
        self._hold_alarm.clear()
        self._held_from = None
        self._behind, self._news = True, None
        self._forget_page()

    def _forget_page(self) -> None:
        """Take the page under way for lost."""
        self._pages.await_none()
        if self._overflow is not None:
            self._overflow.forget_reads()
