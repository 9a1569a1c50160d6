"""An account that stays signed in: from one pasted cookie, over expiries, refusals and restarts.

The platform's HTTP side is a real server on loopback, and so is its WebSocket side.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from market import WAIT_S
from shopkeeper import TOKEN_API, Make
from watch import Stopwatch

from actors.state import Cause, ConnectionState
from gateway import CredentialsRefusedError
from gateway.testing import WebBehaviour, web_rules


@pytest.mark.row("B1", "two calls, then CONNECTED")
def test_one_pasted_cookie_is_enough(shopkeepers: Make, stopwatch: Stopwatch) -> None:
    """B1: no ``_m_h5_tk`` yet: two calls, then CONNECTED."""
    keeper = shopkeepers()
    stopwatch.start()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    stopwatch.recovered()
    keeper.says("hello")
    keeper.ledger.wait(1)
    assert keeper.calls() == 2
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert (shown.state, shown.version, shown.user_id) == ("ready", 1, "2201")
    assert "_m_h5_tk" in {cookie.name for cookie in shown.kept}
    keeper.web.check()


def test_a_restart_asks_nothing(shopkeepers: Make) -> None:
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    calls = keeper.calls()
    for _ in range(3):
        assert keeper.gateway.stop(10.0)
        keeper.made().start()
        keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()


@pytest.mark.row("B17", "no call")
def test_a_storm_of_reconnects_asks_nothing(shopkeepers: Make) -> None:
    """B17."""
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    for sessions in range(2, 52):
        keeper.shop.cut()
        keeper.shop.wait_registered(sessions=sessions)
    assert keeper.calls() == 2
    keeper.web.check()


@pytest.mark.row("B4", "one silent renewal, one more token call, CONNECTED; no person")
def test_a_login_that_is_over_is_renewed_without_a_person(
    shopkeepers: Make, stopwatch: Stopwatch
) -> None:
    """B4."""
    keeper = shopkeepers(WebBehaviour(login_over=True))
    stopwatch.start()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    stopwatch.recovered()
    apis = [call.api for call in keeper.web.calls()]
    assert apis == [TOKEN_API, TOKEN_API, "silentHasLogin.do", TOKEN_API], "signed, over, renewed"
    assert not keeper.log.found("credentials.renewal_failed")
    assert not keeper.gateway.accounts["shop-a"].alerts
    keeper.web.check()


@pytest.mark.row("B5", "FAILED(needs_human) with the next step after at most four calls")
def test_a_login_that_is_over_for_good_needs_a_person(shopkeepers: Make) -> None:
    """B5: FAILED with the next step; few calls, and none afterwards."""
    keeper = shopkeepers(WebBehaviour(login_over=True, long_login=False))
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert (failure.reason, failure.error_class.value) == ("login_over", "needs_human")
    assert "accounts sign-in shop-a" in failure.detail
    calls = len(keeper.web.calls())
    assert calls <= 4
    assert keeper.calls("silentHasLogin.do") == 1
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.wait(ConnectionState.FAILED)
    assert len(keeper.web.calls()) == calls, "a restart asks nothing"
    keeper.web.check()


@pytest.mark.row("B7", "FAILED(needs_human) after one call")
def test_a_captcha_is_asked_for_once(shopkeepers: Make) -> None:
    """B7, B9: exactly one call; a person pastes a new cookie, and the account is back by itself."""
    keeper = shopkeepers()
    keeper.web.inject(web_rules.risk_control())
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    keeper.gateway.accounts.reset("shop-a")
    keeper.heard("needs_human")
    keeper.wait(ConnectionState.FAILED)
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.wait(ConnectionState.FAILED)
    assert keeper.calls() == 1
    said = keeper.log.wait("credentials.needs_human", 2)[-1]
    assert "www.goofish.com/im" in said["detail"]
    names = {each.name for each in keeper.gateway.accounts["shop-a"].alerts}
    assert names == {"account.failed", "credentials.needs_human"}
    keeper.web.heal()
    cookie = keeper.seller.sign_in()
    shown = keeper.gateway.accounts["shop-a"].set_credentials(cookie)
    keeper.wait(ConnectionState.CONNECTED)
    assert shown.lineage == 2
    assert not keeper.gateway.accounts["shop-a"].alerts
    keeper.web.check()


@pytest.mark.row("B18", "one renewal, the next version, CONNECTED")
def test_a_refused_token_is_renewed_at_once(shopkeepers: Make, stopwatch: Stopwatch) -> None:
    """B18: a stored token that the platform takes no more: one renewal, then CONNECTED."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    keeper.seller.end_tokens()
    stopwatch.start()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    stopwatch.recovered(10.0)
    assert keeper.gateway.accounts["shop-a"].credentials.version == 2
    assert keeper.calls() == 3
    keeper.web.check()


def test_a_token_that_expires_is_renewed_while_the_link_stands(shopkeepers: Make) -> None:
    """Three times: planned reconnects only, nothing lost, nothing twice, and the old link mute."""
    keeper = shopkeepers(
        # A step of manual time is some milliseconds of the threads' own.
        WebBehaviour(new_token_mutes_old_link=True, token_life_s=1200.0, register_within_s=600.0),
        manual=True,
    )
    states: list[Cause] = []
    keeper.gateway.on_state(lambda change: states.append(change.cause))
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    for day in range(1, 4):
        keeper.says(f"before {day}")
        keeper.ledger.wait(2 * day - 1)
        keeper.pass_time(partial(keeper.has_news, day + 1))
        keeper.heard("renewed", 1 + day)
        keeper.shop.wait_registered(sessions=1 + day)
        keeper.wait(ConnectionState.CONNECTED)
        keeper.says(f"after {day}")
        keeper.ledger.wait(2 * day)
    assert keeper.ledger.texts() == [
        f"{when} {day}" for day in range(1, 4) for when in ("before", "after")
    ]
    assert states.count(Cause.MAX_AGE) == 3
    keeper.web.check()


