"""Rows K: SIGKILL at each named point of a message's way, and at random moments under load.

What is asserted is the same for all: nothing lost, nothing begun again unflagged, every lane in
order, one reply each on the platform, and every push acknowledged.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from watch import Stopwatch

from scripts.crashing.lives import Lives, random_kills
from scripts.crashing.points import Note, judge

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here"),
    pytest.mark.timeout(120),
]

MESSAGES = 40


@pytest.mark.peer(10)
@pytest.mark.peer(11)
@pytest.mark.row("K1", "not acknowledged, so the platform pushes it again")
@pytest.mark.row("K2", "pushed again, known, acknowledged")
@pytest.mark.row("K3", "read from the journal")
@pytest.mark.row("K4", "begun again and flagged; its reply leaves once")
@pytest.mark.row("K5", "not run again")
@pytest.mark.row("K6", "sent once, in the next life")
@pytest.mark.row("K7", "looked for in history; one copy")
@pytest.mark.row("K8", "looked for in history; one copy")
@pytest.mark.row("K9", "the file opens whole")
@pytest.mark.parametrize(
    ("shows", "point", "nth"),
    [
        ("K1", "before_commit", 2),
        ("K2", "after_commit", 2),
        ("K2", "before_ack", 2),
        ("K3", "after_ack", 2),
        ("K4", "in_handler", 5),
        ("K4", "before_settle", 3),
        ("K5", "after_settle", 3),
        ("K6", "before_send", 4),
        ("K7", "after_send", 4),
        ("K8", "before_answer", 6),
        ("K8", "after_answer", 6),
        ("K9", "in_checkpoint", 3),
    ],
)
def test_a_kill_at_a_point_costs_only_time(
    tmp_path: Path, stopwatch: Stopwatch, shows: str, point: str, nth: int
) -> None:
    stopwatch.only(shows)
    with Lives(tmp_path, seed=nth) as lives:
        with lives.life(point, nth) as child:
            lives.wait_registered()
            lives.say_in_turns(child, MESSAGES, turns=8)
            assert child.wait(30.0) == -signal.SIGKILL
        lives.say(MESSAGES)  # nobody is there
        stopwatch.start()
        verdict = lives.end()
        stopwatch.recovered(60.0 if shows in ("K7", "K8") else 10.0)
        assert verdict.messages == 2 * MESSAGES
        assert not verdict.breaches(), verdict
        lives.check()


def test_parked_is_what_a_kill_found_running(tmp_path: Path) -> None:
    """Under ``park`` no handler ever sees an event twice."""
    with Lives(tmp_path, on_crash="park") as lives:
        with lives.life("in_handler", 5) as child:
            lives.wait_registered()
            lives.say(MESSAGES)
            assert child.wait(30.0) == -signal.SIGKILL
        verdict = lives.end()
        assert not verdict.breaches(), verdict
        assert verdict.again == 0
        assert 1 <= len(lives.parked()) <= MESSAGES
        lives.check()


@pytest.mark.row("K10", "nothing lost, nothing twice on the platform, lanes in order")
@pytest.mark.parametrize("on_crash", ["redeliver", "park"])
def test_kills_at_random_moments(tmp_path: Path, on_crash: str) -> None:
    _random(tmp_path, on_crash, 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("on_crash", ["redeliver", "park"])
def test_two_hundred_kills_at_random_moments(tmp_path: Path, on_crash: str) -> None:
    _random(tmp_path, on_crash, 200)


def _random(directory: Path, on_crash: str, kills: int) -> None:
    seed = random.randrange(1 << 31)  # printed
    print(f"seed {seed}")  # noqa: T201  # shown if it fails
    verdict, breaches = random_kills(
        directory,
        kills=kills,
        seed=seed,
        on_crash="park" if on_crash == "park" else "redeliver",
        progress=print,
    )
    assert verdict.messages
    assert not breaches, (seed, breaches)


def line(event: str, life: int, *, ended: bool, text: str = "0", again: bool = False) -> Note:
    return Note(life=life, ended=ended, event_id=event, lane="l", text=text, redelivered=again)


def test_the_judge_sees_each_breach() -> None:
    """A judge that never condemns proves nothing."""
    said = {"a": "l", "b": "l", "c": "l", "p": "l"}
    notes = [
        line("a", 1, ended=False),
        line("a", 2, ended=False),
        line("b", 2, ended=False, text="1"),
        line("b", 2, ended=True, text="1"),
        line("a", 2, ended=True),
    ]
    verdict = judge(said, notes, Counter({"a": 2}), frozenset({"p"}))
    assert (verdict.lost, verdict.unflagged, verdict.disordered) == (["c"], ["a"], ["a"])
    assert (verdict.unanswered, verdict.doubled) == (["b", "c"], ["a"])
    assert (verdict.again, verdict.most_again, verdict.most_running) == (1, 1, 1)
    assert len(verdict.breaches()) == 5
    flagged = [line("a", 1, ended=False), line("a", 2, ended=False, again=True)]
    assert judge({}, flagged, {}).breaches() == []
