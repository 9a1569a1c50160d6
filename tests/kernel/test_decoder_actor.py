"""The decoder actor, driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from workbench import Bench, event, push, read

from actors.account.decoder import DecoderActor
from actors.messages import (
    Answered,
    EventsRestored,
    EventsStored,
    Flush,
    Flushed,
    FramesReceived,
    FramesRejected,
    LinkEnded,
    PendingRead,
    SessionOpened,
    SignalsReceived,
    WriteAcks,
)
from actors.ports.commands import JournalAnswer, JournalCommand, StoreFrames
from actors.ports.journal import Pending
from actors.runtime.pool.worker import Worker
from actors.values import (
    Decoded,
    ErrorClass,
    Event,
    Failure,
    Frame,
    Reply,
    Request,
    Signal,
    SignalKind,
)
from gateway.platforms import get


class SlowWriter:
    """A durable journal's writer that commits when it is told to."""

    durable = True

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Any, Any]] = []

    def numbers(self) -> Iterator[int]:
        """Return numbers from 1."""
        return iter(range(1, 1000))

    def submit(
        self,
        command: JournalCommand,
        then: Callable[[JournalAnswer], None],
        *,
        refused: Callable[[str], None] | None = None,
        rows: int | None = None,
    ) -> None:
        """Keep it."""
        del rows
        self.waiting.append((command, then, refused))

    def commit(self) -> None:
        """Answer the oldest command: everything in it is new."""
        command, then, _ = self.waiting.pop(0)
        assert isinstance(command, StoreFrames)
        then([each for decoded in command.frames for each in decoded.events])

    def refuse(self) -> None:
        """Refuse the oldest command."""
        _, _, refused = self.waiting.pop(0)
        refused("no")


