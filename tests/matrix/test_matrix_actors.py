"""Rows A1 to A8: actors and threads that die, and accounts that come and go at random."""

from __future__ import annotations

import contextlib
import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from market import WAIT_S, Market
from pykka import ActorDeadError
from rows import row
from stage import SICK, WELL, Open, S, back, given_up, untouched
from watch import Stopwatch

import actors.supervisor
import actors.system
from actors.heartbeat import HeartbeatActor
from actors.messages import LinkCondemned
from actors.policy import budget, failures
from actors.policy.budget import RestartBudget
from actors.runtime.worker import Worker
from actors.state import Cause
from actors.values import SendOutcome

VOCABULARY = {
    "SupervisorActor": "StateChanged RetryDue Reset Pause Start PastStored",
    "ConnectionActor": "Open DialStarted LinkDialed RepliesReceived WriteAcks SendBeat Transmit "
    "LinkEnded Shut Flushed",
    "HeartbeatActor": "LinkOpened BeatDue BeatAnswered LinkDown",
    "DecoderActor": "FramesReceived SessionOpened Flush LinkEnded",
    "DispatcherActor": "EventsStored",
    "OutboxActor": "DeliveriesStored LinkOpened LinkDown AttemptStored Transmitted SendAnswered",
}
AFTERWARDS = {"LinkDialed", "Pause", "Start"}
"""What is handled before the actor dies of it: the first thing done with them can not fail."""

