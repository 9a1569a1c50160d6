"""The dispatcher actor, driven by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from pykka import ActorDeadError
from workbench import Bench, Heard, event

from actors.account import backlog, pages
from actors.account.dispatcher import DispatcherActor
from actors.messages import (
    DeliveriesStored,
    Drain,
    Drained,
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
from actors.policy.lanes import Run
from actors.ports.commands import OpenHold, StoreFrames
from actors.ports.journal import JournalError, PendingRows
from actors.runtime.handlers.pool import RanLane
from actors.runtime.journal.writer import JournalWriter
from actors.values import DONE, Content, Decoded, Delivery, Disposition, Event, Note, Outcome
from gateway.journal.memory.journal import MemoryJournal
from tests.open_sends import unsent

RETRY = Outcome(disposition=Disposition.RETRY, reason="ValueError at bot.py:7")


class Handed:
    """A handler pool that keeps the runs."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.withdrawn: list[str] = []

    def submit(self, account: str, runs: Sequence[Run], reply_to: object) -> None:
        """Keep them."""
        del account, reply_to
        self.runs += runs

    def withdraw(self, account: str) -> None:
        """Keep it."""
        self.withdrawn.append(account)

    def drain(self) -> list[tuple[str, list[str]]]:
        """Return lanes and event ids of what was handed over since the last time."""
        runs, self.runs = self.runs, []
        return [(run.lane, [each.event_id for each in run.events]) for run in runs]