class Script:
    """A session whose frames mean what the test says; it has no history."""

    history = None

    def __init__(self, **meanings: Decoded) -> None:
        self.meanings = meanings

    def told_ms(self, reply: Reply) -> None:
        """Tell no time."""
        del reply

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Look it up."""
        del received_at_ms, numbers
        assert isinstance(frame, str)
        return self.meanings[frame]


class Stored:
    """A platform whose stored frames are read by this script."""

    def __init__(self, reader: Script) -> None:
        self._reader = reader

    def reader(self, account: str, user_id: str | None) -> Script:
        """Return it."""
        del account, user_id
        return self._reader


def gulp(*frames: Frame, generation: int = 1) -> FramesReceived:
    """Make a gulp."""
    return FramesReceived(generation=generation, frames=frames, received_at_ms=5)


def made(
    bench: Bench, *, writer: Any = None, generation: int = 1, **meanings: Decoded
) -> DecoderActor:
    """Return a decoder that has a session."""
    if writer is not None:
        bench.use(writer=writer)
    bench.with_plan(platform=Stored(Script(**meanings)))
    actor = DecoderActor(bench.pool, bench.account)
    actor.receive(opened(bench, generation, **meanings))
    return actor


def opened(bench: Bench, generation: int, **meanings: Decoded) -> SessionOpened:
    """Make the news of a session."""
    session: Any = Script(**meanings)
    return SessionOpened(generation=generation, calls=bench.calls(generation), session=session)


def received(bench: Bench, actor: DecoderActor, *frames: Frame, generation: int = 1) -> None:
    """Do as the poller does."""
    bench.account.flow.taken(len(frames))
    actor.receive(gulp(*frames, generation=generation))


def row(frame: Frame, lane_seq: int, index: int = 0) -> Pending:
    """Make a journal row."""
    return Pending(
        frame=frame,
        raw_id=ord(str(frame)),
        index=index,
        lane_seq=lane_seq,
        received_at_ms=5,
        attempts=0,
    )


def restored(bench: Bench) -> Sequence[Event]:
    """Return the events of the one page the dispatcher was told."""
    (page,) = bench.heard["dispatcher"].of(EventsRestored)
    events: Sequence[Event] = page.events
    return events


def test_acks_wait_for_the_commit(bench: Bench) -> None:
    """Acknowledged and not stored is lost at the next power cut."""
    writer = SlowWriter()
    actor = made(bench, writer=writer, a=push(1, event(1)), b=push(2, event(2)))

    received(bench, actor, "a", "b")
    assert not bench.heard["connection"].messages
    assert not bench.heard["dispatcher"].messages
    assert bench.account.flow.in_hand == 2

    writer.commit()
    assert bench.heard["connection"].drain() == [WriteAcks(generation=1, acks=["ack 1", "ack 2"])]
    assert bench.heard["dispatcher"].drain() == [EventsStored(events=[event(1), event(2)])]
    assert bench.account.flow.in_hand == 0


def test_push_whose_events_are_known_is_acknowledged_and_not_handled(bench: Bench) -> None:
    """The platform pushes again what it saw no ack of."""
    actor = made(bench, a=push(1, event(1)))

    received(bench, actor, "a")
    received(bench, actor, "a")

    assert len(bench.heard["connection"].of(WriteAcks)) == 2
    assert len(bench.heard["dispatcher"].of(EventsStored)) == 1


def test_events_without_an_ack_are_stored_too(bench: Bench) -> None:
    actor = made(bench, a=Decoded(raw="a", events=(event(1),)))

    received(bench, actor, "a")

    assert bench.heard["dispatcher"].of(EventsStored)
    assert not bench.heard["connection"].messages


def test_in_memory_events_count_until_they_are_settled(bench: Bench) -> None:
    """Without a disk memory is all there is: handlers must pace reading."""
    actor = made(bench, a=push(1, event(1), event(2)))

    received(bench, actor, "a")

    assert bench.account.flow.in_hand == 2


def test_refused_frames_free_the_flow_and_are_not_acknowledged(bench: Bench) -> None:
    """Otherwise one poisonous frame after the other would close the tap for ever."""
    writer = SlowWriter()
    actor = made(bench, writer=writer, a=push(1, event(1)))
    received(bench, actor, "a")

    writer.refuse()

    assert bench.account.flow.in_hand == 0
    assert not bench.heard["connection"].messages
    (alert,) = bench.alerts.on("shop-a")
    assert (alert.name, "(no)" in alert.detail) == ("journal.refused", True)


@pytest.mark.parametrize("generation", [1, 3])
def test_frames_of_another_link_are_dropped(bench: Bench, generation: int) -> None:
    """Their acks could not leave; the platform pushes them again on the link that lives."""
    actor = made(bench, generation=2, a=push(1, event(1)))

    received(bench, actor, "a", generation=generation)

    assert bench.account.flow.in_hand == 0
    assert not bench.heard["dispatcher"].messages


def test_frames_before_any_session_are_dropped(bench: Bench) -> None:
    """A reborn decoder cannot read the link it finds; that one is cycled."""
    actor = DecoderActor(bench.pool, bench.account)

    received(bench, actor, "a", generation=0)

    assert bench.account.flow.in_hand == 0


def test_each_hearer_is_told_once_a_gulp(bench: Bench) -> None:
    """A message a frame would cost more than reading it."""
    signal = Signal(kind=SignalKind.READY)
    actor = made(
        bench,
        s=Decoded(raw="s", signal=signal),
        f=Decoded(raw="f", fault="not_json"),
    )

    received(bench, actor, "s", "f", "s")

    assert bench.heard["connection"].drain() == [
        FramesRejected(generation=1, faults=["not_json"]),
        SignalsReceived(generation=1, signals=[signal, signal]),
    ]
    assert bench.account.flow.in_hand == 0


def test_answers_find_who_asked(bench: Bench) -> None:
    """Heartbeats and sends share one stream of answers; a mid says whose it is."""
    beat, sent = Reply(mid="m-1", code=200), Reply(mid="m-2", code=200)
    nobodys = Reply(mid="?", code=200)
    session: Any = Script(
        b=Decoded(raw="b", reply=beat),
        s=Decoded(raw="s", reply=sent),
        n=Decoded(raw="n", reply=nobodys),
    )
    calls = bench.calls()
    actor = DecoderActor(bench.pool, bench.account)
    actor.receive(SessionOpened(generation=1, calls=calls, session=session))
    assert calls.ask(Request(mid="m-1", payload="beat"), bench.peers.heartbeat)
    assert calls.ask(Request(mid="m-2", payload="send"), bench.peers.outbox)
    assert read(calls.theirs, calls.wire) == ["beat", "send"]

    received(bench, actor, "s", "n", "b", "s")

    assert bench.heard["heartbeat"].drain() == [Answered(generation=1, reply=beat)]
    assert bench.heard["outbox"].drain() == [Answered(generation=1, reply=sent)]
    unmatched = [fields for _, name, fields in bench.log.lines if name == "reply.unmatched"]
    assert [fields["code"] for fields in unmatched] == [200, 200]
    assert bench.account.flow.in_hand == 0


def test_flushed_stands_behind_the_acks(bench: Bench) -> None:
    """The close frame goes out after the acks of what came before it."""
    writer = SlowWriter()
    actor = made(bench, writer=writer, a=push(1, event(1)))
    received(bench, actor, "a")

    actor.receive(Flush(generation=1))
    writer.commit()
    writer.commit()

    assert [type(told) for told in bench.heard["connection"].drain()] == [WriteAcks, Flushed]


def test_end_of_a_link_is_passed_on(bench: Bench) -> None:
    """It goes the way of the frames: a kick is often followed by the close at once."""
    ended = LinkEnded(
        generation=1, failure=Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="eof")
    )
    actor = made(bench)

    actor.receive(ended)

    assert bench.heard["connection"].drain() == [ended]


def test_rows_become_events_with_their_old_numbers(bench: Bench) -> None:
    """A frame of several events is read once; what is settled of it is not given again."""
    actor = made(bench, a=push(1, event(1), event(2), event(3)), b=push(2, event(4)))

    actor.receive(
        PendingRead(
            rows=[row("a", 7, 0), row("a", 9, 2), row("b", 10)],
            more=True,
            redelivered_below=10,
            number=1,
        )
    )

    (page,) = bench.heard["dispatcher"].of(EventsRestored)
    assert page.more
    assert [(each.event_id, each.lane_seq, each.redelivered) for each in page.events] == [
        ("e1", 7, True),
        ("e3", 9, True),
        ("e4", 10, False),
    ]


def test_each_frame_of_a_page_is_decoded_once(bench: Bench) -> None:
    """Its rows may alternate with another's; a package of 1,125 took a second for each of them."""
    decoded: list[Frame] = []

    class Counting(Script):
        def decode(self, frame: Frame, **fields: Any) -> Decoded:
            decoded.append(frame)
            return super().decode(frame, **fields)

    script = Counting(a=push(1, event(1), event(2)), b=push(2, event(3), event(4)))
    bench.with_plan(platform=Stored(script))
    actor = DecoderActor(bench.pool, bench.account)
    rows = [row("a", 1), row("b", 2), row("a", 3, 1), row("b", 4, 1)]

    actor.receive(PendingRead(rows=rows, more=False, redelivered_below=10, number=1))

    assert [each.event_id for each in restored(bench)] == ["e1", "e3", "e2", "e4"]
    assert decoded == ["a", "b"]


