"""Rows A1 and A5: each actor dies of each message it hears."""

from __future__ import annotations

import random
import threading
from typing import Any, get_args

import pytest
from market import WAIT_S, Market
from rows import row
from stage import SICK, WELL, Open, untouched
from watch import Stopwatch

from actors import messages
from actors.account.connection import ConnectionActor
from actors.account.decoder import DecoderActor
from actors.account.dispatcher import DispatcherActor
from actors.account.heartbeat import HeartbeatActor
from actors.account.outbox import OutboxActor
from actors.account.recovery import RecoveryActor
from actors.account.supervisor import SupervisorActor
from actors.dialing import DialingActor
from actors.runtime.pool.supervised import SupervisedActor
from actors.values import SendOutcome

ACTORS: dict[str, tuple[type[SupervisedActor[Any]], Any]] = {
    "SupervisorActor": (SupervisorActor, messages.SupervisorInbox),
    "ConnectionActor": (ConnectionActor, messages.ConnectionInbox),
    "HeartbeatActor": (HeartbeatActor, messages.HeartbeatInbox),
    "DecoderActor": (DecoderActor, messages.DecoderInbox),
    "DispatcherActor": (DispatcherActor, messages.DispatcherInbox),
    "OutboxActor": (OutboxActor, messages.OutboxInbox),
    "RecoveryActor": (RecoveryActor, messages.RecoveryInbox),
    "DialingActor": (DialingActor, messages.DialingInbox),
}
AFTERWARDS = {"LinkDialed", "Pause", "Start"}
"""What is handled before the actor dies of it: the first thing done with them cannot fail."""


def vocabulary(kind: str) -> list[str]:
    """Return the messages an actor hears: a new one is tried unasked."""
    return [message.__name__ for message in get_args(ACTORS[kind][1])]


PAIRS = [(kind, message) for kind in ACTORS for message in vocabulary(kind)]
SEED = 20261124


def deadly(actor: Any, message_type: str) -> threading.Event:
    """Let an actor, or the next of a class, die of a message of a type; set when it has."""
    met = threading.Event()
    of_class = isinstance(actor, type)
    name = "receive" if of_class else "on_receive"
    right = getattr(actor, name)

    def receive(*words: Any) -> Any:
        if type(words[-1]).__name__ != message_type or met.is_set():
            return right(*words)
        if of_class and words[0]._account.name != SICK:
            return right(*words)
        if message_type in AFTERWARDS:
            right(*words)
        if hasattr(actor, "_at_hand"):
            actor._at_hand = words[-1]  # as its own first line does: it gives that back
        met.set()
        raise RuntimeError(f"sabotage at {message_type}")

    setattr(actor, name, receive)
    return met


def survives(market: Market, kind: str, message_type: str, number: int) -> None:
    """Let an actor die of a message: its account works again, and lost nothing.

    What does not come within a ride is told by hand: the actor dies before it reads any of it.
    """
    died = len(market.log.found("actor.died"))
    short_lived = kind == "RecoveryActor"
    account = None if kind == "DialingActor" else SICK
    victim: Any = ACTORS[kind][0] if short_lived else market.actor(kind, account)
    met = deadly(victim, message_type)
    if message_type in ("ActorDied", "RestartDue"):
        market.actor("HeartbeatActor", SICK).actor_ref.tell(object())
    ride(market, f"{number}.0")
    if not met.is_set() and not short_lived:
        control = getattr(messages, message_type, None)
        stand_in = type(message_type, (), {"control": getattr(control, "control", False)})
        victim.actor_ref.tell(stand_in())
    if met.is_set() or not short_lived:
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


@row(
    "A1",
    "restarted; all is served and sent; handled once, or again and flagged if its result died too",
)
@pytest.mark.usefixtures("_patient")
def test_exception_at_each_message(stage: Open) -> None:
    market = stage()
    market.start()
    dice = random.Random(SEED)
    chosen = [pair for kind in ACTORS for pair in dice.sample(_of(kind), 1)]
    play(market, chosen)


@row(
    "A1",
    "restarted; all is served and sent; handled once, or again and flagged if its result died too",
)
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("kind", ACTORS)
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
    seen: set[object] = set()
    for event in market.ledger.events:  # a handler's result may die with its dispatcher
        assert event.event_id not in seen or event.redelivered, "handled twice, and not flagged"
        seen.add(event.event_id)
    result = market.gateway.send(SICK, "c9", "last", to="77001").result(WAIT_S)
    assert result.outcome is SendOutcome.ACCEPTED
    market.undisturbed(*WELL)
    market.fake.check()


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
