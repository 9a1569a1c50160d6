"""The dispatcher of one account: one conversation, one lane, at most one event in flight.

Lanes run side by side on the handler pool. What a handler did is settled in the journal
together with its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import msgspec

from actors.account import Account
from actors.messages import (
    DeliveriesStored,
    DispatcherInbox,
    Drain,
    Drained,
    EventsReplayed,
    EventsRestored,
    EventsStored,
    HoldExpired,
    LaneRested,
    LanesHeld,
    LanesRan,
    LanesReleased,
    PageDue,
    PendingRead,
    SettlementsRefused,
)
from actors.policy.lanes import Lanes
from actors.policy.lateness import Handed
from actors.policy.overflow import Overflow
from actors.policy.tries import UNDECODABLE, pause_s
from actors.runtime.handlers import RanLane
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.runtime.timers import Timer
from actors.storage import (
    CLOSED,
    CloseHold,
    HoldClosed,
    Journal,
    JournalAnswer,
    PendingRows,
    SettleEvents,
    Settlement,
)
from actors.trials import Trials
from actors.values import DONE, Delivery, Disposition, Event, Outcome

PAGE = 1000
"""Journal rows read at a time, and most news kept while they are read."""

HELD_LIMIT = 20_000
"""Most events that wait for a recovery in a journal that is only memory."""

READ_AGAIN_S = 1.0
"""Pause before a page is read again that found no decoder."""

MOST = 8
"""Times ``flow_high`` that memory holds when most of it waits behind events that are stuck."""

PAGE_LOOK_S = 10.0
"""So often a page that is awaited is looked for. One that somebody works on is waited for, however
long it takes: read again it would take as long again."""

UNSTORABLE = "unstorable"
"""Begin of the reason of an event whose settlement the journal can not store."""

BEGIN_AGAIN_S = 1.0
"""Pause before an event is taken up again whose begin the journal did not answer."""


_pages = count(1)
"""Numbers of pages, in one life of the process: a former dispatcher's are not the next one's."""


class _Whereabouts:
    """Where a page is that is awaited.

    Attributes:
        failed: The journal could not be read.
        decoder: Who was given it; None: it was not read yet.
    """

    __slots__ = ("decoder", "failed")

    def __init__(self) -> None:
        self.failed = False
        self.decoder: object = None


class DispatcherActor(SupervisedActor[DispatcherInbox]):
    """Fills the lanes, hands runs to the pool, settles what came back.

    Memory holds a bounded part of what is pending; the journal holds all of it. Beyond the
    bound, and after a start, the dispatcher is *behind*: it reads pages of the journal, in
    its order, and takes news from memory again once it has caught up. A lane that alone
    would fill memory *overflows*: its rest is read when there is room in it, and holds up
    no other.

    While a recovery holds the lanes, events from a number on stay in the journal: what is
    found in history gets its place before them there (``reliability.md`` I7).
    """

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="dispatcher", supervisor=account.peers.supervisor)
        self._account = account
        self._mailbox = self.incarnation()
        self._lanes = Lanes()
        self._overflow: Overflow | None = None  # most accounts never have one
        self._handed = Handed()
        self._trials = Trials(account)
        self._halted = self._draining = False
        self._cursor = 0
        self._behind = True
        self._news: list[Event] | None = None
        self._born_at = 0
        self._lost = 0
        self._held_from: int | None = None
        self._hold_read = False
        self._hold_timer: Timer | None = None
        self._parked = 0
        self._reading = False
        self._page = 0
        self._whereabouts = _Whereabouts()
        self._look: Timer | None = None

    def started(self) -> None:
        """Take over from whoever was dispatcher before, in this life or an earlier one."""
        services = self._account.services
        services.handlers.withdraw(self._account.name)
        self._trials.park_unheard()
        self._born_at = next(services.writer.numbers())
        self._lost = self._account.peers.dispatcher.lost
        self._catch_up()

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._disarm_hold()
        self._forget_page()

    def receive(self, message: DispatcherInbox) -> None:
        """Take new events, results, and lanes whose pause is over."""
        if self._lost != self._account.peers.dispatcher.lost:  # news, perhaps: the journal has them
            self._lost = self._account.peers.dispatcher.lost
            self._behind, self._news, self._hold_read = True, None, False
            self._forget_page()  # one that is on its way is dropped when it comes
        match message:
            case EventsStored():
                self._take_news(message.events)
            case LanesRan():
                self._settle(message.runs)
            case EventsRestored():
                self._trials.restored(message.events, message.tries)
                self._take_page(message)
            case PageDue():
                self._look_for(message.number)
            case EventsReplayed():
                self._behind, self._news = True, None
            case SettlementsRefused():
                self._store_apart(message)
            case LaneRested():
                self._lanes.release(message.lane)
            case LanesHeld():
                self._hold(message.held_from)
            case LanesReleased():
                if message.held_from == self._held_from:
                    self._release()
            case HoldExpired():
                if message.held_from == self._held_from:
                    self._end_hold()
            case Drain():
                self._halted = self._draining = True
                self._account.services.handlers.withdraw(self._account.name)
            case _:
                self.refuse(message)
        if self._draining:
            if self._lanes.resting:
                self._account.peers.supervisor.tell(Drained())
            return
        self._catch_up()
        if not self._halted:
            self._dispatch()

    def _dispatch(self) -> None:
        runs = self._lanes.take()
        if runs:
            self._account.services.handlers.submit(
                self._account.name, self._trials.admit(runs), self._mailbox
            )

    # --- from the journal and from memory ---------------------------------------------

    def _take_news(self, events: Sequence[Event]) -> None:
        if self._held_from is not None:
            events = self._leave_held(events, self._held_from)
        if not self._behind:
            self._append(events)
            self._behind = self._has_more_than(self._account.plan.flow_high)
        elif self._news is not None:
            self._news.extend(events)
            if len(self._news) > PAGE:
                self._news = None

    def _take_page(self, page: EventsRestored) -> None:
        if not self._reading or page.number != self._page:
            return  # asked for by somebody else, or before lanes were put in order
        self._end_page()
        self._bury(page.undecodable)
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
            self._take_news([event for event in news if (event.lane_seq or 0) > self._cursor])

    def _bury(self, events: Sequence[Event]) -> None:
        """End events whose frames no reader understands any more; a later version may."""
        settlements = [Settlement(event, UNDECODABLE, 0) for event in events]
        for settlement in settlements:
            self._follow("", settlement)
        if settlements:
            self._store(settlements, len(settlements))

    def _append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._cursor = events[-1].lane_seq or self._cursor
        high, durable = self._account.plan.flow_high, self._account.services.writer.durable
        if durable and (self._overflow or self._lanes.pending + len(events) > high):
            if self._overflow is None:
                self._overflow = Overflow(self._account.plan.flow_low)
            events = self._overflow.keep(events, self._lanes.depth)
        self._fill(events)

    def _fill(self, events: Sequence[Event]) -> None:
        if stale := self._trials.stale(events):
            self._store(stale, len(stale))
            gone = {settlement.event.event_id for settlement in stale}
            events = [event for event in events if event.event_id not in gone]
        self._lanes.add(self._handed.mark(events))

    def _has_more_than(self, limit: int) -> bool:
        """Say whether there is so much to do; what waits behind a stuck event is none of it."""
        pending = self._lanes.pending
        if pending <= limit:
            return False
        return pending > MOST * self._account.plan.flow_high or self._lanes.has_more_than(limit)

    def _catch_up(self) -> None:
        """Read the next page, of a lane that has room again or of all."""
        if self._reading:
            return
        if self._overflow is not None:
            low = self._account.plan.flow_low
            found = self._overflow.next(self._lanes.depth, low)
            if found is not None:
                lane, after = found
                self._read(after, lane)
                return
            if not self._behind:
                self._overflow.settle()
                self._overflow = self._overflow or None
        if self._behind and not self._has_more_than(self._account.plan.flow_low):
            self._news = []
            self._read(self._cursor, None)

    def _read(self, cursor: int, lane: str | None) -> None:
        """Have a page of the journal read."""
        self._reading = True
        number = self._page = next(_pages)
        where = self._whereabouts = _Whereabouts()
        name, born_at = self._account.name, self._born_at
        limit = PAGE if lane is None else self._account.plan.flow_high
        peers, timers, ref = self._account.peers, self._account.services.timers, self.actor_ref

        hold_read, self._hold_read = self._hold_read, True
        nothing = EventsRestored(events=(), more=True, number=number, lane=lane)
        standing = self._account.standing

        def read(found: tuple[PendingRows, int | None]) -> None:
            rows, held_from = found
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
                timers.after(READ_AGAIN_S, peers.dispatcher, nothing)

        def pages(journal: Journal) -> tuple[PendingRows, int | None]:
            try:
                held_from = None
                if not hold_read:
                    record = journal.recovery(name)
                    held_from = record.held_from
                    if standing.first_ms is None:
                        standing.first_ms = record.first_ms
                return journal.pending(name, cursor, limit, lane=lane), held_from
            except BaseException:
                where.failed = True
                raise

        self._arm_look()
        self._account.services.writer.fetch(pages, read)

    def _look_for(self, number: int) -> None:
        """Read a page again if nobody has it any more: it can die with the decoder it was given."""
        if not self._reading or number != self._page:
            return
        where = self._whereabouts
        gone = where.decoder is not None and where.decoder is not self._account.peers.decoder.ref
        if where.failed or gone:
            self._forget_page()
            self._hold_read = False
        else:
            self._arm_look()

    def _arm_look(self) -> None:
        self._look = self._account.services.timers.after(
            PAGE_LOOK_S, self._account.peers.dispatcher, PageDue(number=self._page)
        )

    def _end_page(self) -> None:
        self._reading = False
        if self._look is not None:
            self._look.cancel()
            self._look = None

    # --- while a recovery is open -----------------------------------------------------

    def _hold(self, held_from: int) -> None:
        """Leave events from a number on in the journal, for ``hold_s`` at most."""
        if held_from == self._held_from:
            return
        if self._held_from is not None:  # its release was lost; what it held is unread
            self._behind, self._news = True, None
        self._held_from = held_from
        self._born_at = min(self._born_at, held_from)  # no handler has seen what waits
        self._disarm_hold()
        self._hold_timer = self._account.services.timers.after(
            self._account.plan.recovery.hold_s,
            self._account.peers.dispatcher,
            HoldExpired(held_from=held_from),
        )
        if not self._account.standing.connects:  # nobody is going to read history
            self._end_hold()

    def _leave_held(self, events: Sequence[Event], held_from: int) -> Sequence[Event]:
        """Give what does not wait; the journal has the rest."""
        kept = [event for event in events if (event.lane_seq or 0) < held_from]
        held = len(events) - len(kept)
        if held and not self._account.services.writer.durable:
            self._account.flow.returned(held)  # or reading stops, and the recovery with it
            self._parked += held
            if self._parked > HELD_LIMIT:
                self._end_hold()
        return kept

    def _end_hold(self) -> None:
        """Wait no longer: the journal is told first, so that no number changes afterwards."""
        account, held_from = self._account, self._held_from
        assert held_from is not None

        def closed(answer: JournalAnswer) -> None:
            assert isinstance(answer, HoldClosed)
            for ended in {held_from, answer.held_from or held_from}:
                account.peers.dispatcher.tell(LanesReleased(held_from=ended))

        account.services.writer.submit(CloseHold(account=account.name), closed)

    def _release(self) -> None:
        """Go on with what waited, from the journal; its numbers may have changed."""
        self._disarm_hold()
        self._held_from = None
        self._behind, self._news = True, None
        self._forget_page()

    def _forget_page(self) -> None:
        """Take the page for lost; one that comes all the same is dropped."""
        self._end_page()
        if self._overflow is not None:
            self._overflow.forget_reads()

    def _disarm_hold(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    # --- results ----------------------------------------------------------------------

    def _settle(self, runs: Sequence[RanLane]) -> None:
        settlements: list[Settlement] = []
        done: list[Event] = []
        ended = 0
        trials = self._trials
        usual = not (trials.tries or trials.wary or self._account.running)
        for run in runs:
            if not run.outcomes:  # the pool has stopped; the journal keeps the rest
                self._halted = True
            if usual and run.is_done:
                done += run.events
                self._lanes.finish(run.lane, len(run.events))
                continue
            before = len(settlements)
            for event, outcome in run.settled:
                settlement = self._judge(run.lane, event, outcome)
                if settlement is not None:
                    settlements.append(settlement)
            gone = len(settlements) - before
            if gone and settlements[-1].outcome.disposition is Disposition.RETRY:
                gone -= 1  # it can only be the last; it stays at the head of its lane
            self._lanes.finish(run.lane, gone)
            ended += gone
        if settlements or done:
            self._store(settlements, ended + len(done), done)
        if trials.wary and not self._lanes.pending and not self._behind:
            self._trials.calm()

    def _judge(self, lane: str, event: Event, outcome: Outcome) -> Settlement | None:
        """Say how an event ended, or hold its lane for another try."""
        settlement = self._trials.end(event, outcome)
        if settlement is None:
            self._rest(lane, BEGIN_AGAIN_S)
        else:
            self._follow(lane, settlement)
        return settlement

    def _follow(self, lane: str, settlement: Settlement) -> None:
        """Say what a person should know of an end, and hold the lane of what failed."""
        event, outcome, attempts = settlement.event, settlement.outcome, settlement.attempts
        services, name = self._account.services, self._account.name
        match outcome.disposition:
            case Disposition.RETRY:
                retry_in_s = pause_s(self._account.plan.tries, attempts) or 0.0
                services.log.warning(
                    "handler.failed",
                    account=name,
                    event_id=event.event_id,
                    reason=outcome.reason,
                    attempt=attempts,
                    retry_in_s=retry_in_s,
                )
                self._rest(lane, retry_in_s)
            case Disposition.DEAD:
                reason = outcome.reason or "rejected"
                services.log.error(
                    "event.dead_lettered",
                    account=name,
                    event_id=event.event_id,
                    reason=reason,
                    attempts=attempts,
                )
                services.observer.dead_lettered(name, event, reason)
            case Disposition.PARKED:
                services.log.error(
                    "event.parked", account=name, event_id=event.event_id, reason=outcome.reason
                )
            case Disposition.EXPIRED:
                services.log.debug("event.expired", account=name, event_id=event.event_id)
            case Disposition.DONE | Disposition.IGNORED:
                pass

    def _rest(self, lane: str, pause_s: float) -> None:
        self._lanes.hold(lane)
        timers, dispatcher = self._account.services.timers, self._account.peers.dispatcher
        timers.after(pause_s, dispatcher, LaneRested(lane=lane))

    def _store(
        self, settlements: Sequence[Settlement], ended: int, done: Sequence[Event] = ()
    ) -> None:
        account = self._account
        durable = account.services.writer.durable

        def refused(reason: str) -> None:
            if reason == CLOSED:  # another life reads them
                self._let_go(ended)
                return
            account.peers.dispatcher.tell(
                SettlementsRefused(settlements=settlements, done=done, reason=reason)
            )

        def committed(answer: JournalAnswer) -> None:
            deliveries: Sequence[Delivery] = answer  # type: ignore[assignment]  # its answer
            if not durable:
                account.flow.returned(ended)
            if deliveries:
                account.peers.outbox.tell(DeliveriesStored(deliveries=deliveries))

        account.services.writer.submit(
            SettleEvents(account=account.name, settlements=settlements, done=done),
            committed,
            refused=refused,
        )

    def _store_apart(self, refused: SettlementsRefused) -> None:
        """Store one by one what was refused together: none shares the fate of another.

        What is refused alone ends as a dead letter, of which nothing leaves.
        """
        settlements, done = refused.settlements, refused.done
        if len(settlements) + len(done) > 1:
            for settlement in settlements:
                self._store([settlement], _ends(settlement))
            for event in done:
                self._store((), 1, [event])
        else:
            single = settlements[0] if settlements else Settlement(done[0], DONE)
            if (single.outcome.reason or "").startswith(UNSTORABLE):
                self._let_go(1)  # not even that: the journal says why
                return
            outcome = Outcome(
                disposition=Disposition.DEAD, reason=f"{UNSTORABLE}: {refused.reason}"
            )
            dead = msgspec.structs.replace(single, outcome=outcome)
            self._follow(single.event.conversation_id or "", dead)
            self._store([dead], 1)

    def _let_go(self, ended: int) -> None:
        if not self._account.services.writer.durable:
            self._account.flow.returned(ended)


def _ends(settlement: Settlement) -> bool:
    return settlement.outcome.disposition is not Disposition.RETRY
