"""Handlers that take the process with them, hang, or come too late; and who cleans up.

The gateway that crashes is a real process, killed by its own handler.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from market import WAIT_S, Market

from actors.ports.journal import Letter, Tally
from actors.runtime.clock import SystemClock
from gateway import ChatMessage, UnknownLetterError
from gateway.journal.sqlite import dead_letters
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour, FakePlatform

SHOP = "2201"

CHILD = """
import os, signal, sys, threading
from gateway import ChatMessage, Gateway
gateway = Gateway.from_config(sys.argv[1])
@gateway.on(ChatMessage, on_crash=sys.argv[2])
def handle(event):
    print(event.text, event.redelivered, flush=True)
    if event.text == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
gateway.start()
threading.Event().wait()
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


class Crashing:
    """A gateway in a process that its handler kills, started again and again."""

    def __init__(self, directory: Path, fake: FakePlatform, on_crash: str) -> None:
        self.directory, self.on_crash = directory, on_crash
        self.shop = fake.account(SHOP)
        self.config = fake.config_file(directory, durability="normal")
        self.account = f"shop-{SHOP}"

    def life(self, *texts: str, until: str | None = None) -> list[str]:
        """Start, let the buyer write, and give what handlers saw until the death.

        Args:
            texts: What the buyer writes; none: what is left over decides.
            until: Kill it ourselves after this line.
        """
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-W", "error", "-c", CHILD, str(self.config), self.on_crash]
        sessions = len(self.shop.sessions)
        with subprocess.Popen(  # ourselves
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            watchdog = threading.Timer(20.0, child.kill)
            watchdog.start()
            try:
                assert child.stdout is not None
                if texts:
                    self.shop.wait_registered(20.0, sessions=sessions + 1)
                    self.shop.push([self.shop.buyer("77001").writes(text) for text in texts])
                lines = []
                for line in child.stdout:
                    lines.append(line.strip())
                    if lines[-1] == until:
                        child.kill()
                        break
            finally:
                child.kill()
                watchdog.cancel()
        self.shop.wait_gone()
        return lines

    def journal(self) -> SqliteJournal:
        """Open the journal that was left."""
        path = self.directory / "data" / "journal.sqlite3"
        return SqliteJournal(path, synchronous="NORMAL", clock=SystemClock())

    def review(self) -> tuple[Sequence[Letter], Tally]:
        """Return what waits for a person, and the counters, of the stopped gateway."""
        journal = self.journal()
        try:
            return journal.letters(None, 100), journal.tally(self.account)
        finally:
            journal.close()


@pytest.mark.peer(11)
def test_event_that_kills_the_process_is_given_up_after_three_lives(tmp_path: Path) -> None:
    """K4, redeliver: marked each time, the lane goes on, and its neighbours come through."""
    with FakePlatform(Behaviour(backlog="push")) as fake:
        crashing = Crashing(tmp_path, fake, "redeliver")
        assert crashing.life("before", "poison", "after")[-1] == "poison False"
        assert crashing.life()[-1] == "poison True"
        assert crashing.life()[-1] == "poison True"

        assert "after True" in crashing.life(until="after True")

        (letter,), tally = crashing.review()
        assert (letter.status, letter.reason) == ("dead", "crash_loop")
        assert tally.dead == 1
        assert tally.balanced, tally


def test_parked_event_is_handled_once_and_waits_for_a_person(tmp_path: Path) -> None:
    """K4, park: one invocation; listed, and handled again only when somebody says so."""
    with FakePlatform(Behaviour(backlog="push")) as fake:
        crashing = Crashing(tmp_path, fake, "park")
        assert crashing.life("poison", "after") == ["poison False"]
        assert crashing.life(until="after True") == ["after True"]

        found, tally = crashing.review()  # our own kill may have caught the other, too
        assert {(each.status, each.reason) for each in found} == {("parked", "unknown_effect")}
        assert len(found) == tally.parked <= 2
        assert tally.balanced, tally
        letter = found[-1]

        journal = crashing.journal()
        assert dead_letters.replay(journal, letter.event_id)
        journal.close()
        lines = crashing.life()
        assert [line for line in lines if not line.startswith("after")] == ["poison True"]


def test_parked_and_dead_are_seen_replayed_and_dropped_on_a_running_gateway(
    tmp_path: Path,
) -> None:
    healed = threading.Event()
    with Market(tmp_path, SHOP) as market:
        market.listen()

        @market.gateway.on(ChatMessage)
        def sick(event: ChatMessage) -> None:
            if not healed.is_set() and event.text != "well":
                raise ValueError(event.text)

        market.start()
        shop = market.shops[SHOP]
        for text in ("one", "two", "well"):
            shop.buyer("77001").says(text)
        market.log.wait("event.dead_lettered", 2)
        market.ledger.until(lambda texts: "well" in texts)
        desk = market.gateway.dead_letters
        second, first = listed(market, 2)
        assert desk.list(account="nobody") == []
        shown = desk.show(first.event_id)
        assert shown.frame is not None
        assert (shown.status, shown.attempts) == ("dead", 3)
        healed.set()

        desk.replay(first.event_id)
        desk.drop(second.event_id)

        market.ledger.until(lambda texts: texts[-1] == "one")
        assert market.ledger.events[-1].redelivered
        assert desk.list() == []
        for verb in (desk.show, desk.replay, desk.drop):
            with pytest.raises(UnknownLetterError):
                verb(first.event_id)
        market.serves(SHOP, "well")
        balanced(market, done=3, ignored=1)


def test_letter_of_an_account_that_is_gone_can_be_dropped_and_replayed(tmp_path: Path) -> None:
    """The journal outlives the configuration."""
    with Market(tmp_path, SHOP, "2202") as market:

        @market.gateway.on(ChatMessage)
        def sick(event: ChatMessage) -> None:
            raise ValueError(event.text)

        market.start()
        for text in ("one", "two"):
            market.shops[SHOP].buyer("77001").says(text)
        market.log.wait("event.dead_lettered", 2)
        market.gateway.accounts.remove(SHOP)
        desk = market.gateway.dead_letters
        for letter, verb in zip(listed(market, 2), (desk.drop, desk.replay), strict=True):
            verb(letter.event_id)
        assert desk.list() == []


def test_tries_go_on_where_the_last_life_stopped(tmp_path: Path) -> None:
    """A restart is no pardon: 1 + 2 tries in all, over two lives."""
    delays = {"handlers": {"retry_delays_s": [0.01, 60.0]}}
    tried = 0
    with Market(tmp_path, SHOP, overrides={SHOP: delays}) as market:

        def sick(event: ChatMessage) -> None:
            nonlocal tried
            tried += 1
            raise ValueError(event.text)

        market.gateway.on(ChatMessage)(sick)
        market.start()
        market.shops[SHOP].buyer("77001").says("bad")
        market.log.wait("handler.failed", attempt=2)
        market.gateway.stop(5.0)
        assert tried == 2

        market.gateway = market.make()
        market.gateway.on(ChatMessage)(sick)
        market.start()

        market.log.wait("event.dead_lettered", attempts=3)
        assert tried == 3


def test_note_is_there_once_the_event_is_settled(tmp_path: Path) -> None:
    """Reply, note and settlement are one transaction; a failed try leaves neither."""
    failed = threading.Event()
    with Market(tmp_path, SHOP) as market:

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            event.note("last", event.text)
            event.note("of all", event.text, account_wide=True)
            if event.text == "second" and not failed.is_set():
                event.note("failed", "yes")
                failed.set()
                raise ValueError("once")
            event.reply(f"got {event.text}")

        market.start()
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        buyer.says("first")
        buyer.says("second")
        assert [own.text for own in shop.wait_sent(2)] == ["got first", "got second"]
        lane = buyer.conversation().id
        notes = [market.gateway.note(SHOP, lane, key) for key in ("last", "of all", "failed")]
        assert notes == ["second", None, None]
        assert market.gateway.note(SHOP, None, "of all") == "second"
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.start()
        assert market.gateway.note(SHOP, lane, "last") == "second"


def test_old_messages_expire_and_are_counted(tmp_path: Path) -> None:
    """A policy, not a silent drop: stored, acknowledged, counted."""
    overrides = {SHOP: {"handlers": {"expire_s": 60.0}}}
    with Market(tmp_path, SHOP, overrides=overrides) as market:
        market.listen()
        market.start()
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        engine = shop.host.engine
        now = engine.unix_ms
        engine.unix_ms = lambda: now() - 3_600_000
        stale = buyer.writes("stale")
        engine.unix_ms = now
        shop.push([stale, buyer.writes("fresh")])
        assert market.ledger.wait(1) == ["fresh"]
        market.log.wait("event.expired")
        shop.wait_acked(1)
        balanced(market, done=1, expired=1)


def test_hung_parking_handler_is_parked(tmp_path: Path) -> None:
    """H7: given up with its thread; what it still does nobody knows."""
    release = threading.Event()
    with Market(tmp_path, SHOP, handlers={"deadline_s": 0.2}) as market:
        market.listen()

        @market.gateway.on(ChatMessage, on_crash="park")
        def hangs(event: ChatMessage) -> None:
            if event.text == "hang":
                release.wait(30.0)

        try:
            market.start()
            market.shops[SHOP].buyer("77001").says("hang")
            market.log.wait("event.parked", reason="handler_timed_out")
            (letter,) = listed(market, 1)
            assert letter.status == "parked"
            market.serves(SHOP)
            balanced(market, done=1, parked=1)
        finally:
            release.set()


def listed(market: Market, count: int) -> Sequence[Letter]:
    """Wait until that many letters are in the journal; they are logged a moment before."""
    deadline = time.monotonic() + WAIT_S
    found = market.gateway.dead_letters.list()
    while len(found) < count and time.monotonic() < deadline:
        found = market.gateway.dead_letters.list()
    assert len(found) == count, found
    return found


def balanced(market: Market, **ended: int) -> None:
    """Wait for the settlements, then check the accounting identity."""
    system = market.gateway._system  # the journal's line ends here
    assert system is not None
    deadline = time.monotonic() + WAIT_S
    while market.gateway.accounts[SHOP].counters.pending and time.monotonic() < deadline:
        system.services.writer.read(lambda _: None, WAIT_S)
    tally = market.gateway.accounts[SHOP].counters
    assert {name: getattr(tally, name) for name in ended} == ended, tally
    assert tally.balanced
    assert tally.pending == 0
