"""What is read again, and what of it is missing (``contract.md`` 2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy import recovery
from actors.policy.recovery import (
    AskConversations,
    AskMessages,
    Extent,
    Reading,
    continuous,
    extent,
)
from actors.values import Event, Position

DAY_MS = 24 * 3600 * 1000


def at(point: int, at_ms: int = 0, marker: str = "PNM,1") -> Position:
    return Position(marker=marker, point=point, at_ms=at_ms)


def said(number: int, at_ms: int | None, lane: str = "c") -> Event:
    return Event(event_id=f"e{number}", conversation_id=lane, occurred_at_ms=at_ms)


@pytest.mark.parametrize(
    ("cursor", "state", "is_so"),
    [
        (None, at(5), False),
        (at(5), at(5), True),
        (at(6), at(5), True),
        (at(5), at(6), False),
        (at(5, marker="PNM,2"), at(5), False),
    ],
)
def test_continuous_is_the_same_stream_not_ahead(
    cursor: Position | None, state: Position, *, is_so: bool
) -> None:
    assert continuous(cursor, state) is is_so


def test_how_far_back() -> None:
    state = at(9, at_ms=100 * DAY_MS)
    first = extent(None, state, window_ms=10, margin_ms=99)
    assert first == Extent(since_ms=state.at_ms - 10, known_ms=None)
    assert extent(None, state, window_ms=0, margin_ms=99) is None
    lately = at(1, at_ms=99 * DAY_MS)
    assert extent(lately, state, window_ms=0, margin_ms=10) == Extent(
        since_ms=lately.at_ms - 10, known_ms=lately.at_ms
    )


@pytest.mark.parametrize(("days", "horizon_ms"), [(10, float("inf")), (1, DAY_MS)])
def test_nothing_that_may_be_forgotten_is_read_again(days: int, horizon_ms: float) -> None:
    """Past the journal's memory a handled message would look missing."""
    old, state = at(1, at_ms=90 * DAY_MS), at(9, at_ms=(90 + days) * DAY_MS)
    assert extent(old, state, window_ms=0, margin_ms=10, horizon_ms=horizon_ms) == Extent(
        since_ms=old.at_ms, known_ms=old.at_ms
    )


def test_nothing_from_before_the_first_contact_is_read() -> None:
    """Nor later, in the margin before a cursor; what was said since this life began always is."""
    state = at(9, at_ms=100 * DAY_MS)
    begun_ms = state.at_ms - 5
    just_now = extent(
        None, state, window_ms=1_000, margin_ms=99, first_ms=begun_ms, begun_ms=begun_ms
    )
    assert just_now == Extent(since_ms=begun_ms, known_ms=None, past_ms=state.at_ms - 1_000)
    offline = extent(
        None, state, window_ms=0, margin_ms=99, first_ms=state.at_ms - 50, begun_ms=begun_ms - 45
    )
    assert offline is not None
    assert offline.since_ms == state.at_ms - 50
    repaired = extent(None, state, window_ms=10, margin_ms=99, first_ms=1, begun_ms=begun_ms)
    assert repaired is not None
    assert repaired.since_ms == state.at_ms - 10
    lately = at(1, at_ms=99 * DAY_MS)
    again = extent(lately, state, window_ms=0, margin_ms=10, first_ms=lately.at_ms - 3)
    assert again == Extent(since_ms=lately.at_ms - 3, known_ms=lately.at_ms)


def test_conversations_of_the_past_are_counted() -> None:
    reading = Reading(Extent(since_ms=100, known_ms=None, past_ms=50))
    reading.conversations([("a", 100), ("b", 99), ("c", 50), ("d", 49)], None)
    assert reading.next() == AskMessages("a", None)
    assert reading.passed_over == 2


def test_the_list_is_read_until_its_last_line_is_older() -> None:
    reading = Reading(Extent(since_ms=100, known_ms=None))
    assert reading.next() == AskConversations(None)
    reading.conversations([("pinned", 5), ("a", 300), ("b", 200)], 200)
    assert reading.next() == AskConversations(200)
    reading.conversations([("b", 200), ("c", 150), ("old", 99)], 99)
    assert reading.next() == AskConversations(None)
    reading.conversations([("pinned", 5), ("d", 301), ("a", 300)], 300)
    assert reading.next() == AskMessages("a", None)
    asked = []
    while isinstance(question := reading.next(), AskMessages):
        asked.append(question.conversation_id)
        assert reading.messages((), None, {}, held=True) == []
    assert asked == ["a", "b", "c", "d"], "d was on the second page when the first was read"
    assert (reading.next(), reading.pages) == (None, 7)


