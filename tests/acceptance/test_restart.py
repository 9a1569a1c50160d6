"""A stop, a crash and a kill: what was acknowledged is handled, what was handled is not again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from market import WAIT_S, Ledger, Market, account_of, held_up

from actors.state import ConnectionState
from actors.values import Event, SendOutcome
from gateway import ChatMessage
from gateway.testing import Behaviour, FakePlatform, Rule, faults

SHOP = "2201"
SEND = "/r/MessageSend/sendByReceiverScope"


def test_what_was_not_handled_is_handled_after_the_restart(tmp_path: Path) -> None:
    """Acknowledged is promised: once each, in order, marked, and before anything new."""
    with Market(tmp_path, SHOP) as market:
        with held_up(market) as held:
            market.start()
            shop = market.shops[SHOP]
            buyers = [shop.buyer(f"7700{lane}") for lane in range(3)]
            for number in range(30):
                buyers[number % 3].says(f"old {number}")
            shop.wait_acked(30)
            assert held.has()
            market.gateway.stop(1.0)
        for buyer in buyers:
            shop.offline(buyer, ["new"])
        market.gateway = market.make()
        market.listen()
        market.start()
        assert len(market.ledger.wait(33)) == 33
        shop.wait_acked(33)
        lanes: dict[str | None, list[str]] = {}
        for event in market.ledger.events:
            lanes.setdefault(event.conversation_id, []).append(getattr(event, "text", ""))
            assert event.redelivered is (getattr(event, "text", "") != "new")
        assert sorted(lanes.values()) == sorted(
            [*(f"old {n}" for n in range(30) if n % 3 == lane), "new"] for lane in range(3)
        )
        market.gateway.stop(5.0)
        tally = market.gateway.accounts[SHOP].counters
        assert tally.balanced, tally
        assert (tally.done, tally.pending, tally.dead) == (33, 0, 0)
        third(market, "after all")


def third(market: Market, text: str) -> None:
    """Start once more: nothing is left but what comes now."""
    market.ledger = Ledger()
    market.gateway = market.make()
    market.listen()
    market.start()
    market.serves(SHOP, text)
    assert market.ledger.texts() == [text]


@pytest.mark.peer(11)
@pytest.mark.row("D2", "handled once, acknowledged again; known as long as its row is kept")
def test_duplicates_are_known_after_a_restart(tmp_path: Path) -> None:
    """The platform repeats what it believes unread; the buyer got the answer yesterday."""
    with Market(tmp_path, SHOP) as market:
        market.listen()
        market.start()
        shop = market.shops[SHOP]
        entry = shop.buyer("77001").writes("once")
        shop.push([entry])
        market.ledger.wait(1)
        shop.wait_acked(1)
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.listen()
        market.start()
        shop.wait_registered(sessions=2)
        shop.push([entry])
        market.serves(SHOP, "twice")
        assert market.ledger.texts() == ["once", "twice"]
        market.fake.check(all_acked=True)


def test_accepted_sends_leave_after_the_restart(tmp_path: Path) -> None:
    """``send()`` returned: the host has forgotten the message, we may not."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        for number in range(5):
            market.gateway.send(SHOP, "c1", str(number), to="77001")
        market.gateway.stop(5.0)
        assert not market.shops[SHOP].sent
        market.gateway = market.make()
        market.gateway.start()
        market.gateway.accounts.resume(SHOP)  # a pause outlives its life
        sent = market.shops[SHOP].wait_sent(5)
        assert [own.text for own in sent] == list("01234")
        assert len({own.uuid for own in sent}) == 5
        market.serves_sends(SHOP)
        assert len(market.shops[SHOP].sent) == 6


