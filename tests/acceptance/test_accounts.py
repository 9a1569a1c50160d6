"""Accounts come, go, pause and fail at run time; a stop ends in time wherever they stand."""

from __future__ import annotations

import dataclasses
import itertools
import socket
import threading
import time
from pathlib import Path

import pytest
from market import WAIT_S, Market, account_of, merged

from actors.state import Cause, ConnectionState
from gateway import (
    AccountExistsError,
    AccountSettings,
    ChatMessage,
    ShuttingDownError,
    StateChanged,
    UnknownAccountError,
)
from gateway.config import from_mapping
from gateway.testing import Rule, faults

SHOP, WELL, LATE = "2201", "2202", "2203"


def settings_of(market: Market, name: str) -> AccountSettings:
    """Return the settings of an account the gateway does not have."""
    shop = market.fake.account(name)
    market.shops[name] = shop
    (settings,) = from_mapping(merged(market.config, {"accounts": [account_of(shop)]})).accounts
    return settings


def test_an_account_joins_and_leaves(tmp_path: Path) -> None:
    """Adding a shop must not need a restart of all others."""
    with Market(tmp_path, WELL) as market:
        market.listen()
        market.start()
        settings = settings_of(market, LATE)
        view = market.gateway.accounts.add(settings)
        assert view is market.gateway.accounts[LATE]
        market.connected(LATE)
        market.serves(LATE)
        with pytest.raises(AccountExistsError, match=LATE):
            market.gateway.accounts.add(settings)
        market.gateway.accounts.remove(LATE)
        market.gateway.accounts.remove(LATE)
        market.shops[LATE].wait_gone()
        assert LATE not in market.gateway.accounts
        with pytest.raises(UnknownAccountError):
            market.gateway.send(LATE, "c1", "gone")
        market.gateway.accounts.add(settings)
        market.shops[LATE].wait_registered(sessions=2)
        market.serves(LATE, "back")
        market.undisturbed(WELL)
        market.shops[WELL].wait_acked(1)
        market.fake.check(all_acked=True)


def test_an_account_that_leaves_with_work_in_hand(tmp_path: Path) -> None:
    """Whoever removes an account may be in the middle of its events."""
    release, begun = threading.Event(), threading.Event()
    with Market(tmp_path, SHOP, WELL) as market:
        market.listen()

        @market.gateway.on(ChatMessage, account=SHOP)
        def stuck(event: ChatMessage) -> None:
            begun.set()
            release.wait(30.0)
            event.reply("too late")

        try:
            market.start()
            market.shops[SHOP].buyer("77001").says("think")
            assert begun.wait(WAIT_S)
            market.gateway.accounts.remove(SHOP)
            market.shops[SHOP].wait_gone()
        finally:
            release.set()
        market.undisturbed(WELL)
        assert not market.log.found("actor.died")


@pytest.mark.parametrize("durability", ["full", "memory"])
def test_an_account_that_comes_back_while_its_handlers_run(tmp_path: Path, durability: str) -> None:
    """New credentials are put in by taking an account out and in: nobody is answered twice."""
    release, begun = threading.Event(), threading.Event()
    handled: list[str] = []
    with Market(tmp_path, WELL, durability=durability) as market:
        settings = settings_of(market, SHOP)
        market.listen()
        market.start(WELL)
        accounts = market.gateway.accounts
        accounts.add(settings)

        @market.gateway.on(ChatMessage, account=SHOP)
        def slow(event: ChatMessage) -> None:
            if not begun.is_set():
                begun.set()
                release.wait(30.0)
            handled.append(event.text or "")

        try:
            market.connected(SHOP)
            shop = market.shops[SHOP]
            texts = [f"{n}" for n in range(20)]
            for text in texts:
                shop.buyer("77001").says(text)
            assert begun.wait(WAIT_S)
            shop.wait_acked(20)
            accounts.remove(SHOP)
            accounts.add(settings)
            accounts.remove(SHOP)
            accounts.add(settings)  # the last word counts
            accounts.pause(SHOP)
            accounts.resume(SHOP)
            shop.wait_gone()
            market.undisturbed(WELL)
            assert len(shop.sessions) == 1, "it came before its former self was through"
        finally:
            release.set()
        shop.wait_registered(sessions=2)
        market.serves(SHOP, "and now?")
        market.ledger.until(lambda _: len(market.ledger.texts(SHOP)) >= 21)
        assert market.ledger.texts(SHOP) == [*texts, "and now?"]
        assert handled == [*texts, "and now?"]
        assert market.gateway.stop(5.0)
        assert len(shop.sessions) == 2
        market.fake.check(all_acked=True)


