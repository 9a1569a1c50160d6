"""What a person is told, on a whole gateway: logged once, seen from outside, and over in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from history import Outcomes
from market import WAIT_S, Market
from sick_disk import OTHER, SHOP, journal_of, leaves_and_comes_back, market_in

import actors.account.supervisor
import actors.watch
from actors.account.decoder import DecoderActor
from actors.messages import StateChanged
from actors.policy import alerts, windows
from gateway import ChatMessage
from gateway.host.calls import MOST_CALLS
from gateway.journal.upkeep import upkeep
from gateway.testing import Behaviour, faults

BOUND = 300_000


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the journal as often as there are commits."""
    for name, seconds in (("WATCH_S", 0.02), ("STEP_S", 0.0), ("LOOK_S", 0.0), ("ROUND_S", 0.0)):
        monkeypatch.setattr(upkeep, name, seconds)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Yield what lets handlers go; they are let go at the end, whatever happens."""
    release = threading.Event()
    yield release
    release.set()


def on(market: Market, account: str | None = None) -> list[str]:
    gateway = market.gateway
    return [
        alert.name for alert in (gateway.accounts[account].alerts if account else gateway.alerts)
    ]


def slow(market: Market, release: threading.Event, text: str) -> None:
    """Hold up the conversation in which somebody says so."""

    @market.gateway.on(ChatMessage)
    def hold(event: ChatMessage) -> None:
        if event.text == text:
            release.wait(60.0)


def commits_until(market: Market, done: Callable[[], object]) -> None:
    """Have something stored again and again: the journal looks around after a commit."""
    for number in range(1000):
        if done():
            return
        market.serves(OTHER, f"commit {number}")
    raise AssertionError


def test_a_conversation_that_piles_up_is_told_and_holds_up_no_other(
    tmp_path: Path, held: threading.Event
) -> None:
    """2.10, lane backlog."""
    with market_in(tmp_path, SHOP, OTHER, lane_alert_events=5) as market:
        slow(market, held, "wait")
        market.start()
        buyer = market.shops[SHOP].buyer("78001")
        buyer.says("wait")
        for number in range(4):
            buyer.says(f"more {number}")
        commits_until(market, lambda: market.log.found("lane.backlogged", account=SHOP))
        (line,) = market.log.found("lane.backlogged")
        assert "5 events wait" in line["detail"]
        assert line["lane"]
        assert on(market, SHOP) == ["lane.backlogged"]
        assert on(market, OTHER) == []
        market.serves(SHOP, "another conversation")
        market.serves(OTHER)
        held.set()
        commits_until(market, lambda: market.log.found("alert.ended", alert="lane.backlogged"))
        assert on(market) == []
        assert len(market.log.found("lane.backlogged")) == 1


def test_dead_letters_are_told_at_half_and_are_no_disk_at_the_bound(tmp_path: Path) -> None:
    """2.10, dead letters: a person drops some, and everything comes back."""
    with market_in(tmp_path, SHOP, dead_letter_max_bytes=BOUND) as market:

        @market.gateway.on(ChatMessage)
        def poison(event: ChatMessage) -> None:
            if event.text and event.text.startswith("poison"):
                raise ValueError

        market.start()

        def poisoned(*numbers: int) -> None:
            for number in range(*numbers):
                market.shops[SHOP].buyer("78001").says("poison" * 1000)
                market.log.wait("event.dead_lettered", number + 1)
            letters = market.gateway.dead_letters
            market.fake.wait(lambda: len(letters.list()) == numbers[1], WAIT_S, "the letters")

        poisoned(0, 1)
        (letter,) = market.gateway.dead_letters.list()
        frame = market.gateway.dead_letters.show(letter.event_id).frame
        assert frame is not None
        half, whole = (-(-share // len(frame)) for share in (BOUND // 2, BOUND))
        assert 3 < half < whole - 3

        poisoned(1, half - 1)
        market.serves(SHOP)
        market.log.wait("letters.waiting", account=SHOP)
        assert on(market) == ["letters.waiting"]
        poisoned(half - 1, half + 1)
        market.log.wait("letters.filling")
        poisoned(half + 1, whole)

        def drop() -> None:
            assert set(on(market)) >= {"letters.filling", "journal.unavailable"}
            for letter in market.gateway.dead_letters.list():
                market.gateway.dead_letters.drop(letter.event_id)

        leaves_and_comes_back(market, SHOP, drop)
        market.log.wait("alert.ended", alert="letters.filling")
        market.log.wait("alert.ended", alert="letters.waiting", account=SHOP)
        market.log.wait("alert.ended", alert="journal.unavailable")


def test_a_journal_that_fills_up_is_told_and_reads_no_history(
    tmp_path: Path, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.10, journal on disk, soft: what the platform keeps anyway can wait there."""
    monkeypatch.setattr(upkeep, "CALM_S", 0.3)
    monkeypatch.setattr(upkeep, "WATCH_S", 60.0)  # retention has its turn
    outcomes = Outcomes()
    with Market(
        tmp_path,
        SHOP,
        behaviour=Behaviour(backlog="history", redeliver_on_reconnect=False),
        defaults={
            "recovery": {"probe_s": 0.3},
            "limits": {"max_frame_bytes": 1 << 24, "max_message_bytes": 1 << 24},
        },
        journal={"max_bytes": 1 << 20, "min_free_bytes": 0},
    ) as market:
        market.listen()
        slow(market, held, "wait")
        market.gateway.on_recovery(outcomes)
        market.start()
        outcomes.wait(1)
        shop, buyer = market.shops[SHOP], market.shops[SHOP].buyer("78001")
        buyer.says("wait")
        sent = 1
        concerns = journal_of(market).concerns
        while not concerns():
            buyer.says("x" * 3000)
            sent += 1
            shop.wait_acked(sent, WAIT_S)
        market.log.wait("journal.filling")
        assert on(market) == ["journal.filling"]
        shop.offline(shop.buyer("78002"), ["missed"])
        shop.cut()
        failed = outcomes.wait(1, recovered=False)
        assert failed.reason == "journal_filling"
        assert "missed" not in market.ledger.texts()
        held.set()
        market.ledger.until(lambda texts: "missed" in texts)
        market.log.wait("alert.ended", alert="journal.filling")


