"""When to beat and when a link is dead, under any schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.liveness import (
    SLOWEST_BYTES_PER_S,
    Action,
    Dead,
    Liveness,
    SendBeat,
    SendProbe,
    Traffic,
    Wait,
)

EPS = 1e-6
draws = st.floats(0.0, 1.0, exclude_max=True)


def opened(draw: float = 0.0) -> Liveness:
    liveness = Liveness()
    liveness.opened(100.0, draw)
    return liveness


@pytest.mark.parametrize(("draw", "first_s"), [(0.0, 0.0), (0.5, 2.5), (0.75, 3.75)])
def test_first_beat_comes_within_five_seconds(draw: float, first_s: float) -> None:
    liveness = opened(draw)
    if first_s:
        assert liveness.decide(100.0, 100.0, 0.0, 0.0) == Wait(100.0 + first_s)
    assert liveness.decide(100.0 + first_s, 100.0, 0.0, 0.0) == SendBeat()


def test_first_beat_is_never_later_than_the_interval() -> None:
    liveness = Liveness(interval_s=1.0)
    liveness.opened(0.0, 0.9)
    assert liveness.decide(0.0, 0.0, 0.0, 0.0) == Wait(0.9)


def test_nothing_is_sent_before_the_opening() -> None:
    assert Liveness().decide(5.0, 0.0, 0.0, 0.0) == Wait(math.inf)


@pytest.mark.parametrize(("draw", "gap_s"), [(0.0, 15.0), (0.5, 14.25)])
def test_answered_beats_follow_each_other(draw: float, gap_s: float) -> None:
    liveness = opened()
    assert liveness.decide(100.0, 100.0, 0.0, draw) == SendBeat()
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(100.0, 100.0, 0.0, draw) == Wait(110.0)
    assert liveness.answered(100.4, 1) == pytest.approx(0.4)
    assert liveness.decide(100.4, 100.4, 0.0, draw) == Wait(100.0 + gap_s)
    assert liveness.decide(100.0 + gap_s, 100.4, 0.0, draw) == SendBeat()


def test_unknown_and_repeated_answers_are_nobodys() -> None:
    liveness = opened()
    assert liveness.answered(100.0, 1) is None
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.answered(101.0, 2) is None
    assert liveness.answered(101.0, 1) == 1.0
    assert liveness.answered(102.0, 1) is None


def test_silence_is_probed_once_and_then_dead() -> None:
    """N9, N10: a peer that is gone is left after interval + reply + probe."""
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(109.9, 100.0, 0.0, 0.0) == Wait(110.0)
    assert liveness.decide(110.0, 100.0, 0.0, 0.0) == SendProbe()
    liveness.beat_sent(110.0, 2)
    assert liveness.decide(110.0, 100.0, 0.0, 0.0) == Wait(115.0)
    assert liveness.decide(115.0, 100.0, 0.0, 0.0) == Dead("heartbeat_dead")


@pytest.mark.parametrize("key", [1, 2])
def test_an_answer_during_the_probe_saves_the_link(key: int) -> None:
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    liveness.decide(110.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(110.0, 2)
    assert liveness.answered(114.0, key) == 114.0 - (100.0 if key == 1 else 110.0)
    assert liveness.decide(115.0, 114.0, 0.0, 0.0) == SendBeat(), "the next beat is due by now"


def beat_missed_while_pushes_flow(liveness: Liveness, at: float, key: int) -> Action:
    """Send a beat at ``at``, answer nothing, let bytes come; give what follows."""
    assert liveness.decide(at, at, 0.0, 0.0) == SendBeat()
    liveness.beat_sent(at, key)
    return liveness.decide(at + 10.0, at + 9.0, 0.0, 0.0)


def test_pushes_without_answers_mean_a_broken_uplink() -> None:
    """N11, N12: two answers in a row missing, though bytes come; at most 45 s."""
    liveness = opened()
    assert beat_missed_while_pushes_flow(liveness, 100.0, 1) == Wait(115.0)
    dead = beat_missed_while_pushes_flow(liveness, 115.0, 2)
    assert dead == Dead("heartbeat_unanswered")


def test_answers_missing_now_and_then_are_fine() -> None:
    liveness = opened()
    at = 100.0
    for key in range(20):
        if key % 2:
            assert liveness.decide(at, at, 0.0, 0.0) == SendBeat()
            liveness.beat_sent(at, key)
            liveness.answered(at + 1.0, key)
        else:
            assert beat_missed_while_pushes_flow(liveness, at, key) == Wait(at + 15.0)
        at += 15.0


def test_a_late_answer_is_an_answer() -> None:
    """N17: a slow line is not a broken one."""
    liveness = opened()
    beat_missed_while_pushes_flow(liveness, 100.0, 1)
    assert liveness.decide(115.0, 115.0, 0.0, 0.0) == SendBeat()
    liveness.beat_sent(115.0, 2)
    assert liveness.answered(116.0, 1) == 16.0
    assert liveness.decide(125.0, 124.0, 0.0, 0.0) == Wait(130.0)


def test_bytes_during_the_probe_are_life_but_no_answer() -> None:
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    liveness.decide(110.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(110.0, 2)
    assert liveness.decide(115.0, 112.0, 0.0, 0.0) == SendBeat()
    liveness.beat_sent(115.0, 3)
    assert liveness.decide(125.0, 124.0, 0.0, 0.0) == Dead("heartbeat_unanswered")


def test_the_clock_stands_still_while_we_do_not_read() -> None:
    """A slow handler must not look like a dead peer; but only for 20 s."""
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(110.0, 100.0, 6.0, 0.0) == Wait(116.0), "6 s were not ours to count"
    assert liveness.decide(116.0, 100.0, 12.0, 0.0) == Wait(122.0)
    assert liveness.decide(122.0, 100.0, 18.0, 0.0) == Wait(128.0)
    assert liveness.decide(128.0, 100.0, 24.0, 0.0) == Wait(130.0)
    assert liveness.decide(130.0, 100.0, 26.0, 0.0) == SendProbe()
    liveness.beat_sent(130.0, 2)
    assert liveness.decide(135.0, 100.0, 31.0, 0.0) == Dead("heartbeat_dead")


def test_time_stopped_before_the_beat_is_not_given_twice() -> None:
    liveness = opened()
    assert liveness.decide(100.0, 100.0, 50.0, 0.0) == SendBeat()
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(103.0, 100.0, 53.0, 0.0) == Wait(113.0)


def test_a_stop_that_ended_between_two_looks_still_counts() -> None:
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(104.0, 100.0, 2.0, 0.0) == Wait(112.0)
    assert liveness.decide(112.0, 100.0, 0.0, 0.0) == Wait(120.0)
    assert liveness.decide(120.0, 100.0, 0.0, 0.0) == SendProbe()


def test_every_beat_has_its_own_twenty_seconds() -> None:
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(121.0, 100.0, 20.0, 0.0) == Wait(130.0)
    liveness.answered(125.0, 1)
    assert liveness.decide(200.0, 125.0, 0.0, 0.0) == SendBeat()
    liveness.beat_sent(200.0, 2)
    assert liveness.decide(215.0, 125.0, 12.0, 0.0) == Wait(222.0)


def test_a_stop_just_before_the_deadline_is_no_busy_loop() -> None:
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    now, looks = 110.0, 0
    while isinstance(action := liveness.decide(now, 100.0, now - 109.999, 0.0), Wait):
        assert action.until > now
        now = action.until
        looks += 1
    assert looks <= 22


def test_a_probe_may_be_longer_than_the_interval() -> None:
    """A byte during the probe: the next beat waits for its end, so the verdict does, too."""
    liveness = Liveness(interval_s=0.5, reply_timeout_s=0.5, probe_timeout_s=1.0)
    world = World(liveness, 0.0, 0.0, answers=False, pushes=[1.0])
    liveness.opened(0.0, 0.5)
    assert world.run(10.0, 0.0) == Dead("heartbeat_dead")
    assert (world.last_received, world.now) == (1.0, 3.25)


def unanswered(traffic: Traffic, *, heard: bool, beats: int) -> Action:
    """Miss the answers of some beats in a row, with this traffic after each; give what follows."""
    liveness = opened()
    at = 100.0
    action: Action = SendBeat()
    for key in range(beats):
        assert liveness.decide(at, at, 0.0, 0.0) == SendBeat()
        liveness.beat_sent(at, key)
        last = at + 9.0 if heard else at
        action = liveness.decide(at + 10.0, last, 0.0, 0.0, traffic)
        if action != Wait(at + 15.0):
            return action
        at += 15.0
    return action


ENOUGH = SLOWEST_BYTES_PER_S * 10


def test_an_answer_behind_a_message_that_arrives_is_waited_for() -> None:
    """A large message on a slow line: cut each time, it would never come."""
    arriving = Traffic(received=ENOUGH, arriving=True)
    assert unanswered(arriving, heard=True, beats=50) == Wait(100.0 + 50 * 15.0)


def test_a_beat_behind_our_own_message_is_waited_for() -> None:
    """Not a byte comes while the peer takes what we write, and its answer cannot come first."""
    leaving = Traffic(taken=ENOUGH, leaving=True)
    assert unanswered(leaving, heard=False, beats=50) == Wait(100.0 + 50 * 15.0)


@pytest.mark.parametrize(
    "traffic",
    [
        Traffic(received=ENOUGH - 1, arriving=True),
        Traffic(received=ENOUGH, arriving=False),
        Traffic(taken=ENOUGH, leaving=False),
    ],
    ids=["a trickle", "whole messages", "all taken"],
)
def test_what_does_not_hide_an_answer_excuses_nothing(traffic: Traffic) -> None:
    """A peer that trickles for ever, a broken uplink, a program that is frozen: still found."""
    assert unanswered(traffic, heard=True, beats=3) == Dead("heartbeat_unanswered")
    assert unanswered(traffic, heard=False, beats=3) == SendProbe()


def test_a_peer_that_vanishes_within_a_message_is_noticed_in_time() -> None:
    """Bytes of before the beat are no life after it."""
    liveness = opened()
    gone = Traffic(received=1 << 20, arriving=True, taken=1 << 20, leaving=True)
    liveness.decide(100.0, 100.0, 0.0, 0.0, gone)
    liveness.beat_sent(100.0, 1, gone)
    assert liveness.decide(110.0, 100.0, 0.0, 0.0, gone) == SendProbe()
    liveness.beat_sent(110.0, 2, gone)
    assert liveness.decide(115.0, 100.0, 0.0, 0.0, gone) == Dead("heartbeat_dead")


def test_a_process_that_stood_still_gives_the_answer_its_time_again() -> None:
    """A paused container, a stopped process: its links may all be alive."""
    liveness = opened()
    liveness.decide(100.0, 100.0, 0.0, 0.0)
    liveness.beat_sent(100.0, 1)
    assert liveness.decide(110.0, 100.0, 0.0, 0.0) == SendProbe()
    liveness.beat_sent(110.0, 2)
    assert liveness.decide(110.0, 100.0, 0.0, 0.0) == Wait(115.0)
    assert liveness.decide(180.0, 100.0, 0.0, 0.0) == Wait(185.0)
    assert liveness.decide(250.0, 100.0, 0.0, 0.0) == Dead("heartbeat_dead"), "once a question"


def test_time_that_nobody_ran_is_no_backpressure() -> None:
    """Handlers that stood still with us get the rest of their time."""
    liveness = Liveness(backpressure_limit_s=20.0)
    liveness.opened(0.0, 0.0)
    assert liveness.decide(0.0, 0.0, 5.0, 0.0) == SendBeat()
    liveness.beat_sent(0.0, 1)
    assert liveness.decide(1.0, 0.0, 6.0, 0.0) == Wait(11.0)
    assert isinstance(liveness.decide(80.0, 0.0, 85.0, 0.0), Wait), "69 s of them were nobody's"
    assert liveness.decide(85.5, 0.0, 90.5, 0.0) == Dead("backpressure")


@pytest.mark.parametrize("name", ["interval_s", "reply_timeout_s", "probe_timeout_s"])
def test_settings_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Liveness(**{name: 0.0})


@dataclass
class World:
    """A link whose peer answers, pushes and dies as told; time is simulated."""

    liveness: Liveness
    now: float
    rtt_s: float
    answers: bool = True
    dies_at: float = math.inf
    pushes: list[float] = field(default_factory=list)
    key: int = 0
    last_received: float = 0.0
    due: list[tuple[float, int]] = field(default_factory=list)
    outstanding: set[int] = field(default_factory=set)

    def run(self, until: float, draw: float) -> Dead | None:
        """Live until ``until``; give the verdict if there was one."""
        while self.now < until:
            action = self.liveness.decide(self.now, self.last_received, 0.0, draw)
            match action:
                case Dead():
                    return action
                case SendBeat() | SendProbe():
                    self.send()
                case Wait(until=wake):
                    self.sleep(wake)
        return None

    def send(self) -> None:
        """Do what the policy asked for."""
        self.key += 1
        self.liveness.beat_sent(self.now, self.key)
        if self.answers:
            self.due.append((self.now + self.rtt_s, self.key))

    def sleep(self, wake: float) -> None:
        """Sleep until ``wake`` or until the peer says something."""
        heard = [at for at, _ in self.due] + [at for at in self.pushes if at > self.now]
        self.now = max(self.now, min([wake, *(at for at in heard if at < self.dies_at)]))
        if self.now in self.pushes:
            self.last_received = self.now
        for at, key in [one for one in self.due if one[0] <= self.now]:
            self.due.remove((at, key))
            if at < self.dies_at:
                self.last_received = max(self.last_received, at)
                self.liveness.answered(at, key)


@dataclass(frozen=True)
class Case:
    """Settings of a link and the temper of its peer."""

    interval_s: float
    reply_s: float
    probe_s: float
    share: float
    first: float
    draw: float
    pushes: list[float]

    def world(self) -> World:
        """Return the link, just opened; ``share`` is the peer's part of the reply timeout."""
        liveness = Liveness(
            interval_s=self.interval_s,
            reply_timeout_s=self.reply_s,
            probe_timeout_s=self.probe_s,
        )
        liveness.opened(0.0, self.first)
        return World(liveness, 0.0, self.share * self.reply_s, pushes=self.pushes)


