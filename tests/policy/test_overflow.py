"""Lanes too long for memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.overflow import Overflow
from actors.values import Event


def events(lane: str, *numbers: int) -> list[Event]:
    return [Event(event_id=str(n), conversation_id=lane or None, lane_seq=n) for n in numbers]


def numbers(kept: list[Event]) -> list[int | None]:
    return [event.lane_seq for event in kept]


def empty(_: str) -> int:
    return 0


def test_what_a_full_lane_has_no_room_for_stays_in_the_journal() -> None:
    overflow = Overflow(3)
    news = [*events("a", 1, 2), *events("", 3), *events("a", 4, 5)]
    assert numbers(overflow.keep(news, {"a": 1, "": 0}.__getitem__)) == [1, 2, 3]
    assert len(overflow) == 1
    assert numbers(overflow.keep(events("a", 6), empty)) == [], "it would overtake 4 and 5"
    assert numbers(overflow.keep(events("", 7), empty)) == [7]


def test_a_lane_is_read_on_from_where_it_ended_once_it_has_room() -> None:
    overflow = Overflow(1)
    overflow.keep(events("a", 1, 2, 3), empty)
    assert overflow.next(lambda _: 2, 1) is None
    assert overflow.next(lambda _: 1, 1) == ("a", 1)
    assert overflow.next(empty, 1) is None, "it is being read"
    overflow.read("a", 2, more=True)
    assert overflow.next(empty, 1) == ("a", 2)
    overflow.read("a", 3, more=False)
    assert overflow.next(empty, 1) is None
    overflow.settle()
    assert len(overflow) == 0
    overflow.read("a", 4, more=True)  # a page that was asked for before
    assert len(overflow) == 0


def test_what_comes_while_a_lane_is_read_is_read_next() -> None:
    overflow = Overflow(1)
    overflow.keep(events("a", 1, 2), empty)
    assert overflow.next(empty, 0) == ("a", 1)
    overflow.keep(events("a", 3), empty)
    overflow.read("a", 2, more=False)
    overflow.settle()
    assert overflow.next(empty, 0) == ("a", 2)
    overflow.read("a", 0, more=False)
    overflow.forget_reads()
    assert overflow.next(empty, 0) == ("a", 2), "a page that died in between"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), max_size=40),
    st.data(),
)
def test_every_event_comes_once_and_in_order(
    told: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Against a journal that is a list; reads of lanes come in between at any time."""
    overflow, journal, number = Overflow(4), list[Event](), 0
    waiting: dict[str, list[int]] = {lane: [] for lane in "abc"}
    handled: dict[str, list[int]] = {lane: [] for lane in "abc"}

    def depth(lane: str) -> int:
        return len(waiting[lane])

    def read(most: int) -> bool:
        found = overflow.next(depth, 1)
        if found is None:
            overflow.settle()
            return False
        lane, after = found
        left = [e for e in journal if e.conversation_id == lane and (e.lane_seq or 0) > after]
        page = left[:most]
        overflow.read(lane, page[-1].lane_seq or 0 if page else 0, more=len(left) > most)
        waiting[lane] += [event.lane_seq or 0 for event in page]
        return True

    for lane, count in told:
        fresh = events(lane, *range(number + 1, number + 1 + count))
        number += count
        journal += fresh
        for event in overflow.keep(fresh, depth):
            waiting[lane].append(event.lane_seq or 0)
        handle = data.draw(st.sampled_from("abc"))
        done = data.draw(st.integers(0, len(waiting[handle])))
        handled[handle] += waiting[handle][:done]
        del waiting[handle][:done]
        if data.draw(st.booleans()):
            read(data.draw(st.integers(1, 3)))
    while any(waiting.values()) or len(overflow):
        for lane, inside in waiting.items():
            handled[lane] += inside
            inside.clear()
        read(3)
    for lane, order in handled.items():
        assert order == [e.lane_seq for e in journal if e.conversation_id == lane]