def test_a_pause_and_its_end(tmp_path: Path) -> None:
    """An operator takes a shop off the platform; nobody else may bring it back."""
    with Market(tmp_path, SHOP, WELL) as market:
        market.listen()
        market.start()
        for _ in range(2):
            market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        market.reached(SHOP, ConnectionState.DISCONNECTED)
        market.gateway.accounts.reset(SHOP)
        market.undisturbed(WELL)
        assert len(market.shops[SHOP].sessions) == 1
        for _ in range(2):
            market.gateway.accounts.resume(SHOP)
        market.shops[SHOP].wait_registered(sessions=2)
        market.serves(SHOP)
        assert len(market.shops[SHOP].sessions) == 2
        for verb in (market.gateway.accounts.pause, market.gateway.accounts.reset):
            with pytest.raises(UnknownAccountError, match="2210"):
                verb("2210")


def test_a_failed_account_is_reset(tmp_path: Path) -> None:
    """The person solved the captcha; no restart should be needed."""
    with Market(tmp_path, SHOP, WELL) as market:
        market.listen()
        rules = faults.captcha(SHOP)
        market.fake.inject(rules)
        market.start(WELL)
        market.reached(SHOP, ConnectionState.FAILED)
        market.gateway.accounts.pause(SHOP)
        market.gateway.accounts.resume(SHOP)
        market.undisturbed(WELL)
        assert market.gateway.accounts[SHOP].state is ConnectionState.FAILED
        market.fake.heal(rules)
        market.gateway.accounts.reset(SHOP)
        market.connected(SHOP)
        market.serves(SHOP)
        assert not market.log.found("actor.died")


def test_a_disabled_account_is_known_and_not_connected(tmp_path: Path) -> None:
    """``enabled: false`` is a switch, not a deletion."""
    with Market(tmp_path, SHOP, WELL, overrides={SHOP: {"enabled": False}}) as market:
        market.listen()
        market.start(WELL)
        assert market.gateway.accounts[SHOP].state is ConnectionState.DISCONNECTED
        market.gateway.accounts.pause(SHOP)
        market.gateway.accounts.reset(SHOP)
        market.undisturbed(WELL)
        assert not market.shops[SHOP].sessions
        market.gateway.accounts.resume(SHOP)
        market.connected(SHOP)
        market.serves(SHOP)


def test_one_that_is_added_disabled_is_known_as_that_until_it_is_resumed(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP, WELL) as market:
        market.listen()
        market.start(WELL)
        mine = settings_of(market, SHOP)
        market.gateway.accounts.remove(SHOP)
        view = market.gateway.accounts.add(dataclasses.replace(mine, enabled=False))
        assert (view.enabled, view.advice.key) == (False, "disabled")
        market.gateway.accounts.resume(SHOP)
        market.connected(SHOP)
        assert (view.enabled, view.advice.key) == (True, "connected")


def test_a_disabled_account_can_be_sent_to_removed_and_stopped(tmp_path: Path) -> None:
    overrides = {SHOP: {"enabled": False}, LATE: {"enabled": False}}
    with Market(tmp_path, SHOP, WELL, LATE, overrides=overrides) as market:
        market.start(WELL)
        ticket = market.gateway.send(SHOP, "c1", "later", to="77001")
        assert ticket.result(0.05).reason == "pending"
        market.gateway.accounts.remove(LATE)
        assert market.gateway.stop(5.0)


def test_listeners_hear_every_change_in_order(tmp_path: Path) -> None:
    """A status page built from changes must show what is."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        for sessions in range(2, 6):
            market.shops[SHOP].cut()
            market.shops[SHOP].wait_registered(sessions=sessions)
            market.states.wait(
                SHOP,
                lambda change, n=sessions: (  # type: ignore[misc]  # bound now
                    change.new is ConnectionState.CONNECTED and change.generation >= n
                ),
            )
        changes = market.states.of(SHOP)
        assert changes[0].old is ConnectionState.DISCONNECTED
        assert all(a.new is b.old for a, b in itertools.pairwise(changes)), changes
        assert [c.generation for c in changes] == sorted(c.generation for c in changes)
        lost = [change for change in changes if change.cause is Cause.LINK_LOST]
        assert len(lost) == 4
        assert all(change.failure is not None for change in lost)


def test_listeners_hear_the_end(tmp_path: Path) -> None:
    """The last change is CLOSED, or the page shows a dead account as live."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        assert market.gateway.stop(5.0)
        assert market.states.of(SHOP)[-1].new is ConnectionState.CLOSED
        assert market.gateway.accounts[SHOP].state is ConnectionState.CLOSED


@pytest.mark.parametrize("verb", ["pause", "remove", "stop"])
def test_a_handler_may_change_its_own_account(tmp_path: Path, verb: str) -> None:
    """The obvious place to stop is where one hears that enough is enough."""
    with Market(tmp_path, SHOP, WELL) as market:
        done = threading.Event()
        took_s: list[float] = []

        @market.gateway.on(ChatMessage, account=SHOP)
        def leave(event: ChatMessage) -> None:
            if event.text != "leave":
                return
            since = time.monotonic()
            if verb == "stop":
                market.gateway.stop(5.0)
            else:
                getattr(market.gateway.accounts, verb)(SHOP)
            took_s.append(time.monotonic() - since)
            done.set()

        market.start()
        market.shops[SHOP].buyer("77001").says("leave")
        market.shops[SHOP].wait_gone()
        assert done.wait(WAIT_S)
        assert took_s[0] < 5.0


