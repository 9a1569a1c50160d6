"""What came too late to be known again, driven by hand through the dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from workbench import Bench, event, push

from actors.account.attempts import STALE_AGAIN_S
from actors.account.dispatcher import DispatcherActor
from actors.messages import (
    EventsReplayed,
    EventsRestored,
    EventsStored,
    LanesHeld,
    LanesReleased,
    PendingRead,
)
from actors.policy.attempts import AttemptRules
from actors.policy.lanes import Run
from actors.ports.commands import ReplayEvent, StoreFrames
from actors.ports.journal import Tally
from actors.values import Attempts, Event

OLD: dict[str, Any] = {"occurred_at_ms": 1_000, "received_at_ms": 12_000}
YOUNG: dict[str, Any] = {"occurred_at_ms": 3_000, "received_at_ms": 12_000}


class Notice(Event, frozen=True, gc=False):
    """What a platform says again and again."""

    notice = True


class Handed:
    """A handler pool that notes what reaches it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def submit(self, account: str, runs: Sequence[Run], reply_to: object) -> None:
        """Note them."""
        del account, reply_to
        self.events += [event.event_id for run in runs for event in run.events]

    def withdraw(self, account: str) -> None:
        """Nothing waits here."""


class Floor:
    """A dispatcher that has caught up, of an account whose journal forgets after 10 s."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.pool = bench, Handed()
        bench.use(handlers=self.pool)
        bench.with_plan(tries=AttemptRules(retry_delays_s=(), horizon_s=10.0))
        self.actor = DispatcherActor(bench.pool, bench.account)
        self.actor.started()
        self.page()

    def store(self, *events: Event, tell: bool = True) -> None:
        """Do as the decoder does when events came in."""
        command = StoreFrames(
            account="shop-a", generation=1, received_at_ms=12_000, frames=[push(1, *events)]
        )
        self.bench.account.services.writer.submit(command, lambda _: None)
        self.bench.account.flow.taken(len(events))
        if tell:
            self.actor.receive(EventsStored(events=events))

    def page(self, *events: Event, attempts: dict[str, Attempts] | None = None) -> None:
        """Answer the page that was asked for."""
        self.bench.heard["decoder"].of(PendingRead)
        number = self.actor._backlog._pages.awaited
        self.actor.receive(
            EventsRestored(events=events, more=False, attempts=attempts or {}, number=number)
        )

    def letters(self) -> list[tuple[str, str, str | None, int]]:
        """Return what waits for a person."""
        found = self.bench.journal.letters(None, 99)
        return [(each.event_id, each.status, each.reason, each.attempts) for each in found]

    def said(self) -> list[dict[str, Any]]:
        """Return what was said of parked events."""
        return [fields for _, name, fields in self.bench.log.lines if name == "event.parked"]


@pytest.fixture
def floor(bench: Bench) -> Floor:
    """Return a dispatcher that has caught up."""
    return Floor(bench)


def test_stale_event_is_parked_and_its_lane_goes_on(floor: Floor) -> None:
    """I6: it may be the copy of one that was answered long ago."""
    floor.store(event(1, **OLD), event(2, **YOUNG), event(3))

    assert floor.pool.events == ["e2", "e3"]
    assert floor.letters() == [("e1", "parked", "stale", 0)]
    assert floor.bench.journal.tally("shop-a") == Tally(received=3, parked=1, pending=2)
    assert floor.bench.account.flow.in_hand == 2, "or reading would stop for good"
    assert floor.actor._backlog._cursor == 3
    assert floor.said() == [{"account": "shop-a", "event_id": "e1", "reason": "stale", "count": 1}]


def test_stale_notice_is_counted_and_bothers_nobody(floor: Floor) -> None:
    """Goofish says at each connection which chats once began; each would be a letter for ever."""
    floor.store(Notice(account="shop-a", event_id="n", lane_seq=1, **OLD), event(2))

    assert floor.pool.events == ["e2"]
    assert floor.letters() == []
    assert floor.bench.journal.tally("shop-a") == Tally(received=2, expired=1, pending=1)
    assert [line[:2] for line in floor.bench.log.lines] == [("debug", "event.expired")]


def test_stale_event_of_an_earlier_life_is_parked_too(floor: Floor) -> None:
    """The process died between storing it and parking it; no handler had it."""
    floor.store(event(1, **OLD), event(2, **YOUNG), tell=False)
    floor.actor.receive(EventsReplayed())

    floor.page(event(1, redelivered=True, **OLD), event(2, redelivered=True, **YOUNG))

    assert floor.pool.events == ["e2"]
    assert floor.letters() == [("e1", "parked", "stale", 0)]


def test_what_a_person_puts_back_is_handled(floor: Floor) -> None:
    floor.store(event(1, **OLD))
    replay = ReplayEvent(event_id="e1", lane_seq=7)
    floor.bench.account.services.writer.submit(replay, lambda _: None)
    floor.actor.receive(EventsReplayed())

    replayed = event(7, redelivered=True, **OLD)
    replayed = msgspec.structs.replace(replayed, event_id="e1")
    floor.page(replayed, attempts={"e1": Attempts(replayed=True)})

    assert floor.pool.events == ["e1"]
    assert floor.letters() == []


def test_held_event_is_judged_when_its_lane_goes_on(floor: Floor) -> None:
    """What waits for a recovery is read from the journal afterwards."""
    floor.actor.receive(LanesHeld(held_from=1))
    floor.store(event(1, **OLD), event(2, **YOUNG))
    assert floor.letters() == []
    floor.actor.receive(LanesReleased(held_from=1))

    floor.page(event(1, **OLD), event(2, **YOUNG))

    assert floor.pool.events == ["e2"]
    assert floor.letters() == [("e1", "parked", "stale", 0)]


def test_a_flood_of_stale_events_is_a_line_a_minute(floor: Floor) -> None:
    """With a clock that is a month ahead every event is stale."""
    for number in range(1, 6):
        floor.store(event(number, **OLD))
    assert [line["count"] for line in floor.said()] == [1]
    floor.bench.advance(STALE_AGAIN_S)
    floor.store(event(6, **OLD), event(7, **OLD))

    assert [(line["event_id"], line["count"]) for line in floor.said()] == [("e1", 1), ("e6", 6)]
    assert len(floor.letters()) == 7
    assert floor.bench.account.flow.in_hand == 0