def test_accounts_that_crash_together_are_told_and_slow_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.8: many at once are no single account's fault, and each start may be the next crash."""
    names = tuple(str(number) for number in range(2201, 2206))
    monkeypatch.setattr(windows, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(actors.account.supervisor, "LONGEST_DELAY_S", 0.05)
    monkeypatch.setattr(alerts, "CROWD_WINDOW_S", 2.0)
    right = DecoderActor._read

    def wrong(self: DecoderActor, message: Any, calls: Any, session: Any) -> None:
        if self._account.name in names[:3]:
            raise RuntimeError
        right(self, message, calls, session)

    with Market(tmp_path, *names) as market:
        market.listen()
        market.start()
        system = market.gateway._system
        assert system is not None
        gate = system._gate
        before = gate.rate_per_s
        with monkeypatch.context() as broken:
            broken.setattr(DecoderActor, "_read", wrong)
            for name in names[:3]:
                market.shops[name].buyer("77001").says("poison for all")
            market.log.wait("account.failed", 3, why="crash_loop")
        (line,) = market.log.wait("accounts.crashing")
        assert "3 of 5 accounts" in line["detail"]
        market.fake.wait(lambda: gate.rate_per_s == 1.0, WAIT_S, "the slow gate")
        market.undisturbed(*names[3:])
        market.log.wait("alert.ended", alert="accounts.crashing")
        market.fake.wait(lambda: gate.rate_per_s == before, WAIT_S, "the old gate")
        assert on(market) == ["account.failed"] * 3
        for name in names[:3]:
            market.gateway.accounts.reset(name)
            market.connected(name)
        assert on(market) == []


def test_a_listener_that_hangs_fills_no_memory(tmp_path: Path, held: threading.Event) -> None:
    """2.10, state events: the state itself is right, and the newest news comes last."""
    with Market(tmp_path, SHOP) as market:
        heard: list[int] = []

        @market.gateway.on_state
        def hang(change: StateChanged) -> None:
            if change.generation > 100:
                held.wait(60.0)
                heard.append(change.generation)

        market.start()
        first = market.states.wait(SHOP, lambda _: True)
        for number in range(101, 101 + 2 * MOST_CALLS):
            market.gateway._observer.state_changed(
                msgspec.structs.replace(first, generation=number)
            )
        assert market.gateway._calls.waiting(SHOP) <= MOST_CALLS
        assert len(market.log.wait("listener.behind", account=SHOP)) == 1
        assert market.gateway.accounts[SHOP].generation == 100 + 2 * MOST_CALLS
        held.set()
        market.states.wait(SHOP, lambda change: change.generation == 100 + 2 * MOST_CALLS)
        assert heard == sorted(set(heard))
        assert len(heard) <= MOST_CALLS


def test_a_reply_is_bounded_by_the_outbox_of_the_gateway_too(tmp_path: Path) -> None:
    """2.10, outbox: an event whose reply has no room is tried again; the account has a thousand."""
    slow = {"rate_per_s": 0.001, "burst": 1}
    with Market(tmp_path, SHOP, outbox={"limit": 2}, defaults={"send": slow}) as market:

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            event.reply("yes")

        market.start()
        shop = market.shops[SHOP]
        for number in range(100):  # replies of one moment are counted when they are stored
            if market.log.found("handler.failed"):
                break
            shop.buyer("78001").says("well?")
            shop.wait_acked(number + 1, WAIT_S)
        (line, *_) = market.log.wait("handler.failed")
        assert line["reason"].startswith("OverloadedError")


def test_a_peer_that_keeps_sending_too_much_is_told(tmp_path: Path) -> None:
    """2.10, frame size: none was acknowledged, so the same ones come again and again."""
    with Market(tmp_path, SHOP, OTHER) as market:
        market.listen()
        market.start()
        market.fake.inject(*faults.oversize(account=SHOP))
        market.shops[SHOP].buyer("77001").says("large")
        (line,) = market.log.wait("link.oversized", account=SHOP)
        assert "limits" in line["next_step"]
        assert len(market.log.found("connection.state_changed", reason="frame_too_big")) >= 4
        market.serves(OTHER)
        assert on(market, OTHER) == []