def test_a_page_without_rows_tells_how_far_it_was_read(bench: Bench) -> None:
    """Rows the journal took out for good: the dispatcher goes on behind them."""
    made(bench).receive(PendingRead(rows=[], more=True, through=8, redelivered_below=10, number=1))

    (told,) = bench.heard["dispatcher"].of(EventsRestored)
    assert (told.events, told.more, told.through) == ([], True, 8)


def test_row_that_can_not_be_read_any_more_is_told_by_its_identity(bench: Bench) -> None:
    """A newer codec may see fewer events in a frame: a dead letter, no crash."""
    actor = made(bench, a=push(1, event(1)))
    gone = msgspec.structs.replace(row("a", 7, 1), event_id="e7")

    actor.receive(PendingRead(rows=[gone], more=False, redelivered_below=10, number=1))

    (page,) = bench.heard["dispatcher"].of(EventsRestored)
    assert page.events == []
    (told,) = page.undecodable
    assert (told.account, told.event_id, told.lane_seq) == ("shop-a", "e7", 7)
    assert bench.log.lines == [
        ("error", "journal.row_unreadable", {"account": "shop-a", "lane_seq": 7})
    ]


def test_words_nobody_knows_are_counted_and_told_now_and_then(bench: Bench) -> None:
    """A new word of the platform must be seen by somebody, and must not fill the log."""
    news = Decoded(raw="a", events=[event(1)], ack="ack", strange=["新词" * 100])
    actor = made(bench, a=news, b=push(2, event(2)))
    for _ in range(12):
        received(bench, actor, "b", "a")
    words = ("新词" * 100)[:100]
    assert bench.log.lines == [
        ("warning", "order.words_unknown", {"account": "shop-a", "words": words, "count": count})
        for count in (1, 10)
    ]

    many = Decoded(raw="c", events=[event(3)], ack="ack", strange=[str(n) for n in range(300)])
    actor.receive(opened(bench, 2, c=many))
    received(bench, actor, "c", generation=2)
    assert len(bench.log.lines) == 2 + 99