@pytest.mark.parametrize("echo", [False, True])
def test_equal_words_of_an_earlier_life_are_no_proof(tmp_path: Path, *, echo: bool) -> None:
    """Nothing was open when it stopped; yet its "ok" is in the history, and is not this one."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=echo)) as market:
        market.start()
        first = market.gateway.send(SHOP, "c1", "ok", to="77001").result(WAIT_S)
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.start()
        lost = Rule(on="request", lwp=SEND, do=faults.Lose(), times=1)
        market.fake.inject(lost)
        second = market.gateway.send(SHOP, "c1", "ok", to="77001").result(WAIT_S)
        assert market.fake.fired(lost) == 1
        assert second.outcome is SendOutcome.ACCEPTED
        sent = market.shops[SHOP].sent
        assert [own.message_id for own in sent] == [first.message_id, second.message_id]
        market.fake.check()


CHILD = """
import sys, threading
from gateway import ChatMessage, Gateway
gateway = Gateway.from_config(sys.argv[1])
@gateway.on(ChatMessage)
def handle(event):
    if event.text == "block":
        print("blocked", flush=True)
        threading.Event().wait()
    print("handled", event.text, flush=True)
gateway.start()
threading.Event().wait()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Power cuts do not call ``stop()``."""
    with FakePlatform(Behaviour(backlog="push")) as fake:
        shop = fake.account(SHOP)
        config = fake.config_file(tmp_path, durability="full")
        command = [sys.executable, "-W", "error", "-c", CHILD, str(config)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(  # ourselves
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            try:
                assert child.stdout is not None
                shop.wait_registered(20.0)
                buyer = shop.buyer("77001")
                for text in ("done", "block", "later", "last"):
                    buyer.says(text)
                assert child.stdout.readline() == "handled done\n"
                assert child.stdout.readline() == "blocked\n"
                shop.wait_acked(4)
            finally:
                child.kill()
        shop.wait_gone()
        with Market(tmp_path / "unused", SHOP) as market:
            market.config["data_dir"] = str(tmp_path / "data")
            market.config["accounts"] = [account_of(shop) | {"id": f"shop-{SHOP}"}]
            market.gateway = market.make()
            market.listen()
            market.gateway.start()
            shop.wait_registered(sessions=2)
            market.ledger.wait(3)
            shop.buyer("77001").says("new")
            market.ledger.until(lambda texts: "new" in texts)
            # "done" may come again: it was handled, its settlement may not have been stored.
            texts = [text for text in market.ledger.texts() if text != "done"]
            assert texts == ["block", "later", "last", "new"]
            assert all(event.redelivered for event in market.ledger.events[:-1])
        fake.check(all_acked=True)


@pytest.mark.peer(14)
def test_ten_thousand_pending_rows_are_read_in_pages(tmp_path: Path) -> None:
    """A night without handlers must not come back as one huge heap of objects."""
    count = 10_000
    gate = threading.Event()
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=False)) as market:

        @market.gateway.on(ChatMessage)
        def stuck(event: ChatMessage) -> None:
            del event
            gate.wait(60.0)

        try:
            market.start()
            market.shops[SHOP].flood(count, timeout_s=30.0)
            market.shops[SHOP].wait_acked(count, 30.0)
            market.gateway.stop(0.5)
        finally:
            gate.set()
        market.gateway = market.make()
        most = 0

        def watch(event: Event) -> None:
            nonlocal most
            dispatcher = market.actor("DispatcherActor", SHOP)
            most = max(most, dispatcher._lanes.pending)  # the bound itself
            market.ledger(event)

        market.gateway.on(ChatMessage)(watch)
        market.start()
        assert market.ledger.wait(count, timeout_s=40.0) == [f"flood {n}" for n in range(count)]
        assert most <= 1_000 + 64
        assert market.gateway.accounts[SHOP].state is ConnectionState.CONNECTED


def test_sends_of_a_disabled_gateway_survive_two_restarts(tmp_path: Path) -> None:
    """A restart that never connects must neither lose nor repeat them."""
    with Market(tmp_path, SHOP) as market:
        market.fake.stop_accepting()
        market.gateway.start()
        ticket = market.gateway.send(SHOP, "c1", "patient", to="77001")
        assert ticket.result(0.05).reason == "pending"
        for _ in range(2):
            market.gateway.stop(5.0)
            market.gateway = market.make()
            market.gateway.start()
        market.fake.resume()
        assert [own.text for own in market.shops[SHOP].wait_sent(1)] == ["patient"]
        market.serves_sends(SHOP)
        assert len(market.shops[SHOP].sent) == 2
        again = market.gateway.send(SHOP, "c1", "done", to="77001").result(WAIT_S)
        assert again.outcome is SendOutcome.ACCEPTED
