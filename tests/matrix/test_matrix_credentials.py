"""Rows B: a login, its token and what renews it go wrong; over real sockets, with neighbours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from market import WAIT_S
from rows import row
from shopkeeper import Make, Shopkeeper
from watch import Stopwatch

import actors.credentials
from actors.state import ConnectionState as S
from actors.values import ErrorClass
from gateway.testing import Rule, WebBehaviour, web_rules
from gateway.testing.faults import Answer, Stall

MINUTE_S = 60.0


def view(keeper: Shopkeeper, account: str = "shop-a") -> Any:
    return keeper.gateway.accounts[account]


def stored(keeper: Shopkeeper) -> Any:
    """Return what is in the store of the account."""
    source: Any = keeper.gateway._registry.plans["shop-a"].source
    return source.stored()


def renewed(keeper: Shopkeeper, count: int) -> None:
    """Have a token renewed for a person, and its link replaced."""
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("renewed", count)
    keeper.shop.wait_registered(sessions=count)


@row("B6", "as B5; no loop")
def test_a_renewed_login_that_is_over_all_the_same_needs_a_person(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(login_over=True))
    keeper.web.inject(web_rules.login_over())
    keeper.gateway.start()
    keeper.wait(S.FAILED)
    failure = view(keeper).last_error
    assert (failure.reason, failure.error_class) == ("login_over", ErrorClass.NEEDS_HUMAN)
    assert (keeper.calls(), keeper.calls("silentHasLogin.do")) == (2, 1)
    keeper.gateway.accounts.reset("shop-a")
    keeper.wait(S.FAILED)
    assert len(keeper.web.calls()) == 3
    keeper.web.check()


@row("B8", "the link is held, one alert; FAILED once it ends and its token is no good")
@row("B9", "no call; still needs_human; the token that is good is tried")
def test_a_captcha_at_the_renewal_outlives_a_restart(shopkeepers: Make) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    keeper.web.inject(web_rules.risk_control())
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("needs_human")
    calls = keeper.calls()
    assert len(keeper.shop.sessions) == 1
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.wait(S.CONNECTED)
    assert view(keeper).credentials.state == "needs_human"
    assert {alert.name for alert in view(keeper).alerts} == {"credentials.needs_human"}
    keeper.seller.end_tokens()
    keeper.shop.cut()
    keeper.wait(S.FAILED)
    assert view(keeper).last_error.reason == "verification_asked"
    assert keeper.calls() == calls
    keeper.web.check()


@row("B12", "waits 15 and 30 min; the third in a row needs a person")
def test_illegal_access_three_times_needs_a_person(shopkeepers: Make) -> None:
    keeper = shopkeepers(manual=True)
    keeper.web.inject(web_rules.illegal_access())
    keeper.gateway.start()
    assert keeper.clock is not None
    began_s = keeper.clock.monotonic()
    for count in (1, 2):
        line = keeper.log.wait("credentials.renewal_failed", count)[-1]
        keeper.clock.advance(line["next_s"] + 1.0)
    line = keeper.log.wait("credentials.renewal_failed", 3)[-1]
    assert line["next_s"] is None
    assert 45 * MINUTE_S <= keeper.clock.monotonic() - began_s <= 50 * MINUTE_S
    keeper.pass_time(lambda: view(keeper).state is S.FAILED, step_s=0.1)
    failure = view(keeper).last_error
    assert (failure.reason, failure.error_class) == ("illegal_access", ErrorClass.NEEDS_HUMAN)
    assert keeper.calls() == 3
    keeper.web.check()


@row("B16", "the token is kept, the link held")
@pytest.mark.parametrize("how", ["refused", "black hole"])
def test_without_a_network_token_and_link_are_kept(
    shopkeepers: Make, stopwatch: Stopwatch, how: str
) -> None:
    keeper = shopkeepers(min_gap_s=0.0, request_s=0.3)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    if how == "refused":
        keeper.web.stop()
    else:
        keeper.web.inject(web_rules.nth(1, Stall()))
    stopwatch.start()
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    stopwatch.detected(10.0)
    (failed,) = keeper.heard("failed")
    assert failed.reason == ("connection_refused" if how == "refused" else "credentials_timeout")
    keeper.says("still here")
    keeper.ledger.wait(1)
    assert len(keeper.shop.sessions) == 1
    keeper.shop.cut()
    keeper.shop.wait_registered(sessions=2)
    keeper.wait(S.CONNECTED)
    assert view(keeper).credentials.version == 1
    keeper.web.check()


@row("B19", "the third ends in FAILED(auth): three renewals, a minute apart but the first")
def test_a_registration_that_is_always_refused_ends_in_failed(shopkeepers: Make) -> None:
    keeper = shopkeepers(manual=True)
    keeper.fake.inject(Rule(on="request", lwp="/reg", do=Answer(code=401)))
    keeper.gateway.start()
    keeper.pass_time(lambda: view(keeper).state is S.FAILED, limit_s=60 * MINUTE_S)
    failure = view(keeper).last_error
    assert (failure.reason, failure.error_class) == ("token_refused", ErrorClass.AUTH)
    assert view(keeper).credentials.version == 3
    first, *at_ms = [call.at_ms for call in keeper.web.calls()]
    assert len(at_ms) == 3, "the first token is signed for twice"
    assert min(later - sooner for sooner, later in pairwise(at_ms)) >= MINUTE_S * 1000
    assert at_ms[0] - first < MINUTE_S * 1000
    keeper.web.check(allow=["token_unused"])


@row("B20", "one call, one version")
def test_a_hundred_needs_at_once_are_one(shopkeepers: Make) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    keeper.web.inject(web_rules.nth(1, web_rules.Held()))
    over: list[bool] = []
    told = threading.Semaphore(0)
    desk: Any = keeper.gateway.credentials
    wait_for = desk._changed.wait_for

    def told_and_waiting(*given: Any) -> bool:  # it holds the lock, and has told the actor
        told.release()
        return bool(wait_for(*given))

    desk._changed.wait_for = told_and_waiting

    def need() -> None:
        over.append(keeper.gateway.credentials.renew("shop-a", WAIT_S))

    threads = [threading.Thread(target=need) for _ in range(100)]
    for thread in threads:
        thread.start()
    keeper.web.wait_held()
    for _ in threads:
        assert told.acquire(timeout=WAIT_S)
    keeper.web.release()
    for thread in threads:
        thread.join(WAIT_S)
    assert over == [True] * 100
    assert keeper.calls() == 3, "the first token took two"
    assert view(keeper).credentials.version == 2
    keeper.shop.wait_registered(sessions=2)
    keeper.web.check()


@row("B21", "cookies of the same login are kept; the newer token stays")
def test_an_answer_after_the_deadline_is_no_grant(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(rotation="each"), manual=True, deadline_s=30.0)
    keeper.web.inject(web_rules.nth(2, web_rules.Held()))
    keeper.gateway.start()
    keeper.web.wait_held()
    assert keeper.clock is not None
    keeper.clock.advance(32.0)
    keeper.log.wait("credentials.renewal_failed", reason="renewal_hung")
    keeper.clock.advance(70.0)
    keeper.heard("renewed")
    keeper.pass_time(lambda: view(keeper).state is S.CONNECTED, step_s=0.1)
    before = stored(keeper)
    keeper.web.release()
    keeper.log.wait("credentials.stale_dropped")
    after = stored(keeper)
    assert (after.token, after.version, after.lineage) == (before.token, 1, 1)
    assert after.cookies != before.cookies
    calls = keeper.calls()
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.pass_time(lambda: view(keeper).state is S.CONNECTED, step_s=0.1)
    assert keeper.calls() == calls
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("renewed", 2)
    keeper.web.check(allow=["two_calls_at_once", "token_unused"])


@row("B26", "the store wins")
def test_thirty_rotations(shopkeepers: Make) -> None:
    behaviour = WebBehaviour(rotation="each", per_hour=None, per_day=None)
    keeper = shopkeepers(behaviour, min_gap_s=0.0, per_hour=1000, per_day=1000)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    for count in range(2, 32):
        renewed(keeper, count)
    keeper.gateway.stop(10.0)
    keeper.seller.end_tokens()
    keeper.made().start()
    keeper.wait(S.CONNECTED)
    assert view(keeper).credentials.lineage == 1
    keeper.web.check()


@row("B28", "the right one is signed with and sent")
def test_two_scopes_of_the_signing_cookie(shopkeepers: Make) -> None:
    behaviour = WebBehaviour(rotation="scopes", per_hour=None)
    keeper = shopkeepers(behaviour, min_gap_s=0.0, per_hour=1000, per_day=1000)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    for count in range(2, 7):
        renewed(keeper, count)
    assert keeper.calls() == 7, "one call each, but for the first"
    keeper.web.check()


@row("B30", "a time that is refused is corrected once, by the platform's")
@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_a_day_off(shopkeepers: Make, stopwatch: Stopwatch, days: int) -> None:
    keeper = shopkeepers(WebBehaviour(clock_offset_s=days * 86_400.0))
    stopwatch.start()
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    stopwatch.recovered()
    assert [call.ret for call in keeper.web.calls()] == [
        ("FAIL_SYS_REQUEST_EXPIRED",),
        ("FAIL_SYS_TOKEN_EMPTY",),
        ("SUCCESS",),
    ]
    assert not keeper.log.found("credentials.renewal_failed")
    keeper.web.check()


GIVES: dict[str, Callable[[], object]] = {}
"""What the function of an account does."""


def give(account: str, why: str, refused_version: int) -> object:
    """Give credentials, as a function of the host does; see ``kind: python``."""
    del why, refused_version
    return GIVES[account]()


@row("B33", "classed, and never shown")
@row("B33", "its thread is given up at the deadline and counted; others are held")
def test_sources_that_raise_hang_or_return_junk(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.credentials, "GRACE_S", 0.0)
    keeper = shopkeepers(deadline_s=0.3, min_gap_s=0.0)
    over = threading.Event()

    def raises() -> object:
        raise SystemExit("hunter2-hunter2")

    sick: dict[str, Callable[[], object]] = {
        "raises": raises,
        "hangs": lambda: over.wait(WAIT_S),
        "junk": lambda: {"token": ["hunter2-hunter2"]},
    }
    monkeypatch.setattr(f"{__name__}.GIVES", dict(sick))
    shops = {name: keeper.fake.account(f"220{n}") for n, name in enumerate(sick, start=4)}
    keeper.config["credentials"] = {"workers": 1, "rate_per_s": 1000.0, "burst": 100}
    for name, shop in shops.items():
        python = {"kind": "python", "call": f"{__name__}:give"}
        account = {"id": name, "url": shop.url, "credentials": python}
        keeper.config["accounts"].insert(0, account)
    keeper.made().start()
    try:
        keeper.wait(S.CONNECTED)
        reasons = {
            name: keeper.log.wait("credentials.renewal_failed", account=name)[0]["reason"]
            for name in sick
        }
        assert reasons == {
            "raises": "source_failed",
            "hangs": "renewal_hung",
            "junk": "credentials_unusable",
        }
        assert keeper.log.found("credentials.hung") == [{"account": "hangs", "threads": 1}]
        for name, shop in shops.items():
            who = {key: shop.credentials[key] for key in ("user_id", "device_id", "token")}
            GIVES[name] = partial(dict, who)
            assert keeper.gateway.credentials.renew(name, WAIT_S)
            keeper.wait(S.CONNECTED, name)
    finally:
        over.set()
    keeper.log.wait("credentials.stale_dropped", account="hangs")
    assert len(keeper.shop.sessions) == 1
    assert "hunter2" not in repr(keeper.log.lines)
    keeper.web.check()


@row("B36", "a stop waits for the answer, but not for ever")
@pytest.mark.parametrize("answered", [True, False])
def test_a_stop_during_a_renewal(shopkeepers: Make, answered: bool) -> None:  # noqa: FBT001
    keeper = shopkeepers(WebBehaviour(rotation="each"))
    keeper.web.inject(web_rules.nth(2, web_rules.Held()))
    keeper.gateway.start()
    keeper.web.wait_held()
    stopped: list[bool] = []
    stop = threading.Thread(target=lambda: stopped.append(keeper.gateway.stop(5.0)))
    stop.start()
    keeper.log.wait("connection.state_changed", after="closed")
    if answered:
        keeper.web.release()
    stop.join(WAIT_S)
    assert stopped == [answered]
    if not answered:
        assert keeper.log.found("gateway.threads_survived", threads=["gateway/credentials/shop-a"])
        keeper.web.release()
        return
    calls = keeper.calls()
    assert not keeper.shop.sessions
    keeper.made().start()
    keeper.wait(S.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()


@row("B36", "what the answer brings is stored; nothing reconnects")
def test_a_reset_during_a_renewal(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(rotation="each"))
    keeper.web.inject(web_rules.nth(2, web_rules.Held()))
    keeper.gateway.start()
    keeper.web.wait_held()
    keeper.gateway.accounts.reset("shop-a")
    keeper.web.release()
    keeper.heard("renewed")
    keeper.wait(S.CONNECTED)
    assert keeper.calls() == 2
    assert len(keeper.shop.sessions) == 1
    keeper.web.check()
