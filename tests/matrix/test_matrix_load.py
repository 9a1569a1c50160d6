"""Rows H1 to H10: more work than hands, and hands that do not come back."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from market import CROWD, SILENT_S, WAIT_S, Held, Market, held_up
from rows import row
from stage import SICK, WELL, Open, S, delays, untouched
from watch import Stopwatch

from actors.values import Failure, SendOutcome
from gateway import ChatMessage, OverloadedError, SendTicket
from gateway.testing import Behaviour

QUIET = Behaviour(backlog="push", echo=False)


def holding(market: Market) -> AbstractContextManager[Held]:
    """Hold up the sick account, but for what its neighbours' check asks."""
    return held_up(market, account=SICK, but="and you?")


def a_while(market: Market, beats: int = 4) -> None:
    """Wait for so many heartbeats of a neighbour: longer than a link may be silent."""
    log = market.shops[WELL[0]].wait_registered()
    until = log.beats + beats
    market.fake.wait(lambda: log.beats >= until, WAIT_S, "a neighbour's heartbeats")


@row("H1", "lanes wait on disk, acknowledged; memory holds a bounded part; then all, in order")
def test_handlers_are_far_too_slow(stage: Open) -> None:
    lanes, each = 20, 150
    market = stage(behaviour=QUIET)
    with holding(market) as held:
        market.start()
        shop = market.shops[SICK]
        buyers = [shop.buyer(f"78{lane:03d}") for lane in range(lanes)]
        for number in range(each):
            shop.push([buyer.writes(str(number)) for buyer in buyers])
        shop.wait_acked(lanes * each, WAIT_S)
        at_once = market.gateway.settings.handlers.per_account  # heard, then held
        assert len(market.ledger.texts(SICK)) <= at_once, "it was not slow"
        a_while(market)
        account = market.actor("DispatcherActor", SICK)
        assert account._lanes.pending <= account._account.plan.flow.high + 1000
        flow = account._account.flow
        market.fake.wait(lambda: flow.in_hand == 0, WAIT_S, "what was read to be stored")
        assert len(shop.sessions) == 1
        market.undisturbed(*WELL)
        held.release.set()
        market.ledger.wait(lanes * each, SICK)
    heard: dict[str, list[str]] = {}
    for event in market.ledger.events:
        if isinstance(event, ChatMessage) and event.account == SICK:
            heard.setdefault(str(event.sender_id), []).append(str(event.text))
    assert list(heard.values()) == [[str(number) for number in range(each)]] * lanes
    untouched(market)


@row("H3", "our own pause is not taken for the peer's death: the link stays")
def test_we_stop_reading(stage: Open) -> None:
    market = stage({"flow": {"high": 8, "low": 2}}, behaviour=QUIET, durability="memory")
    with holding(market) as held:
        market.start()
        shop = market.shops[SICK]
        flow = market.actor("ConnectionActor", SICK)._account.flow
        shop.flood(100, package=1)
        assert held.entered.acquire(timeout=WAIT_S)
        market.fake.wait(lambda: flow.full, WAIT_S, "the pause")
        a_while(market)
        assert flow.stopped_s(flow._monotonic()) > SILENT_S
        assert market.states.of(SICK)[-1].new is S.CONNECTED
        held.release.set()
        assert market.ledger.wait(100, SICK) == [f"flood {number}" for number in range(100)]
    assert len(shop.sessions) == 1
    untouched(market)


@row("H2", "a pause that lasts too long ends the link: backpressure; nothing is lost")
def test_we_can_not_keep_up(stage: Open, stopwatch: Stopwatch) -> None:
    sick = {"flow": {"high": 8, "low": 2, "backpressure_s": 0.5}}
    market = stage(sick, behaviour=QUIET, durability="memory")
    with holding(market) as held:
        market.start()
        shop = market.shops[SICK]
        stopwatch.start()
        shop.flood(100, package=1)

        def backed_up(failure: Failure | None) -> bool:
            return failure is not None and failure.reason == "backpressure"

        market.states.wait(SICK, lambda change: backed_up(change.failure))
        stopwatch.detected(0.5 + 1.0)
        market.undisturbed(*WELL)
        stopwatch.start()
        held.release.set()
        market.ledger.until(lambda texts: "flood 99" in texts)
        market.connected(SICK)
        stopwatch.recovered(5.0 + 1.0)
    assert delays(market)[0] >= 5.0, "whoever cannot keep up must not come back at once"
    texts = market.ledger.texts(SICK)
    assert texts == [f"flood {number}" for number in range(100)]
    market.fake.check(all_acked=True)
    untouched(market)


