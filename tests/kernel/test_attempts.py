"""Attempts at events, driven by hand: what is noted, what is parked, what is given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from workbench import Bench, event

from actors.account.decoder import DecoderActor
from actors.account.dispatcher import BEGIN_AGAIN_S, DispatcherActor
from actors.account.services import Parking
from actors.messages import (
    EventsReplayed,
    EventsRestored,
    EventsStored,
    LaneRested,
    LanesRan,
    PendingRead,
)
from actors.policy.attempts import CRASH_LOOP, EXPIRED, SUSPECTS, AttemptRules
from actors.policy.lanes import Run
from actors.ports.commands import ReplayEvent, SettleEvents, StoreFrames
from actors.ports.journal import Pending
from actors.runtime.handlers import admission
from actors.runtime.handlers.admission import NOT_BEGUN, UNKNOWN_EFFECT
from actors.runtime.handlers.pool import RanLane
from actors.runtime.handlers.scheduler import TIMED_OUT
from actors.values import DONE, Attempts, Decoded, Disposition, Event, Outcome

RETRY = Outcome(disposition=Disposition.RETRY, reason="ValueError at bot.py:7")


class Handed:
    """A handler pool that keeps the runs."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def submit(self, account: str, runs: Sequence[Run], reply_to: object) -> None:
        """Keep them."""
        del account, reply_to
        self.runs += runs

    def withdraw(self, account: str) -> None:
        """Nothing waits here."""

    def take(self) -> Run:
        """Return the one run that was handed over."""
        (run,) = self.runs
        self.runs = []
        return run


class Parks:
    """Parks what it was told to."""

    active = True

    def __init__(self, *names: str) -> None:
        self.names = names

    def parks(self, event: Event) -> bool:
        """Say so."""
        return event.event_id in self.names


class Floor:
    """A dispatcher that has caught up, with a journal that holds what it was told."""

    def __init__(self, bench: Bench, parking: Parking | None = None, **rules: Any) -> None:
        self.bench = bench
        self.pool = Handed()
        bench.use(handlers=self.pool, parking=parking)
        if rules:
            bench.with_plan(tries=AttemptRules(**{"retry_delays_s": (1.0, 5.0), **rules}))
        self.journal = bench.journal
        self.actor = self.life()
        self.restore()

    def life(self) -> DispatcherActor:
        """Begin a life of the dispatcher."""
        actor = DispatcherActor(self.bench.pool, self.bench.account)
        actor.started()
        return actor

    def restore(self, *events: Event, attempts: dict[str, Attempts] | None = None) -> None:
        """Have a page read, and answer as the decoder does."""
        if not self.actor._backlog._pages.awaited:
            self.actor.receive(EventsReplayed())
        self.bench.heard["decoder"].of(PendingRead)
        self.actor.receive(
            EventsRestored(
                events=events,
                more=False,
                attempts=attempts or {},
                number=self.actor._backlog._pages.awaited,
            )
        )

    def put(self, *events: Event) -> None:
        """Put events into the journal."""
        command = StoreFrames(
            account="shop-a",
            generation=1,
            received_at_ms=1,
            frames=[Decoded(raw="f", events=events)],
        )
        self.bench.account.services.writer.submit(command, lambda _: None)
        self.bench.account.flow.taken(len(events))

    def store(self, *events: Event) -> None:
        """Put events into the journal and tell the dispatcher."""
        self.put(*events)
        self.actor.receive(EventsStored(events=events))

    def run(self, *outcomes: Outcome) -> list[str]:
        """Do as a handler thread does with the run; give what reached the handlers."""
        run = self.pool.take()
        reached: list[str] = []
        ended: list[Outcome] = []
        given = iter(outcomes)
        for each in run.events:
            outcome = None if run.admit is None else run.admit(each)
            if outcome is None:
                reached.append(each.event_id)
                outcome = next(given, DONE)
            ended.append(outcome)
            if outcome.disposition is Disposition.RETRY:
                break
        events = run.events[: len(ended)]
        self.actor.receive(LanesRan(runs=(RanLane(run.lane, events, ended),)))
        return reached

    def rested(self, pause_s: float) -> None:
        """Let a pause pass."""
        self.bench.advance(pause_s)
        (message,) = self.bench.heard["dispatcher"].of(LaneRested)
        self.actor.receive(message)

    def noted(self) -> list[tuple[int, int]]:
        """Return attempts and crashes of what is pending."""
        return [(row.attempts, row.crashes) for row in self.journal.pending("shop-a", 0, 99)]

    def letters(self) -> list[tuple[str, str, str | None]]:
        """Return what waits for a person."""
        found = self.journal.letters(None, 99)
        return [(letter.event_id, letter.status, letter.reason) for letter in found]

    def logged(self) -> list[str]:
        """Return the names of the lines."""
        return [line[1] for line in self.bench.log.lines]