def test_a_cursor_that_does_not_move_ends_the_list() -> None:
    reading = Reading(Extent(since_ms=0, known_ms=None))
    for cursor in (None, 7, None):
        assert reading.next() == AskConversations(cursor)
        reading.conversations([("a", 7)], 7)
    assert reading.next() == AskMessages("a", None)


def test_the_rest_of_what_can_not_be_had_is_left_out() -> None:
    """What is too large for us, or breaks the link, holds up no other conversation."""
    reading = Reading(Extent(since_ms=0, known_ms=None))
    reading.conversations([("a", 9), ("b", 8)], 7)
    assert reading.leave_out() == ()
    assert reading.next() == AskMessages("a", None)
    assert reading.messages([said(2, 2)], 1, {}, held=False) == ()
    assert [event.event_id for event in reading.leave_out()] == ["e2"]
    assert reading.next() == AskMessages("b", None)
    assert reading.incomplete


def test_an_empty_page_ends_the_list() -> None:
    reading = Reading(Extent(since_ms=0, known_ms=None))
    reading.conversations([], 7)
    assert reading.next() is None


def lane(since_ms: int = 0, known_ms: int | None = None) -> Reading:
    reading = Reading(Extent(since_ms=since_ms, known_ms=known_ms))
    reading.conversations([("c", since_ms)], None)
    return reading


def test_a_conversation_is_read_back_to_what_was_known_before() -> None:
    reading = lane(known_ms=50)
    live = [said(9, 90), said(8, 80)]
    assert reading.messages(live, 80, {"e9": False}, held=True) == ()
    assert reading.next() == AskMessages("c", 80)
    found = reading.messages(
        [said(7, 70), said(6, None), said(5, 50), said(4, 40)], 40, {"e5": True}, held=True
    )
    assert [event.event_id for event in found] == ["e4", "e6", "e7", "e8"]
    assert not any(event.late for event in found if event.event_id in ("e7", "e8"))
    assert found[0].late, "a handler may have seen e5"
    assert reading.next() is None


def test_what_was_pushed_behind_a_newer_one_is_late_too() -> None:
    """It waits, and is known; a handler may have seen what came after it."""
    reading = lane(known_ms=20)
    history = [said(9, 90), said(8, 80), said(7, 70), said(6, 60), said(2, 20)]
    known = {"e9": False, "e8": True, "e7": False, "e2": True}
    found = reading.messages(history, None, known, held=True)
    assert [(event.event_id, event.late) for event in found] == [("e6", True)]
    assert reading.late == ["e7", "e6"]


def test_a_known_event_without_a_time_says_nothing() -> None:
    reading = lane(known_ms=50)
    assert reading.messages([said(1, None)], 40, {"e1": True}, held=True) == ()
    assert reading.next() == AskMessages("c", 40)


def test_nothing_older_than_wanted_is_found() -> None:
    reading = lane(since_ms=60)
    assert [
        event.event_id for event in reading.messages([said(2, 70), said(1, 59)], 9, {}, held=True)
    ] == ["e2"]


