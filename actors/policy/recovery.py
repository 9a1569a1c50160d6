"""Recovery: what to read again of an account's history, and which events are missing.

Pure: pages and answers in, the next question and the missing events out. Who asks, stores
and acknowledges is the recovery actor (``contract.md`` 2.2, ``protocol.md`` 17).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from actors.values import Event, Position

DEDUP_SAFE_MS: Final = 6 * 24 * 3600 * 1000
"""A cursor older than this is not read past."""

LANE_EVENTS: Final = 5_000
"""Missing events of one conversation held in memory; more are given out in parts."""


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How far back to read, in the platform's Unix time.

    Attributes:
        since_ms: Nothing older is of interest.
        known_ms: A stored event up to this time means that all before it are stored, too;
            None: no event means that.
        past_ms: A conversation of between here and ``since_ms`` is counted, and not read.
    """

    since_ms: int
    known_ms: int | None
    past_ms: int | None = None


class AskConversations(msgspec.Struct, frozen=True):
    """Ask for a page of conversations."""

    cursor: int | None


class AskMessages(msgspec.Struct, frozen=True):
    """Ask for a page of a conversation's history."""

    conversation_id: str
    cursor: int | None


Question: TypeAlias = AskConversations | AskMessages


def continuous(cursor: Position | None, state: Position) -> bool:
    """Return whether nothing happened since the cursor (``contract.md`` 2.2, step 2)."""
    return cursor is not None and cursor.marker == state.marker and state.point <= cursor.point


def extent(
    cursor: Position | None,
    state: Position,
    *,
    window_ms: int,
    margin_ms: int,
    horizon_ms: float = math.inf,
    first_ms: int | None = None,
    begun_ms: int = 0,
) -> Extent | None:
    """Return how far back to read; None: nothing.

    Args:
        cursor: Up to where everything was read; None on the first contact ever.
        state: Where the platform stands.
        window_ms: How far back to read on the first contact.
        margin_ms: How much before the cursor is read again.
        horizon_ms: How long the journal remembers; older events would look missing
            (``contract.md`` I6).
        first_ms: The first contact; nothing older is read. Zero or None: there is no such limit.
        begun_ms: When this life began, in the platform's time; what was said since is read.
    """
    if cursor is None and first_ms:
        past_ms = state.at_ms - window_ms
        since_ms = max(first_ms, min(past_ms, begun_ms))
        return Extent(since_ms=since_ms, known_ms=None, past_ms=past_ms)
    if cursor is None:
        return Extent(since_ms=state.at_ms - window_ms, known_ms=None) if window_ms else None
    fresh = state.at_ms - cursor.at_ms < min(DEDUP_SAFE_MS, horizon_ms - margin_ms)
    since_ms = cursor.at_ms - margin_ms if fresh else cursor.at_ms
    return Extent(since_ms=max(since_ms, first_ms or 0), known_ms=cursor.at_ms)


