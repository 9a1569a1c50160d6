"""A sink or a handler that fails takes neither the others nor the customer's answer with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.clock import SystemClock
from actors.values import Content, Delivery, Disposition, Event
from gateway import ChatMessage
from gateway.host.handlers import Handlers
from gateway.sinks.all import Sinks
from gateway.sinks.runner import Entry, SinkRunner

WAIT_S = 10.0


def message(number: int = 1) -> ChatMessage:
    return ChatMessage(account="a", event_id=f"e{number}", conversation_id="c", lane_seq=number)


def answer(event: Event, content: Content) -> Delivery:
    return Delivery(
        outbox_id=f"o-{content.text}",
        uuid="u",
        account=event.account,
        conversation_id="c",
        to="b",
        content=content,
        expires_at_ms=0,
        event_id=event.event_id,
    )


class Disk:
    """A sink that refuses while it is told to, and says when it took something."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.tries: list[str] = []
        self.refuses: Callable[[Event], bool] = lambda _: False
        self.changed = threading.Condition()
        self.closed = False

    def deliver(self, event: Event) -> None:
        with self.changed:
            self.tries.append(event.event_id)
            self.changed.notify_all()
        if self.refuses(event):
            raise OSError(28, "No space left: secret-of-mine")
        with self.changed:
            self.taken.append(event.event_id)
            self.changed.notify_all()

    def close(self) -> None:
        self.closed = True

    def until(self, check: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(check, WAIT_S), (self.tries, self.taken)


class Told:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def _keep(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    debug = info = warning = error = _keep

    def of(self, name: str) -> list[dict[str, Any]]:
        return [fields for event, fields in self.lines if event == name]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def log() -> Told:
    return Told()


@pytest.fixture
def runner(disk: Disk, log: Told) -> Iterator[SinkRunner]:
    made = SinkRunner(
        disk,
        "disk",
        log=log,
        mask=lambda text: text.replace("secret-of-mine", "***"),
        pauses_s=(0.001,),
        most=4,
    )
    made.start()
    yield made
    disk.refuses = lambda _: False
    assert made.stop(WAIT_S)


# --- handlers ------------------------------------------------------------------------------


def test_what_one_handler_did_is_not_done_again_for_another(log: Told) -> None:
    handlers = Handlers((), answer, log=log)
    calls: list[str] = []

    def good(event: ChatMessage) -> None:
        calls.append("good")
        event.reply("welcome")
        event.note("seen", "yes")

    def bad(event: ChatMessage) -> None:
        calls.append("bad")
        event.reply("never")
        if len(calls) < 5:
            raise ValueError("no")

    handlers.add(ChatMessage, bad)
    handlers.add(ChatMessage, good)

    first = handlers(message())
    assert first.disposition is Disposition.RETRY
    assert handlers(message()).disposition is Disposition.RETRY
    assert handlers(message()).disposition is Disposition.RETRY
    last = handlers(message())

    assert calls == ["bad", "good", "bad", "bad", "bad"]
    assert last.disposition is Disposition.DONE
    assert [reply.content.text for reply in last.replies] == ["welcome", "never"]
    assert [note.value for note in last.notes] == ["yes"]
    assert [reply.content.text for reply in first.replies] == ["welcome"], "for a dead letter"
    handlers(message())
    assert calls[-2:] == ["bad", "good"], "what is over and comes again is handled by all"


def test_a_handler_that_hangs_takes_no_other_with_it(log: Told) -> None:
    """Its thread is given up; who was not called yet has a turn, and what others said leaves."""
    handlers = Handlers((), answer, log=log)
    calls: list[str] = []

    def hang(_: ChatMessage) -> None:
        calls.append("hang")
        middle.append(handlers.given_up(message()))  # as the watcher would, meanwhile

    middle: list[Any] = []
    handlers.add(ChatMessage, lambda event: event.reply("first"))
    handlers.add(ChatMessage, hang)
    handlers.add(ChatMessage, lambda event: event.reply("last"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.host.handlers.revoked", lambda: bool(middle))
        handlers(message())
    assert middle[0].disposition is Disposition.RETRY
    last = handlers(message())

    assert calls == ["hang"]
    assert (last.disposition, last.reason) == (Disposition.DEAD, "handler_timed_out")
    assert [each.content.text for each in last.replies] == ["first", "last"]
    assert log.of("handler.timed_out")[0]["handler"].endswith("hang")


def test_the_only_handler_that_hangs_is_named(log: Told) -> None:
    handlers = Handlers((), answer, log=log)
    handlers.add(ChatMessage, print)
    assert handlers.given_up(message()).reason == "handler_timed_out"
    assert log.of("handler.timed_out")[0]["handler"] == "builtins.print"


def test_what_is_over_otherwise_is_handled_by_all_again(log: Told) -> None:
    """A person puts a dead letter back: as if it had never been tried."""
    handlers = Handlers((), answer, log=log)
    calls: list[str] = []
    handlers.add(ChatMessage, lambda _: calls.append("good"))
    handlers.add(ChatMessage, lambda _: 1 / 0)  # type: ignore[arg-type]

    handlers(message())
    handlers.forget(message())
    handlers(message())

    assert calls == ["good", "good"]


def test_replies_without_room_wait_and_no_handler_runs_again() -> None:
    room = False

    def make(event: Event, content: Content) -> Delivery:
        if not room:
            raise OverflowError("outbox is full")
        return answer(event, content)

    handlers = Handlers((), make)
    calls: list[Event] = []

    def reply(event: ChatMessage) -> None:
        calls.append(event)
        event.reply("welcome")

    handlers.add(ChatMessage, reply)
    with pytest.raises(OverflowError):
        handlers(message())
    room = True

    assert [each.content.text for each in handlers(message()).replies] == ["welcome"]
    assert len(calls) == 1


def test_a_failure_names_its_handler_and_masks_its_words(log: Told) -> None:
    handlers = Handlers((), answer, log=log, mask=lambda text: text.replace("hunter2", "***"))

    def greet(_: ChatMessage) -> None:
        raise LookupError("no such user:\n hunter2")

    handlers.add(ChatMessage, greet)

    reason = handlers(message()).reason
    assert reason is not None
    assert reason.startswith("LookupError at sinks/test_each_fails_alone.py:")
    assert "no such user: *** (in test_each_fails_alone." in reason
    assert reason.endswith("greet)")
    (line,) = log.of("handler.raised")
    assert (line["account"], line["event_id"]) == ("a", "e1")
    assert line["handler"].endswith("greet")
    assert line["exc_info"][0] is LookupError


def test_a_tap_that_raises_fails_nothing(log: Told) -> None:
    handlers = Handlers((), answer, log=log)
    handlers.add(ChatMessage, lambda event: event.reply("welcome"))

    def broken(_: Event) -> None:
        raise RuntimeError("the watcher went away")

    handlers.tap = broken
    assert handlers(message()).disposition is Disposition.DONE
    assert log.of("listener.failed")


# --- sinks ---------------------------------------------------------------------------------


def test_a_sink_that_fails_holds_up_no_answer(runner: SinkRunner, disk: Disk, log: Told) -> None:
    disk.refuses = lambda _: True
    handlers = Handlers((runner,), answer, log=log)
    handlers.add(ChatMessage, lambda event: event.reply(f"re:{event.event_id}"))

    outcomes = [handlers(message(number)) for number in (1, 2)]

    assert [each.disposition for each in outcomes] == [Disposition.DONE] * 2
    assert [each.replies[0].content.text for each in outcomes] == ["re:e1", "re:e2"]
    disk.until(lambda: len(disk.tries) > 4)
    assert "No space left: ***" in str(runner.standing().failing)
    assert log.of("sink.failed")[0]["sink"] == "disk"
    disk.refuses = lambda _: False
    disk.until(lambda: len(disk.taken) == 2)
    assert sorted(disk.taken) == ["e1", "e2"]


def test_what_a_handler_rejects_reaches_the_archive_once(
    runner: SinkRunner, disk: Disk, log: Told
) -> None:
    handlers = Handlers((runner,), answer, log=log)
    handlers.add(ChatMessage, lambda _: 1 / 0)  # type: ignore[arg-type]

    for _ in range(4):
        assert handlers(message()).disposition is Disposition.RETRY

    assert disk.taken == ["e1"]


def test_an_event_is_not_settled_before_a_sink_that_works_has_it(
    runner: SinkRunner, disk: Disk
) -> None:
    """Or a crash between the two would lose it."""
    handlers = Handlers((runner,), answer)
    for number in range(50):
        handlers(message(number))
        assert disk.taken[-1] == f"e{number}"


def test_one_event_that_a_sink_refuses_holds_up_no_other(runner: SinkRunner, disk: Disk) -> None:
    disk.refuses = lambda event: event.event_id == "e1"
    handlers = Handlers((runner,), answer)

    handlers(message(1))
    for number in range(2, 9):
        handlers(message(number))
        disk.until(lambda number=number: f"e{number}" in disk.taken)  # type: ignore[misc]

    disk.until(lambda: disk.tries.count("e1") >= 4)
    handlers(message(9))
    disk.until(lambda: "e9" in disk.taken)
    assert runner.standing().delivered == 8


def test_what_waits_is_bounded_and_what_is_left_out_counted(
    runner: SinkRunner, disk: Disk, log: Told
) -> None:
    disk.refuses = lambda _: True
    entries = [runner.take(message(1))]
    disk.until(lambda: len(disk.tries) > 1)
    entries += [runner.take(message(number)) for number in range(2, 40)]

    standing = runner.standing()
    assert standing.left_out >= 34
    assert sum(entry.over for entry in entries) == standing.left_out
    assert [line["count"] for line in log.of("sink.left_out")] == [1, 2, 4, 8, 16, 32]
    disk.refuses = lambda _: False
    disk.until(lambda: len(disk.taken) >= 4)
    assert disk.closed is False


def test_the_stop_delivers_what_waits_and_closes(disk: Disk, log: Told) -> None:
    gate = threading.Event()
    made = SinkRunner(disk, "disk", log=log)
    disk.refuses = lambda _: not gate.wait(WAIT_S)
    made.start()
    for number in range(5):
        made.take(message(number))
    made.end()
    gate.set()

    assert made.stop(WAIT_S)
    assert (len(disk.taken), disk.closed) == (5, True)
    late = made.take(message(9))
    assert late.over
    assert isinstance(late, Entry)


def test_a_sink_that_hangs_ends_the_stop_late_and_is_named(disk: Disk, log: Told) -> None:
    gate = threading.Event()
    disk.refuses = lambda _: not gate.wait(WAIT_S)
    made = SinkRunner(disk, "disk", log=log, patience_s=0.01)
    made.start()
    made.wait(made.take(message(1)))
    assert not made.stop(0.01)
    gate.set()
    assert made.stop(WAIT_S)


def test_a_sink_that_can_not_be_closed_ends_nothing(disk: Disk, log: Told) -> None:
    def broken() -> None:
        raise OSError("cannot be flushed")

    disk.close = broken  # type: ignore[method-assign]
    made = SinkRunner(disk, "disk", log=log)
    made.start()
    assert made.stop(WAIT_S)
    assert "cannot be flushed" in log.of("sink.close_failed")[0]["reason"]


def test_one_alert_stands_for_all_sinks_that_fail(disk: Disk, log: Told) -> None:
    alerts = AlertRegistry(SystemClock(), log)
    disk.refuses = lambda _: True
    sinks = Sinks((), log=log, mask=str)
    sinks.runners.append(SinkRunner(disk, "disk", on_change=sinks._look, pauses_s=(0.001,)))
    sinks.start(alerts)
    sinks.runners[0].take(message(1))
    disk.until(lambda: len(disk.tries) > 2)
    (alert,) = alerts.on()
    assert (alert.name, alert.account) == ("sink.failing", None)
    assert alert.detail.startswith("disk: OSError at sinks/test_each_fails_alone.py:")
    disk.refuses = lambda _: False
    disk.until(lambda: bool(disk.taken))
    assert sinks.stop(WAIT_S) == []
    assert alerts.on() == []