def test_rows_need_no_link(bench: Bench) -> None:
    """Switched off, failed or cut off, an account has acknowledged them all the same."""
    bench.with_plan(platform=Stored(Script(a=push(1, event(1), event(2)))))
    rows = [row("a", 7), row("a", 8, 1)]

    DecoderActor(bench.pool, bench.account).receive(
        PendingRead(rows=rows, more=False, redelivered_below=10, number=1)
    )

    assert [each.event_id for each in restored(bench)] == ["e1", "e2"]


def test_a_plain_message_keeps_its_name_over_a_restart(bench: Bench) -> None:
    """The number that was drawn for it is all that tells equal frames apart."""
    bench.with_plan(platform=get("plain"))
    rows = [row("a", 7), msgspec.structs.replace(row("a", 8), raw_id=98)]

    DecoderActor(bench.pool, bench.account).receive(
        PendingRead(rows=rows, more=False, redelivered_below=10, number=1)
    )

    assert [each.event_id for each in restored(bench)] == ["shop-a/97", "shop-a/98"]


@pytest.mark.parametrize("own", [None, False, True])
def test_the_journal_knows_best_who_said_it(bench: Bench, *, own: bool | None) -> None:
    """Taken for a customer's, the account's own words would be answered by its own bot."""
    actor = made(bench, a=push(1, msgspec.structs.replace(event(1), own=True)))
    rows = [msgspec.structs.replace(row("a", 7), own=own)]

    actor.receive(PendingRead(rows=rows, more=False, redelivered_below=0, number=1))

    assert [each.own for each in restored(bench)] == [own is not False]


def test_what_dies_with_a_decoder_is_given_back(bench: Bench) -> None:
    """Else the flow never falls again, and the dispatcher waits for its page for ever."""
    actor = made(bench)
    bench.account.flow.taken(5)
    actor.actor_ref.tell(gulp("unknown", "b"))
    actor.actor_ref.tell(gulp("c", "d", "e"))
    actor.actor_ref.tell(Flush(generation=1))
    actor.actor_ref.tell(PendingRead(rows=(), more=False, redelivered_below=0, number=1))

    actor.take_turn(Worker(bench.pool._queue, name="by hand", monotonic=bench.clock.monotonic))

    assert bench.account.flow.in_hand == 0
    assert bench.heard["dispatcher"].drain() == [EventsRestored(events=(), more=True, number=1)]
    (died,) = bench.heard["supervisor"].drain()
    assert died.name == "decoder"


def test_unknown_message_is_our_own_bug(bench: Bench) -> None:
    wrong: Any = "what?"
    with pytest.raises(TypeError, match="str"):
        made(bench).receive(wrong)


def test_inbox_holds_whatever_the_flow_lets_in(bench: Bench) -> None:
    """A frame that found it full would be neither stored nor pushed again on this link."""
    assert DecoderActor.inbox_limit > 10 * bench.account.plan.flow.high


def test_what_was_stored_as_late_is_late_when_it_is_read_back(bench: Bench) -> None:
    actor = made(bench, a=push(1, event(1), event(2)))
    rows = [row("a", 7, 0), msgspec.structs.replace(row("a", 8, 1), late=True)]

    actor.receive(PendingRead(rows=rows, more=False, redelivered_below=0, number=1))

    (page,) = bench.heard["dispatcher"].of(EventsRestored)
    assert [each.late for each in page.events] == [False, True]