PAIRS = [(kind, message) for kind, words in VOCABULARY.items() for message in words.split()]
SEED = 20261124


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let actors die often and come back soon."""
    monkeypatch.setattr(budget, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(actors.supervisor, "LONGEST_DELAY_S", 0.05)
    monkeypatch.setattr(actors.system, "SWEEP_S", 0.05)
    for module in (actors.supervisor, actors.system):
        monkeypatch.setattr(module, "RestartBudget", Generous)


class Generous(RestartBudget):
    """A budget that is never spent and always waits as after the first death."""

    def restart(self, now: float) -> float | None:
        self._at.clear()
        return super().restart(now)


def deadly(actor: Any, message_type: str) -> threading.Event:
    """Let an actor die of the next message of a type; gives what is set when it has."""
    met, right = threading.Event(), actor.on_receive

    def receive(message: object) -> Any:
        if type(message).__name__ == message_type:
            if message_type in AFTERWARDS:
                right(message)
            met.set()
            raise RuntimeError(f"sabotage at {message_type}")
        return right(message)

    actor.on_receive = receive
    return met


def survives(market: Market, kind: str, message_type: str, number: int) -> None:
    """Let an actor die of a message: its account works again, and lost nothing."""
    died = len(market.log.found("actor.died"))
    met = deadly(market.actor(kind, SICK), message_type)
    for turn in range(3):
        if met.is_set():
            break
        ride(market, f"{number}.{turn}")
    assert met.wait(WAIT_S), f"{kind} never heard {message_type}"
    market.log.wait("actor.died", died + 1)
    ride(market, f"{number}.after")


def ride(market: Market, tag: str) -> None:
    """Ask, send, lose the link, pause and resume; each step ends when it is done."""
    gateway, shop = market.gateway, market.shops[SICK]
    gateway.accounts.reset(SICK)
    up(market)
    ask(market, f"q {tag}")
    gateway.send(SICK, "c9", f"s {tag}", to="77001").result(WAIT_S)
    session = shop.session
    if session is not None:
        beats = session.beats
        market.fake.wait(
            lambda: session.beats > beats or session.ended_at is not None, WAIT_S, "a heartbeat"
        )
    up(market)
    shop.cut()
    up(market)
    ask(market, f"p {tag}")
    gateway.accounts.pause(SICK)
    shop.wait_gone()
    gateway.accounts.resume(SICK)
    up(market)
    ask(market, f"r {tag}")


def up(market: Market) -> None:
    """Wait until the platform has a session of the sick account."""
    market.shops[SICK].wait_registered(WAIT_S)


def ask(market: Market, text: str) -> None:
    """A buyer asks; the handler hears it, over this link or the next."""
    market.shops[SICK].buyer("77001").says(text)
    market.ledger.until(lambda texts: text in texts)


@row("A1", "restarted; the account serves and sends again, each message handled once")
@pytest.mark.usefixtures("_patient")
def test_exception_at_each_message(stage: Open) -> None:
    market = stage()
    market.start()
    dice = random.Random(SEED)
    chosen = [pair for kind in VOCABULARY for pair in dice.sample(_of(kind), 1)]
    play(market, chosen)


@row("A1", "restarted; the account serves and sends again, each message handled once")
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("kind", VOCABULARY)
def test_exception_at_every_message(stage: Open, kind: str) -> None:
    market = stage()
    market.start()
    play(market, _of(kind))


def _of(kind: str) -> list[tuple[str, str]]:
    return [pair for pair in PAIRS if pair[0] == kind]


def play(market: Market, pairs: list[tuple[str, str]]) -> None:
    """Go through the pairs; then nobody else has noticed and nothing came twice."""
    for number, (kind, message_type) in enumerate(pairs):
        survives(market, kind, message_type, number)
    texts = market.ledger.texts(SICK)
    assert len(texts) == len(set(texts)), "a message was handled twice"
    result = market.gateway.send(SICK, "c9", "last", to="77001").result(WAIT_S)
    assert result.outcome is SendOutcome.ACCEPTED
    market.undisturbed(*WELL)
    market.fake.check()


@row("A2", "once: restarted; for ever: FAILED(crash_loop), probed by itself, back when mended")
@pytest.mark.parametrize("deaths", [1, 3, None])
def test_exception_at_the_start(
    stage: Open, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, deaths: int | None
) -> None:
    monkeypatch.setattr(budget, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(actors.supervisor, "LONGEST_DELAY_S", 0.05)
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


@row("A3", "the sweep replaces it; whatever it had in hand is restarted")
@pytest.mark.parametrize("busy", [False, True])
def test_pool_thread_dies(
    stage: Open, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, *, busy: bool
) -> None:
    monkeypatch.setattr(actors.system, "SWEEP_S", 0.05)
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
    market.serves(SICK, "who is there?")
    stopwatch.detected(2.0)
    assert {worker.thread for worker in pool._workers} - threads
    assert all(worker.thread.is_alive() for worker in pool._workers)
    if busy:
        market.log.wait("actor.died", actor="heartbeat")
    assert len(market.shops[SICK].sessions) == 1
    untouched(market)


@row("A5", "restarted and shown the link; no needless reconnect")
def test_heartbeat_dies(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage()
    market.start()
    log = market.shops[SICK].wait_registered()
    met = deadly(market.actor("HeartbeatActor", SICK), "BeatDue")
    assert met.wait(WAIT_S)
    stopwatch.start()
    market.log.wait("actor.died", actor="heartbeat")
    stopwatch.detected(1.0)
    beats = log.beats
    market.fake.wait(lambda: log.beats >= beats + 2, WAIT_S, "heartbeats")
    stopwatch.recovered(2.0)
    assert len(market.shops[SICK].sessions) == 1
    untouched(market)


@pytest.fixture(params=[pytest.param(200), pytest.param(10_000, marks=pytest.mark.slow)])
def deeds(request: pytest.FixtureRequest) -> int:
    """Give how many things happen at random."""
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
        assert not [entry for entry in system.services.timers._heap if entry[2].fire is not None]
        assert not system.services.poller._links


def contains(text: str, texts: list[str]) -> bool:
    """Say whether a text was heard."""
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
            kind = dice.choice(list(VOCABULARY))
            with contextlib.suppress(LookupError, ActorDeadError):  # between two lives
                market.actor(kind, name).actor_ref.tell(object())
        case 4:
            with contextlib.suppress(LookupError):
                market.shops[name].cut()
        case _:
            view = accounts[name]
            system = market.gateway._system
            assert system is not None
            system._accounts[name].peers.connection.tell(
                LinkCondemned(generation=view.generation, failure=failures.ZOMBIE)
            )
