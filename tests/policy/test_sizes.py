"""How much of history may be asked for after something broke a link."""

from __future__ import annotations

import pytest

from actors.policy import sizes
from actors.policy.sizes import Sizes, broken, fitting
from actors.values import ErrorClass, Failure

OURS = Failure(error_class=ErrorClass.PROTOCOL, reason="frame_too_big")
CHANCE = Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="eof")


@pytest.mark.parametrize(
    ("failure", "may_be"),
    [
        (OURS, True),
        (CHANCE, True),
        (Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="captcha"), False),
        (Failure(error_class=ErrorClass.SERVER_RESTART, reason="close_1012"), False),
        (None, False),
    ],
)
def test_what_a_question_may_have_caused(failure: Failure | None, *, may_be: bool) -> None:
    assert broken(failure) is may_be


def test_first_pages_are_small_and_later_ones_as_large_as_fits() -> None:
    """Who asks for a hundred long messages asks for a frame above the limit."""
    assert fitting(1 << 20, 0) == 20
    assert fitting(64 << 10, 0) == 4
    assert fitting(1000, 0) == 1
    assert fitting(1 << 20, 1000) == 100
    assert fitting(1 << 20, 10_000) == 52
    assert fitting(1 << 20, 1 << 20) == 1


@pytest.mark.parametrize("failure", [OURS, CHANCE])
def test_nothing_is_asked_twice_that_a_link_ended_on(failure: Failure) -> None:
    known = Sizes()
    asked = []
    while most := known.allow("c1", 20, place=7):
        asked.append(most)
        known.broke("c1", most, failure, place=7)
    assert asked == [20, 10, 5, 2, 1]
    assert known.allow("c1", 20, place=8) == 1, "what stands before it can be had"
    assert known.allow("c2", 20, place=7) == 20


def test_what_may_have_been_chance_has_another_try() -> None:
    """A network that fails is no message that is too large."""
    known = Sizes()
    known.broke("c1", 20, CHANCE)
    known.passed("c1")
    known.passed("never asked")
    assert known.allow("c1", 20) == 20
    known.broke("c1", 1, CHANCE)
    assert known.allow("c1", 20) == 0
    known.left_out("c1")
    known.left_out("never asked")
    assert known.allow("c1", 20) == 1


def test_what_is_above_our_limits_stays_so() -> None:
    known = Sizes()
    known.broke("c1", 1, OURS)
    known.broke("c1", 1, CHANCE)
    known.passed("c1")
    known.left_out("c1")
    assert known.certain("c1")
    assert not known.certain("c2")
    assert known.allow("c1", 20) == 0


def test_silence_asks_for_less_and_never_for_nothing() -> None:
    """A large answer over a slow line comes too late; a platform that is down says nothing, too."""
    known = Sizes()
    asked = []
    for _ in range(6):
        asked.append(known.allow("c1", 20))
        known.silent("c1", asked[-1])
    assert asked == [20, 10, 5, 2, 1, 1]


def test_few_questions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "KEPT", 2)
    known = Sizes()
    for name in ("a", "b", "a", "c"):
        known.broke(name, 20, OURS)
    assert [known.allow(name, 20) for name in "abc"] == [10, 20, 10]