def old(number: int, **fields: Any) -> Event:
    return event(number, redelivered=True, **fields)


def test_ordinary_events_pass_untouched(bench: Bench) -> None:
    """No admission, no cut run, no second commit."""
    floor = Floor(bench)
    floor.store(event(1), event(2))
    run = floor.pool.take()
    assert run.admit is None
    assert run.events == [event(1), event(2)]


def test_failed_tries_are_in_the_journal(bench: Bench) -> None:
    floor = Floor(bench)
    floor.store(event(1), event(2))
    assert floor.run(RETRY) == ["e1"]
    assert floor.noted() == [(1, 0), (0, 0)]
    flow = bench.account.flow
    assert flow.in_hand == 2, "it has not ended"


def test_tries_count_on_in_the_next_life(bench: Bench) -> None:
    """A crash between two tries must not give the event all its tries again."""
    floor = Floor(bench, crash_limit=3)
    floor.put(event(1))
    floor.restore(old(1), attempts={"e1": Attempts(2, 0)})

    assert floor.run(RETRY) == ["e1"]

    assert floor.letters() == [("e1", "dead", "ValueError at bot.py:7")]
    assert floor.journal.tally("shop-a").dead == 1


def test_redelivered_event_is_noted_before_it_runs_and_alone(bench: Bench) -> None:
    floor = Floor(bench)
    floor.put(event(1), event(2))
    floor.restore(old(1), old(2))

    run = floor.pool.runs[0]
    assert [each.event_id for each in run.events] == ["e1"]
    assert run.admit is not None
    assert run.admit(run.events[0]) is None
    assert floor.noted() == [(0, 1), (0, 0)]

    assert floor.run(RETRY) == ["e1"]
    assert floor.noted() == [(1, 0), (0, 0)], "it ended otherwise"


def test_only_the_first_events_of_a_lane_are_noted(bench: Bench) -> None:
    """A long backlog must not cost a commit an event."""
    floor = Floor(bench)
    events = [old(number) for number in range(1, SUSPECTS + 5)]
    floor.put(*events)
    floor.restore(*events)
    for number in range(1, SUSPECTS + 1):
        assert floor.run() == [f"e{number}"]
    assert floor.run() == [f"e{number}" for number in range(SUSPECTS + 1, SUSPECTS + 5)]
    assert floor.noted() == []


def test_calm_returns_when_the_old_events_are_gone(bench: Bench) -> None:
    floor = Floor(bench)
    floor.put(event(1))
    floor.restore(old(1))
    floor.run()
    assert not floor.actor._attempts.wary
    floor.store(event(2))
    assert floor.pool.take().admit is None


def test_event_that_ended_too_many_lives_is_a_dead_letter(bench: Bench) -> None:
    floor = Floor(bench)
    floor.put(event(1), event(2))
    floor.restore(old(1), old(2), attempts={"e1": Attempts(1, 2)})
    assert floor.run() == [], "it must not run again"
    assert floor.letters() == [("e1", "dead", "crash_loop")]
    assert bench.watcher.dead == [("e1", "crash_loop")]
    assert bench.log.lines[-1][2]["attempts"] == 3
    assert floor.run() == ["e2"]


