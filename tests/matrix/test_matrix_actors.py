"""Rows A2, A3 and A8: actors and threads that die, and accounts that come and go at random."""

from __future__ import annotations

import contextlib
import random
import threading
from functools import partial
from pathlib import Path

import pytest
from market import WAIT_S, Market
from pykka import ActorDeadError
from rows import row
from stage import SICK, WELL, Open, S, back, given_up, untouched
from watch import Stopwatch

import actors.account.supervisor
import actors.watch
from actors.account.heartbeat import HeartbeatActor
from actors.messages import LinkCondemned
from actors.policy import failures, windows
from actors.runtime.pool.timers import OVER
from actors.runtime.pool.worker import Worker
from actors.state import Cause

ACTORS = ("Supervisor", "Connection", "Heartbeat", "Decoder", "Dispatcher", "Outbox")
SEED = 20261124


@row("A2", "once: restarted; for ever: FAILED(crash_loop), probed by itself, back when mended")
@pytest.mark.parametrize("deaths", [1, 3, None])
def test_exception_at_the_start(
    stage: Open, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, deaths: int | None
) -> None:
    monkeypatch.setattr(windows, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(actors.account.supervisor, "LONGEST_DELAY_S", 0.05)
    left = [1000 if deaths is None else deaths]

    def started(self: HeartbeatActor) -> None:
        if self._account.name == SICK and left[0]:
            left[0] -= 1
            raise RuntimeError("sabotage")

    monkeypatch.setattr(HeartbeatActor, "started", started)
    market = stage({"reconnect": {"crash_probe_s": 0.3}})
    stopwatch.start()
    market.start(*WELL)
    market.log.wait("actor.died", deaths or 5, actor="heartbeat")
    stopwatch.detected(2.0)
    if deaths is None:
        assert given_up(market, "crash_loop").reason == "crash_loop"
        left[0] = 0
        probed = market.states.wait(SICK, lambda change: change.cause is Cause.AUTO_PROBE)
        assert probed.old is S.FAILED
    back(market)
    stopwatch.recovered(2.0)
    market.fake.wait(lambda: market.shops[SICK].sessions[-1].beats > 1, WAIT_S, "heartbeats")
    untouched(market)


@pytest.mark.peer(18)
@row("A3", "the sweep replaces it; whatever it had in hand is restarted")
@pytest.mark.parametrize("busy", [False, True])
def test_pool_thread_dies(
    stage: Open, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, *, busy: bool
) -> None:
    monkeypatch.setattr(actors.watch, "SWEEP_S", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    market = stage()
    market.start()
    system = market.gateway._system
    assert system is not None
    pool = system.services.pool

    class Fatal:
        """An inbox whose very touch ends the thread."""

        actor = None

        def enter(self, worker: Worker) -> bool:
            if busy:
                worker.actor = market.actor("HeartbeatActor", SICK)
                worker.actor.actor_inbox.enter(worker)
            raise SystemExit

    threads = {worker.thread for worker in pool._workers}
    stopwatch.start()
    pool._queue.put(Fatal())  # type: ignore[arg-type]  # that is the sabotage
    market.serves(SICK, "who is there?")  # perhaps by another of the pool's threads

    def mended() -> bool:
        alive = {worker.thread for worker in pool._workers if worker.thread.is_alive()}
        return len(alive) == len(pool._workers) and bool(alive - threads)

    market.fake.wait(mended, WAIT_S, "another thread")
    stopwatch.detected(2.0)
    if busy:
        market.log.wait("actor.died", actor="heartbeat")
    assert len(market.shops[SICK].sessions) == 1
    untouched(market)


@pytest.fixture(params=[pytest.param(200), pytest.param(10_000, marks=pytest.mark.slow)])
def deeds(request: pytest.FixtureRequest) -> int:
    """Return how many things happen at random."""
    return int(request.param)


@row("A8", "no thread, socket, timer or actor is left; whoever is to be connected is")
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_patient")
def test_random_stops_starts_and_crashes(tmp_path: Path, deeds: int) -> None:
    print(f"seed {SEED}")  # noqa: T201  # a failure is repeated with it
    dice = random.Random(SEED)
    names = [str(2300 + number) for number in range(8)]
    with Market(tmp_path, *names, durability="memory") as market:
        market.listen()
        market.start()
        for number in range(deeds):
            happen(market, dice, dice.choice(names))
            if number % 25 == 0:
                name = dice.choice(names)
                market.gateway.accounts.reset(name)
                market.gateway.accounts.resume(name)
                market.shops[name].wait_registered(WAIT_S)
        for name in names:
            market.gateway.accounts.reset(name)
            market.gateway.accounts.resume(name)
        for name in names:
            market.shops[name].wait_registered(WAIT_S)
            text = f"{name} there?"
            market.shops[name].buyer("77001").says(text)
            market.ledger.until(partial(contains, text))
        system = market.gateway._system
        assert system is not None
        assert market.gateway.stop(10.0)
        market.fake.wait_connections(0)
        assert not system.services.pool.live
        assert not [each for each in system.services.timers._heap if each.what is not OVER]
        assert not system.services.poller._links


def contains(text: str, texts: list[str]) -> bool:
    """Return whether a text was heard."""
    return text in texts


def happen(market: Market, dice: random.Random, name: str) -> None:
    """Do one thing to an account."""
    accounts = market.gateway.accounts
    match dice.randrange(6):
        case 0:
            accounts.pause(name)
        case 1 | 2:
            accounts.resume(name)
        case 3:
            kind = f"{dice.choice(ACTORS)}Actor"
            with contextlib.suppress(LookupError, ActorDeadError):  # between two lives
                market.actor(kind, name).actor_ref.tell(object())
        case 4:
            with contextlib.suppress(LookupError):
                market.shops[name].cut()
        case _:
            view = accounts[name]
            system = market.gateway._system
            assert system is not None
            system.accounts._accounts[name].peers.connection.tell(
                LinkCondemned(generation=view.generation, failure=failures.ZOMBIE)
            )
