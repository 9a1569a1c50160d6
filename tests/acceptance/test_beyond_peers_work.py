"""Behaviours no peer has, once messages flow; numbers as in docs/peers.md."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Self

import pytest
from market import HASTE, WAIT_S, Log, Market
from websockets.sync.server import ServerConnection, serve

from gateway import ChatMessage, Gateway, UndecodableEvent
from gateway.config import from_mapping
from gateway.testing import Behaviour, Rule, faults

SHOP, OTHER = "2201", "2202"
NO_ECHO = Behaviour(backlog="push", echo=False)


@pytest.mark.peer(10)
def test_five_entries_are_five_events_and_one_ack(tmp_path: Path) -> None:
    """The one that cannot be read costs none of its neighbours, and is kept as it came."""
    with Market(tmp_path, SHOP, behaviour=NO_ECHO) as market:
        market.listen()
        market.gateway.on(UndecodableEvent)(market.ledger)
        market.start()
        shop = market.shops[SHOP]
        log = shop.wait_registered()
        market.log.wait("recovery.ended", account=SHOP)  # history would have the damaged one whole
        market.fake.wait(lambda: log.acks == log.pushes, what="the greeting's acks")
        before = log.pushes
        market.fake.inject(faults.corrupt("truncate", entry=2, times=1))
        shop.push([shop.buyer(f"7700{n}").writes(str(n)) for n in range(5)], package=5)
        market.ledger.wait(5)
        market.fake.wait(lambda: log.acks == log.pushes == before + 1, what="its only ack")
        (damaged,) = [e for e in market.ledger.events if isinstance(e, UndecodableEvent)]
        assert damaged.reason
        assert damaged.raw
        whole = [e.text or "" for e in market.ledger.events if isinstance(e, ChatMessage)]
        assert sorted(whole) == ["0", "1", "3", "4"]
        assert len(shop.sessions) == 1
        market.fake.check()


@pytest.mark.peer(11)
def test_ten_thousand_replayed_after_a_restart_are_known(tmp_path: Path) -> None:
    """A replay of a day must not answer a day's customers a second time."""
    count = 10_000
    with Market(tmp_path, SHOP, behaviour=NO_ECHO) as market:
        market.listen()
        market.start()
        shop = market.shops[SHOP]
        buyers = [shop.buyer(f"77{lane:03}") for lane in range(20)]
        entries = [buyers[n % 20].writes(str(n)) for n in range(count)]
        shop.push(entries)
        market.ledger.wait(count, timeout_s=30.0)
        shop.wait_acked(count, 30.0)
        market.gateway.stop(5.0)

        market.gateway = market.make()
        market.listen()
        market.start()
        shop.wait_registered(sessions=2)
        shop.push(entries)
        buyers[0].says("new")
        market.ledger.until(lambda texts: texts[-1] == "new")
        assert len(market.ledger.events) == count + 1
        assert market.gateway.accounts[SHOP].counters.duplicates >= count
        market.fake.wait(lambda: not shop.unacked, what="the acks of the replay")


@pytest.mark.peer(12)
def test_two_hundred_conversations_keep_their_order(tmp_path: Path) -> None:
    """Handlers take as long as they like: no inversion in a lane, and lanes run side by side."""
    seed = random.randrange(1 << 31)  # printed
    print(f"seed {seed}")  # noqa: T201  # a failure is repeated with it
    dice, lock = random.Random(seed), threading.Lock()
    seen: dict[str, list[int]] = defaultdict(list)
    busy, most, left = 0, 0, 200 * 50
    done = threading.Event()
    with Market(tmp_path, SHOP, behaviour=NO_ECHO) as market:

        @market.gateway.on(ChatMessage)
        def handle(event: ChatMessage) -> None:
            nonlocal busy, most, left
            with lock:
                busy += 1
                most = max(most, busy)
                nap_s = dice.uniform(0.0, 0.01) if dice.random() < 0.05 else 0.0
            if nap_s:
                threading.Event().wait(nap_s)
            with lock:
                seen[event.sender_id or ""].append(int(event.text or "-1"))
                busy -= 1
                left -= 1
                if not left:
                    done.set()

        market.start()
        shop = market.shops[SHOP]
        buyers = [shop.buyer(f"77{lane:03}") for lane in range(200)]
        order = [lane for lane in range(200) for _ in range(50)]
        dice.shuffle(order)
        next_of = dict.fromkeys(range(200), 0)
        entries = []
        for lane in order:
            entries.append(buyers[lane].writes(str(next_of[lane])))
            next_of[lane] += 1
        shop.push(entries, timeout_s=30.0)
        assert done.wait(40.0), left
    assert len(seen) == 200
    assert all(numbers == list(range(50)) for numbers in seen.values())
    assert most > 1


