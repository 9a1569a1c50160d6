"""The dispatcher of one account: one conversation, one lane, at most one event in flight.

Lanes run side by side on the handler pool. What a handler did is settled in the journal
together with its replies.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.account.attempts import EventAttempts
from actors.account.backlog import Backlog
from actors.account.services import Account
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
    SettlementsRefused,
)
from actors.policy.attempts import UNDECODABLE, pause_s
from actors.policy.lanes import Lanes
from actors.policy.reasons import UNSTORABLE
from actors.ports.commands import CLOSED, JournalAnswer, SettleEvents, Settlement
from actors.runtime.handlers.pool import RanLane
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.values import DONE, Delivery, Disposition, Event, Outcome

"""Begin of the reason of an event whose settlement the journal cannot store."""

BEGIN_AGAIN_S = 1.0
"""Pause before an event is taken up again whose begin the journal did not answer."""


class DispatcherActor(SupervisedActor[DispatcherInbox]):
    """Hands runs of lanes to the handler pool and settles their events."""

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="dispatcher", supervisor=account.peers.supervisor)
        self._account = account
        self._mailbox = self.incarnation()
        self._lanes = Lanes()
        self._backlog = Backlog(account, self._lanes, ref=self.actor_ref, fresh=self._fresh)
        self._attempts = EventAttempts(account)
        self._halted = self._draining = False
        self._lost = 0

    def started(self) -> None:
        """Take over from whoever was dispatcher before, in this life or an earlier one."""
        self._account.services.handlers.withdraw(self._account.name)
        self._attempts.park_unheard()
        self._lost = self._account.peers.dispatcher.lost
        self._backlog.begin()

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._backlog.close()

    def receive(self, message: DispatcherInbox) -> None:
        """Take new events, results, and lanes whose pause is over."""
        if self._lost != self._account.peers.dispatcher.lost:  # news, perhaps: the journal has them
            self._lost = self._account.peers.dispatcher.lost
            self._backlog.lose_mail()
        backlog = self._backlog
        match message:
            case EventsStored():
                backlog.take_news(message.events)
            case LanesRan():
                self._settle(message.runs)
            case EventsRestored():
                self._attempts.restored(message.events, message.attempts)
                if backlog.awaits(message):
                    self._bury(message.undecodable)
                    backlog.take_page(message)
            case PageDue():
                backlog.look_for(message.number)
            case EventsReplayed():
                backlog.fall_behind()
            case SettlementsRefused():
                self._store_apart(message)
            case LaneRested():
                self._lanes.release(message.lane)
            case LanesHeld():
                backlog.hold(message.held_from)
            case LanesReleased():
                backlog.release(message.held_from)
            case HoldExpired():
                backlog.expire_hold(message.held_from)
            case Drain():
                self._halted = self._draining = True
                self._account.services.handlers.withdraw(self._account.name)
            case _:
                self.refuse(message)
        if self._draining:
            if self._lanes.resting:
                self._account.peers.supervisor.tell(Drained())
            return
        backlog.catch_up()
        if not self._halted:
            self._dispatch()

    def _dispatch(self) -> None:
        runs = self._lanes.take()
        if runs:
            self._account.services.handlers.submit(
                self._account.name, self._attempts.admit(runs), self._mailbox
            )

    def _bury(self, events: Sequence[Event]) -> None:
        """End events whose frames no reader understands any more; a later version may."""
        settlements = [Settlement(event, UNDECODABLE, 0) for event in events]
        for settlement in settlements:
            self._follow("", settlement)
        if settlements:
            self._store(settlements, len(settlements))

    def _fresh(self, events: Sequence[Event]) -> Sequence[Event]:
        """Settle events that are too old to be handled; return the others."""
        stale = self._attempts.stale(events)
        if not stale:
            return events
        self._store(stale, len(stale))
        gone = {settlement.event.event_id for settlement in stale}
        return [event for event in events if event.event_id not in gone]

    # --- results ----------------------------------------------------------------------

    def _settle(self, runs: Sequence[RanLane]) -> None:
        settlements: list[Settlement] = []
        done: list[Event] = []
        ended = 0
        attempts = self._attempts
        untroubled = not (attempts.earlier or attempts.wary or self._account.running)
        for run in runs:
            if not run.outcomes:  # the pool has stopped; the journal keeps the rest
                self._halted = True
            if untroubled and run.is_done:
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
        if attempts.wary and not self._lanes.pending and not self._backlog.behind:
            self._attempts.calm()

    def _judge(self, lane: str, event: Event, outcome: Outcome) -> Settlement | None:
        """Return how an event ended, or hold its lane for another try."""
        settlement = self._attempts.end(event, outcome)
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

        def refused(reason: str) -> None:
            if reason == CLOSED:  # another life reads them
                account.let_go(ended)
                return
            account.peers.dispatcher.tell(
                SettlementsRefused(settlements=settlements, done=done, reason=reason)
            )

        def committed(answer: JournalAnswer) -> None:
            deliveries: Sequence[Delivery] = answer  # type: ignore[assignment]  # its answer
            account.counts.done += len(done)
            for settlement in settlements:
                account.counts.settle(settlement.outcome.disposition)
            account.let_go(ended)
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
                self._account.let_go(1)  # not even that: the journal says why
                return
            outcome = Outcome(
                disposition=Disposition.DEAD, reason=f"{UNSTORABLE}: {refused.reason}"
            )
            dead = msgspec.structs.replace(single, outcome=outcome)
            self._follow(single.event.conversation_id or "", dead)
            self._store([dead], 1)


def _ends(settlement: Settlement) -> bool:
    return settlement.outcome.disposition is not Disposition.RETRY
