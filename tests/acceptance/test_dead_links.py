"""Half-open links are found in time, and nothing slow holds up anything else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from market import CROWD, SILENT_S, WAIT_S, Market, held_up
from watch import Stopwatch

from actors.state import Cause
from actors.values import SendOutcome
from gateway import ChatMessage
from gateway.testing import Behaviour, Rule, faults

SICK, WELL = "2201", CROWD


@pytest.mark.row("N10", "heartbeat_dead within interval, answer and probe")
def test_a_silent_peer_is_left(tmp_path: Path, stopwatch: Stopwatch) -> None:
    """A cable that was pulled tells nobody; only the missing answer does."""
    with Market(tmp_path, SICK, *WELL) as market:
        market.listen()
        market.start()
        market.fake.inject(faults.silent(account=SICK, connection=1))
        stopwatch.start()
        change = market.states.wait(SICK, lambda change: change.cause is Cause.HEARTBEAT_DEAD)
        stopwatch.detected(SILENT_S)
        assert change.failure is not None
        market.shops[SICK].wait_registered(sessions=2)
        stopwatch.recovered(1.0)
        market.serves(SICK)
        market.undisturbed(*WELL)


@pytest.mark.row("N11", "left after two answers in a row are missing")
def test_unanswered_heartbeats_end_a_link_that_pushes(tmp_path: Path, stopwatch: Stopwatch) -> None:
    """A platform that answers no heartbeat has forgotten the session, whatever it pushes."""
    with Market(tmp_path, SICK, *WELL) as market:
        market.listen()
        market.start()
        market.fake.inject(faults.deaf(account=SICK, connection=1))
        stopwatch.start()
        for number in range(5):
            market.shops[SICK].buyer("77001").says(str(number))
        market.states.wait(SICK, lambda change: change.cause is Cause.HEARTBEAT_DEAD)
        stopwatch.detected(2 * SILENT_S)
        market.shops[SICK].wait_registered(sessions=2)
        stopwatch.recovered(1.0)
        assert market.ledger.wait(5, SICK) == list("01234")
        market.undisturbed(*WELL)


@pytest.mark.peer(13)
def test_pings_are_answered_while_every_handler_blocks(tmp_path: Path) -> None:
    """The host's slow code must never look like a dead client."""
    settings = {"threads": 2, "per_account": 2}
    with Market(tmp_path, SICK, handlers=settings) as market, held_up(market) as held:
        market.start()
        shop = market.shops[SICK]
        for number in range(10):
            shop.buyer(f"7700{number}").says("block")
        assert held.has(2)
        shop.wait_acked(10)
        log = shop.session
        assert log is not None
        beats = log.beats
        shop.ping(b"are you there")
        market.fake.wait(lambda: log.beats >= beats + 4, WAIT_S, "four more heartbeats")
        assert len(shop.sessions) == 1


@pytest.mark.peer(12)
def test_a_slow_lane_delays_no_other(tmp_path: Path) -> None:
    """One customer's slow answer is not the next customer's."""
    release = threading.Event()
    with Market(tmp_path, SICK) as market:
        market.listen()

        @market.gateway.on(ChatMessage)
        def slow(event: ChatMessage) -> None:
            if event.text == "slow":
                release.wait(30.0)

        try:
            market.start()
            shop = market.shops[SICK]
            shop.buyer("77001").says("slow")
            shop.buyer("77001").says("behind slow")
            for number in range(50):
                shop.buyer(f"78{number:03}").says(f"quick {number}")
            seen = market.ledger.wait(51)
            assert "behind slow" not in seen
            release.set()
            assert market.ledger.wait(52)[-1] == "behind slow"
        finally:
            release.set()


@pytest.mark.peer(14)
@pytest.mark.row("H2", "reading pauses instead of memory filling; the others notice nothing")
@pytest.mark.parametrize("flow", [{"high": 64, "low": 16}, {"high_bytes": 20_000}])
def test_a_flood_is_taken_at_the_handlers_pace(tmp_path: Path, flow: dict[str, int]) -> None:
    """Backpressure: reading pauses instead of memory filling, and nothing is lost."""
    behaviour = Behaviour(backlog="push", echo=False)
    overrides = {SICK: {"flow": flow}}
    with Market(
        tmp_path, SICK, *WELL, behaviour=behaviour, overrides=overrides, durability="memory"
    ) as market:
        market.listen()
        market.start()
        market.shops[SICK].flood(5_000, timeout_s=30.0)
        assert market.ledger.wait(5_000, SICK, 30.0) == [f"flood {n}" for n in range(5_000)]
        market.undisturbed(*WELL)
        market.fake.check(all_acked=True)
        gauge = market.actor("ConnectionActor", SICK)._account.flow
        assert gauge.in_hand_bytes == 0


@pytest.mark.peer(16)
@pytest.mark.row("H4", "the deadline of a write ends the link; each send has its outcome, one copy")
def test_a_peer_that_does_not_read_blocks_no_actor(tmp_path: Path, stopwatch: Stopwatch) -> None:
    """Writes go to a bounded buffer, so no actor waits for the peer."""
    behaviour = Behaviour(echo=False)  # redelivered in one package, these echoes are a giant frame
    overrides = {
        SICK: {
            "send": {"deadline_s": 0.3, "buffer_bytes": 1 << 20},
            "heartbeat": {"reply_timeout_s": 5.0, "probe_timeout_s": 5.0},
        }
    }
    with Market(tmp_path, SICK, *WELL, behaviour=behaviour, overrides=overrides) as market:
        market.listen()
        market.start()
        stall = Rule(on="request", lwp="/!", do=faults.Stall(), account=SICK, connection=1)
        market.fake.inject(stall)
        market.fake.wait(lambda: market.fake.fired(stall), WAIT_S, "the stall")
        text = "x" * 50_000  # sixty of them are more than the buffer holds
        tickets = [
            market.gateway.send(SICK, f"c{number}", text, to="77001") for number in range(60)
        ]
        stopwatch.start()
        lost = market.states.wait(SICK, lambda change: change.failure is not None)
        stopwatch.detected(0.3 + 1.0)
        assert lost.failure is not None
        assert lost.failure.reason == "send_timeout"
        market.shops[SICK].wait_registered(sessions=2)
        stopwatch.recovered(1.0)
        market.undisturbed(*WELL)
        outcomes = [ticket.result(WAIT_S).outcome for ticket in tickets]
        assert set(outcomes) == {SendOutcome.ACCEPTED}
        # What the platform reads late, after two looks, bears the uuid of its copy (ADR 8).
        assert len({own.uuid for own in market.shops[SICK].sent}) == 60
        market.serves(SICK)
        assert len(market.shops[SICK].sessions) >= 2  # a busy machine may lose it once more
        market.fake.check(allow=["two_sessions"])  # it does not read that the first is over