class Pinger:
    """A server that says ten things and then measures how long its pings take."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.done = threading.Event()
        self._server = serve(self._talk, "127.0.0.1", 0, ping_interval=None)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/"

    def _talk(self, link: ServerConnection) -> None:
        for number in range(10):
            link.send(f"say {number}")
        for _ in range(20):
            since = time.monotonic()
            if link.ping().wait(WAIT_S):
                self.took_s.append(time.monotonic() - since)
        link.send("measured")
        self.done.set()
        link.recv()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_S)


@pytest.mark.peer(13)
def test_a_ping_is_answered_in_no_time_while_every_handler_blocks() -> None:
    """The platform measures whether we live; a customer's code must not be what it measures."""
    release, stuck = threading.Event(), threading.Semaphore(0)
    with Pinger() as pinger:
        settings = from_mapping(
            {
                "durability": "memory",
                "handlers": {"threads": 2, "per_account": 2},
                "accounts": [{"id": "a", "platform": "plain", "url": pinger.url}],
            }
        )
        gateway = Gateway(settings, log=Log())
        heard: list[str | None] = []

        @gateway.on(ChatMessage)
        def block(event: ChatMessage) -> None:
            heard.append(event.text)
            stuck.release()
            release.wait(30.0)

        with gateway:
            try:
                assert stuck.acquire(timeout=WAIT_S)
                assert pinger.done.wait(WAIT_S)
                assert len(heard) <= 2, "a handler was free: the test shows nothing"
            finally:
                release.set()
    assert len(pinger.took_s) == 20
    assert sorted(pinger.took_s)[10] < 0.1, pinger.took_s


@pytest.mark.peer(16)
@pytest.mark.peer(17)
def test_a_peer_that_does_not_read_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """Its buffers are full and it says nothing: the stop has its own deadline."""
    patient = {"interval_s": 0.2, "reply_timeout_s": 60.0, "probe_timeout_s": 60.0}
    sends = {"deadline_s": 60.0, "buffer_bytes": 1 << 22}
    keys = {SHOP: {"send": sends, "heartbeat": patient}}
    with Market(tmp_path, SHOP, OTHER, behaviour=NO_ECHO, overrides=keys) as market:
        market.start()
        stall = Rule(on="request", lwp="/!", do=faults.Stall(), account=SHOP)
        market.fake.inject(stall)
        market.fake.wait(lambda: market.fake.fired(stall), WAIT_S, "the stall")
        for number in range(60):
            market.gateway.send(SHOP, f"c{number}", "x" * 50_000, to="77001")
        since = time.monotonic()
        assert market.gateway.stop(5.0)
        assert time.monotonic() - since < 5.0 + 2.0
        market.shops[OTHER].wait_gone()
        assert len(market.shops[SHOP].sessions) == 1


@pytest.mark.peer(18)
def test_one_of_fifty_calls_sys_exit(tmp_path: Path) -> None:
    """49 keep their sessions, and the fiftieth as well: it was only a handler."""
    names = [str(22_000 + number) for number in range(50)]
    with Market(tmp_path, *names, behaviour=NO_ECHO, defaults=HASTE) as market:
        market.listen()

        @market.gateway.on(ChatMessage, account=names[0])
        def leave(event: ChatMessage) -> None:
            if event.text == "exit":
                sys.exit(3)

        market.start()
        market.shops[names[0]].buyer("77001").says("exit")
        market.shops[names[0]].buyer("77001").says("next")
        market.log.wait("event.dead_lettered", account=names[0])
        market.ledger.until(lambda texts: "next" in texts)
        for name in names:
            market.undisturbed(name)
        assert not market.log.found("actor.died")
        market.fake.check()
