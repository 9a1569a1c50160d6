"""What every journal answers, on disk or in memory."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest

from actors.policy.reasons import ABSENT, UNCONFIRMED, UNWRITTEN
from actors.policy.retries import GiveUp, History
from actors.ports.commands import (
    JournalCommand,
    MarkDelivery,
    Past,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
    StoreKept,
    StorePast,
    StorePaused,
)
from actors.ports.journal import SendQuery, Standing, Tally
from actors.runtime.clock import SystemClock
from actors.values import (
    Content,
    Decoded,
    Delivery,
    Disposition,
    ErrorClass,
    Event,
    Failure,
    Frame,
    Outcome,
    SendOutcome,
    SendResult,
    SendState,
)
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite import outbox
from gateway.journal.sqlite.journal import SqliteJournal
from tests.open_sends import unsent

AnyJournal: TypeAlias = SqliteJournal | MemoryJournal


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyJournal]:
    made: AnyJournal = (
        SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock())
        if request.param == "sqlite"
        else MemoryJournal()
    )
    yield made
    made.close()


def event(
    name: str, *, lane: str | None = "c1", at: int | None = None, number: int | None, account: str
) -> Event:
    return Event(
        account=account,
        event_id=f"{account}/{name}",
        conversation_id=lane,
        lane_seq=number,
        occurred_at_ms=at,
    )


def frames(
    journal: AnyJournal,
    *pushes: Sequence[tuple[str, str | None, int | None]],
    account: str = "a",
    raw: Callable[[int], Frame] = "frame {}".format,
    numbered: bool = True,
) -> StoreFrames:
    """Frames of events given as (name, lane, time), numbered as a decoder does."""
    numbers = journal.numbers()
    return StoreFrames(
        account=account,
        generation=1,
        received_at_ms=1000,
        frames=[
            Decoded(
                raw=raw(place),
                events=[
                    event(
                        name,
                        lane=lane,
                        at=at,
                        number=next(numbers) if numbered else None,
                        account=account,
                    )
                    for name, lane, at in push
                ],
            )
            for place, push in enumerate(pushes)
        ],
    )


def stored(journal: AnyJournal, *commands: JournalCommand) -> list[list[Event]]:
    answers = journal.commit(commands)
    assert all(isinstance(answer, list) for answer in answers)
    return [[e for e in answer or () if isinstance(e, Event)] for answer in answers]  # type: ignore[union-attr]  # only StoreFrames are given


def names(events: Sequence[Event]) -> list[str]:
    return [e.event_id.partition("/")[2] for e in events]


def settled(
    events: Sequence[Event], outcome: Outcome | None = None, attempts: int = 1, account: str = "a"
) -> SettleEvents:
    return SettleEvents(
        account=account,
        settlements=[
            Settlement(event=e, outcome=outcome or Outcome(), attempts=attempts) for e in events
        ],
    )


def delivery(name: str, *, account: str = "a", said: str = "hi") -> Delivery:
    return Delivery(
        outbox_id=name,
        uuid=f"uuid-{name}",
        account=account,
        conversation_id="c1",
        to="42",
        content=Content(text=said),
        expires_at_ms=99,
        event_id="a/m1",
    )


def test_new_events_are_answered_and_pending(journal: AnyJournal) -> None:
    (events,) = stored(
        journal, frames(journal, [("m1", "c1", 1), ("m2", "c2", 2)], [("m3", "c1", 3)])
    )
    assert names(events) == ["m1", "m2", "m3"]
    pending = journal.pending("a", 0, 10)
    assert [(p.frame, p.index) for p in pending] == [("frame 0", 0), ("frame 0", 1), ("frame 1", 0)]
    assert [p.lane_seq for p in pending] == [e.lane_seq for e in events]
    assert [p.received_at_ms for p in pending] == [1000] * 3
    assert [p.attempts for p in pending] == [0] * 3


def test_pending_pages_by_number_and_account(journal: AnyJournal) -> None:
    mine, _ = stored(
        journal,
        frames(journal, *([(f"m{i}", "c", i)] for i in range(5))),
        frames(journal, [("x", "c", 1)], account="b"),
    )
    first = journal.pending("a", 0, 2)
    rest = journal.pending("a", first[-1].lane_seq, 10)
    assert [p.lane_seq for p in [*first, *rest]] == [e.lane_seq for e in mine]
    assert len(first) == 2
    assert [p.frame for p in journal.pending("b", 0, 10)] == ["frame 0"]
    assert journal.pending("nobody", 0, 10) == []


def test_a_frame_may_be_bytes(journal: AnyJournal) -> None:
    stored(journal, frames(journal, [("m1", "c", 1)], raw=lambda _: b"\x00\xff"))
    assert journal.pending("a", 0, 1)[0].frame == b"\x00\xff"


def test_a_redelivery_is_counted_and_not_answered(journal: AnyJournal) -> None:
    """The platform pushes again what it saw no ack for; handlers must not see it twice."""
    (first,) = stored(journal, frames(journal, [("m1", "c", 1), ("m2", "c", 2)]))
    (again,) = stored(journal, frames(journal, [("m2", "c", 2), ("m3", "c", 3)]))
    (nothing,) = stored(journal, frames(journal, [("m1", "c", 1)]))
    assert (names(first), names(again), nothing) == (["m1", "m2"], ["m3"], [])
    assert [(p.frame, p.index) for p in journal.pending("a", 0, 9)][-1] == ("frame 0", 1)
    counts = journal.tally("a")
    assert (counts.received, counts.duplicates, counts.pending) == (5, 2, 3)


def test_duplicates_within_one_commit_count_once(journal: AnyJournal) -> None:
    one, other = stored(
        journal,
        frames(journal, [("m1", "c", 1), ("m1", "c", 1)], [("m1", "c", 1), ("m2", "c", 2)]),
        frames(journal, [("m2", "c", 2), ("m3", "c", 3)]),
    )
    assert (names(one), names(other)) == (["m1", "m2"], ["m3"])
    assert journal.tally("a").duplicates == 3


def test_a_settled_event_stays_known(journal: AnyJournal) -> None:
    (events,) = stored(journal, frames(journal, [("m1", "c", 1)]))
    journal.commit([settled(events)])
    assert stored(journal, frames(journal, [("m1", "c", 1)])) == [[]]


def test_lanes_are_put_in_the_peers_order_within_a_command(journal: AnyJournal) -> None:
    (events,) = stored(
        journal,
        frames(
            journal,
            [("a9", "A", 9), ("b1", "B", 1)],
            [("a5", "A", 5), ("n", None, 0), ("b0", "B", None), ("a7", "A", 7)],
        ),
    )
    numbers = [e.lane_seq or 0 for e in events]
    assert numbers == sorted(numbers)
    assert [n for n in names(events) if n[0] == "a"] == ["a5", "a7", "a9"]
    assert [n for n in names(events) if n[0] == "b"] == ["b1", "b0"]
    where = {p.lane_seq: (p.frame, p.index) for p in journal.pending("a", 0, 9)}
    assert where == {
        number: {
            "a9": ("frame 0", 0),
            "b1": ("frame 0", 1),
            "a5": ("frame 1", 0),
            "n": ("frame 1", 1),
            "b0": ("frame 1", 2),
            "a7": ("frame 1", 3),
        }[name]
        for number, name in zip(numbers, names(events), strict=True)
    }


def test_a_copy_does_not_decide_where_an_event_goes(journal: AnyJournal) -> None:
    """An untimed event stays behind the one its first copy came after."""
    stored(journal, frames(journal, [("old", "A", 0)]))
    one, other = stored(
        journal,
        frames(journal, [("a4", "A", 4), ("n", "A", None), ("a3", "A", 3), ("n", "A", None)]),
        frames(journal, [("b5", "A", 5), ("old", "A", 0), ("a3", "A", 3), ("m", "A", None)]),
    )
    assert (names(one), names(other)) == (["a3", "a4", "n"], ["b5", "m"])
    assert journal.tally("a").duplicates == 3
    places = [(p.frame, p.index) for p in journal.pending("a", 1, 9)]
    assert places[2] == ("frame 0", 1)


def test_a_later_command_never_overtakes_an_earlier_one(journal: AnyJournal) -> None:
    one, other = stored(
        journal, frames(journal, [("late", "A", 9)]), frames(journal, [("early", "A", 1)])
    )
    assert (one[0].lane_seq or 0) < (other[0].lane_seq or 0)


def test_unnumbered_events_of_a_history_page_get_numbers(journal: AnyJournal) -> None:
    (live,) = stored(journal, frames(journal, [("m1", "c", 5)]))
    (page,) = stored(journal, frames(journal, [("h2", "c", 2), ("h1", "c", 1)], numbered=False))
    assert names(page) == ["h1", "h2"]
    assert [e.lane_seq for e in page] == sorted(e.lane_seq or 0 for e in page)
    assert (page[0].lane_seq or 0) > (live[0].lane_seq or 0)
    assert [p.index for p in journal.pending("a", live[0].lane_seq or 0, 9)] == [1, 0]


def test_frames_without_events_cost_nothing(journal: AnyJournal) -> None:
    command = StoreFrames(
        account="a",
        generation=1,
        received_at_ms=1,
        frames=[Decoded(raw="ack"), Decoded(raw="rubbish", fault="not JSON")],
    )
    assert stored(journal, command) == [[]]
    assert journal.pending("a", 0, 9) == []
    assert journal.commit(()) in ((), [])


def test_pending_of_one_conversation(tmp_path: Path) -> None:
    """A long one is read on by itself; one that no text can name, and none at all, too."""
    journal = SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock())
    lanes = ["c1", "c2", None, "c1", "\udcff", "c1"]
    events = [
        event(f"m{n}", lane=lane, number=n, account="a") for n, lane in enumerate(lanes, start=1)
    ]
    frames = [Decoded(raw=each.event_id, events=[each]) for each in events]
    journal.commit([StoreFrames(account="a", generation=1, received_at_ms=1, frames=frames)])

    def read(lane: str, after: int = 0, limit: int = 9) -> list[int]:
        return [row.lane_seq for row in journal.pending("a", after, limit, lane=lane)]

    assert read("c1") == [1, 4, 6]
    assert read("c1", 1, 1) == [4]
    assert (read(""), read("\udcff"), read("c3")) == ([3], [5], [])
    assert [row.lane_seq for row in journal.pending("a", 0, 9)] == [1, 2, 3, 4, 5, 6]
    journal.close()


def test_each_end_is_counted_and_none_is_pending(journal: AnyJournal) -> None:
    (events,) = stored(journal, frames(journal, [(f"m{i}", "c", i) for i in range(6)]))
    done, tried, dead, ignored, again, left = events
    journal.commit(
        [
            settled([done]),
            settled([tried], attempts=3),
            settled([dead], Outcome(disposition=Disposition.DEAD, reason="E at x:1"), attempts=4),
            settled([ignored], Outcome(disposition=Disposition.IGNORED)),
            settled([again], Outcome(disposition=Disposition.RETRY), attempts=2),
        ]
    )
    pending = [(p.lane_seq, p.attempts) for p in journal.pending("a", 0, 9)]
    assert pending == [(again.lane_seq, 2), (left.lane_seq, 0)]
    assert journal.tally("a") == Tally(received=6, done=2, ignored=1, dead=1, pending=2)


def test_a_second_settlement_changes_nothing(journal: AnyJournal) -> None:
    """A hung handler that ends after all was given up: its event was answered by another."""
    (events,) = stored(journal, frames(journal, [("m1", "c", 1), ("m2", "c", 2)]))
    first, second = events
    answers = journal.commit(
        [
            settled([first], Outcome(replies=[delivery("r1")])),
            settled([first, second], Outcome(replies=[delivery("r2")])),
        ]
    )
    late = journal.commit([settled([second], Outcome(replies=[delivery("r3")]))])
    unnumbered = journal.commit([settled([event("z", number=None, account="a")])])
    assert [list(a) if isinstance(a, list) else a for a in (*answers, *late, *unnumbered)] == [
        [delivery("r1")],
        [delivery("r2")],
        [],
        [],
    ]
    assert [sent.outbox_id for sent, _ in unsent(journal, "a")] == ["r1", "r2"]
    counts = journal.tally("a")
    assert (counts.done, counts.pending) == (2, 0)


def test_what_is_simply_done_ends_once_too(journal: AnyJournal) -> None:
    push = frames(journal, *[[(name, "c1", None)] for name in ("m1", "m2", "m3", "m4")])
    (events,) = stored(journal, push)
    first, second, third, fourth = events
    again = Outcome(disposition=Disposition.RETRY)
    journal.commit([settled([second], again)])  # tried before: it takes the longer way
    assert journal.commit([SettleEvents(account="a", done=[first, second])]) == [[]]
    reply = Outcome(replies=[delivery("r1")])
    ended = SettleEvents(
        account="a",
        done=[second, third, third],
        settlements=[Settlement(third, reply), Settlement(fourth, reply)],
    )
    assert journal.commit([ended]) == [[delivery("r1")]]
    assert (journal.pending("a", 0, 9), journal.tally("a").done) == ([], 4)
    if isinstance(journal, MemoryJournal):
        assert journal._accounts["a"].tried == {}


def test_replies_leave_with_the_settlement_in_order(journal: AnyJournal) -> None:
    (events,) = stored(journal, frames(journal, [("m1", "c", 1)]))
    replies = [delivery("r1"), delivery("r2", said="你好")]
    answers = journal.commit(
        [
            StoreDelivery(delivery=delivery("s1")),
            settled(events, Outcome(replies=replies)),
            StoreDelivery(delivery=delivery("s2")),
        ]
    )
    assert answers == [delivery("s1"), replies, delivery("s2")]
    open_sends = unsent(journal, "a")
    assert sorted(sent.outbox_id for sent, _ in open_sends) == ["r1", "r2", "s1", "s2"]
    assert [tried for _, tried in open_sends] == [None] * 4
    assert dict(zip([s.outbox_id for s, _ in open_sends], open_sends, strict=True))["r2"] == (
        replies[1],
        None,
    )


def test_sends_end_once_and_unknown_stays_open(journal: AnyJournal) -> None:
    for name in ("ok", "no", "late", "lost", "tried", "fresh"):
        assert journal.commit([StoreDelivery(delivery=delivery(name))]) == [delivery(name)]
    journal.commit([StoreDelivery(delivery=delivery("other", account="b"))])
    ends = {
        "ok": SendResult(outcome=SendOutcome.ACCEPTED, message_id="9"),
        "no": SendResult(outcome=SendOutcome.REFUSED, reason="blocked"),
        "late": SendResult(outcome=SendOutcome.EXPIRED),
        "lost": SendResult(outcome=SendOutcome.UNKNOWN, reason="no_answer"),
    }
    marks = [
        MarkDelivery(outbox_id=name, generation=1, mid=f"mid-{name}")
        for name in [*ends, "tried"]
        if name != "late"  # only what was never tried expires
    ]
    results = [MarkDelivery(outbox_id=name, generation=1, result=end) for name, end in ends.items()]
    late = MarkDelivery(outbox_id="ok", generation=1, mid="mid-again")
    stray = MarkDelivery(outbox_id="nobody", generation=1, result=ends["ok"])
    empty = MarkDelivery(outbox_id="fresh", generation=1)
    answers = journal.commit([*marks, *results, late, stray, empty])
    assert list(answers) == [True] * 8 + [False, False, True]
    assert [(sent.outbox_id, tried) for sent, tried in unsent(journal, "a")] == [
        ("lost", SendOutcome.UNKNOWN),
        ("tried", SendOutcome.UNKNOWN),
        ("fresh", None),
    ]


def test_whoever_comes_first_wins(journal: AnyJournal) -> None:
    """A send that was cancelled is never written; one that may have left is not cancelled."""
    cancelled = SendResult(outcome=SendOutcome.CANCELLED, reason="by_hand")
    for name in ("free", "left", "back"):
        journal.commit([StoreDelivery(delivery=delivery(name))])
    assert journal.commit([outbox.cancelling("free")])[0]
    begin = [MarkDelivery(outbox_id=name, generation=1, mid=f"m-{name}") for name in ("free",)]
    assert journal.commit(begin) == [False]
    assert journal.commit([MarkDelivery(outbox_id="left", generation=1, mid="m-left")]) == [True]
    assert not journal.commit([outbox.cancelling("left")])[0]
    assert not journal.commit([outbox.cancelling("nobody")])[0]
    journal.commit(
        [
            MarkDelivery(outbox_id="back", generation=1, mid="m-back"),
            MarkDelivery(outbox_id="back", generation=1, mid="m-back", requeued=UNWRITTEN),
        ]
    )
    found = outbox.find(journal, "back")
    assert found is not None
    assert (found.state, found.reason, found.attempts) == (SendState.QUEUED, UNWRITTEN, 0)
    assert journal.commit([outbox.cancelling("back")])[0]
    found = outbox.find(journal, "free")
    assert found is not None
    assert (found.state, found.reason, found.attempts) == (
        SendState.CANCELLED,
        cancelled.reason,
        0,
    )


def test_what_is_unknown_is_resolved_by_hand(journal: AnyJournal) -> None:
    """The person who looked knows more than we do, and is asked only about what is in doubt."""
    lost = SendResult(outcome=SendOutcome.UNKNOWN, reason="needs_review")
    for name in ("seen", "gone", "fresh"):
        journal.commit([StoreDelivery(delivery=delivery(name))])
    for name in ("seen", "gone"):
        journal.commit([MarkDelivery(outbox_id=name, generation=1, mid=f"m-{name}")])
        assert not journal.commit([outbox.resolving(name, SendOutcome.ACCEPTED)])[0], (
            "an attempt is under way"
        )
        journal.commit([MarkDelivery(outbox_id=name, generation=1, result=lost)])
    assert not journal.commit([outbox.resolving("fresh", SendOutcome.REFUSED)])[0]
    assert journal.commit([outbox.resolving("seen", SendOutcome.ACCEPTED, "9")])[0]
    assert journal.commit([outbox.resolving("gone", SendOutcome.REFUSED)])[0]
    with pytest.raises(ValueError, match="ACCEPTED"):
        outbox.resolving("fresh", SendOutcome.EXPIRED)
    found = {each.delivery.outbox_id: each for each in journal.sends(SendQuery(account="a"))}
    seen = found["seen"]
    assert (seen.state, seen.message_id, seen.reason) == (SendState.ACCEPTED, "9", "by_hand")
    assert (seen.attempts, seen.first_attempt_ms is not None) == (1, True)
    assert found["gone"].state is SendState.REFUSED
    newest = journal.sends(SendQuery(newest_first=True, limit=1))
    assert [each.delivery.outbox_id for each in newest] == ["fresh"]
    accepted = SendQuery(state=SendState.ACCEPTED, among_last=2)
    assert [each.message_id for each in journal.sends(accepted)] in (["9"], [])
    assert not journal.sends(SendQuery(open_only=True, account="b"))


def test_what_nobody_will_ever_know_is_at_its_end(journal: AnyJournal) -> None:
    """A platform without answers must not fill the outbox with open questions."""
    journal.commit([StoreDelivery(delivery=delivery("s1"))])
    never = SendResult(outcome=SendOutcome.UNKNOWN, reason=UNCONFIRMED)
    journal.commit([MarkDelivery(outbox_id="s1", generation=1, mid="m", result=never)])
    assert not journal.sends(SendQuery(open_only=True))
    found = outbox.find(journal, "s1")
    assert found is not None
    assert (found.state, found.reason) == (SendState.UNKNOWN, UNCONFIRMED)
    assert found.ended_at_ms is not None


def test_a_send_stored_twice_is_one_send(journal: AnyJournal) -> None:
    journal.commit([StoreDelivery(delivery=delivery("s1"))])
    journal.commit([StoreDelivery(delivery=delivery("s1"))])
    assert unsent(journal, "a") == [(delivery("s1"), None)]


def test_large_commands_are_one_commit(journal: AnyJournal) -> None:
    pushes = [[(f"m{i}-{j}", f"c{j % 7}", i) for j in range(32)] for i in range(20)]
    (events,) = stored(journal, frames(journal, *pushes))
    assert len(events) == 640
    journal.commit([settled(events[:601])])
    assert [p.lane_seq for p in journal.pending("a", 0, 999)] == [e.lane_seq for e in events[601:]]


def past(at_ms: int, why: str | None = None) -> Past:
    failure = Failure(error_class=ErrorClass.AUTH, reason="http_401", http_status=401)
    return Past(
        at_ms=at_ms,
        history=History(failures=3, by_class={"auth": 3}, wait_s=7.5, short_links_ago_s=(2.0,)),
        given_up=None if why is None else GiveUp(failure=failure, why=why),
    )


def test_the_last_past_of_each_account_is_known(journal: AnyJournal) -> None:
    """Backoff and verdicts outlive the process; counters beside them are untouched."""
    stored(journal, frames(journal, [("m1", "c", 1), ("m1", "c", 1)]))
    journal.commit([StorePast(account="a", past=past(1)), StorePast(account="b", past=past(2))])
    journal.commit([StorePast(account="a", past=past(3, "auth"))])
    assert journal.pasts() == {"a": past(3, "auth"), "b": past(2)}
    journal.commit([StorePast(account="b", past=None), StorePast(account="c", past=None)])
    assert journal.pasts() == {"a": past(3, "auth")}
    assert journal.tally("a").duplicates == 1


def test_pasts_are_there_after_a_reopening(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path, clock=SystemClock())
    journal.commit([StorePast(account="a", past=past(3, "auth"))])
    journal.close()
    with contextlib.closing(sqlite3.connect(path)) as file:
        row = file.execute("SELECT failed_reason, n, not_before FROM account_state").fetchone()
        assert row == ("auth", 3, 3 + 7500)
        file.execute("INSERT INTO account_state(account, history) VALUES('x', '{}')")
        file.commit()
    journal = SqliteJournal(path, clock=SystemClock())
    assert journal.pasts() == {"a": past(3, "auth")}
    journal.close()


def test_close_is_idempotent(journal: AnyJournal) -> None:
    journal.close()
    journal.close()


def test_memory_forgets_only_the_oldest_identities() -> None:
    journal = MemoryJournal(dedup_limit=8)
    for i in range(20):
        stored(journal, frames(journal, [(f"m{i}", "c", i)]))
    assert len(journal._recent) + len(journal._older) <= 8
    for i in range(16, 20):
        assert stored(journal, frames(journal, [(f"m{i}", "c", i)])) == [[]]
    journal.commit([settled(stored(journal, frames(journal, [("x", "c", 1)]))[0])])


def test_an_attempt_keeps_the_platforms_time(journal: AnyJournal) -> None:
    """Of the first attempt whose bytes may have left: from then on the send may be there."""
    journal.commit([StoreDelivery(delivery=delivery("s1"))])
    for number, why in ((1, UNWRITTEN), (2, ABSENT), (3, None)):
        mid = f"m{number}"
        begun = MarkDelivery(outbox_id="s1", generation=1, mid=mid, platform_ms=1_000 * number)
        journal.commit([begun])
        if why is not None:
            journal.commit([MarkDelivery(outbox_id="s1", generation=1, mid=mid, requeued=why)])
    found = outbox.find(journal, "s1")
    assert found is not None
    assert (found.attempts, found.first_platform_ms) == (2, 2_000)


def test_a_pause_is_kept_until_it_is_taken_back(journal: AnyJournal) -> None:
    """Beside what failed, and without disturbing it."""
    journal.commit([StorePast(account="a", past=past(1)), StorePaused(account="a", paused=True)])
    journal.commit([StorePaused(account="b", paused=True), StorePaused(account="c", paused=False)])
    journal.commit([StorePast(account="a", past=past(2))])
    assert journal.paused() == {"a", "b"}
    assert journal.pasts() == {"a": past(2)}
    journal.commit([StorePaused(account="a", paused=False)])
    assert journal.paused() == {"b"}
    assert journal.pasts() == {"a": past(2)}


def test_a_text_is_kept_until_another_takes_its_place(journal: AnyJournal) -> None:
    """What the bell told, say; other names are other texts."""
    assert not journal.kept_texts("notify")
    journal.commit([StoreKept(name="notify", text="[1]"), StoreKept(name="other", text="铃")])
    journal.commit([StoreKept(name="notify", text="[2]")])
    journal.commit([StoreKept(name="notify/2", text="店"), StoreKept(name="notes", text="")])
    assert journal.kept_texts("notify") == {"notify": "[2]", "notify/2": "店"}
    assert journal.kept_texts("other") == {"other": "铃"}
    journal.commit([StoreKept(name="notify", text=None), StoreKept(name="never", text=None)])
    assert journal.kept_texts("n") == {"notify/2": "店", "notes": ""}


def test_standings_say_what_waits(journal: AnyJournal) -> None:
    """As the tally does, for who must not wait for a commit."""
    (events,) = stored(journal, frames(journal, *[[(f"m{n}", "c1", n)] for n in range(4)]))
    ends = (Disposition.DONE, Disposition.DEAD, Disposition.PARKED)
    settlements = [
        Settlement(event, Outcome(disposition=end, reason="x"))
        for event, end in zip(events, ends, strict=False)
    ]
    journal.commit([SettleEvents(account="a", settlements=settlements)])
    tally = journal.tally("a")
    assert journal.standings() == {"a": Standing(tally.pending, tally.dead, tally.parked)}
    assert journal.standings() == {"a": Standing(1, 1, 1)}


def test_the_age_of_what_waits_is_known(journal: AnyJournal) -> None:
    """On disk it is looked for in the steps of upkeep; as of the last round it is exact."""
    assert journal.oldest_ms() is None
    old, new = frames(journal, [("m1", "c1", 1)]), frames(journal, [("m2", "c1", 2)])
    first, _ = stored(journal, old, msgspec.structs.replace(new, received_at_ms=2000))
    look_round(journal)
    assert journal.oldest_ms() == 1000
    journal.commit([SettleEvents(account="a", settlements=(), done=first)])
    look_round(journal)
    assert journal.oldest_ms() == 2000


def look_round(journal: AnyJournal) -> None:
    """Have a journal on disk look at all that waits."""
    if isinstance(journal, SqliteJournal):
        connection, backlog = journal._handle.connected(), journal._upkeep._backlog
        while backlog.step(connection, 3000):
            pass