class Reading:
    """One pass over the conversations, newest first, and the history of each.

    Ask :meth:`next`, answer with :meth:`conversations` or :meth:`messages`, until there is
    nothing left to ask.

    Attributes:
        late: Ids of events older than what may have been handled: missing ones, and those
            that were pushed and still wait.
        incomplete: Of some conversation the rest cannot be had.
        pages: Pages read so far.
        passed_over: Conversations seen that are all past; there may be more.
        since_ms: How far back it reads, the platform's Unix time.
    """

    __slots__ = (
        "_collected",
        "_floor_ms",
        "_handed_ms",
        "_known_ms",
        "_lanes",
        "_list_cursor",
        "_listing",
        "_message_cursor",
        "_past_ms",
        "_seen",
        "_top_ms",
        "incomplete",
        "late",
        "pages",
        "passed_over",
        "since_ms",
    )  # fmt: skip

    def __init__(self, extent: Extent) -> None:
        self.late: list[str] = []
        self.incomplete = False
        self.pages = self.passed_over = 0
        self._past_ms = extent.since_ms if extent.past_ms is None else extent.past_ms
        self.since_ms = extent.since_ms
        self._known_ms = extent.known_ms
        self._listing = True
        self._floor_ms = extent.since_ms - 1  # what is not newer needs not be listed
        self._top_ms = 0
        self._list_cursor: int | None = None
        self._lanes: list[str] = []
        self._seen: set[str] = set()
        self._message_cursor: int | None = None
        self._collected: list[Event] = []
        self._handed_ms: int | None = None

    def next(self) -> Question | None:
        """Return what to ask now; None: everything was read."""
        if self._listing:
            return AskConversations(self._list_cursor)
        if self._lanes:
            return AskMessages(self._lanes[0], self._message_cursor)
        return None

    def conversations(self, lines: Sequence[tuple[str, int]], following: int | None) -> None:
        """Take a page of conversations.

        A list of more than one page is read once more from its top, down to what was its top
        before: a conversation in which somebody spoke meanwhile is on no later page.

        Args:
            lines: Id and time of the last change of each, newest first.
            following: Where the next page begins; None at the end.
        """
        self.pages += 1
        since_ms = self.since_ms
        self.passed_over += sum(self._past_ms <= at_ms < since_ms for _, at_ms in lines)
        for conversation_id, modified_at_ms in lines:
            if modified_at_ms >= since_ms and conversation_id not in self._seen:
                self._seen.add(conversation_id)
                self._lanes.append(conversation_id)
        first = self._list_cursor is None
        if first:
            self._top_ms = max((at_ms for _, at_ms in lines), default=self._floor_ms)
        # The last line decides: pinned conversations stand before newer ones.
        older = not lines or lines[-1][1] <= self._floor_ms
        if not older and _goes_on(self._list_cursor, following):
            self._list_cursor = following
        elif first or self._top_ms <= self._floor_ms:
            self._listing = False
        else:  # who spoke meanwhile left the page it stood on, for the top
            self._floor_ms, self._list_cursor = self._top_ms, None

    def messages(
        self,
        events: Sequence[Event],
        following: int | None,
        known: Mapping[str, bool],
        *,
        held: bool,
    ) -> Sequence[Event]:
        """Take a page of history.

        Args:
            events: As the platform gave them, newest first.
            following: Where the next page begins; None at the end.
            known: Which of the events are stored; True: a handler may have seen it.
            held: What is given out waits for the rest of its conversation.

        Returns:
            The conversation's missing events, oldest first, once it is read far enough (or
            too much of it is in memory); nothing before. One is ``late`` if a newer event
            of the conversation may have been handled.
        """
        self.pages += 1
        since_ms, known_ms = self.since_ms, self._known_ms
        reached = not _goes_on(self._message_cursor, following)
        for event in events:
            at_ms, handed = event.occurred_at_ms, known.get(event.event_id)
            if at_ms is not None and at_ms < since_ms:
                reached = True
                continue
            if handed is None:
                self._collected.append(event)
                continue
            if at_ms is None:
                continue
            if handed:
                self._handed_ms = max(at_ms, self._handed_ms or at_ms)
            elif _is_late(event, self._handed_ms):
                self.late.append(event.event_id)
            if known_ms is not None and at_ms <= known_ms:
                reached = True
        self._message_cursor = None if reached else following
        if reached:
            del self._lanes[0]
        elif len(self._collected) < LANE_EVENTS:
            return ()
        return self._give(reached=reached, held=held)

    def leave_out(self) -> Sequence[Event]:
        """Leave the rest of what is asked for now; give what was found of that conversation."""
        self.incomplete = True
        if self._listing:
            self._listing = False
            return ()
        self._message_cursor = None
        del self._lanes[0]
        return self._give(reached=True, held=True)

    def _give(self, *, reached: bool, held: bool) -> Sequence[Event]:
        handed_ms = self._handed_ms
        found, self._collected = self._collected, []
        if reached:
            self._handed_ms = None
        elif not held:  # these may be handled before the older ones are read
            times = [event.occurred_at_ms or 0 for event in found]
            self._handed_ms = max(times, default=0) if handed_ms is None else handed_ms
        given = [
            msgspec.structs.replace(event, late=True) if _is_late(event, handed_ms) else event
            for event in _oldest_first(found)
        ]
        self.late += [event.event_id for event in given if event.late]  # it may be pushed meanwhile
        return given


def _goes_on(cursor: int | None, following: int | None) -> bool:
    """Return whether there is another page; a cursor that does not move leads nowhere."""
    return following is not None and following != cursor


def _is_late(event: Event, handed_ms: int | None) -> bool:
    at_ms = event.occurred_at_ms
    return handed_ms is not None and at_ms is not None and at_ms < handed_ms


def _oldest_first(newest_first: Sequence[Event]) -> list[Event]:
    """Sort by the platform's time; an event without one stays behind the one before it."""
    keyed: list[tuple[int, Event]] = []
    at_ms = 0
    for event in reversed(newest_first):
        at_ms = event.occurred_at_ms if event.occurred_at_ms is not None else at_ms
        keyed.append((at_ms, event))
    keyed.sort(key=_time)
    return [event for _, event in keyed]


def _time(keyed: tuple[int, Event]) -> int:
    return keyed[0]