@pytest.mark.parametrize("held", [True, False])
def test_a_long_conversation_is_given_out_in_parts(
    monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    monkeypatch.setattr(recovery, "LANE_EVENTS", 2)
    reading = lane()
    first = reading.messages([said(4, 40), said(3, 30)], 30, {}, held=held)
    second = reading.messages([said(2, 20), said(1, 10)], 10, {}, held=held)
    last = reading.messages([], None, {}, held=held)
    assert [event.event_id for event in (*first, *second, *last)] == ["e3", "e4", "e1", "e2"]
    assert [event.late for event in (*first, *second)] == [False, False, not held, not held]


@given(
    times=st.lists(st.integers(0, 200), max_size=40),
    cursor=st.integers(0, 200),
    margin=st.integers(0, 50),
    page=st.integers(1, 7),
    data=st.data(),
)
def test_everything_missing_since_the_cursor_is_found_once_in_order(
    times: list[int], cursor: int, margin: int, page: int, data: st.DataObject
) -> None:
    """Whatever was stored of a conversation, reading it gives exactly the rest."""
    history = [said(number, at_ms) for number, at_ms in enumerate(sorted(times))]
    stored = {
        event.event_id: True
        for event in history
        if (event.occurred_at_ms or 0) <= cursor or data.draw(st.booleans())
    }
    reading = lane(since_ms=max(0, cursor - margin), known_ms=cursor)
    found: list[Event] = []
    newest_first, begin = history[::-1], 0
    while reading.next() is not None:
        part = newest_first[begin : begin + page]
        begin += page
        following = 1000 - begin if begin < len(history) else None
        known = {event.event_id: True for event in part if event.event_id in stored}
        found += reading.messages(part, following, known, held=True)
    assert [event.event_id for event in found] == [
        event.event_id for event in history if event.event_id not in stored
    ]
    newest_handed = max(
        (e.occurred_at_ms or 0 for e in history if e.event_id in stored), default=-1
    )
    for event in found:
        assert event.late is ((event.occurred_at_ms or 0) < newest_handed)


class Talks:
    """A platform's conversations while they are read: people go on talking."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.clock, self.left = 0, 30
        self.lanes: dict[str, list[Event]] = {name: [] for name in "abc"}
        self.known: dict[str, bool] = {}

    def say(self, lane: str) -> Event:
        """Add a message; each has its own time."""
        self.clock += 1
        event = said(self.clock, self.clock, lane)
        self.lanes[lane].append(event)
        return event

    def go_on(self) -> None:
        """Say something between two pages; it is pushed, and waits, or it is lost.

        They fall silent in the end: while they talk the list may be read again and again.
        """
        for lane in self.data.draw(st.lists(st.sampled_from("abc"), max_size=min(2, self.left))):
            self.left -= 1
            event = self.say(lane)
            if self.data.draw(st.booleans()):
                self.known[event.event_id] = False

    def listing(self, cursor: int | None, size: int) -> tuple[list[tuple[str, int]], int | None]:
        """Return a page of conversations, newest first."""
        lines = sorted(
            ((name, said[-1].occurred_at_ms or 0) for name, said in self.lanes.items() if said),
            key=lambda line: -line[1],
        )
        older = [line for line in lines if cursor is None or line[1] < cursor]
        page = older[:size]
        return page, page[-1][1] if len(older) > size else None

    def page(self, lane: str, cursor: int | None, size: int) -> tuple[list[Event], int | None]:
        """Return a page of a conversation, newest first."""
        older = [
            event
            for event in reversed(self.lanes[lane])
            if cursor is None or (event.occurred_at_ms or 0) < cursor
        ]
        page = older[:size]
        return page, page[-1].occurred_at_ms if len(older) > size else None


@given(data=st.data(), size=st.integers(1, 4), margin=st.integers(0, 5))
def test_reading_while_people_talk_merges_every_conversation(
    data: st.DataObject, size: int, margin: int
) -> None:
    """Each missing one once, in its lane's order; what waited or came late says so."""
    talks = Talks(data)
    for lane in data.draw(st.lists(st.sampled_from("abc"), max_size=15)):
        talks.known[talks.say(lane).event_id] = True
    cursor = talks.clock
    for lane in data.draw(st.lists(st.sampled_from("abc"), max_size=20)):
        event = talks.say(lane)
        fate = data.draw(st.sampled_from(["missed", "handed", "waits"]))
        if fate != "missed":
            talks.known[event.event_id] = fate == "handed"
    began = {event.event_id for events in talks.lanes.values() for event in events}
    reading = Reading(Extent(since_ms=max(0, cursor - margin), known_ms=cursor))
    found: list[Event] = []
    while (question := reading.next()) is not None:
        talks.go_on()
        if isinstance(question, AskConversations):
            reading.conversations(*talks.listing(question.cursor, size))
            continue
        page, following = talks.page(question.conversation_id, question.cursor, size)
        known = {e.event_id: talks.known[e.event_id] for e in page if e.event_id in talks.known}
        found += reading.messages(page, following, known, held=True)
        assert reading.pages < 200, "it reads for ever"
    ids = [event.event_id for event in found]
    assert len(ids) == len(set(ids))
    for lane, events in talks.lanes.items():
        given_out = [event.occurred_at_ms or 0 for event in found if event.conversation_id == lane]
        assert given_out == sorted(given_out)
        missing = {e.event_id for e in events} & began - talks.known.keys()
        assert missing <= set(ids)
        handed = [e.occurred_at_ms or 0 for e in events if talks.known.get(e.event_id)]
        newest = max(handed, default=0)
        for event in events:
            overtaken = (event.occurred_at_ms or 0) < newest and event.event_id in began
            waits = event.event_id in began and talks.known.get(event.event_id) is False
            if waits or event.event_id in ids:
                assert (event.event_id in reading.late) is overtaken
    assert {event.event_id for event in found if event.late} <= set(reading.late)