@pytest.mark.peer(17)
def test_a_listener_may_stop_the_gateway(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        done = threading.Event()

        @market.gateway.on_state
        def leave(change: StateChanged) -> None:
            if change.new is ConnectionState.CONNECTED:
                market.gateway.stop(5.0)
                done.set()

        market.gateway.start()
        assert done.wait(WAIT_S)
        market.shops[SHOP].wait_gone()
        with pytest.raises(ShuttingDownError):
            market.gateway.start()


@pytest.mark.peer(17)
def test_a_handler_may_stop_the_gateway(tmp_path: Path) -> None:
    """It is told at once; the stop does not wait for the handler that waits for it."""
    with Market(tmp_path, SHOP) as market:
        took_s: list[float] = []
        done = threading.Event()

        @market.gateway.on(ChatMessage)
        def leave(event: ChatMessage) -> None:
            del event
            since = time.monotonic()
            market.gateway.stop(5.0)
            took_s.append(time.monotonic() - since)
            done.set()

        market.start()
        market.shops[SHOP].buyer("77001").says("that is all")
        assert done.wait(WAIT_S)
        assert took_s[0] < 5.0
        market.shops[SHOP].wait_gone()
        market.reached(SHOP, ConnectionState.CLOSED)


@pytest.mark.peer(17)
@pytest.mark.parametrize(
    "where", ["connected", "upgrade", "register", "backoff", "failed", "paused"]
)
def test_a_stop_ends_in_time_wherever_an_account_stands(tmp_path: Path, where: str) -> None:
    """Supervisors of processes kill what does not end; then nothing is flushed."""
    with Market(tmp_path, SHOP, WELL) as market:
        if where == "upgrade":
            market.fake.inject(Rule(on="upgrade", do=faults.Stall(), account=SHOP))
        elif where == "register":
            market.fake.inject(Rule(on="request", lwp="/reg", do=faults.Lose(), account=SHOP))
        elif where == "failed":
            market.fake.inject(faults.captcha(SHOP))
        elif where == "backoff":
            market.fake.inject(faults.refuse(503, retry_after_s=60, account=SHOP))
        market.start(WELL)
        if where == "failed":
            market.reached(SHOP, ConnectionState.FAILED)
        elif where == "backoff":
            market.log.wait("reconnect.scheduled", account=SHOP)
        elif where in ("upgrade", "register"):
            market.fake.wait(lambda: any(log.account == SHOP for log in market.fake.logs), WAIT_S)
        elif where == "paused":
            market.connected(SHOP)
            market.gateway.accounts.pause(SHOP)
            market.reached(SHOP, ConnectionState.DISCONNECTED)
        since = time.monotonic()
        assert market.gateway.stop(10.0)
        assert time.monotonic() - since < 5.0
        market.shops[WELL].wait_gone()
        assert market.gateway.accounts[SHOP].state is ConnectionState.CLOSED
        assert market.gateway.stop(5.0)


def test_a_gateway_that_never_started(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        assert market.gateway.stop()
        with pytest.raises(ShuttingDownError):
            market.gateway.start()


def test_two_gateways_over_one_journal(tmp_path: Path) -> None:
    """Two processes on one file would each answer every customer."""
    with Market(tmp_path, SHOP, WELL) as market:
        market.listen()
        market.start()
        second = market.make()
        try:
            with pytest.raises(Exception, match=r"(?i)another|lock|in use") as caught:
                second.start()
            assert str(tmp_path) in str(caught.value)
        finally:
            second.stop(5.0)
        market.undisturbed(WELL)


def test_a_start_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    """The disk was not mounted yet; the next try finds it."""
    blocked = tmp_path / "data"
    blocked.write_text("a file where the directory should be")
    with Market(blocked, SHOP) as market:
        market.listen()
        with pytest.raises(Exception, match="data"):
            market.gateway.start()
        blocked.unlink()
        market.start()
        market.serves(SHOP)


def test_settings_that_can_not_be_planned_change_nothing(tmp_path: Path) -> None:
    """A wrong account added at run time must leave no half of itself behind."""
    with Market(tmp_path, WELL) as market:
        market.listen()
        market.start()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        right = settings_of(market, LATE)
        wrong = dataclasses.replace(right, url=f"ftp://127.0.0.1:{port}/")
        with pytest.raises(ValueError, match="url"):
            market.gateway.accounts.add(wrong)
        with pytest.raises(TypeError, match="AccountSettings"):
            market.gateway.accounts.add({"id": LATE})
        assert LATE not in market.gateway.accounts
        market.gateway.accounts.add(right)
        market.connected(LATE)
        market.undisturbed(WELL)
