"""What goes wrong while credentials are renewed: each fault costs what it must, and no more."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from market import WAIT_S
from shopkeeper import Make, Shopkeeper
from watch import Stopwatch

from actors.state import ConnectionState
from actors.values import ErrorClass
from gateway.testing import WebBehaviour, web_rules
from gateway.testing.faults import Cut, Drip, Drop, Refuse, Reset


def failed(keeper: Shopkeeper, reason: str) -> dict[str, Any]:
    """Wait until a renewal failed for a reason; return its line."""
    return keeper.log.wait("credentials.renewal_failed", reason=reason)[-1]


@pytest.mark.row("B2", "two calls, not three; sign_refused, then it waits")
def test_a_sign_that_is_never_right_is_tried_twice(shopkeepers: Make) -> None:
    """B2: ``_m_h5_tk`` is over before it can be used: two calls, not three; then a wait."""
    keeper = shopkeepers(WebBehaviour(h5_life_s=0.0))
    keeper.gateway.start()
    line = failed(keeper, "sign_refused")
    assert keeper.calls() == 2
    assert 300 <= line["next_s"] <= 331
    keeper.wait(ConnectionState.RECONNECTING)
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert (shown.state, shown.reason) == ("waiting", "sign_refused")
    keeper.web.check()


@pytest.mark.row("B3", "no second call; sign_refused, then it waits")
def test_a_refused_sign_that_brings_nothing_new_is_not_tried_again(shopkeepers: Make) -> None:
    """B3: no ``Set-Cookie`` in the answer, so another try would be the same."""
    keeper = shopkeepers()
    keeper.web.inject(
        web_rules.nth(1, web_rules.Ret(codes=["FAIL_SYS_TOKEN_EXOIRED::x"], cookies=False))
    )
    keeper.gateway.start()
    failed(keeper, "sign_refused")
    assert keeper.calls() == 1
    keeper.web.check()


@pytest.mark.row("B10", "taken as login_over; the link is never shown")
def test_a_login_over_with_a_captcha_link_is_a_login_over(shopkeepers: Make) -> None:
    """B10."""
    keeper = shopkeepers(WebBehaviour(long_login=False))
    keeper.web.inject(web_rules.login_over_with_punish())
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert failure.reason == "login_over"
    assert "punish" not in repr(keeper.log.lines)


@pytest.mark.row("B11", "waits at least ten minutes")
def test_a_throttled_account_waits_ten_minutes(shopkeepers: Make) -> None:
    """B11."""
    keeper = shopkeepers()
    keeper.web.inject(web_rules.throttled())
    keeper.gateway.start()
    line = failed(keeper, "throttled")
    assert 600 <= line["next_s"] <= 661
    assert keeper.calls() == 1
    keeper.web.check()


@pytest.mark.row("B14", "the deadline holds; asked again")
@pytest.mark.row("B15", "answer_unusable; asked again")
@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (web_rules.html(), "answer_unusable"),
        (web_rules.redirect("https://elsewhere.invalid/login"), "answer_unusable"),
        (web_rules.nth(1, Refuse(status=500)), "answer_unusable"),
        (web_rules.nth(1, Cut(part=0.9, reset=False)), "answer_cut"),
        (web_rules.nth(1, Reset()), "connection_lost"),
        (web_rules.nth(1, Drop()), "connection_lost"),
        (web_rules.nth(1, web_rules.Spoil(how="claim")), "answer_too_large"),
        (web_rules.nth(1, web_rules.Spoil(how="endless")), "answer_too_large"),
        (web_rules.nth(1, Drip(size_bytes=1, every_s=0.2)), "credentials_timeout"),
    ],
    ids=["html", "302", "500", "cut", "reset", "drop", "1 GiB", "endless", "drip"],
)
def test_an_answer_that_is_none_costs_a_wait(shopkeepers: Make, rule: Any, reason: str) -> None:
    """B14, B15: the deadline holds; the token comes with the next try."""
    keeper = shopkeepers(request_s=1.0, min_gap_s=0.0)
    keeper.web.inject(rule)
    keeper.gateway.start()
    line = failed(keeper, reason)
    assert line["next_s"] is not None
    keeper.web.heal()
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.check()


@pytest.mark.row("B16", "class of the phase")
def test_a_platform_that_is_not_there_is_a_failure_of_the_network(shopkeepers: Make) -> None:
    """B16."""
    keeper = shopkeepers()
    keeper.web.stop()
    keeper.gateway.start()
    failed(keeper, "connection_refused")
    keeper.wait(ConnectionState.RECONNECTING)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert failure.error_class is ErrorClass.NETWORK


def test_a_cookie_of_somebody_else_in_an_answer_ends_it(shopkeepers: Make) -> None:
    """Whose cookie it is: another ``unb`` is never merged."""
    keeper = shopkeepers()
    keeper.web.inject(web_rules.nth(1, web_rules.WrongUnb(user_id="2299")))
    keeper.gateway.start()
    keeper.wait(ConnectionState.RECONNECTING)
    failed(keeper, "wrong_account")
    source: Any = keeper.gateway._registry.plans["shop-a"].source
    stored = source.stored()
    assert {cookie["value"] for cookie in stored.cookies if cookie["name"] == "unb"} == {"2201"}
    assert stored.user_id == "2201"


def test_cookies_of_an_answer_that_breaks_off_are_kept(shopkeepers: Make) -> None:
    """The newest cookie is not lost: its head came, its body never did."""
    keeper = shopkeepers(WebBehaviour(rotation="each"), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.inject(web_rules.nth(1, Cut(part=0.9)))
    keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("failed")
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("renewed", 2)
    keeper.web.check()


@pytest.mark.row("B22", "the person's wins, the late answer changes nothing")
def test_a_person_is_faster_than_a_renewal(shopkeepers: Make) -> None:
    """B22: what a person pastes wins, and the late answer changes nothing."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.inject(web_rules.nth(1, web_rules.Held()))
    assert not keeper.gateway.credentials.renew("shop-a", 0.0)
    keeper.web.wait_held()
    cookie = keeper.seller.sign_in()
    keeper.gateway.accounts["shop-a"].set_credentials(cookie)
    keeper.heard("replaced")
    keeper.web.release()
    keeper.log.wait("credentials.stale_dropped")
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert shown.lineage == 2
    source: Any = keeper.gateway._registry.plans["shop-a"].source
    assert source.stored().lineage == 2
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.check(allow=["two_calls_at_once", "token_unused"])


