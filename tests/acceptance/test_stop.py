"""The ordered stop: in time from any state, nothing lost, and a second signal ends at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from child import ourselves
from market import WAIT_S, Market
from watch import Stopwatch

from actors.state import ConnectionState
from actors.values import SendOutcome, SendState
from gateway import ChatMessage, Gateway, ShuttingDownError
from gateway.host.stopping import SHARE, STEPS, Steps, stacks_of
from gateway.testing import Behaviour, FakePlatform, Rule, Shop, faults
from gateway.testing.faults import Moment

SHOP, OTHER = "2201", "2202"
SEND, LIST = "/r/MessageSend/*", "/r/Conversation/listNewestPagination"


def test_the_steps_fit_into_thirty_seconds() -> None:
    assert STEPS.total / SHARE == pytest.approx(30.0)
    half = STEPS.within(15.0 * SHARE)
    assert half.total == pytest.approx(14.0)
    assert STEPS.within(0.1).journal == 1.0, "the lock must be free afterwards"
    assert Steps().handlers == 10.0


def test_answers_that_are_under_way_are_waited_for(tmp_path: Path) -> None:
    """A stop between a send and its answer must not make an UNKNOWN of it."""
    behaviour = Behaviour(backlog="push", echo=False)
    overrides = {SHOP: {"send": {"reply_s": 5.0}}}
    with Market(tmp_path, SHOP, behaviour=behaviour, overrides=overrides) as market:
        market.start()
        market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Delay(by_s=0.3)))
        first = market.gateway.send(SHOP, "c1", "first", to="77001")
        second = market.gateway.send(SHOP, "c1", "second", to="77001")
        market.shops[SHOP].wait_sent(1)
        readiness = [market.gateway.ready]
        assert market.gateway.stop(10.0)
        assert [*readiness, market.gateway.ready] == [True, False]
        assert first.result(0.0).outcome is SendOutcome.ACCEPTED
        assert second.result(0.0).reason == "pending", "nothing new is begun"
        assert [own.text for own in market.shops[SHOP].sent] == ["first"]
        log = market.shops[SHOP].sessions[-1]
        assert log.close_code == 1000


def test_an_answer_that_does_not_come_is_looked_for_in_the_next_life(tmp_path: Path) -> None:
    behaviour = Behaviour(backlog="push", echo=False)
    overrides = {SHOP: {"send": {"reply_s": 60.0}}}
    with Market(tmp_path, SHOP, behaviour=behaviour, overrides=overrides) as market:
        market.start()
        lost = Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1)
        gone = Rule(on="request", lwp=SEND, do=faults.Lose(), times=1, after=1)
        market.fake.inject(lost, gone)
        first = market.gateway.send(SHOP, "c1", "first", to="77001")
        market.shops[SHOP].wait_sent(1)
        second = market.gateway.send(SHOP, "c2", "second", to="77001")
        third = market.gateway.send(SHOP, "c2", "third", to="77001")
        market.fake.wait(lambda: market.fake.fired(gone), WAIT_S, "the lost request")
        begun = time.monotonic()
        assert market.gateway.stop(3.0)
        assert time.monotonic() - begun < 3.0 + 5.0, "its limit, on a busy machine"
        assert market.log.found("gateway.sends_unanswered") == [{"count": 2}]
        assert first.result(0.0).outcome is SendOutcome.UNKNOWN
        with pytest.raises(ShuttingDownError):
            market.gateway.send(SHOP, "c1", "too late")
        market.gateway = market.make()
        market.start()
        tickets = [market.gateway.ticket(each.outbox_id) for each in (first, second, third)]
        outcomes = [each.result(WAIT_S).outcome for each in tickets]
        assert outcomes == [SendOutcome.ACCEPTED] * 3
        assert market.shops[SHOP].texts == {"c1": ["first"], "c2": ["second", "third"]}
        market.fake.check()


@pytest.mark.peer(17)
@pytest.mark.row("S1", "each step has a deadline; survivors are named")
@pytest.mark.parametrize("where", ["mid-dial", "mid-backoff", "mid-recovery", "hung handler"])
def test_in_time_from_any_state(tmp_path: Path, stopwatch: Stopwatch, where: str) -> None:
    release, begun = threading.Event(), threading.Event()
    overrides = {SHOP: {"reconnect": {"network_step_s": 60.0, "network_cap_s": 60.0}}}
    with Market(tmp_path, SHOP, OTHER, overrides=overrides) as market:

        @market.gateway.on(ChatMessage)
        def hang(event: ChatMessage) -> None:
            del event
            begun.set()
            release.wait(30.0)

        try:
            if where == "mid-dial":
                market.fake.inject(Rule(on="upgrade", account=SHOP, do=faults.Stall()))
                market.gateway.start()
                market.reached(SHOP, ConnectionState.CONNECTING)
            elif where == "mid-backoff":
                market.fake.stop_accepting()
                market.gateway.start()
                market.reached(SHOP, ConnectionState.RECONNECTING)
            elif where == "mid-recovery":
                unread = Rule(on="request", lwp=LIST, do=faults.Lose())
                market.fake.inject(unread)
                market.start()
                market.fake.wait(lambda: market.fake.fired(unread), WAIT_S, "the first question")
            else:
                market.start()
                market.shops[SHOP].buyer("77001").says("hang")
                assert begun.wait(WAIT_S)
            stopwatch.start()
            clean = market.gateway.stop(3.0)
            stopwatch.recovered(3.0)
            assert clean is (where != "hung handler")
            for name in (SHOP, OTHER):
                assert market.gateway.accounts[name].state is ConnectionState.CLOSED
            if not clean:
                (line,) = market.log.found("gateway.threads_survived")
                (stack,) = line["stacks"].values()
                assert any("test_stop.py" in place for place in stack)
        finally:
            release.set()


def test_stacks_name_the_place() -> None:
    name = threading.current_thread().name
    assert stacks_of([name, "nobody"])[name][-1].endswith("stacks_of")


CHILD = """
import sys, threading
from gateway import ChatMessage, Gateway
gateway = Gateway.from_config(sys.argv[1])
@gateway.on(ChatMessage)
def handle(event):
    print("hung", flush=True)
    threading.Event().wait()
