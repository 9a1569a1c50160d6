"""Late is what follows a newer event of its own lane, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.lanes import KNOWN_LANES, HighWaterMark
from actors.values import Event


def events(*given: tuple[str | None, int | None]) -> list[Event]:
    return [
        Event(event_id=str(number), conversation_id=lane, occurred_at_ms=at_ms)
        for number, (lane, at_ms) in enumerate(given)
    ]


def test_only_the_older_one_of_the_same_lane_is_late() -> None:
    mark = HighWaterMark()
    marked = mark.mark(events(("a", 2), ("b", 1), ("a", 1), ("a", 2), ("a", None), (None, 1)))
    assert [event.late for event in marked] == [False, False, True, False, False, False]
    (again,) = mark.mark(events(("a", 1)))
    assert again.late
    assert mark.mark([again]) == [again], "marked once"


def test_what_is_in_order_is_not_copied() -> None:
    """It is asked for every event there is."""
    batch = events(("a", 1), ("a", 1), ("b", 0), ("a", 7))
    assert HighWaterMark().mark(batch) is batch


def test_old_lanes_are_forgotten() -> None:
    mark = HighWaterMark()
    mark.mark(events(*((str(lane), 9) for lane in range(KNOWN_LANES + 1))))
    forgotten, known = mark.mark(events(("0", 1), (str(KNOWN_LANES), 1)))
    assert (forgotten.late, known.late) == (False, True)


def oracle(batch: list[Event]) -> Iterator[bool]:
    for place, event in enumerate(batch):
        at_ms = event.occurred_at_ms
        yield at_ms is not None and any(
            (other.occurred_at_ms or 0) > at_ms and other.conversation_id == event.conversation_id
            for other in batch[:place]
        )


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.none() | st.integers(0, 5))))
def test_it_agrees_with_looking_back(given: list[tuple[str | None, int | None]]) -> None:
    batch = events(*given)
    assert [event.late for event in HighWaterMark().mark(batch)] == list(oracle(batch))