cases = st.builds(
    Case,
    interval_s=st.floats(0.5, 60.0),
    reply_s=st.floats(0.5, 20.0),
    probe_s=st.floats(0.5, 10.0),
    share=st.floats(0.0, 0.99),
    first=draws,
    draw=draws,
    pushes=st.lists(st.floats(0.0, 200.0), max_size=40).map(sorted),
)


@pytest.mark.peer(2)
@given(case=cases, dies_at=st.floats(0.0, 200.0), answers=st.booleans())
def test_a_dead_peer_is_noticed_in_time(case: Case, dies_at: float, *, answers: bool) -> None:
    """Half-open from any moment on, before the first answer too, whatever was pushed before."""
    world = case.world()
    world.dies_at = dies_at
    world.answers = answers
    verdict = world.run(1000.0, case.draw)
    assert verdict is not None
    bound_s = max(case.interval_s, case.reply_s, case.probe_s) + case.reply_s + case.probe_s
    assert world.now <= world.last_received + bound_s + EPS
    if verdict == Dead("heartbeat_dead"):
        assert world.now >= world.last_received + case.probe_s - EPS


@given(case=cases)
def test_never_dead_while_answers_come(case: Case) -> None:
    assert case.world().run(300.0, case.draw) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["look", "answer", "push", "stop", "resume"]), st.floats(0, 30.0)
        ),
        max_size=60,
    ),
    draws,
)
def test_at_most_one_beat_and_one_probe_are_out(
    script: list[tuple[str, float]], draw: float
) -> None:
    """Any order of looks, answers, pushes and stops: never a third, never a busy loop."""
    liveness = Liveness()
    liveness.opened(0.0, draw)
    now = last = 0.0
    stopped_at: float | None = None
    waiting: list[int] = []
    key = 0
    for what, passed_s in script:
        now += passed_s
        match what:
            case "answer" if waiting:
                assert liveness.answered(now, waiting[-1]) is not None
                waiting.clear()
            case "push":
                last = now
            case "stop":
                stopped_at = now if stopped_at is None else stopped_at
            case "resume":
                stopped_at = None
            case _:
                pass
        for _ in range(4):
            stopped_s = 0.0 if stopped_at is None else now - stopped_at
            action = liveness.decide(now, last, stopped_s, draw)
            if isinstance(action, Wait):
                assert action.until > now
                break
            if isinstance(action, Dead):
                return
            if isinstance(action, SendBeat):
                waiting.clear()
            key += 1
            waiting.append(key)
            assert len(waiting) <= 2
            liveness.beat_sent(now, key)
        else:
            pytest.fail("four actions at one moment")