def test_parking_event_is_running_while_its_handlers_are(bench: Bench) -> None:
    floor = Floor(bench, Parks("e2"))
    floor.store(event(1), event(2), event(3))
    assert floor.run() == ["e1"], "the others pay nothing"

    run = floor.pool.runs[0]
    assert run.admit is not None
    assert run.admit(run.events[0]) is None
    assert [row.lane_seq for row in floor.journal.pending("shop-a", 0, 9)] == [3]
    floor.run()

    assert floor.run() == ["e3"]
    assert floor.journal.tally("shop-a").done == 3
    assert bench.account.running == {}


def test_parking_handler_that_raises_is_tried_again(bench: Bench) -> None:
    """Raising is an answer: what it did is known to its author."""
    floor = Floor(bench, Parks("e1"))
    floor.store(event(1))
    assert floor.run(RETRY) == ["e1"]
    assert floor.noted() == [(1, 0)]
    floor.rested(1.0)
    assert floor.run() == ["e1"]
    assert floor.letters() == []
    assert floor.journal.tally("shop-a").done == 1


@pytest.mark.parametrize(
    ("parking", "status"), [(Parks("e1"), "parked"), (Parks("e9"), "dead"), (None, "dead")]
)
def test_hung_handler_of_a_parking_event_parks_it(
    bench: Bench, parking: Parking | None, status: str
) -> None:
    floor = Floor(bench, parking)
    floor.store(event(1))
    floor.run(TIMED_OUT)
    assert floor.letters() == [("e1", status, "handler_timed_out")]
    assert floor.logged() == ["event.parked" if status == "parked" else "event.dead_lettered"]


def test_what_a_dead_dispatcher_gave_to_parking_handlers_is_parked(bench: Bench) -> None:
    """Their end is told to the dead; the event must not look pending for ever."""
    floor = Floor(bench, Parks("e1", "e2"))
    floor.store(event(1), event(2, "c2"))
    run = next(run for run in floor.pool.runs if run.lane == "c1")
    assert run.admit is not None
    assert run.admit(run.events[0]) is None
    in_hand = bench.account.flow.in_hand

    floor.life()

    assert floor.letters() == [("e1", "parked", "unknown_effect")]
    assert [row.lane_seq for row in floor.journal.pending("shop-a", 0, 9)] == [2]
    assert bench.account.flow.in_hand == in_hand - 1
    assert floor.logged() == ["event.parked"]
    floor.life()
    assert floor.logged() == ["event.parked"]


def test_second_run_of_a_running_event_never_reaches_its_handlers(bench: Bench) -> None:
    """A run of a former dispatcher began it; the journal is asked, not memory."""
    floor = Floor(bench, Parks("e1"))
    floor.store(event(1))
    run = floor.pool.take()
    assert run.admit is not None
    assert run.admit(run.events[0]) is None
    bench.account.running.clear()
    floor.actor = floor.life()
    floor.restore(event(1))
    assert floor.run() == []
    assert floor.letters() == [("e1", "parked", "unknown_effect")]


def test_begin_that_the_journal_does_not_answer_is_waited_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sick disk must neither bury an event nor run one whose begin may be unknown."""
    monkeypatch.setattr(admission, "BEGIN_S", 0.0)
    floor = Floor(bench, Parks("e1"))
    floor.store(event(1))
    writer = bench.account.services.writer
    submit, kept = writer.submit, []
    writer.submit = lambda *args, **kwargs: kept.append((args, kwargs))  # type: ignore[method-assign]
    for _ in range(5):
        assert floor.run() == []
        floor.rested(BEGIN_AGAIN_S)
    assert floor.logged() == []
    assert len(kept) == 1, "one begin, however long it takes"

    writer.submit = submit  # type: ignore[method-assign]
    ((args, kwargs),) = kept
    submit(*args, **kwargs)

    assert floor.run() == ["e1"]
    assert floor.journal.tally("shop-a").done == 1


def test_begin_that_is_refused_lets_nothing_run(bench: Bench) -> None:
    """After the journal's stop nothing can be noted any more."""
    floor = Floor(bench, Parks("e1"))
    floor.store(event(1))
    bench.account.services.writer.stop(1.0)
    assert floor.run() == []


