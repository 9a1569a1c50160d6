"""Behaviours no peer has, on the way to a link and while it lives; numbers as in docs/peers.md."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from market import WAIT_S, Log, Market, States, account_of, merged
from msgspec import structs

from actors.plan import AccountPlan
from actors.ports import Identity
from actors.runtime.clock import SystemClock
from actors.state import Cause, ConnectionState
from gateway import AccountSettings, Gateway, Settings
from gateway.config import from_mapping, load
from gateway.credentials.registry import Surroundings
from gateway.testing import Behaviour, FakePlatform, FaultProxy, ManualClock, Shop, faults

SHOP, OTHER = "2201", "2202"
BUSY_S = 5.0
"""What a machine with other work may add to a bound."""


PATIENT = {
    "heartbeat": dict.fromkeys(("interval_s", "reply_timeout_s", "probe_timeout_s"), 600),
    "deadlines": dict.fromkeys(("dns_s", "tcp_s", "upgrade_s", "register_s", "close_s"), 600),
}
"""Manual time runs a hundred times faster than a busy machine answers."""


class JumpingClock(SystemClock):
    """A wall clock that is set an hour back or a day on at every look."""

    __slots__ = ("_jumps",)

    def __init__(self) -> None:
        self._jumps = itertools.cycle((-3_600_000, 86_400_000))

    def unix_ms(self) -> int:
        """Return a wall time that nobody may rely on."""
        return super().unix_ms() + next(self._jumps)


@pytest.mark.peer(2)
@pytest.mark.parametrize("beats", [0, 3])
def test_a_black_hole_is_found_whenever_it_opens(beats: int) -> None:
    """Counted from the connect: a link that never answered once is left as soon as any other."""
    heartbeat = {"interval_s": 0.4, "reply_timeout_s": 0.3, "probe_timeout_s": 0.3}
    behaviour = Behaviour(second_session="allow")  # it does not see the first one end
    with FakePlatform(behaviour) as fake, FaultProxy(urlsplit(fake.url).netloc) as proxy:
        shop = fake.account(SHOP)
        account = merged(account_of(shop), {"url": proxy.url(shop.url), "heartbeat": heartbeat})
        quick = {"unexpected_close_step_s": 0.05, "unexpected_close_cap_s": 0.05}
        settings = from_mapping(
            {
                "durability": "memory",
                "defaults": {"reconnect": quick},
                "accounts": [account],
            }
        )
        gateway = Gateway(settings, log=Log(), clock=JumpingClock())
        states = States()
        gateway.on_state(states)
        with gateway:
            assert gateway.accounts[SHOP].wait_for(ConnectionState.CONNECTED, WAIT_S)
            log = shop.wait_registered()
            fake.wait(lambda: log.beats >= beats)
            since = SystemClock().monotonic()
            proxy.black_hole()
            states.wait(SHOP, lambda change: change.cause is Cause.HEARTBEAT_DEAD)
            took_s = SystemClock().monotonic() - since
            assert took_s <= 0.4 + 0.3 + 0.3 + BUSY_S
            proxy.heal()
            shop.wait_registered(sessions=2)
            assert gateway.accounts[SHOP].wait_for(ConnectionState.CONNECTED, WAIT_S)


@pytest.mark.peer(6)
def test_a_clean_close_is_no_exception(tmp_path: Path) -> None:
    """Accepted and closed with 1000, again and again: the curve holds, no two draws are alike."""
    clock, log = ManualClock(), Log()
    with FakePlatform(beat_limit_s=None) as fake:
        shops = [fake.account(name) for name in (SHOP, OTHER)]
        names = [f"shop-{shop.user_id}" for shop in shops]
        keys = {"durability": "memory", "connect": {"deadline_s": 600}, "defaults": PATIENT}
        settings = load(fake.config_file(tmp_path, **keys))
        gateway = Gateway(settings, log=log, clock=clock)

        def waits(name: str) -> list[float]:
            lines = log.found("reconnect.scheduled", account=name)
            return [line["delay_s"] for line in lines]

        try:
            for shop in shops:  # four sessions, each of which is greeted by two pushes
                fake.inject(faults.close(1000, on="ready", account=shop.user_id, times=8))
            gateway.start()
            clock.advance_until(lambda: all(len(waits(name)) >= 4 for name in names))
            for name in names:
                for nth, wait_s in enumerate(waits(name)[:4], start=1):
                    assert 1.5 * nth <= wait_s <= 3.0 * nth
            assert waits(names[0])[:4] != waits(names[1])[:4]

            for shop in shops:  # its fifth stays; half a stable minute forgets nothing
                clock.advance_until(partial(has_come, shop, 5))
            pass_time(clock, gateway, names, 30.0)
            for shop in shops:
                shop.close(1000)
            log.wait("reconnect.scheduled", 10)
            assert all(waits(name)[4] > 7.5 for name in names), "a young link was forgiven"

            for shop in shops:  # a stable minute does
                clock.advance_until(partial(has_come, shop, 6))
            pass_time(clock, gateway, names, 61.0)
            for shop in shops:
                shop.close(1000)
            log.wait("reconnect.scheduled", 12)
            assert all(1.5 <= waits(name)[5] <= 3.0 for name in names)
        finally:
            clock.release()
            gateway.stop(10.0)


def has_come(shop: Shop, sessions: int) -> bool:
    """Return whether a shop has had so many sessions."""
    return len(shop.sessions) == sessions


def pass_time(clock: ManualClock, gateway: Gateway, names: list[str], seconds: float) -> None:
    """Let time pass over links that stay."""
    for name in names:
        assert gateway.accounts[name].wait_for(ConnectionState.CONNECTED, WAIT_S)
    until = clock.monotonic() + seconds
    clock.advance_until(lambda: clock.monotonic() >= until)


@pytest.mark.peer(8)
def test_an_identity_is_replaced_whole(tmp_path: Path) -> None:
    """New cookie, token and device come together; nothing of the old one is heard afterwards."""
    with FakePlatform(Behaviour(backlog="push", redeliver_on_reconnect=True)) as fake:
        old = fake.account(SHOP, token="t-old", device_id="d-old", cookie="v=old")
        with Market(tmp_path, OTHER) as market:
            first = merged(account_of(old), {"id": "shop"})
            market.config["accounts"].append(first)
            market.gateway = market.make()
            market.listen()
            market.start()
            old.wait_registered()
            old.flood(500)  # some of it is under way when the account goes
            market.gateway.accounts.remove("shop")
            old.wait_gone()

            old.token = "t-new"
            with fake.lock:
                old.account.device_id = "d-new"
            fresh = {"token": "t-new", "device_id": "d-new", "cookie": "v=new"}
            config = merged(market.config, {})
            config["accounts"] = [merged(first, {"credentials": fresh})]
            market.gateway.accounts.add(from_mapping(config).accounts[0])
            assert market.gateway.accounts["shop"].wait_for(ConnectionState.CONNECTED, WAIT_S)
            old.wait_registered(sessions=2)
            market.ledger.wait(500, "shop")
            market.undisturbed(OTHER)

        seen = [
            (log.cookies["v"], log.registration["token"], log.registration["did"])
            for log in old.sessions
        ]
        assert seen == [("old", "t-old", "d-old"), ("new", "t-new", "d-new")]
        before, after = old.sessions
        assert before.ended_at is not None
        assert after.registered_at is not None
        assert before.ended_at <= after.registered_at
        texts = market.ledger.texts("shop")
        assert texts == [f"flood {n}" for n in range(500)], "an old frame was handled as well"
        fake.check()


@pytest.mark.peer(8)
def test_a_hundred_who_ask_at_once_get_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new attempt asks for credentials: a crowd must not make a crowd of questions."""
    from gateway.host import assembly  # its plan is the one that is counted

    asked: list[str] = []
    whole = assembly.plan

    def counting(account: AccountSettings, settings: Settings, around: Surroundings) -> AccountPlan:
        plan = whole(account, settings, around)

        def identity() -> Identity:
            asked.append(plan.account)
            return plan.identity()

        return structs.replace(plan, identity=identity)

    monkeypatch.setattr("gateway.host.assembly.plan", counting)
    with Market(tmp_path, SHOP) as market:
        rules = faults.captcha(SHOP)
        market.fake.inject(rules)
        market.gateway.start()
        market.reached(SHOP, ConnectionState.FAILED)
        assert asked == [SHOP]
        market.fake.heal()
        gate = threading.Barrier(100)

        def ask() -> None:
            gate.wait(WAIT_S)
            market.gateway.accounts.reset(SHOP)

        crowd = [threading.Thread(target=ask) for _ in range(100)]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join(WAIT_S)
        market.connected(SHOP)
        market.shops[SHOP].wait_registered()
        assert asked == [SHOP, SHOP]
        assert len(market.fake.dials) == 2
        market.fake.check()