sys.exit(gateway.run_forever())
"""


@pytest.mark.peer(17)
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM here")
@pytest.mark.parametrize("second", [True, False])
def test_a_second_signal_ends_at_once(tmp_path: Path, *, second: bool) -> None:
    """S1: an operator who asks twice does not want to wait for a hung handler."""
    with FakePlatform(Behaviour()) as fake:
        shop = fake.account(SHOP)
        config = fake.config_file(tmp_path, durability="full")
        with ourselves(CHILD, config) as (child, said):
            shop.wait_registered(20.0)
            if second:
                shop.buyer("77001").says("hang")
                assert said.readline() == "hung\n"
            child.send_signal(signal.SIGTERM)
            if second:
                with pytest.raises(subprocess.TimeoutExpired):
                    child.wait(0.5)
                child.send_signal(signal.SIGTERM)
            assert child.wait(5.0) == (70 if second else 0)


SENDER = """
import sys
from gateway import Gateway
gateway = Gateway.from_config(sys.argv[1])
gateway.start()
for number in range(100):
    ticket = gateway.send("shop-2201", f"c{number % 20}", str(number), to="77001")
    print(ticket.outbox_id, flush=True)
import threading
threading.Event().wait()
"""


def killed_with_a_hundred(shop: Shop, config: Path) -> list[str]:
    """Let a process accept a hundred sends, kill it at once, and give their ids."""
    with ourselves(SENDER, config) as (_, said):
        ids = [said.readline().strip() for _ in range(100)]
    shop.wait_gone()
    return ids


QUICK = {"send": {"rate_per_s": 1000, "burst": 1000, "recheck_s": 0.1}}


@pytest.mark.peer(15)
@pytest.mark.parametrize("lose", ["reply", "request"])
def test_a_hundred_sends_survive_a_kill(tmp_path: Path, lose: Moment) -> None:
    """K6 to K8: accepted before the kill is one copy after it, whatever was under way."""
    with FakePlatform(Behaviour(echo=False)) as fake:
        shop = fake.account(SHOP)
        config = fake.config_file(tmp_path, durability="full", defaults=QUICK)
        fake.inject(Rule(on=lose, lwp=SEND, do=faults.Lose(), after=5, times=20))
        ids = killed_with_a_hundred(shop, config)
        with Gateway.from_config(config) as gateway:
            tickets = [gateway.ticket(outbox_id) for outbox_id in ids]
            outcomes = {ticket.result(2 * WAIT_S).outcome for ticket in tickets}
            assert outcomes == {SendOutcome.ACCEPTED}
            assert {view.state for view in gateway.sends.list()} == {SendState.ACCEPTED}
        assert sorted(int(own.text or "") for own in shop.sent) == list(range(100))
        in_order(shop)
        fake.check()


def in_order(shop: Shop) -> None:
    for texts in shop.texts.values():
        numbers = [int(text or "") for text in texts]
        assert numbers == sorted(numbers), "out of order"


def test_a_hundred_sends_through_every_mishap_and_a_kill(tmp_path: Path) -> None:
    """Lost, late, refused, cut before and after: one copy of what was accepted, none else."""
    seed = random.randrange(1 << 31)
    print(f"seed {seed}")  # noqa: T201  # shown if it fails
    dice = random.Random(seed)
    refusing = faults.forbid_sends(f"shop-{SHOP}")[0].do
    assert isinstance(refusing, faults.Answer)
    mishaps: list[tuple[Moment, faults.AnyAction]] = [
        ("request", faults.Lose()),
        ("reply", faults.Lose()),
        ("reply", faults.Delay(by_s=0.3)),
        ("request", refusing),
        ("request", faults.Reset()),
        ("reply", faults.Reset()),
    ]
    with FakePlatform(Behaviour(echo=False)) as fake:
        shop = fake.account(SHOP)
        reconnect = {"unexpected_close_step_s": 0.1, "flapping_wait_s": 0.1}
        send = {**QUICK["send"], "reply_s": 0.2}
        config = fake.config_file(
            tmp_path, durability="full", defaults={"send": send, "reconnect": reconnect}
        )
        rules = [
            Rule(on=on, lwp=SEND, do=do, after=dice.randrange(60), times=1)
            for on, do in mishaps * 3
        ]
        dice.shuffle(rules)
        fake.inject(*rules)
        ids = killed_with_a_hundred(shop, config)
        with Gateway.from_config(config) as gateway:
            results = [gateway.ticket(outbox_id).result(2 * WAIT_S) for outbox_id in ids]
        wanted: dict[str, set[int]] = {"accepted": set(), "refused": set()}
        for number, result in enumerate(results):
            wanted[result.outcome.value].add(number)
        assert all(fake.fired(rule) for rule in rules), "a mishap did not happen"
        assert 1 <= len(wanted["refused"]) <= 3  # that of the killed life nobody may have read
        sent = [int(own.text or "") for own in shop.sent]
        assert sorted(sent) == sorted(wanted["accepted"]), "not one copy of each"
        assert {own.message_id for own in shop.sent} == {r.message_id for r in results} - {None}
        in_order(shop)
        fake.check()


def test_a_handler_may_stop_the_gateway(tmp_path: Path) -> None:
    """It was waited for by itself, given up, and its event blamed for the end of the process."""
    said: list[bool] = []
    with Market(tmp_path, SHOP) as market:

        @market.gateway.on(ChatMessage)
        def obey(event: ChatMessage) -> None:
            event.reply("bye")
            said.append(market.gateway.stop(10.0))

        market.start()
        market.shops[SHOP].buyer("77001").says("stop")
        market.log.wait("gateway.stopped")
        assert said == [False], "another thread stops"
        assert not market.log.found("handler.abandoned")
        assert market.gateway.stop(1.0), "a second one finds nothing to do"
        market.gateway = market.make()
        market.listen()
        market.start()
        market.shops[SHOP].wait_sent(1)
        assert [own.text for own in market.shops[SHOP].sent] == ["bye"], "it was settled"
        assert not market.ledger.texts()


_to_stop: list[Gateway] = []


def stop_it(_event: object) -> None:
    """Stop what runs; a sink and a listener."""
    _to_stop[-1].stop()


@pytest.mark.parametrize("who", ["sink", "listener"])
def test_a_sink_and_a_listener_may_stop_what_runs_forever(who: str, tmp_path: Path) -> None:
    sinks = [{"kind": "python", "call": "test_stop:stop_it"}] if who == "sink" else []
    with Market(tmp_path, SHOP, sinks=sinks) as market:
        _to_stop.append(market.gateway)
        if who == "listener":
            market.gateway.on_recovery(stop_it)
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(market.gateway.run_forever()))
        thread.start()
        market.shops[SHOP].wait_registered(WAIT_S)
        market.shops[SHOP].buyer("77001").says("hi")
        thread.join(WAIT_S)
        assert codes == [0]
        assert not market.log.found("sink.failing")