def test_old_events_expire_with_a_count(bench: Bench) -> None:
    floor = Floor(bench, expire_s=60.0)
    bench.clock.advance(1000.0)
    now, at = bench.clock.unix_ms(), bench.clock.monotonic()
    carried = bench.account.carried
    carried.platform = carried.platform.told(now, asked=at, now=at)
    floor.store(
        event(1, occurred_at_ms=now - 61_000),
        event(2, occurred_at_ms=now - 59_000),
        event(3, received_at_ms=now - 61_000),
    )
    assert floor.run() == ["e2"]
    tally = floor.journal.tally("shop-a")
    assert (tally.expired, tally.done, tally.balanced) == (2, 1, True)
    assert floor.bench.log.lines == [
        ("debug", "event.expired", {"account": "shop-a", "event_id": f"e{number}"})
        for number in (1, 3)
    ]
    assert floor.letters() == []


def test_constants_are_told_apart_by_identity() -> None:
    """The dispatcher compares with ``is``."""
    assert len({id(each) for each in (NOT_BEGUN, UNKNOWN_EFFECT, CRASH_LOOP, EXPIRED)}) == 4


def test_replayed_events_are_read_from_the_journal(bench: Bench) -> None:
    floor = Floor(bench)
    floor.store(event(1), event(2))
    floor.run(Outcome(disposition=Disposition.DEAD, reason="poison"))
    bench.heard["decoder"].drain()
    bench.journal.commit([ReplayEvent(event_id="e1", lane_seq=50)])

    floor.actor.receive(EventsReplayed())

    (page,) = bench.heard["decoder"].of(PendingRead)
    assert [row.replayed for row in page.rows] == [True]


def test_result_of_a_run_settles_in_one_command(bench: Bench) -> None:
    """A failure leaves with the ends before it, and is no end."""
    floor = Floor(bench)
    floor.store(event(1), event(2))
    submitted: list[Any] = []
    writer = bench.account.services.writer
    writer.submit = lambda command, *_, **__: submitted.append(command)  # type: ignore[method-assign]
    floor.run(DONE, RETRY)
    (command,) = submitted
    assert isinstance(command, SettleEvents)
    assert [s.outcome.disposition.value for s in command.settlements] == ["done", "retry"]
    assert floor.actor._lanes.pending == 1


def test_decoder_tells_tries_and_what_was_seen(bench: Bench) -> None:
    """The rows of an earlier life say which of its events handlers may have seen."""

    class Stored:
        def reader(self, account: str, user_id: str | None) -> Stored:
            del account, user_id
            return self

        def decode(self, frame: str, *, received_at_ms: int, numbers: object = None) -> Decoded:
            del received_at_ms, numbers
            return Decoded(raw=frame, events=[msgspec.structs.replace(event(0), event_id=frame)])

    decoder = DecoderActor(bench.pool, bench.with_plan(platform=Stored()))
    rows = [
        msgspec.structs.replace(_row(1), attempts=2, crashes=1),
        msgspec.structs.replace(_row(9), replayed=True),
        _row(10),
    ]
    decoder._restore(PendingRead(rows=rows, more=False, redelivered_below=5, number=1))
    (restored,) = bench.heard["dispatcher"].of(EventsRestored)
    assert restored.attempts == {"f1": Attempts(2, 1), "f9": Attempts(replayed=True)}
    assert [each.redelivered for each in restored.events] == [True, True, False]


def _row(number: int) -> Pending:
    return Pending(
        frame=f"f{number}", raw_id=number, index=0, lane_seq=number, received_at_ms=1, attempts=0
    )
