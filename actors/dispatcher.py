"""The dispatcher of one account: one conversation, one lane, at most one event in flight.

Lanes run side by side on the handler pool. What a handler did is settled in the journal
together with its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.account import Account, PendingRead
from actors.messages import (
    DeliveriesStored,
    EventsReplayed,
    EventsRestored,
    EventsStored,
    LaneRested,
)
from actors.policy.lanes import Lanes
from actors.policy.tries import pause_s
from actors.runtime.handlers import LanesRan, RanLane
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.storage import JournalAnswer, Pending, SettleEvents, Settlement
from actors.trials import Trials
from actors.values import Delivery, Disposition, Event, Outcome

PAGE = 1000
"""Journal rows read at a time, and most news kept while they are read."""

READ_AGAIN_S = 1.0
"""Pause before a page is read again that found no decoder."""

BEGIN_AGAIN_S = 1.0
"""Pause before an event is taken up again whose begin the journal did not answer."""


class DispatcherActor(SupervisedActor):
    """Fills the lanes, hands runs to the pool, settles what came back.

    Memory holds a bounded part of what is pending; the journal holds all of it. Beyond the
    bound, and after a start, the dispatcher is *behind*: it reads pages of the journal, in
    its order, and takes news from memory again once it has caught up.
    """

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="dispatcher", supervisor=account.peers.supervisor)
        self._account = account
        self._lanes = Lanes()
        self._trials = Trials(account)
        self._halted = False
        self._cursor = 0
        self._behind = True
        self._reading = False
        self._news: list[Event] | None = None
        self._born_at = 0
        self._lost = 0

    def started(self) -> None:
        """Take over from whoever was dispatcher before, in this life or an earlier one."""
        services = self._account.services
        services.handlers.withdraw(self._account.name)
        self._trials.park_unheard()
        self._born_at = next(services.writer.numbers())
        self._lost = self._account.peers.dispatcher.lost
        self._catch_up()

    def receive(self, message: Any) -> None:
        """Take new events, results, and lanes whose pause is over."""
        if self._lost != self._account.peers.dispatcher.lost:  # news, perhaps: the journal has them
            self._lost = self._account.peers.dispatcher.lost
            self._behind, self._news = True, None
        match message:
            case EventsStored():
                self._take_news(message.events)
            case LanesRan():
                self._settle(message.runs)
            case EventsRestored():
                self._trials.restored(message.events, message.tries)
                self._take_page(message)
            case EventsReplayed():
                self._behind, self._news = True, None
            case LaneRested():
                self._lanes.release(message.lane)
            case _:
                raise TypeError(f"dispatcher can not receive {type(message).__name__}")
        self._catch_up()
        if not self._halted:
            self._dispatch()

    def _dispatch(self) -> None:
        runs = self._lanes.take()
        if runs:
            self._account.services.handlers.submit(
                self._account.name, self._trials.admit(runs), self.actor_ref
            )

    # --- from the journal and from memory ---------------------------------------------

    def _take_news(self, events: Sequence[Event]) -> None:
        if not self._behind:
            self._append(events)
            self._behind = self._lanes.pending > self._account.plan.flow_high
        elif self._news is not None:
            self._news.extend(events)
            if len(self._news) > PAGE:
                self._news = None

    def _take_page(self, page: EventsRestored) -> None:
        self._reading = False
        self._append(page.events)
        news, self._news = self._news, None
        if not page.more and news is not None:
            self._behind = False
            self._take_news([event for event in news if (event.lane_seq or 0) > self._cursor])

    def _append(self, events: Sequence[Event]) -> None:
        if events:
            self._lanes.add(events)
            self._cursor = events[-1].lane_seq or self._cursor

    def _catch_up(self) -> None:
        """Read the next page, if there is room for it."""
        if not self._behind or self._reading or self._lanes.pending > self._account.plan.flow_low:
            return
        self._reading, self._news = True, []
        name, cursor, born_at = self._account.name, self._cursor, self._born_at
        peers, timers, ref = self._account.peers, self._account.services.timers, self.actor_ref

        def read(rows: Sequence[Pending]) -> None:
            page = PendingRead(rows=rows, more=len(rows) >= PAGE, redelivered_below=born_at)
            if ref.is_alive() and not peers.decoder.post(page):
                timers.after(READ_AGAIN_S, peers.dispatcher, EventsRestored(events=(), more=True))

        self._account.services.writer.fetch(
            lambda journal: journal.pending(name, cursor, PAGE), read
        )

    # --- results ----------------------------------------------------------------------

    def _settle(self, runs: Sequence[RanLane]) -> None:
        settlements: list[Settlement] = []
        ended = 0
        for run in runs:
            if not run.settled:  # the pool has stopped; the journal keeps the rest
                self._halted = True
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
        if settlements:
            self._store(settlements, ended)
        if self._trials.wary and not self._lanes.pending and not self._behind:
            self._trials.calm()

    def _judge(self, lane: str, event: Event, outcome: Outcome) -> Settlement | None:
        """Say how an event ended, or hold its lane for another try."""
        trials = self._trials
        if (
            outcome.disposition is Disposition.DONE
            and not trials.tries
            and not trials.wary
            and not self._account.running
        ):
            return Settlement(event=event, outcome=outcome)
        settlement = trials.end(event, outcome)
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

    def _store(self, settlements: Sequence[Settlement], ended: int) -> None:
        account = self._account
        durable = account.services.writer.durable

        def refused(_: str) -> None:
            if not durable:
                account.flow.returned(ended)

        def committed(answer: JournalAnswer) -> None:
            deliveries: Sequence[Delivery] = answer  # type: ignore[assignment]  # its answer
            if not durable:
                account.flow.returned(ended)
            if deliveries:
                account.peers.outbox.tell(DeliveriesStored(deliveries=deliveries))

        account.services.writer.submit(
            SettleEvents(account=account.name, settlements=settlements), committed, refused=refused
        )
