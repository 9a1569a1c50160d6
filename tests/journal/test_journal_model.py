"""Random commands against a list model, with reopening: the journal never disagrees."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.policy.reasons import ABSENT
from actors.ports.commands import (
    BeginEvent,
    DropEvent,
    MarkDelivery,
    ParkEvents,
    ReplayEvent,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
)
from actors.ports.journal import SendQuery
from actors.runtime.clock import SystemClock
from actors.values import (
    DONE,
    Content,
    Decoded,
    Delivery,
    Disposition,
    Event,
    Outcome,
    SendOutcome,
    SendResult,
    SendState,
)
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.order import arrange, in_order
from gateway.journal.sqlite.journal import SqliteJournal
from tests.open_sends import unsent

ACCOUNTS = ("a", "b")
ENDS = (
    Disposition.DONE,
    Disposition.DEAD,
    Disposition.IGNORED,
    Disposition.PARKED,
    Disposition.EXPIRED,
)
LETTERS = (Disposition.DEAD, Disposition.PARKED)

T = TypeVar("T")

Entry: TypeAlias = tuple[int, str | None, int | None]

pushes = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 25),
            st.sampled_from(["x", "y", None]),
            st.none() | st.integers(0, 5),
        ),
        max_size=5,
    ),
    max_size=3,
)
"""Frames of (name, lane, time); a name may come back with another time, as peers do."""


class JournalMachine(RuleBasedStateMachine):
    """Lists of what was stored, settled and sent; the journal must say the same."""

    reopens = True

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.journal: SqliteJournal | MemoryJournal = self.opened()
        self.twin = MemoryJournal()
        self.known: dict[str, set[str]] = {a: set() for a in ACCOUNTS}
        self.pending: dict[str, dict[str, Event]] = {a: {} for a in ACCOUNTS}
        self.frames: dict[str, tuple[str, int]] = {}
        self.totals = {a: dict.fromkeys(("received", "duplicates", "done"), 0) for a in ACCOUNTS}
        self.open: dict[str, SendState | None] = {}
        self.ended: dict[str, SendOutcome] = {}
        self.running: dict[str, Event] = {}
        self.letters: dict[str, tuple[str, Event]] = {}
        self.pushed = self.sent = 0

    def opened(self) -> SqliteJournal | MemoryJournal:
        """Open the file, or a memory that cannot be opened again."""
        if self.reopens:
            path = Path(self.directory.name) / "j.db"
            return SqliteJournal(path, synchronous="NORMAL", clock=SystemClock())
        return MemoryJournal()

    def teardown(self) -> None:
        """Close the file before its directory goes."""
        self.journal.close()
        self.directory.cleanup()

    @rule(account=st.sampled_from(ACCOUNTS), push=pushes, numbered=st.booleans())
    def receive(
        self,
        account: str,
        push: Sequence[Sequence[Entry]],
        numbered: bool,  # noqa: FBT001  # hypothesis draws it
    ) -> None:
        """Frames with old, new and repeated events, in any order of time."""
        command = self.frames_of(self.journal, account, push, numbered=numbered)
        twin = self.frames_of(self.twin, account, push, numbered=numbered)
        self.pushed += len(push)
        frames = command.frames
        expected: dict[str, tuple[str, int]] = {}
        offered = 0
        for frame in frames:
            for index, event in enumerate(frame.events):
                offered += 1
                if event.event_id not in self.known[account]:
                    self.known[account].add(event.event_id)
                    expected[event.event_id] = (str(frame.raw), index)
        (answer,) = self.journal.commit([command])
        assert isinstance(answer, list)
        events = [e for e in answer if isinstance(e, Event)]
        assert {e.event_id for e in events} == set(expected)
        assert len(events) == len(expected)
        (other,) = self.twin.commit([twin])
        assert isinstance(other, list)
        assert [e.event_id for e in events] == [e.event_id for e in other if isinstance(e, Event)]
        last_number = 0
        for event in events:
            number = event.lane_seq or 0
            assert number > last_number
            last_number = number
        for lane in ("x", "y"):
            times = [e.occurred_at_ms for e in events if e.conversation_id == lane]
            if None not in times:
                assert times == sorted(times)  # type: ignore[type-var]  # none is None
        self.frames.update(expected)
        self.pending[account].update({e.event_id: e for e in events})
        self.totals[account]["received"] += offered
        self.totals[account]["duplicates"] += offered - len(expected)

    @precondition(lambda self: any(self.pending.values()))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """End some events of an account, some of them for the second time."""
        account = data.draw(st.sampled_from([a for a in ACCOUNTS if self.pending[a]]))
        names = st.sampled_from(sorted(self.pending[account]))
        chosen = data.draw(st.lists(names, min_size=1, max_size=5))
        settlements = []
        done: list[Event] = []
        replies: list[Delivery] = []
        seen: set[str] = set()
        for name in chosen:
            reply = self.delivery(account) if data.draw(st.booleans()) else None
            outcome = Outcome(
                disposition=data.draw(st.sampled_from(ENDS)), replies=[reply] if reply else []
            )
            event = self.pending[account][name]
            attempts = data.draw(st.integers(1, 3))
            if outcome == DONE and name not in seen and data.draw(st.booleans()):
                done.append(event)
            else:
                settlements.append(Settlement(event=event, outcome=outcome, attempts=attempts))
            if name not in seen:
                seen.add(name)
                replies += outcome.replies
                if outcome.disposition in LETTERS:
                    self.letters[name] = (outcome.disposition.value, event)
        (answer,) = self.journal.commit(
            [SettleEvents(account=account, settlements=settlements, done=done)]
        )
        assert answer == replies
        for name in seen:
            del self.pending[account][name]
        self.totals[account]["done"] += len(seen)
        self.open.update({reply.outbox_id: None for reply in replies})

    @precondition(lambda self: any(self.pending.values()))
    @rule(data=st.data(), park=st.booleans())
    def begin(self, data: st.DataObject, park: bool) -> None:  # noqa: FBT001  # hypothesis draws it
        """Note a try; a parking one is running, and does not begin twice."""
        name, event = self.drawn(data, {n: e for a in ACCOUNTS for n, e in self.pending[a].items()})
        command = BeginEvent(event=event, crashes=1, park=park)
        assert self.journal.commit([command, command]) == [True, not park]
        if park:
            self.running[name] = self.pending[event.account].pop(name)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from([*ENDS, Disposition.RETRY]))
    def end_running(self, data: st.DataObject, how: Disposition) -> None:
        """End what is running, or its try."""
        name, event = self.drawn(data, self.running)
        settlement = Settlement(event=event, outcome=Outcome(disposition=how), begun=True)
        self.journal.commit([SettleEvents(account=event.account, settlements=[settlement])])
        del self.running[name]
        if how is Disposition.RETRY:
            self.pending[event.account][name] = event
            return
        self.totals[event.account]["done"] += 1
        if how in LETTERS:
            self.letters[name] = (how.value, event)

    @precondition(lambda self: self.running)
    @rule()
    def park(self) -> None:
        """Give up what is running, as a new dispatcher does."""
        for account in ACCOUNTS:
            numbers = [e.lane_seq or 0 for e in self.running.values() if e.account == account]
            command = ParkEvents(account=account, lane_seqs=numbers)
            assert self.journal.commit([command]) == [len(numbers)]
        self.parked()

    def parked(self) -> None:
        """Expect what was running among the letters."""
        for name, event in self.running.items():
            self.letters[name] = ("parked", event)
            self.totals[event.account]["done"] += 1
        self.running = {}

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), replay=st.booleans())
    def review(self, data: st.DataObject, replay: bool) -> None:  # noqa: FBT001  # drawn
        """Put a letter back or drop it, once."""
        name, (_, event) = self.drawn(data, self.letters)
        del self.letters[name]
        if not replay:
            assert self.journal.commit([DropEvent(event_id=name)])[0]
            return
        number = next(self.journal.numbers())
        command = ReplayEvent(event_id=name, lane_seq=number)
        assert self.journal.commit([command, command]) == [True, False]
        again = msgspec.structs.replace(event, lane_seq=number)
        self.pending[event.account][name] = again
        self.totals[event.account]["done"] -= 1

    @staticmethod
    def drawn(data: st.DataObject, among: Mapping[str, T]) -> tuple[str, T]:
        """Draw one of these."""
        name = data.draw(st.sampled_from(sorted(among)))
        return name, among[name]

    @rule(account=st.sampled_from(ACCOUNTS))
    def send(self, account: str) -> None:
        """Accept a send."""
        delivery = self.delivery(account)
        assert self.journal.commit([StoreDelivery(delivery=delivery)]) == [delivery]
        self.open[delivery.outbox_id] = None

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        """Begin an attempt, give it back, end it, or begin and end it."""
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.sent += 1
        mid = f"mid-{self.sent}" if data.draw(st.booleans()) else None
        outcome = data.draw(st.none() | st.sampled_from(list(SendOutcome)))
        result = None if outcome is None else SendResult(outcome=outcome)
        requeued = data.draw(st.none() | st.just(ABSENT)) if mid is not None else None
        by_hand = data.draw(st.booleans())
        note = MarkDelivery(
            outbox_id=name,
            generation=1,
            mid=mid,
            result=result,
            requeued=requeued,
            by_hand=by_hand,
        )
        assert self.journal.commit([note]) == [self.marked(name, note)]

    def marked(self, name: str, note: MarkDelivery) -> bool:
        """Do it in the model."""
        state = self.open[name]
        if note.requeued is not None:
            self.open[name] = None
            return state is not None
        if note.mid is not None:
            if state is not None:
                return False
            state = self.open[name] = SendState.SENDING
        if note.result is None:
            return True
        outcome = note.result.outcome
        if outcome in (SendOutcome.EXPIRED, SendOutcome.CANCELLED):
            if state is not None:
                return False
        elif note.by_hand and state is not SendState.UNKNOWN:
            return False
        if outcome is SendOutcome.UNKNOWN:
            self.open[name] = SendState.UNKNOWN
        else:
            del self.open[name]
            self.ended[name] = outcome
        return True

    @precondition(lambda self: self.reopens)
    @rule()
    def reopen(self) -> None:
        """Stop and start again; what was running is parked."""
        self.journal.close()
        self.journal = self.opened()
        self.parked()

    @invariant()
    def agrees(self) -> None:
        """Compare all that can be asked."""
        for account in ACCOUNTS:
            counts = self.journal.tally(account)
            assert counts.balanced
            ended = counts.done + counts.dead + counts.ignored + counts.parked + counts.expired
            totals = self.totals[account]
            assert (counts.received, counts.duplicates) == (
                totals["received"],
                totals["duplicates"],
            )
            assert ended == totals["done"]
            running = sum(event.account == account for event in self.running.values())
            assert counts.pending == len(self.pending[account]) + running
            expected = sorted((e.lane_seq or 0, n) for n, e in self.pending[account].items())
            assert [
                (p.lane_seq, p.frame, p.index) for p in self.journal.pending(account, 0, 1000)
            ] == [(number, *self.frames[name]) for number, name in expected]
        found = self.journal.letters(None, 1000)
        assert {each.event_id: each.status for each in found} == {
            name: status for name, (status, _) in self.letters.items()
        }
        sends = [entry for account in ACCOUNTS for entry in unsent(self.journal, account)]
        assert {sent.outbox_id: tried is not None for sent, tried in sends} == {
            name: state is not None for name, state in self.open.items()
        }
        records = self.journal.sends(SendQuery())
        assert {each.delivery.outbox_id: each.state.value for each in records} == {
            name: (state or SendState.QUEUED).value for name, state in self.open.items()
        } | {name: outcome.value for name, outcome in self.ended.items()}

    def frames_of(
        self,
        journal: SqliteJournal | MemoryJournal,
        account: str,
        push: Sequence[Sequence[Entry]],
        *,
        numbered: bool,
    ) -> StoreFrames:
        """Make the same frames for either journal, numbered by its own numbers."""
        numbers = journal.numbers()
        return StoreFrames(
            account=account,
            generation=1,
            received_at_ms=1,
            frames=[
                Decoded(
                    raw=f"frame {self.pushed + place}",
                    events=[
                        Event(
                            account=account,
                            event_id=f"{account}/{name}",
                            conversation_id=lane,
                            occurred_at_ms=at,
                            lane_seq=next(numbers) if numbered else None,
                        )
                        for name, lane, at in entries
                    ],
                )
                for place, entries in enumerate(push, 1)
            ],
        )

    def delivery(self, account: str) -> Delivery:
        """Make a send nobody made before."""
        self.sent += 1
        return Delivery(
            outbox_id=f"out-{self.sent}",
            uuid=f"uuid-{self.sent}",
            account=account,
            conversation_id="x",
            to=None,
            content=Content(text="hi"),
            expires_at_ms=1,
        )


class MemoryMachine(JournalMachine):
    """The same without a file."""

    reopens = False


_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@pytest.mark.parametrize("machine", [JournalMachine, MemoryMachine])
def test_the_journal_agrees_with_its_model(machine: type[JournalMachine]) -> None:
    case = machine.TestCase
    case.settings = _SETTINGS
    case().runTest()


entries = st.lists(
    st.tuples(st.sampled_from(["x", "y", None]), st.none() | st.integers(0, 4), st.booleans()),
    max_size=12,
)


@given(entries)
def test_arranging_sorts_lanes_and_moves_nothing_else(
    drawn: list[tuple[str | None, int | None, bool]],
) -> None:
    numbers = iter(range(1, 1000))
    events = [
        Event(
            event_id=str(place),
            conversation_id=lane,
            occurred_at_ms=at,
            lane_seq=next(numbers) if numbered else None,
        )
        for place, (lane, at, numbered) in enumerate(drawn)
    ]
    arranged, origins = arrange(events, range(len(events)), numbers)
    assert [int(e.event_id) for e in arranged] == list(origins)
    assert sorted(origins) == list(range(len(events)))
    assert [e.conversation_id for e in arranged] == [e.conversation_id for e in events]
    laneless = [place for place, event in enumerate(events) if event.conversation_id is None]
    assert all(origins[place] == place for place in laneless)
    if all(at is not None for _, at, _ in drawn):
        assert in_order(arranged)
        again, places = arrange(arranged, origins, numbers)
        assert (again, places) == (arranged, origins), "equal times must keep their order"