@pytest.mark.row("B23", "refused by name of what is wrong; the old login and the link stay")
def test_a_pasted_cookie_of_another_account_is_refused(shopkeepers: Make) -> None:
    """B23: by name of what is wrong; the old login stays, and the link with it."""
    keeper = shopkeepers()
    other = keeper.web.seller("2202")
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    calls = keeper.calls()
    view = keeper.gateway.accounts["shop-a"]
    for pasted, said in (
        (other.cookie, "wrong_account"),
        ("cookie2=1; sgcookie=2", "cookie_incomplete"),
        ("unb=2201", "cookie_incomplete"),
        ("nothing of the kind", "cookie_unusable"),
        ("x" * 10_000_000, "cookie_unusable"),
        ("", "cookie_unusable"),
    ):
        with pytest.raises(CredentialsRefusedError) as refused:
            view.set_credentials(pasted)
        assert refused.value.reason == said
        assert other.cookie not in str(refused.value)
    with pytest.raises(TypeError, match="cookie must be text"):
        view.set_credentials(b"unb=1")  # type: ignore[arg-type]  # a caller without types
    assert keeper.calls() == calls
    assert len(keeper.shop.sessions) == 1
    assert view.credentials.lineage == 1
    keeper.web.check()


@pytest.mark.row("B27", "the seed wins and begins a new lineage")
def test_a_changed_seed_wins_and_an_unchanged_one_never(shopkeepers: Make) -> None:
    """B26, B27: the store is newer than the settings until the settings change."""
    keeper = shopkeepers(WebBehaviour(rotation="each"), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    keeper.seller.end_tokens()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.gateway.accounts["shop-a"].credentials.lineage == 1
    keeper.gateway.stop(10.0)
    keeper.web.check()  # no older cookie was ever sent

    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert (shown.lineage, shown.state) == (2, "ready")
    keeper.web.check()


def test_changed_credentials_end_a_verdict_at_the_next_start(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(login_over=True, long_login=False), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    keeper.gateway.stop(10.0)
    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.check()


def test_without_a_login_the_account_waits_for_a_person(shopkeepers: Make) -> None:
    keeper = shopkeepers(cookie="")
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert failure.reason == "no_login"
    assert not keeper.web.calls()
    keeper.gateway.accounts["shop-a"].set_credentials(keeper.seller.cookie)
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.heard("replaced")
    keeper.web.check()


@pytest.mark.row("B8", "the link is held, one alert; FAILED once it ends and its token is no good")
def test_a_link_is_held_while_its_renewal_fails(shopkeepers: Make) -> None:
    """B8: a captcha at the renewal: the link stands, one alert, one call, then none."""
    keeper = shopkeepers(WebBehaviour(token_life_s=1200.0), manual=True)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.inject(web_rules.risk_control())
    keeper.pass_time(partial(keeper.has_news, 2))
    keeper.heard("needs_human")
    calls = keeper.calls()
    assert keeper.clock is not None
    end_s = keeper.clock.monotonic() + 600.0
    keeper.pass_time(lambda: keeper.clock is not None and keeper.clock.monotonic() >= end_s)
    assert len(keeper.shop.sessions) == 1
    assert keeper.gateway.accounts["shop-a"].state is ConnectionState.CONNECTED
    keeper.shop.cut()
    view = keeper.gateway.accounts["shop-a"]
    keeper.pass_time(lambda: view.state is ConnectionState.FAILED)
    assert keeper.calls() == calls
    keeper.web.check()


def test_a_renewal_for_a_person(shopkeepers: Make) -> None:
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.shop.wait_registered(sessions=2)
    assert keeper.gateway.accounts["shop-a"].credentials.version == 2
    keeper.web.check()


def test_no_secret_is_in_the_log(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(rotation="scopes"))
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.accounts["shop-a"].set_credentials(keeper.seller.sign_in())
    keeper.wait(ConnectionState.CONNECTED)
    said = repr(keeper.log.lines)
    source = keeper.gateway._registry.plans["shop-a"].source
    stored: Any = source.stored()  # type: ignore[union-attr]  # of kind goofish
    secrets = [stored.token, *(cookie["value"] for cookie in stored.cookies)]
    for secret in secrets:
        assert str(secret) == "2201" or str(secret) not in said
    assert keeper.gateway.redact(stored.token) == "***"


def test_a_cookie_of_another_user_waits_for_a_person_and_takes_nothing_away(
    shopkeepers: Make,
) -> None:
    """No retry changes what stands in the settings; once it is mended the stored token will do."""
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    calls, own = keeper.calls(), keeper.config["accounts"][0]["credentials"]["cookie"]
    keeper.config["accounts"][0]["credentials"]["cookie"] = "unb=9; cookie2=of-somebody-else"
    keeper.made().start()
    keeper.wait(ConnectionState.FAILED)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert failure.reason == "wrong_account"
    assert keeper.gateway.accounts["shop-a"].next_retry_s is None
    keeper.gateway.stop(10.0)
    keeper.config["accounts"][0]["credentials"]["cookie"] = own
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()