@row("H8", "ten are replaced and alarmed; beyond, the pool says so and `run` ends with 70")
def test_every_handler_hangs(
    tmp_path: Path, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this is not the main thread's business
    limits = {"threads": 12, "per_account": 12, "deadline_s": 0.3}
    codes: list[int] = []
    release = threading.Event()
    with Market(tmp_path, SICK, *CROWD, behaviour=QUIET, handlers=limits) as market:
        market.listen()

        @market.gateway.on(ChatMessage, account=SICK)
        def hang(event: ChatMessage) -> None:
            if event.text != "and you?":
                release.wait(60.0)

        launcher = threading.Thread(
            target=lambda: codes.append(market.gateway.run_forever()), daemon=True
        )
        launcher.start()
        try:
            for name in (SICK, *WELL):
                market.shops[name].wait_registered(WAIT_S)
            shop = market.shops[SICK]
            for lane in range(10):
                shop.buyer(f"78{lane:03d}").says("hang")
            stopwatch.start()
            market.log.wait("event.dead_lettered", 10, account=SICK)
            stopwatch.detected(0.3 + 1.0)
            market.log.wait("handler.abandoned", threads=10)
            assert not market.log.found("handler.pool_exhausted")
            market.undisturbed(*WELL)  # all twelve threads are there again
            stopwatch.start()
            shop.buyer("78010").says("hang")
            market.log.wait("handler.pool_exhausted", threads=11)
            launcher.join(WAIT_S)
            stopwatch.recovered(0.3 + 5.0)
            assert codes == [70]
            market.log.wait("gateway.threads_survived")
        finally:
            release.set()
            market.gateway._life.end()
            launcher.join(WAIT_S)


@row("H9", "what it asks is answered, also a stop; nothing waits for itself")
def test_handler_waits_for_its_own_gateway(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage()
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()

    @market.gateway.on(ChatMessage, account=SICK)
    def asks(event: ChatMessage) -> None:
        gateway = market.gateway
        match event.text:
            case "send":
                sent = gateway.send(SICK, "c9", "from a handler", to="77001").result(5.0)
                answers.put(sent.outcome)
            case "note":
                event.note("k", "v")
                answers.put(gateway.note(SICK, event.conversation_id, "k"))
            case "reset":
                gateway.accounts.reset(SICK)
                answers.put(gateway.accounts[SICK].wait_for(S.CONNECTED, 5.0))
            case "stop":
                answers.put(gateway.stop(4.0))
            case _:
                pass

    def asked(word: str) -> object:
        market.shops[SICK].buyer("77001").says(word)
        return answers.get(timeout=WAIT_S)  # Empty: it waits for itself

    market.start()
    assert asked("send") is SendOutcome.ACCEPTED
    assert asked("note") is None  # it leaves with the settlement, and that is not yet
    assert asked("reset") is True
    assert market.ledger.texts(SICK) == ["send", "note", "reset"], "none had failed before"
    untouched(market)
    stopwatch.start()
    assert asked("stop") is False, "the thread that asks lives on"
    stopwatch.detected(5.0)


SENDS = [pytest.param(2_000, id="2000"), pytest.param(10_000, marks=pytest.mark.slow, id="10000")]


@row("H10", "beyond the bound refused at once; the rate holds; each accepted one has its outcome")
@pytest.mark.parametrize("count", SENDS)
@pytest.mark.timeout(300)
def test_very_many_sends(stage: Open, count: int) -> None:
    limit, rate, burst, threads = count // 10, 100.0, 20, 4
    sick = {"send": {"limit": limit, "rate_per_s": rate, "burst": burst, "reply_s": 10.0}}
    market = stage(sick, behaviour=QUIET, durability="memory")
    market.start()
    tickets: list[SendTicket] = []
    refused: list[OverloadedError] = []

    def send(first: int) -> None:
        for number in range(first, count, threads):
            try:
                tickets.append(
                    market.gateway.send(SICK, f"c{number % 50}", str(number), to="77001")
                )
            except OverloadedError as error:
                refused.append(error)

    senders = [threading.Thread(target=send, args=(first,)) for first in range(threads)]
    began = time.monotonic()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(WAIT_S * 5)
    assert len(tickets) + len(refused) == count
    assert refused, "the bound was not met: the test does not test what it says"
    assert len(tickets) >= limit
    outcomes = Counter(ticket.result(limit / rate + WAIT_S).outcome for ticket in tickets)
    took_s = time.monotonic() - began
    assert outcomes == {SendOutcome.ACCEPTED: len(tickets)}
    own = market.shops[SICK].sent
    assert len({sent.uuid for sent in own}) == len(own) == len(tickets)
    at_ms = sorted(sent.created_at_ms for sent in own)
    span_s, due_s = (at_ms[-1] - at_ms[0]) / 1000, (len(own) - burst) / rate
    # A shop that stalls at the first of them makes their span shorter, never the whole.
    assert took_s > 0.95 * due_s, "faster than the settings say"
    assert span_s < due_s + 5.0, "slower than the settings say"
    untouched(market)


@row("H10", "the bound of the whole process is the one that was set")
def test_process_has_a_bound(stage: Open) -> None:
    market = stage(outbox={"limit": 20, "rate_per_s": 1000, "burst": 1000})
    market.start()
    market.gateway.accounts.pause(SICK)
    market.shops[SICK].wait_gone()
    tickets = [market.gateway.send(SICK, "c1", str(n), to="77001") for n in range(20)]
    with pytest.raises(OverloadedError, match="outbox of the gateway"):
        market.gateway.send(WELL[0], "c1", "one too many", to="77001")
    market.gateway.accounts.resume(SICK)
    assert {ticket.result(WAIT_S).outcome for ticket in tickets} == {SendOutcome.ACCEPTED}
    market.serves_sends(WELL[0])
