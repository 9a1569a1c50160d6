"""An actor that dies or hangs is replaced; its account works again, the others never noticed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from market import CROWD, WAIT_S, Market
from watch import Stopwatch

import actors.watch
from actors.state import ConnectionState
from actors.values import SendOutcome
from gateway import ChatMessage

SICK, WELL = "2201", CROWD
HANG_S = 1.0
"""On a busy machine a healthy actor, too, may stand still for a while."""
KINDS = (
    "SupervisorActor",
    "ConnectionActor",
    "HeartbeatActor",
    "DecoderActor",
    "DispatcherActor",
    "OutboxActor",
)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    monkeypatch.setattr(actors.watch, "SWEEP_S", 0.05)
    monkeypatch.setattr(actors.watch, "HANG_S", HANG_S)
    with Market(tmp_path, SICK, *WELL) as market:
        market.listen()
        market.start()
        yield market


def sabotage(actor: Any, deed: Any) -> threading.Event:
    """Let the next message of an actor meet ``deed``; gives what is set when it has."""
    met = threading.Event()

    def receive(message: object) -> None:
        del message
        met.set()
        deed()

    actor.on_receive = receive
    return met


def explode() -> None:
    """Die."""
    raise RuntimeError("sabotage")


def provoke(market: Market) -> None:
    """Give every actor of the sick account something to do."""
    market.gateway.accounts.reset(SICK)
    market.shops[SICK].buyer("77001").says("provoked")
    market.gateway.send(SICK, "c9", "provoked", to="77001")


def works(market: Market, stopwatch: Stopwatch, limit_s: float) -> None:
    """The account asks, answers, sends and acknowledges as before."""
    market.log.wait("actor.died")
    stopwatch.detected(limit_s)
    market.ledger.until(lambda texts: "provoked" in texts)
    market.reached(SICK, ConnectionState.CONNECTED)
    stopwatch.recovered(1.0)
    market.shops[SICK].buyer("77001").says("after")
    market.ledger.until(lambda texts: "after" in texts)
    market.shops[SICK].wait_acked(2)
    ticket = market.gateway.send(SICK, "c9", "after", to="77001")
    assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
    market.undisturbed(*WELL)
    market.fake.check()


@pytest.mark.row("A1", "restarted; at most the account's own link is cycled")
@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_dies(market: Market, stopwatch: Stopwatch, kind: str) -> None:
    """One exception costs at most one link of one account, never a message."""
    met = sabotage(market.actor(kind, SICK), explode)
    provoke(market)
    assert met.wait(WAIT_S)
    stopwatch.start()
    works(market, stopwatch, 0.1)


@pytest.mark.peer(18)
@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_leaves_by_the_back_door(market: Market, stopwatch: Stopwatch, kind: str) -> None:
    """``SystemExit`` in a codec or a listener must not end an actor unheard."""

    def leave() -> None:
        raise SystemExit(1)

    met = sabotage(market.actor(kind, SICK), leave)
    provoke(market)
    assert met.wait(WAIT_S)
    stopwatch.start()
    works(market, stopwatch, 0.1)


@pytest.mark.row("A4", "abandoned and replaced; nobody else is held up")
@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_hangs(market: Market, stopwatch: Stopwatch, kind: str) -> None:
    """Pykka reports no hang; the sweep finds it and a new worker serves all others."""
    release = threading.Event()
    try:
        met = sabotage(market.actor(kind, SICK), lambda: release.wait(30.0))
        provoke_quietly(market)
        assert met.wait(WAIT_S)
        stopwatch.start()
        works(market, stopwatch, HANG_S + 1.0)
    finally:
        release.set()


def provoke_quietly(market: Market) -> None:
    """As :func:`provoke`, from a thread of its own."""
    thread = threading.Thread(target=provoke, args=(market,), daemon=True)
    thread.start()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_a_sweep_that_fails_is_not_the_last(
    market: Market, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host's logger may raise in it; whoever hangs afterwards must still be found."""
    failed, release = threading.Event(), threading.Event()

    def fail(event: str, **fields: object) -> None:
        del event, fields
        failed.set()
        raise OSError("no space left for logs")

    system = market.gateway._system
    assert system is not None
    with monkeypatch.context() as sick:
        sick.setattr(market.log, "error", fail)
        sick.setattr(system.services.writer, "revive", lambda: True)
        assert failed.wait(WAIT_S)
    try:
        met = sabotage(market.actor("OutboxActor", SICK), lambda: release.wait(30.0))
        provoke_quietly(market)
        assert met.wait(WAIT_S)
        stopwatch.start()
        works(market, stopwatch, HANG_S + 1.0)
    finally:
        release.set()


@pytest.mark.parametrize("deed", ["dies", "hangs"])
def test_the_dialing_actor(market: Market, deed: str) -> None:
    """All accounts dial through it: it comes back, and who waited for a dial gets one."""
    release = threading.Event()
    try:
        act = explode if deed == "dies" else lambda: release.wait(30.0)
        met = sabotage(market.actor("DialingActor"), act)
        market.shops[SICK].cut()
        assert met.wait(WAIT_S)
        market.log.wait("actor.died", actor="dialing")
        market.shops[SICK].wait_registered(WAIT_S, sessions=2)
        market.serves(SICK)
        market.undisturbed(*WELL)
    finally:
        release.set()