class Floor:
    """A dispatcher, the pool it hands to, and its journal."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pool = Handed()
        bench.use(handlers=self.pool)
        self.actor = DispatcherActor(bench.pool, bench.account)
        self.actor.started()

    def page(self) -> PendingRead:
        """Return the page that the decoder was asked to read."""
        (page,) = self.bench.heard["decoder"].of(PendingRead)
        assert isinstance(page, PendingRead)
        return page

    def restore(self, *events: Event, more: bool = False) -> None:
        """Answer as the decoder does."""
        self.page()
        self.actor.receive(
            EventsRestored(events=events, more=more, number=self.actor._backlog._pages.awaited)
        )

    def store(self, *events: Event) -> None:
        """Do as the decoder does when events came in."""
        command = StoreFrames(
            account="shop-a",
            generation=1,
            received_at_ms=1,
            frames=[Decoded(raw="f", events=events)],
        )
        self.bench.account.services.writer.submit(command, lambda _: None)
        self.bench.account.flow.taken(len(events))
        self.actor.receive(EventsStored(events=events))

    def ran(self, lane: str, *settled: tuple[Event, Outcome], rest: Sequence[Event] = ()) -> None:
        """Answer as the handler pool does."""
        events = [*(event for event, _ in settled), *rest]
        outcomes = [outcome for _, outcome in settled]
        self.actor.receive(LanesRan(runs=(RanLane(lane, events, outcomes),)))

    def open_events(self) -> list[int]:
        """Return the numbers of unsettled events."""
        return [row.lane_seq for row in self.bench.journal.pending("shop-a", 0, 10_000)]


@pytest.fixture
def floor(bench: Bench) -> Floor:
    """Return a dispatcher that has caught up."""
    made = Floor(bench)
    made.restore()
    return made


def test_lane_has_one_run_in_flight_and_keeps_its_order(floor: Floor) -> None:
    """The second question must not be answered before the first."""
    floor.store(event(1), event(2, "c2"))
    floor.store(event(3), event(4))
    assert floor.pool.drain() == [("c1", ["e1"]), ("c2", ["e2"])]

    floor.ran("c1", (event(1), DONE))

    assert floor.pool.drain() == [("c1", ["e3", "e4"])]
    assert floor.open_events() == [2, 3, 4]


def test_rest_of_a_run_goes_before_what_came_later(floor: Floor) -> None:
    floor.store(event(1), event(2))
    floor.store(event(3))
    floor.pool.drain()

    floor.ran("c1", (event(1), DONE), rest=(event(2),))

    assert floor.pool.drain() == [("c1", ["e2", "e3"])]


def test_failed_event_is_tried_after_1_5_and_25_s_and_then_buried(floor: Floor) -> None:
    """A handler bug must neither lose an event in silence nor stop its lane for ever."""
    floor.store(event(1), event(2))
    bench = floor.bench
    for pause_s in (1.0, 5.0, 25.0):
        assert floor.pool.drain() == [("c1", ["e1", "e2"])]
        floor.ran("c1", (event(1), RETRY), rest=(event(2),))
        assert floor.pool.drain() == [], "it must rest first"
        bench.advance(pause_s - 0.1)
        assert not bench.heard["dispatcher"].messages
        bench.advance(0.1)
        (rested,) = bench.heard["dispatcher"].of(LaneRested)
        floor.actor.receive(rested)
    floor.pool.drain()

    floor.ran("c1", (event(1), RETRY), rest=(event(2),))

    assert bench.watcher.dead == [("e1", "ValueError at bot.py:7")]
    assert floor.open_events() == [2]
    assert floor.pool.drain() == [("c1", ["e2"])]
    assert [line[1] for line in bench.log.lines] == ["handler.failed"] * 3 + ["event.dead_lettered"]
    assert bench.journal.tally("shop-a").dead == 1


def test_event_that_succeeds_at_last_counts_its_attempts_anew(floor: Floor) -> None:
    floor.store(event(1), event(2, "c2"))
    floor.ran("c1", (event(1), RETRY))
    floor.ran("c2", (event(2, "c2"), DONE))
    floor.actor.receive(LaneRested(lane="c1"))

    floor.ran("c1", (event(1), DONE))

    assert floor.actor._attempts.earlier == {}
    assert floor.open_events() == []


def test_resting_lane_does_not_hold_up_the_others(floor: Floor) -> None:
    floor.store(event(1))
    floor.pool.drain()
    floor.ran("c1", (event(1), RETRY))

    floor.store(event(2, "c2"), event(3))

    assert floor.pool.drain() == [("c2", ["e2"])]


@pytest.mark.parametrize(("reason", "shown"), [("poison", "poison"), (None, "rejected")])
def test_handler_may_bury_an_event_at_once(floor: Floor, reason: str | None, shown: str) -> None:
    floor.store(event(1))

    floor.ran("c1", (event(1), Outcome(disposition=Disposition.DEAD, reason=reason)))

    assert floor.bench.watcher.dead == [("e1", shown)]
    assert floor.open_events() == []


def test_replies_leave_after_the_settlement(floor: Floor) -> None:
    """Both are one transaction: a crash between them would answer twice or never."""
    floor.store(event(1))
    reply = Delivery(
        outbox_id="o-1",
        uuid="u",
        account="shop-a",
        conversation_id="c1",
        to="b",
        content=Content(text="hi"),
        expires_at_ms=9,
    )

    floor.ran("c1", (event(1), Outcome(replies=(reply,))))

    assert floor.bench.heard["outbox"].drain() == [DeliveriesStored(deliveries=[reply])]
    assert [row[0] for row in unsent(floor.bench.journal, "shop-a")] == [reply]


def test_settled_events_free_the_flow_of_a_journal_in_memory(floor: Floor) -> None:
    floor.store(event(1), event(2))
    flow = floor.bench.account.flow
    assert flow.in_hand == 2

    floor.ran("c1", (event(1), DONE), (event(2), DONE))

    assert flow.in_hand == 0


def test_refused_settlement_frees_the_flow_too(floor: Floor) -> None:
    """After the stop of the journal nothing may hang on it."""
    floor.store(event(1))
    floor.bench.account.services.writer.stop(1.0)

    floor.ran("c1", (event(1), DONE))

    assert floor.bench.account.flow.in_hand == 0


def test_what_can_not_be_stored_ends_alone_as_a_dead_letter(floor: Floor) -> None:
    """It once was tried for ever, and took an innocent event of the same command with it."""
    floor.store(event(1), event(2, "c2"), event(3, "c3"))
    bad = Outcome(notes=(Note(conversation_id="c1", key="k", value=["a"]),))  # type: ignore[arg-type]
    reply = Delivery(
        outbox_id="o1",
        uuid="u",
        account="shop-a",
        conversation_id="c3",
        to="b",
        content=Content(text="hi"),
        expires_at_ms=9,
    )
    runs = (
        RanLane("c1", [event(1)], [bad]),
        RanLane("c2", [event(2, "c2")], [DONE]),
        RanLane("c3", [event(3, "c3")], [Outcome(replies=(reply,))]),
    )
    floor.actor.receive(LanesRan(runs=runs))

    heard = floor.bench.heard["dispatcher"]
    while refused := heard.of(SettlementsRefused):
        for message in refused:
            floor.actor.receive(message)

    assert floor.open_events() == []
    (letter,) = floor.bench.journal.letters("shop-a", 9)
    assert (letter.event_id, letter.status) == ("e1", "dead")
    assert letter.reason == "unstorable: Note.value cannot be list"
    assert [each.outbox_id for each, _ in unsent(floor.bench.journal, "shop-a")] == ["o1"]
    assert floor.bench.account.flow.in_hand == 0


@pytest.mark.parametrize("refuse", [False, True])
def test_durable_journal_paces_reading_itself(bench: Bench, *, refuse: bool) -> None:
    """There events count only until they are on the disk."""
    bench.journal.durable = True
    floor = Floor(bench)
    floor.restore()
    floor.store(event(1))
    submitted: list[Any] = []
    bench.account.services.writer.submit = (  # type: ignore[method-assign]
        lambda command, then, *, refused=None, **_: submitted.append((command, then, refused))
    )

    floor.ran("c1", (event(1), DONE))
    ((_, then, refused),) = submitted
    if refuse:
        refused("no")
    else:
        then([])

    assert bench.account.flow.in_hand == 1
    assert not bench.heard["outbox"].messages


def test_stopped_pool_halts_the_lanes(floor: Floor) -> None:
    """What was not begun stays in the journal for the next start."""
    floor.store(event(1))
    floor.pool.drain()

    floor.ran("c1", rest=(event(1),))
    floor.store(event(2, "c2"))

    assert floor.pool.drain() == []
    assert floor.open_events() == [1, 2]


class OnDisk(JournalWriter):
    """Says that the journal is on a disk; stores at once all the same."""

    @property
    def durable(self) -> bool:
        return True


@pytest.fixture
def long_lane(bench: Bench) -> Floor:
    """Return a dispatcher whose lane c1 is too long for memory: e3 stays in the journal."""
    bench.with_plan(flow={"high": 1, "low": 1})
    bench.use(writer=OnDisk(bench.journal, clock=bench.clock))
    floor = Floor(bench)
    floor.restore()
    floor.store(event(1))
    floor.store(event(2), event(3))
    assert floor.pool.drain() == [("c1", ["e1"])]
    return floor


def lane_page(floor: Floor) -> PendingRead:
    """Return the page of c1 that was asked for, once there is room in it."""
    floor.ran("c1", (event(1), DONE))
    page = floor.page()
    assert page.lane == "c1"
    return page


def test_rest_of_a_long_lane_is_read_when_there_is_room(long_lane: Floor) -> None:
    page = lane_page(long_lane)
    read = EventsRestored(events=[event(2), event(3)], more=False, number=page.number, lane="c1")
    long_lane.actor.receive(read)
    assert long_lane.pool.drain() == [("c1", ["e2", "e3"])]


def test_page_of_a_long_lane_that_died_is_read_again(long_lane: Floor) -> None:
    """Its decoder says so, or nobody does."""
    page = lane_page(long_lane)
    long_lane.actor.receive(EventsRestored(events=(), more=True, number=page.number, lane="c1"))
    assert long_lane.page().lane == "c1"
    long_lane.bench.account.peers.dispatcher.lost += 1  # mail of this account was lost
    long_lane.actor.receive(LaneRested(lane="nobody"))
    assert long_lane.page().lane == "c1"
    assert long_lane.pool.drain() == []


def test_account_that_leaves_settles_what_is_in_a_handler(floor: Floor) -> None:
    """Who comes under its name would handle again what is not settled."""
    floor.store(event(1), event(2, "c2"), event(3, "c2"))
    floor.pool.drain()

    floor.actor.receive(Drain())
    floor.store(event(4, "c3"))
    floor.ran("c1", rest=(event(1),))  # nobody had begun it
    assert floor.pool.withdrawn[1:] == ["shop-a"]
    assert floor.bench.heard["supervisor"].of(Drained) == []

    floor.ran("c2", (event(2, "c2"), DONE), rest=(event(3, "c2"),))
    assert floor.bench.heard["supervisor"].of(Drained) == [Drained()]
    assert floor.open_events() == [1, 3, 4]
    assert floor.pool.drain() == []


def test_account_that_leaves_with_nothing_in_a_handler_is_through_at_once(floor: Floor) -> None:
    floor.actor.receive(Drain())

    assert floor.bench.heard["supervisor"].of(Drained) == [Drained()]


def test_new_dispatcher_forgets_the_runs_of_its_former_self(bench: Bench) -> None:
    """It reads them from the journal again; twice in the pool would be handled twice."""
    floor = Floor(bench)

    assert floor.pool.withdrawn == ["shop-a"]


def test_pages_of_the_journal_come_before_news(bench: Bench) -> None:
    """What was pending at the start is older than anything pushed now."""
    floor = Floor(bench)
    assert floor.page().redelivered_below == 1
    floor.actor.receive(EventsStored(events=[event(2), event(4)]))
    assert floor.pool.drain() == []

    floor.actor.receive(
        EventsRestored(
            events=[event(1), event(2)], more=False, number=floor.actor._backlog._pages.awaited
        )
    )

    assert floor.pool.drain() == [("c1", ["e1", "e2", "e4"])]


def test_reads_page_after_page(bench: Bench) -> None:
    floor = Floor(bench)
    floor.store(*(event(n) for n in range(1, 4)))

    floor.restore(event(1), more=True)

    assert [row.lane_seq for row in floor.page().rows] == [2, 3]
    floor.actor.receive(
        EventsRestored(
            events=[event(2), event(3)], more=False, number=floor.actor._backlog._pages.awaited
        )
    )
    floor.store(event(4))
    assert floor.actor._lanes.pending == 4


def test_next_page_waits_for_room(bench: Bench) -> None:
    """Memory holds a bounded part of what is pending."""
    bench.with_plan(flow={"high": 4, "low": 1})
    floor = Floor(bench)

    floor.restore(event(1), event(2), more=True)
    assert not bench.heard["decoder"].messages

    floor.ran("c1", (event(1), DONE), (event(2), DONE))
    assert bench.heard["decoder"].of(PendingRead)


def test_too_much_news_is_left_to_the_journal(bench: Bench) -> None:
    """Beyond the mark the dispatcher falls behind, and catches up in order."""
    bench.with_plan(flow={"high": 2, "low": 0})
    floor = Floor(bench)
    floor.restore()
    floor.store(event(1), event(2), event(3))
    floor.pool.drain()

    floor.store(event(4))
    assert floor.actor._lanes.pending == 3
    floor.ran("c1", *((event(n), DONE) for n in (1, 2, 3)))

    assert [row.lane_seq for row in floor.page().rows] == [4]
    floor.actor.receive(
        EventsRestored(events=[event(4)], more=False, number=floor.actor._backlog._pages.awaited)
    )
    assert floor.pool.drain() == [("c1", ["e4"])]


def test_news_beyond_a_page_while_reading_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (backlog, pages):
        monkeypatch.setattr(module, "PAGE", 2)
    floor = Floor(bench)
    for number in range(1, 5):
        floor.store(event(number))

    floor.restore()

    page = floor.page()
    assert [row.lane_seq for row in page.rows] == [1, 2]
    assert page.more


def test_lost_news_is_read_from_the_journal(floor: Floor) -> None:
    """A full inbox loses a hint, never an event."""
    floor.store(event(1))
    bench = floor.bench
    command = StoreFrames(
        account="shop-a",
        generation=1,
        received_at_ms=1,
        frames=[Decoded(raw="f", events=[event(2)])],
    )
    bench.account.services.writer.submit(command, lambda _: None)
    bench.peers.dispatcher.lost += 1  # an inbox that was full

    floor.store(event(3))

    assert [row.lane_seq for row in floor.page().rows] == [2, 3]
    floor.actor.receive(
        EventsRestored(
            events=[event(2), event(3)], more=False, number=floor.actor._backlog._pages.awaited
        )
    )
    floor.pool.drain()
    floor.ran("c1", (event(1), DONE))
    assert floor.pool.drain() == [("c1", ["e2", "e3"])]


def test_page_that_finds_no_decoder_is_read_again(bench: Bench) -> None:
    """A decoder that is being restarted must not leave the dispatcher waiting for ever."""
    floor = Floor(bench)
    bench.heard["decoder"].drain()

    class Dead:
        def tell(self, message: object) -> None:
            raise ActorDeadError(str(message))

    bench.peers.decoder.ref = Dead()
    floor.actor.receive(
        EventsRestored(events=(), more=True, number=floor.actor._backlog._pages.awaited)
    )
    bench.peers.decoder.ref = bench.heard["decoder"]

    bench.advance(pages.READ_AGAIN_S)
    (again,) = bench.heard["dispatcher"].of(EventsRestored)
    floor.actor.receive(again)

    assert bench.heard["decoder"].of(PendingRead)


def test_page_for_a_dead_dispatcher_is_not_given_to_the_next(bench: Bench) -> None:
    """It would be handled twice: the next one reads from the beginning."""
    floor = Floor(bench)
    floor.page()
    floor.actor.actor_inbox.kill()

    floor.actor.receive(
        EventsRestored(events=(), more=True, number=floor.actor._backlog._pages.awaited)
    )

    assert not bench.heard["decoder"].messages


def test_event_without_a_number_keeps_the_place_in_the_journal(floor: Floor) -> None:
    floor.store(event(5))
    bare = msgspec.structs.replace(event(6), lane_seq=None)

    floor.actor.receive(EventsStored(events=[bare]))

    assert floor.actor._backlog._cursor == 5


def test_unknown_message_is_our_own_bug(floor: Floor) -> None:
    wrong: Any = "what?"
    with pytest.raises(TypeError, match="str"):
        floor.actor.receive(wrong)


# --- while a recovery is open ---------------------------------------------------------


def held(floor: Floor, held_from: int) -> None:
    """Open a hold as the decoder does."""
    command = OpenHold(account="shop-a", held_from=held_from)
    floor.bench.account.services.writer.submit(command, lambda _: None)
    floor.actor.receive(LanesHeld(held_from=held_from))


def test_events_from_the_number_on_wait_in_the_journal(floor: Floor) -> None:
    held(floor, 3)
    floor.store(event(1), event(3, "c2"))
    assert floor.pool.drain() == [("c1", ["e1"])]
    assert floor.bench.account.flow.in_hand == 1, "or reading stops, and the recovery with it"

    floor.actor.receive(LanesReleased(held_from=3))
    floor.restore(event(3, "c2"))

    assert floor.pool.drain() == [("c2", ["e3"])]
    assert floor.bench.account.flow.in_hand == 2


def test_the_release_of_another_hold_is_ignored(floor: Floor) -> None:
    held(floor, 3)
    floor.actor.receive(LanesReleased(held_from=2))
    floor.store(event(3))
    assert floor.pool.drain() == []


def test_without_a_link_to_come_nothing_is_held(floor: Floor) -> None:
    """Nobody is going to read the history of an account that is switched off, or has failed."""
    floor.bench.account.carried.connects = False
    held(floor, 2)
    floor.store(event(2))
    assert floor.bench.journal.recovery("shop-a").held_from is None
    (released,) = floor.bench.heard["dispatcher"].of(LanesReleased)
    floor.actor.receive(released)
    floor.restore(event(2))
    assert floor.pool.drain() == [("c1", ["e2"])]


def test_a_hold_ends_after_its_time(floor: Floor) -> None:
    """The journal is told first: no number may change once an event is in a lane."""
    held(floor, 2)
    floor.store(event(2))
    floor.bench.advance(60.0)
    (expired,) = floor.bench.heard["dispatcher"].of(HoldExpired)
    floor.actor.receive(expired)
    assert floor.bench.journal.recovery("shop-a").held_from is None
    (released,) = floor.bench.heard["dispatcher"].of(LanesReleased)
    floor.actor.receive(released)
    floor.restore(event(2))
    assert floor.pool.drain() == [("c1", ["e2"])]
    floor.actor.receive(expired)
    assert floor.bench.heard["dispatcher"].drain() == []


def test_too_much_waiting_in_memory_ends_a_hold(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "HELD_LIMIT", 1)
    held(floor, 2)
    floor.store(event(2), event(3))
    assert floor.bench.heard["dispatcher"].of(LanesReleased)


def test_a_hold_of_an_earlier_life_is_found(bench: Bench) -> None:
    """What waited then was seen by nobody, and is not marked as redelivered."""
    writer = bench.account.services.writer
    writer.submit(OpenHold(account="shop-a", held_from=2), lambda _: None)
    for _ in range(5):
        next(writer.numbers())
    floor = Floor(bench)
    (told,) = bench.heard["dispatcher"].of(LanesHeld)
    floor.actor.receive(told)
    floor.restore(event(1), event(2), event(3))
    assert floor.pool.drain() == [("c1", ["e1"])]
    floor.actor.receive(LanesReleased(held_from=2))
    floor.ran("c1", (event(1), DONE))
    assert floor.page().redelivered_below == 2


def test_a_page_from_before_the_release_is_read_again(bench: Bench) -> None:
    floor = Floor(bench)
    stale = floor.page().number
    floor.actor.receive(LanesHeld(held_from=2))
    floor.actor.receive(LanesReleased(held_from=2))
    fresh = floor.page().number
    floor.actor.receive(EventsRestored(events=[event(2)], more=False, number=stale))
    assert floor.pool.drain() == []
    floor.actor.receive(EventsRestored(events=[event(2)], more=False, number=fresh))
    assert floor.pool.drain() == [("c1", ["e2"])]


def looked(floor: Floor) -> None:
    """Let the dispatcher look for the page it awaits."""
    floor.bench.advance(pages.PAGE_LOOK_S)
    (due,) = floor.bench.heard["dispatcher"].of(PageDue)
    floor.actor.receive(due)


def test_a_page_that_got_lost_is_read_again(bench: Bench) -> None:
    """It may die with the decoder that has it in hand; the dispatcher must not wait for ever."""
    floor = Floor(bench)
    lost = floor.page().number
    bench.account.peers.decoder.ref = bench.heard["decoder"] = Heard()
    looked(floor)
    assert floor.page().number != lost
    floor.actor.receive(EventsRestored(events=[event(2)], more=False, number=lost))
    assert floor.pool.drain() == [], "it came after all, and would be handled twice"


def test_a_page_that_is_worked_on_is_waited_for(bench: Bench) -> None:
    """Read again it takes as long again: nothing was ever handled."""
    floor = Floor(bench)
    slow = floor.page().number
    for _ in range(3):
        looked(floor)
    assert bench.heard["decoder"].of(PendingRead) == []
    floor.actor.receive(EventsRestored(events=[event(2)], more=False, number=slow))
    assert floor.pool.drain() == [("c1", ["e2"])]


def test_a_page_the_journal_could_not_read_is_read_again(bench: Bench) -> None:
    """So is the hold, that was to be read with it."""

    class Sick(MemoryJournal):
        def pending(
            self, account: str, after: int, limit: int, *, lane: str | None = None
        ) -> PendingRows:
            if not failed:
                failed.append(True)
                raise JournalError("the disk does not answer")
            return super().pending(account, after, limit, lane=lane)

    failed: list[bool] = []
    journal = Sick()
    journal.commit([OpenHold(account="shop-a", held_from=7)])
    bench.use(writer=JournalWriter(journal, clock=bench.clock))
    floor = Floor(bench)
    assert bench.heard["decoder"].of(PendingRead) == []
    looked(floor)
    assert floor.page().rows == []
    assert bench.heard["dispatcher"].of(LanesHeld) == [LanesHeld(held_from=7)]


def test_rows_that_can_not_be_read_are_not_read_again_and_again(bench: Bench) -> None:
    """A whole page of them made the dispatcher ask for the same page for ever."""
    floor = Floor(bench)
    floor.store(*map(event, range(1, 4)))
    floor.actor.receive(EventsRestored(events=(), more=True, through=2, number=floor.page().number))
    assert [row.lane_seq for row in floor.page().rows] == [3]


def test_what_no_reader_understands_any_more_ends_as_a_dead_letter(bench: Bench) -> None:
    """It stayed pending for ever: nobody was told, and nobody could replay or drop it."""
    floor = Floor(bench)
    floor.store(event(1), event(2))
    gone = Event(account="shop-a", event_id="e1", lane_seq=1)
    number = floor.page().number
    floor.actor.receive(
        EventsRestored(events=[event(2)], more=False, through=2, undecodable=[gone], number=number)
    )
    assert floor.open_events() == [2]
    (letter,) = floor.bench.journal.letters("shop-a", 10)
    assert (letter.event_id, letter.reason, letter.attempts) == ("e1", "undecodable", 0)
    assert floor.bench.log.lines[-1][1] == "event.dead_lettered"
    assert floor.pool.drain() == [("c1", ["e2"])]


def test_what_is_read_in_time_is_not_read_again(bench: Bench) -> None:
    floor = Floor(bench)
    floor.restore(event(2))
    bench.advance(pages.PAGE_LOOK_S)
    assert not bench.heard["dispatcher"].messages


def test_a_new_hold_whose_elders_release_was_lost(floor: Floor) -> None:
    held(floor, 2)
    floor.store(event(2))
    floor.actor.receive(LanesHeld(held_from=5))
    floor.restore(event(2))
    assert floor.pool.drain() == [("c1", ["e2"])]


def test_a_stopped_dispatcher_leaves_no_timer(floor: Floor) -> None:
    held(floor, 2)
    floor.actor.stopped()
    assert floor.bench.timers.pending() == []
