"""Lanes against a plain model: order, one in flight, nothing lost, nothing kept."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.policy.lanes import Lanes, Run
from actors.values import Event

LANES = ["", "c1", "c2", "c3"]


def event(lane: str, number: int = 0) -> Event:
    return Event(conversation_id=lane or None, event_id=str(number), lane_seq=number)


def test_runs_come_in_the_order_lanes_became_ready() -> None:
    lanes = Lanes()
    batch = [event("b", 1), event("a", 2), event("b", 3), event("", 4)]
    lanes.add(batch)
    assert lanes.take() == [
        Run("b", [batch[0], batch[2]]),
        Run("a", [batch[1]]),
        Run("", [batch[3]]),
    ]
    assert lanes.take() == []
    assert (lanes.pending, lanes.lane_count) == (4, 3)
    assert not lanes.resting
    for lane in ("b", "a", ""):
        lanes.finish(lane, 0)
    assert lanes.resting


def test_long_and_held_lanes_are_little_to_do() -> None:
    """What waits behind a stuck event is no reason to read no other lane."""
    lanes = Lanes(run_limit=2)
    lanes.add([event(lane, n) for lane in ("long", "held") for n in range(5)])
    lanes.add([event("short")])
    assert lanes.pending == 11
    assert [lanes.has_more_than(work) for work in (4, 5)] == [True, False]
    lanes.take()
    lanes.hold("held")
    assert (lanes.depth("long"), lanes.depth("nobody")) == (5, 0)
    assert [lanes.has_more_than(work) for work in (2, 3)] == [True, False]


def test_a_run_is_not_changed_by_what_comes_later() -> None:
    """A handler thread walks over it while the next events arrive."""
    lanes = Lanes(run_limit=2)
    lanes.add([event("a", n) for n in range(2)])
    (run,) = lanes.take()
    lanes.add([event("a", 2)])
    assert [one.lane_seq for one in run.events] == [0, 1]
    lanes.finish("a", 2)
    assert [one.lane_seq for one in lanes.take()[0].events] == [2]


def test_what_is_not_done_stays_at_the_head() -> None:
    lanes = Lanes(run_limit=3)
    lanes.add([event("a", n) for n in range(5)])
    lanes.take()
    lanes.finish("a", 1)
    assert [one.lane_seq for one in lanes.take()[0].events] == [1, 2, 3]
    lanes.finish("a", 0)
    assert [one.lane_seq for one in lanes.take()[0].events] == [1, 2, 3]


def test_a_held_lane_waits_and_hinders_nobody() -> None:
    lanes = Lanes()
    lanes.add([event("a", 1), event("b", 2)])
    lanes.hold("a")
    assert [run.lane for run in lanes.take()] == ["b"]
    lanes.release("a")
    assert [run.lane for run in lanes.take()] == ["a"]
    lanes.hold("a")
    lanes.finish("a", 0)
    assert lanes.take() == []
    lanes.release("a")
    lanes.release("a")
    assert [run.lane for run in lanes.take()] == ["a"]


@pytest.mark.parametrize("done", [-1, 3])
def test_a_wrong_count_is_refused_and_changes_nothing(done: int) -> None:
    lanes = Lanes()
    lanes.add([event("a"), event("a")])
    lanes.take()
    with pytest.raises(ValueError, match="'a'"):
        lanes.finish("a", done)
    lanes.finish("a", 2)
    assert lanes.pending == 0


@pytest.mark.parametrize("done", [0, 1])
def test_a_lane_that_is_not_in_flight_can_not_finish(done: int) -> None:
    lanes = Lanes()
    lanes.add([event("a")])
    with pytest.raises(ValueError, match="'a'"):
        lanes.finish("a", done)


def test_a_run_needs_room() -> None:
    with pytest.raises(ValueError, match="run_limit"):
        Lanes(run_limit=0)


def test_an_empty_lane_costs_nothing() -> None:
    """A shop talks to a million people a year; none of them may stay in memory."""
    lanes = Lanes()

    def visit() -> None:
        for number in range(2000):
            lane = f"c{number}"
            lanes.add([event(lane)])
            lanes.hold(lane)
            lanes.release(lane)
            lanes.take()
            lanes.finish(lane, 1)
        lanes.take()

    visit()
    gc.collect()
    before = sys.getallocatedblocks()
    visit()
    gc.collect()
    assert sys.getallocatedblocks() - before < 200
    assert lanes.lane_count == lanes.pending == 0


class LanesAgainstModel(RuleBasedStateMachine):
    """The model: a list a lane, a set in flight, a set held."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(run_limit=3)
        self.waiting: dict[str, list[int]] = {lane: [] for lane in LANES}
        self.in_flight: dict[str, list[int]] = {}
        self.held: set[str] = set()
        self.number = 0

    @rule(where=st.lists(st.sampled_from(LANES), max_size=8))
    def add(self, where: list[str]) -> None:
        """Events arrive."""
        batch = []
        for lane in where:
            self.number += 1
            self.waiting[lane].append(self.number)
            batch.append(event(lane, self.number))
        self.lanes.add(batch)

    @rule()
    def take(self) -> None:
        """Every ready lane gives its first three."""
        runs = self.lanes.take()
        ready = {
            lane
            for lane, numbers in self.waiting.items()
            if numbers and lane not in self.in_flight and lane not in self.held
        }
        assert sorted(run.lane for run in runs) == sorted(ready)
        for run in runs:
            self.in_flight[run.lane] = [int(one.event_id) for one in run.events]
            assert self.in_flight[run.lane] == self.waiting[run.lane][:3]

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """A run ends with some of its events done."""
        lane = data.draw(st.sampled_from(sorted(self.in_flight)))
        done = data.draw(st.integers(0, len(self.in_flight.pop(lane))))
        self.lanes.finish(lane, done)
        del self.waiting[lane][:done]

    @rule(lane=st.sampled_from(LANES))
    def hold(self, lane: str) -> None:
        """A lane is to pause."""
        self.lanes.hold(lane)
        self.held.add(lane)

    @rule(lane=st.sampled_from(LANES))
    def release(self, lane: str) -> None:
        """A pause is over."""
        self.lanes.release(lane)
        self.held.discard(lane)

    @invariant()
    def counts_agree(self) -> None:
        """Nothing is lost or kept too long."""
        assert self.lanes.pending == sum(map(len, self.waiting.values()))
        assert self.lanes.lane_count == sum(map(bool, self.waiting.values()))

    def teardown(self) -> None:
        """Whatever happened, everything comes out in the end."""
        for lane in LANES:
            self.release(lane)
        for lane in list(self.in_flight):
            self.lanes.finish(lane, len(self.in_flight[lane]))
            del self.waiting[lane][: len(self.in_flight.pop(lane))]
        while self.lanes.pending:
            self.take()
            for lane, numbers in self.in_flight.items():
                self.lanes.finish(lane, len(numbers))
                del self.waiting[lane][: len(numbers)]
            self.in_flight.clear()
        assert not any(self.waiting.values())


LanesAgainstModel.TestCase.settings = settings(max_examples=60, deadline=None)
test_lanes_against_model = LanesAgainstModel.TestCase