def test_a_shared_part_that_keeps_dying_ends_the_process(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """contract.md 2.8, root: the service manager starts a new one; this one ends in order."""
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this is not the main thread's business
    monkeypatch.setattr(market.gateway, "start", lambda: None)  # it runs
    codes: list[int] = []
    launcher = threading.Thread(
        target=lambda: codes.append(market.gateway.run_forever()), daemon=True
    )
    launcher.start()
    for deaths in range(1, 5):
        assert codes == []
        assert not market.log.found("gateway.crashing")
        market.shops[SICK].wait_registered(WAIT_S, sessions=deaths)
        met = sabotage(market.actor("DialingActor"), explode)
        market.shops[SICK].cut()
        assert met.wait(WAIT_S)
        market.log.wait("actor.died", deaths, actor="dialing")
    market.log.wait("gateway.crashing")
    launcher.join(WAIT_S)
    assert codes == [70]


def test_links_are_numbered_on_after_a_supervisor_died(market: Market) -> None:
    """Two links of one number would take each other's frames and ends for their own."""
    before = market.gateway.accounts[SICK].generation
    met = sabotage(market.actor("SupervisorActor", SICK), explode)
    market.gateway.accounts.reset(SICK)
    assert met.wait(WAIT_S)
    market.shops[SICK].wait_registered(sessions=2)
    market.reached(SICK, ConnectionState.CONNECTED)
    assert market.gateway.accounts[SICK].generation > before
    changes = market.states.of(SICK)
    assert all(a.new is b.old for a, b in itertools.pairwise(changes)), changes


def test_a_paused_account_stays_paused_when_its_supervisor_dies(market: Market) -> None:
    """An operator took it off the platform; our own bug must not bring it back."""
    market.gateway.accounts.pause(SICK)
    market.shops[SICK].wait_gone()
    met = sabotage(market.actor("SupervisorActor", SICK), explode)
    market.gateway.accounts.pause(SICK)
    assert met.wait(WAIT_S)
    market.log.wait("actor.died")
    market.undisturbed(*WELL)
    assert len(market.shops[SICK].sessions) == 1
    market.gateway.accounts.resume(SICK)
    market.shops[SICK].wait_registered(sessions=2)
    market.serves(SICK)


@pytest.mark.peer(18)
@pytest.mark.row("A7", "FAILED(crash_loop); the neighbour sees nothing")
def test_an_actor_that_always_dies_ends_in_failed(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug that strikes at every message must not spin; after a reset all is well."""
    from actors.account.decoder import DecoderActor  # the class that is broken here
    from actors.policy import windows  # the same

    monkeypatch.setattr(windows, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("actors.account.supervisor.LONGEST_DELAY_S", 0.05)
    right = DecoderActor._read  # the bug

    def wrong(self: DecoderActor, message: Any, calls: Any, session: Any) -> None:
        if self._account.name == SICK:
            explode()
        right(self, message, calls, session)

    with monkeypatch.context() as broken:
        broken.setattr(DecoderActor, "_read", wrong)
        market.shops[SICK].buyer("77001").says("poison for all")
        market.reached(SICK, ConnectionState.FAILED)
    failure = market.gateway.accounts[SICK].last_error
    assert failure is not None
    assert failure.reason == "crash_loop"
    assert "reset" in failure.detail
    market.undisturbed(*WELL)
    market.gateway.accounts.reset(SICK)
    market.reached(SICK, ConnectionState.CONNECTED)
    market.ledger.until(lambda texts: "poison for all" in texts)
    market.serves(SICK)


def test_a_listener_that_raises(market: Market) -> None:
    """A host's listener is the host's; the state machine goes on."""

    @market.gateway.on_state
    def bad(change: object) -> None:
        del change
        explode()

    market.shops[SICK].cut()
    market.shops[SICK].wait_registered(sessions=2)
    market.serves(SICK)
    market.undisturbed(*WELL)


def test_a_decoder_dies_while_the_journal_is_read(tmp_path: Path) -> None:
    """The page it was to decode is not forgotten: everything pending is still handled."""
    gate = threading.Event()
    with Market(tmp_path, SICK) as market:

        @market.gateway.on(ChatMessage)
        def stuck(event: ChatMessage) -> None:
            del event
            gate.wait(30.0)

        try:
            market.start()
            for number in range(5):
                market.shops[SICK].buyer("77001").says(str(number))
            market.shops[SICK].wait_acked(5)
            market.gateway.stop(0.5)
        finally:
            gate.set()
        market.gateway = market.make()
        market.listen()
        market.fake.stop_accepting()
        market.gateway.start()
        market.log.wait("reconnect.scheduled", account=SICK)
        # Not sabotage: that would eat the page if it came first, as no actor of ours does.
        market.actor("DecoderActor", SICK).actor_ref.tell(object())
        market.log.wait("actor.died", account=SICK)
        market.fake.resume()
        assert market.ledger.wait(5) == list("01234")
        market.serves(SICK, "news")
