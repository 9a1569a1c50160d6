"""The heartbeat actor, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest
from workbench import Bench

from actors.account.heartbeat import HeartbeatActor
from actors.messages import (
    Answered,
    BeatDue,
    LinkCondemned,
    LinkDown,
    LinkOpened,
    PongReceived,
)
from actors.policy import failures
from actors.policy.liveness import FIRST_BEAT_S
from actors.values import Reply


class Watch:
    """A heartbeat that watches a link, and hears its own timers."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.calls = bench.calls()
        self.link = self.calls.link
        self.mids: list[str] = []
        self.actor = HeartbeatActor(bench.pool, bench.account)
        self.actor.receive(self.opened())

    def opened(self, generation: int = 1) -> LinkOpened:
        """Make the news of the link."""
        session = self.bench.account.plan.platform.session(self.bench.identity)
        return LinkOpened(generation=generation, calls=self.calls, session=session)

    def advance(self, seconds: float, *, hearing: bool = False, answering: bool = False) -> None:
        """Let time pass in small steps, while the peer does or does not say anything."""
        for _ in range(round(seconds * 10)):
            self.bench.advance(0.1)
            if hearing:
                self.link.last_received = self.bench.clock.now
            for due in self.bench.heard["heartbeat"].drain():
                self.actor.receive(due)
            if answering:
                for beat in self.beats():
                    self.link.last_received = self.bench.clock.now
                    self.answer(beat)

    def beats(self) -> list[int]:
        """Return the numbers of the beats since the last time."""
        first, self.mids = len(self.mids), [request.mid for request in self.calls.asked]
        return list(range(first + 1, len(self.mids) + 1))

    def answer(self, beat: int) -> None:
        """Answer a beat."""
        reply = Reply(mid=self.calls.asked[beat - 1].mid, code=200)
        self.actor.receive(Answered(generation=1, reply=reply))

    def verdicts(self) -> list[LinkCondemned]:
        """Return what the connection was told about the link."""
        return self.bench.heard["connection"].of(LinkCondemned)


@pytest.fixture
def watch(bench: Bench) -> Watch:
    """Return a heartbeat that watches a link."""
    return Watch(bench)


def test_first_beat_comes_within_five_seconds(watch: Watch) -> None:
    """The platform is said to kick who is silent; and accounts must not beat in step."""
    assert watch.beats() == []

    watch.advance(FIRST_BEAT_S + 0.1)

    assert watch.beats() == [1]


def test_beats_once_an_interval_while_answers_come(watch: Watch) -> None:
    watch.advance(600.0, answering=True)

    assert 40 <= watch.actor._number <= 47
    assert watch.verdicts() == []
    assert not watch.bench.log.lines


def test_silent_link_gets_a_probe_and_is_then_left(watch: Watch) -> None:
    """A cut cable gives no error: silence is all there is to see."""
    watch.advance(16.0)
    assert watch.beats() == [1, 2]
    assert [line[1] for line in watch.bench.log.lines] == ["heartbeat.missed"]

    watch.advance(5.0)

    assert watch.verdicts() == [LinkCondemned(generation=1, failure=failures.HEARTBEAT_DEAD)]
    watch.advance(60.0)
    assert watch.beats() == [], "the link was left: nothing more is asked of it"


def test_link_that_talks_and_never_answers_is_left(watch: Watch) -> None:
    """Bytes are life, but a peer that ignores every heartbeat has lost the session."""
    watch.advance(60.0, hearing=True)

    assert watch.verdicts() == [LinkCondemned(generation=1, failure=failures.HEARTBEAT_UNANSWERED)]


def test_answer_to_the_probe_saves_the_link(watch: Watch) -> None:
    watch.advance(13.0)
    assert watch.beats() == [1, 2]
    watch.link.last_received = watch.bench.clock.now
    watch.answer(2)

    watch.advance(60.0, answering=True)

    assert watch.verdicts() == []


def test_link_we_do_not_read_for_too_long_is_left(watch: Watch) -> None:
    """Handlers that hang must not keep a link that the platform believes to be read."""
    watch.bench.account.flow.taken(5000)

    watch.advance(60.0)

    assert watch.verdicts() == [LinkCondemned(generation=1, failure=failures.BACKPRESSURE)]


def test_pong_is_an_answer(watch: Watch) -> None:
    """Platforms without a heartbeat of their own are asked with a WebSocket ping."""
    watch.advance(FIRST_BEAT_S + 0.1)
    watch.actor.receive(PongReceived(generation=1, payload=(1).to_bytes(8, "big")))
    assert watch.beats() == [1]

    watch.advance(watch.bench.account.plan.heartbeat.reply_timeout_s)

    assert watch.beats() == [], "a probe, though the beat was answered"


def test_link_that_is_down_is_forgotten(watch: Watch) -> None:
    watch.actor.receive(LinkDown(generation=1))

    watch.advance(60.0)
    watch.actor.receive(BeatDue(generation=1))
    watch.actor.receive(Answered(generation=1, reply=Reply(mid="?", code=200)))

    assert watch.beats() == []
    assert watch.verdicts() == []
    assert watch.bench.timers.pending() == []


def test_news_of_another_link_is_none(watch: Watch) -> None:
    """The end of the former link must not leave this one unwatched."""
    watch.actor.receive(LinkDown(generation=0))

    watch.advance(FIRST_BEAT_S + 0.1)

    assert watch.beats() == [1]


def test_link_that_is_introduced_again_has_one_timer(watch: Watch) -> None:
    watch.actor.receive(watch.opened(generation=2))

    assert len(watch.bench.timers.pending()) == 1


def test_stopped_heartbeat_leaves_no_timer(watch: Watch) -> None:
    watch.actor.stopped()

    assert watch.bench.timers.pending() == []


def test_unknown_message_is_our_own_bug(watch: Watch) -> None:
    class Wrong:
        """It has no generation either."""

    message: Any = Wrong()
    with pytest.raises(TypeError, match="Wrong"):
        watch.actor.receive(message)


def test_a_link_that_receives_one_large_message_is_kept(watch: Watch) -> None:
    """It is asked for the link's traffic, and takes it from there."""
    wire: Any = watch.link.wire
    wire.feed(b"\x81\x7f" + (1 << 20).to_bytes(8, "big"))
    for _ in range(600):
        watch.link.bytes_in += 2_000
        watch.advance(0.1, hearing=True)
    assert watch.verdicts() == []
    assert len(watch.beats()) >= 4, "and asked on"
