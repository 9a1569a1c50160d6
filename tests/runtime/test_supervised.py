"""Every kind of death is heard of, once; an orderly stop is not one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from pykka import ActorDeadError

from actors.messages import ActorDied
from actors.runtime.pool.inbox import Incarnation, MailboxFullError, post
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from tests.runtime.doubles import WAIT_S, Kept, Letters

ERRORS: list[BaseException] = [
    ValueError("token=secret"),
    SystemExit("token=secret"),
    KeyboardInterrupt("token=secret"),
    MemoryError("token=secret"),
    RecursionError("token=secret"),
]


class _Worker(SupervisedActor[Any]):
    def __init__(
        self,
        pool: Pool,
        supervisor: Letters[ActorDied] | None,
        *,
        start: BaseException | None = None,
        stop: BaseException | None = None,
    ) -> None:
        super().__init__(pool, name="decoder", supervisor=supervisor)
        self._start_error, self._stop_error = start, stop
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.log: list[str] = []

    def started(self) -> None:
        self.log.append("started")
        if self._start_error is not None:
            raise self._start_error

    def receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if message == "wait":
            self.entered.set()
            self.gate.wait(WAIT_S)
        return message

    def stopped(self) -> None:
        self.log.append("stopped")
        if self._stop_error is not None:
            raise self._stop_error


@pytest.fixture
def deaths() -> Letters[ActorDied]:
    return Letters()


def _settle(pool: Pool) -> None:
    """Let both workers finish what they are at."""
    for _ in range(4):
        probe = _Worker.start(pool, None)
        probe.ask("x", timeout=WAIT_S)
        probe.stop()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_death_on_a_told_message(
    pool: Pool, deaths: Letters[ActorDied], error: BaseException
) -> None:
    ref = _Worker.start(pool, deaths)
    ref.tell(error)
    died = deaths.first()
    assert (died.name, died.urn) == ("decoder", ref.actor_urn)
    assert died.error.startswith(f"{type(error).__name__} at runtime/test_supervised.py:")
    assert "secret" not in died.error
    _settle(pool)
    assert len(deaths.all) == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_death_in_started(pool: Pool, deaths: Letters[ActorDied], error: BaseException) -> None:
    """Pykka tells nobody."""
    ref = _Worker.start(pool, deaths, start=error)
    assert deaths.first().error.startswith(type(error).__name__)
    with pytest.raises(ActorDeadError):
        ref.ask("x", timeout=WAIT_S)
    assert len(deaths.all) == 1


def test_system_exit_under_ask_is_a_death(pool: Pool, deaths: Letters[ActorDied]) -> None:
    ref = _Worker.start(pool, deaths)
    with pytest.raises(ActorDeadError):
        ref.ask(SystemExit(), timeout=WAIT_S)
    deaths.first()


def test_an_orderly_life_is_not_reported(pool: Pool, deaths: Letters[ActorDied]) -> None:
    ref = _Worker.start(pool, deaths)
    actor = ref._actor_weakref()
    assert actor is not None
    assert ref.ask("x") == "x"
    with pytest.raises(ValueError, match="asked"):
        ref.ask(ValueError("asked"))
    ref.stop()
    assert actor.log == ["started", "stopped"]
    assert deaths.all == []


def test_a_failing_stopped_is_no_death(pool: Pool, deaths: Letters[ActorDied], kept: Kept) -> None:
    """It was asked to stop: its supervisor must not restart it. But it is logged."""
    ref = _Worker.start(pool, deaths, stop=SystemExit("token=secret"))
    assert ref.stop(timeout=WAIT_S)
    _settle(pool)
    assert deaths.all == []
    assert "'reason': 'SystemExit" in kept.text
    assert "secret" not in kept.text


def test_a_hang_is_a_death(pool: Pool, deaths: Letters[ActorDied]) -> None:
    ref = _Worker.start(pool, deaths)
    actor = ref._actor_weakref()
    assert actor is not None
    ref.tell("wait")
    assert actor.entered.wait(WAIT_S)
    pool.abandon(actor)
    actor.died("hung")  # whoever abandons may say so again
    actor.gate.set()
    assert [died.error for died in deaths.all] == ["hung"]


def test_without_a_supervisor_it_dies_alone(pool: Pool) -> None:
    ref = _Worker.start(pool, None)
    ref.tell(ValueError("x"))
    with pytest.raises(ActorDeadError):
        ref.ask("x", timeout=WAIT_S)


def test_a_dead_supervisor_is_no_trouble(pool: Pool) -> None:
    boss = _Worker.start(pool, None)
    boss.stop()
    ref = _Worker.start(pool, Incarnation(boss))
    ref.tell(ValueError("x"))
    with pytest.raises(ActorDeadError):
        ref.ask("x", timeout=WAIT_S)


def test_receive_must_be_written(pool: Pool) -> None:
    ref: pykka.ActorRef[Any] = SupervisedActor.start(pool, name="empty", supervisor=None)
    with pytest.raises(NotImplementedError, match="must say"):
        ref.ask("x", timeout=WAIT_S)
    ref.stop()


@pytest.mark.parametrize("error", [ActorDeadError("x"), MailboxFullError("x", 1)])
def test_post_says_whether_a_hint_was_lost(error: Exception) -> None:
    class Refusing:
        def tell(self, message: str) -> None:  # noqa: ARG002  # the port's signature
            raise error

    assert post(Refusing(), "x") is False
    letters: Letters[str] = Letters()
    tell: Callable[[str], bool] = lambda words: post(letters, words)  # noqa: E731
    assert tell("x") is True