def full(self: Path, target: Path, real: Any = Path.replace) -> Path:
    """Stand for a disk on which credentials find no room."""
    if target.parent.name == "credentials":
        raise OSError(28, "No space left on device")
    return real(self, target)  # type: ignore[no-any-return]  # a path


class Tries:
    """Counts how often a source is asked to save."""

    def __init__(self, source: Any) -> None:
        self.count = 0
        self._save = source.save
        source.save = self

    def __call__(self) -> None:
        self._save()
        self.count += 1


@pytest.mark.row("B25", "unsaved: an alert, the link is held, stored once there is room")
def test_a_disk_that_is_full_costs_nothing_but_the_next_start(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B25: an alert; the link stands; once there is room it is stored."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
        keeper.heard("renewed", 2)
        keeper.log.wait("credentials.unsaved")
        keeper.shop.wait_registered(sessions=2)
    assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
    keeper.heard("renewed", 3)
    keeper.log.wait("alert.ended", alert="credentials.unsaved")
    keeper.gateway.stop(10.0)
    calls = keeper.calls()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()


def test_what_a_full_disk_did_not_take_is_stored_a_minute_after_there_is_room(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B25: without another renewal, and without a call to the platform."""
    keeper = shopkeepers(manual=True, min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    source: Any = keeper.gateway._registry.plans["shop-a"].source
    path = Path(keeper.config["data_dir"]) / "credentials" / "shop-a.json"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
        keeper.shop.wait_registered(sessions=2)
        calls, tries = keeper.calls(), Tries(source)
        keeper.pass_time(lambda: tries.count >= 1)
        said = len(keeper.log.found("credentials.unsaved"))
        keeper.pass_time(lambda: tries.count >= 3)
        assert len(keeper.log.found("credentials.unsaved")) == said, "once, while it lasts"
        (alert,) = keeper.gateway.alerts
        assert (alert.name, str(path) in alert.detail) == ("credentials.unsaved", True)
    keeper.pass_time(lambda: not keeper.gateway.alerts)
    assert json.loads(path.read_bytes())["version"] == 2
    keeper.log.wait("alert.ended", alert=alert.name)
    assert keeper.calls() == calls
    keeper.web.check()


@pytest.mark.parametrize("room", [True, False], ids=["room", "none"])
def test_at_a_stop_it_is_stored_once_more(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, *, room: bool
) -> None:
    """B25: the journal's lock is still ours; what finds no room even then is named."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
        keeper.log.wait("credentials.unsaved")
        if not room:
            assert not keeper.gateway.stop(10.0), "what is lost is no stop in order"
    assert keeper.gateway.stop(10.0) is room
    lost = keeper.log.found("credentials.lost")
    assert [(line["account"], bool(line["next_step"])) for line in lost] == (
        [] if room else [("shop-a", True)]
    )
    path = Path(keeper.config["data_dir"]) / "credentials" / "shop-a.json"
    assert json.loads(path.read_bytes())["version"] == (2 if room else 1)


def test_what_a_renewal_brings_during_the_stop_is_named_if_there_is_no_room(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B25: the stop waits for the answer, then looks for what could not be stored."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.inject(web_rules.nth(1, web_rules.Held()))
    assert not keeper.gateway.credentials.renew("shop-a", 0.0)
    keeper.web.wait_held()
    monkeypatch.setattr(Path, "replace", full)
    stopped = SimpleQueue[bool]()
    threading.Thread(target=lambda: stopped.put(keeper.gateway.stop(20.0))).start()
    keeper.wait(ConnectionState.CLOSED)
    keeper.web.release()
    assert not stopped.get(timeout=WAIT_S + 20.0), "what is lost is no stop in order"
    keeper.log.wait("credentials.lost", account="shop-a")


def test_a_disk_that_hangs_at_a_stop_holds_it_up_for_a_moment(shopkeepers: Make) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    source: Any = keeper.gateway._registry.plans["shop-a"].source
    release = threading.Event()
    source._look_ahead(source.stored(), unsaved=True)
    source.save = partial(release.wait, WAIT_S)
    assert not keeper.gateway.stop(2.0), "a thread survived, and is named"
    release.set()
    (line,) = keeper.log.found("gateway.threads_survived")
    assert line["threads"] == ["gateway/credentials/save"]
    keeper.log.wait("credentials.lost")


@pytest.mark.row("B25", "unreadable: needs_human, the file is kept aside and never overwritten")
@pytest.mark.parametrize("spoil", ["half", "newer", "lax"])
def test_a_store_that_cannot_be_read_needs_a_person(shopkeepers: Make, spoil: str) -> None:
    """B25: it is never written over, and a new login is taken beside it."""
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    path = Path(keeper.config["data_dir"]) / "credentials" / "shop-a.json"
    before = path.read_bytes()
    if spoil == "half":
        path.write_bytes(before[: len(before) // 2])
    elif spoil == "newer":
        path.write_bytes(before.replace(b'"format":1', b'"format":9'))
    elif os.name == "posix":
        path.chmod(0o644)
    else:
        pytest.skip("modes are POSIX's")
    spoiled, calls = path.read_bytes(), keeper.calls()
    keeper.made().start()
    keeper.wait(ConnectionState.FAILED)
    failure = keeper.gateway.accounts["shop-a"].last_error
    assert failure is not None
    assert failure.reason == "credentials_unreadable"
    assert str(path) in failure.detail
    assert path.read_bytes() == spoiled
    assert keeper.calls() == calls
    keeper.gateway.accounts["shop-a"].set_credentials(keeper.seller.sign_in())
    keeper.wait(ConnectionState.CONNECTED)
    (aside,) = path.parent.glob("*.unreadable-*")
    assert aside.read_bytes() == spoiled


@pytest.mark.row("B31", "reconnects at once; what was pushed between comes by history, once")
def test_a_new_token_that_mutes_the_old_link_loses_nothing(shopkeepers: Make) -> None:
    """B31: what was pushed in between comes out of the history, once."""
    keeper = shopkeepers(WebBehaviour(new_token_mutes_old_link=True), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    for number in range(3):
        keeper.says(f"before {number}")
        assert keeper.gateway.credentials.renew("shop-a", WAIT_S)
        keeper.says(f"between {number}")
        keeper.shop.wait_registered(sessions=2 + number)
        keeper.ledger.wait(2 * (number + 1))
    texts = keeper.ledger.texts()
    assert sorted(texts) == sorted(f"{w} {n}" for n in range(3) for w in ("before", "between"))
    keeper.web.check()


@pytest.mark.row("B35", "restarted; the flight under way counts as made")
@pytest.mark.parametrize("late", [False, True], ids=["answered at once", "answered later"])
def test_a_credentials_actor_that_dies_asks_nothing_twice(
    shopkeepers: Make,
    stopwatch: Stopwatch,
    late: bool,  # noqa: FBT001
) -> None:
    """B35: the flight under way counts as made, and its token is used whenever it comes."""
    keeper = shopkeepers()
    keeper.web.inject(web_rules.nth(1, web_rules.Held()))
    keeper.gateway.start()
    keeper.web.wait_held()
    actor = keeper.actor("CredentialsActor")
    actor.receive = partial(dies, actor.receive)
    keeper.gateway.credentials.renew("shop-a", 0.0)
    keeper.log.wait("actor.died", actor="credentials")
    if late:
        keeper.wait(ConnectionState.RECONNECTING)  # its successor has read the store
    stopwatch.start()
    keeper.web.release()
    keeper.wait(ConnectionState.CONNECTED)
    stopwatch.recovered(5.0)
    assert keeper.calls() == 2, "the flight, and its second sign"
    keeper.web.check(allow=["token_unused"])


def dies(_: object, message: object) -> None:
    raise RuntimeError(type(message).__name__)


@pytest.mark.row("B36", "what the answer brings is stored; nothing reconnects")
def test_a_pause_during_a_renewal_keeps_its_cookies(shopkeepers: Make) -> None:
    """B36: nothing reconnects; what the answer brought is stored."""
    keeper = shopkeepers(WebBehaviour(rotation="each"))
    keeper.web.inject(web_rules.nth(2, web_rules.Held()))
    keeper.gateway.start()
    keeper.web.wait_held()
    keeper.gateway.accounts.pause("shop-a")
    keeper.wait(ConnectionState.DISCONNECTED)
    keeper.web.release()
    keeper.heard("renewed")
    assert keeper.gateway.accounts["shop-a"].state is ConnectionState.DISCONNECTED
    keeper.gateway.accounts.resume("shop-a")
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == 2
    keeper.web.check()


def test_a_login_that_is_about_to_end_is_told_three_days_before(shopkeepers: Make) -> None:
    """Part 9.6 of the design: until a new login came; with the words to type."""
    keeper = shopkeepers(manual=True, min_gap_s=0.0)
    assert keeper.clock is not None
    keeper.clock.advance(26.5 * 86_400)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    assert not keeper.gateway.alerts
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert shown.login_ends_in_s == pytest.approx(3.5 * 86_400, abs=60)
    keeper.gateway.stop(10.0)
    keeper.clock.advance(86_400)
    keeper.made().start()
    (line,) = keeper.log.wait("credentials.sign_in_due", account="shop-a")
    assert "accounts sign-in shop-a --qr" in line["next_step"]
    assert "accounts credentials set shop-a" in line["next_step"]
    assert "in 60 h" in line["detail"]
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.accounts["shop-a"].set_credentials(keeper.seller.sign_in())
    keeper.log.wait("alert.ended", alert="credentials.sign_in_due")
    assert not keeper.gateway.alerts
    shown = keeper.gateway.accounts["shop-a"].credentials
    assert shown.login_ends_in_s == pytest.approx(30 * 86_400, abs=60)
    keeper.web.check()
