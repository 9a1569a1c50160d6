"""Everything a platform, a network or a handler can do wrong; the neighbour never notices."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme
from market import CROWD, Market, account_of, merged
from watch import Stopwatch

from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from gateway.testing import FakePlatform, Rule, faults

SICK, WELL = "2201", CROWD
SECRETS = ("token-2201", "cookie-of-2201")


@pytest.fixture
def market(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    with Market(tmp_path, SICK, *WELL, **getattr(request, "param", {})) as market:
        market.listen()
        yield market


def reason_of(market: Market, name: str = SICK) -> Failure:
    """Return an account's last error; it must help a person and tell no secret."""
    failure = market.gateway.accounts[name].last_error
    assert failure is not None
    assert len(failure.detail) > 20, failure
    logged = repr(market.log.lines) + repr(failure)
    assert not [secret for secret in SECRETS if secret in logged]
    return failure


def failed(market: Market) -> Failure:
    """Wait until the sick account is FAILED, and give why; its neighbour is as before."""
    market.reached(SICK, ConnectionState.FAILED)
    failure = reason_of(market)
    (line,) = market.log.wait("account.failed", account=SICK)
    assert line["reason"] == failure.reason
    market.undisturbed(*WELL)
    return failure


def test_an_unreachable_url(tmp_path: Path) -> None:
    with socket.socket() as bound:  # held, or another test's platform may get the port
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        sick = {SICK: {"url": f"ws://127.0.0.1:{port}/"}}
        with Market(tmp_path, SICK, *WELL, overrides=sick) as market:
            market.listen()
            market.start(*WELL)
            market.log.wait("reconnect.scheduled", 3, account=SICK)
            failure = reason_of(market)
            reason, error_class = failure.reason, failure.error_class
            assert (reason, error_class) == ("connection_refused", ErrorClass.NETWORK)
            assert str(port) in failure.detail
            market.undisturbed(*WELL)


def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    """Wrong trust must never fall back to plaintext, nor may the token leave."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FakePlatform(tls=context) as secure:
        sick = {SICK: {"url": secure.account(SICK).url}}
        with Market(tmp_path, SICK, *WELL, overrides=sick) as market:
            market.listen()
            market.start(*WELL)
            market.log.wait("reconnect.scheduled", 3, account=SICK)
            failure = reason_of(market)
            assert failure.reason == "certificate_rejected"
            assert failure.error_class is ErrorClass.TLS_TRUST
            assert "tls.ca_file" in failure.detail
            market.undisturbed(*WELL)
        assert all(not log.path for log in secure.logs), "something was said without trust"


@pytest.mark.row("C13", "once more at once, then after a wait; the third ends in FAILED(auth)")
def test_a_refused_registration(market: Market, stopwatch: Stopwatch) -> None:
    """The first 401 is worth one immediate try; the third in a row needs another token."""
    market.fake.inject(
        Rule(on="request", lwp="/reg", do=faults.Answer(code=401), account=SICK),
    )
    stopwatch.start()
    market.start(*WELL)
    market.log.wait("reconnect.scheduled", account=SICK)
    stopwatch.detected(1.0)
    failure = failed(market)
    assert failure.error_class is ErrorClass.AUTH
    waits = [line["delay_s"] for line in market.log.found("reconnect.scheduled", account=SICK)]
    assert len(waits) == 2
    assert waits[0] == 0.0
    assert waits[1] > 0.0
    assert not market.shops[SICK].sessions
    market.fake.heal()
    stopwatch.start()
    market.gateway.accounts.reset(SICK)
    market.shops[SICK].wait_registered()
    stopwatch.recovered(1.0)


@pytest.mark.peer(4)
def test_a_registration_for_somebody_else(market: Market) -> None:
    """Messages of another account must not be taken for ours."""
    market.fake.inject(faults.wrong_user("9999", account=SICK))
    market.start(*WELL)
    market.log.wait("reconnect.scheduled", account=SICK)
    failure = reason_of(market)
    assert "user" in failure.reason
    assert not [c for c in market.states.of(SICK) if c.new is ConnectionState.CONNECTED]
    market.undisturbed(*WELL)


@pytest.mark.peer(5)
def test_a_captcha_waits_for_a_person(market: Market) -> None:
    """Hammering risk control is what loses accounts: one try, then silence."""
    market.fake.inject(faults.captcha(SICK))
    market.start(*WELL)
    assert failed(market).error_class is ErrorClass.NEEDS_HUMAN
    assert not market.log.found("reconnect.scheduled", account=SICK)


@pytest.mark.row("N15", "reclaimed once; the second kick ends in FAILED(kicked)")
def test_a_kick_is_answered_once(market: Market, stopwatch: Stopwatch) -> None:
    """Two programs that fight for a session help nobody."""
    market.start()
    stopwatch.start()
    market.shops[SICK].kick()
    market.log.wait("reconnect.scheduled", account=SICK)
    stopwatch.detected(1.0)
    market.shops[SICK].wait_registered(sessions=2)
    stopwatch.recovered(1.0)
    market.shops[SICK].kick()
    assert failed(market).reason == "kicked"
    assert len(market.shops[SICK].sessions) == 2


@pytest.mark.row("N16", "FAILED(session_removed) at once")
def test_a_removed_session_is_left_alone(market: Market, stopwatch: Stopwatch) -> None:
    market.start()
    stopwatch.start()
    market.shops[SICK].remove_session()
    market.reached(SICK, ConnectionState.FAILED)
    stopwatch.detected(1.0)
    assert failed(market).reason == "session_removed"
    assert len(market.shops[SICK].sessions) == 1


@pytest.mark.row("D10", "kept, not acknowledged; the third within a minute ends the link")
def test_frames_that_are_no_json(market: Market, stopwatch: Stopwatch) -> None:
    """One is noted and nothing else; three in a minute mean the stream cannot be trusted."""
    market.start()
    shop = market.shops[SICK]
    shop.push_raw("{not json")
    market.serves(SICK, "after one")
    shop.push_raw("[]")
    stopwatch.start()
    shop.push_raw("\x00")
    market.states.wait(SICK, lambda change: change.cause is Cause.PROTOCOL_ERRORS)
    stopwatch.detected(1.0)
    shop.wait_registered(sessions=2)
    stopwatch.recovered(1.0)
    assert len(market.log.found("frame.rejected", account=SICK)) == 3
    assert reason_of(market).reason == "protocol_errors"
    market.serves(SICK, "after three")
    market.undisturbed(*WELL)
    market.fake.check(all_acked=True)


@pytest.mark.row("D11", "refused from the header; memory stays")
def test_a_frame_of_a_terabyte(market: Market, stopwatch: Stopwatch) -> None:
    """Its header alone must be enough to refuse it: no memory for a liar."""
    market.start()
    market.fake.inject(Rule(on="push", do=faults.Oversize(), account=SICK, times=1))
    stopwatch.start()
    market.shops[SICK].buyer("77002").says("after the monster")
    market.log.wait("reconnect.scheduled", account=SICK)
    stopwatch.detected(1.0)
    market.shops[SICK].wait_registered(sessions=2)
    stopwatch.recovered(1.0)
    assert market.ledger.wait(1, SICK) == ["after the monster"]
    failure = reason_of(market)
    assert failure.error_class is ErrorClass.PROTOCOL, failure
    market.undisturbed(*WELL)


@pytest.mark.peer(18)
@pytest.mark.row("H5", "tried again after each delay, then a dead letter; the lane goes on")
def test_a_handler_that_raises(market: Market, stopwatch: Stopwatch) -> None:
    """Tried as often as configured, then kept as a dead letter; the lane goes on."""
    tries: list[str] = []

    @market.gateway.on(ChatMessage, account=SICK)
    def fragile(event: ChatMessage) -> None:
        if event.text == "poison":
            tries.append(event.text)
            raise ValueError("secret text of a customer")

    market.start()
    buyer = market.shops[SICK].buyer("77001")
    for text in ("before", "poison", "after"):
        buyer.says(text)
    stopwatch.start()
    market.log.wait("handler.failed", account=SICK)
    stopwatch.detected(1.0)
    (line,) = market.log.wait("event.dead_lettered", account=SICK)
    stopwatch.recovered(0.02 + 1.0)
    market.ledger.wait(3, SICK)  # a handler that succeeds is not called again for its neighbour
    assert market.ledger.texts(SICK) == ["before", "poison", "after"]
    assert len(tries) == 3
    assert line["attempts"] == 3
    assert "ValueError" in line["reason"]
    assert "fragile" in line["reason"], "which handler it was"
    assert market.gateway.accounts[SICK].dead_letters == 1
    market.shops[SICK].wait_acked(3)
    market.undisturbed(*WELL)


@pytest.mark.row("H7", "its thread is given up and replaced; the other lanes go on")
@pytest.mark.parametrize("market", [{"handlers": {"deadline_s": 0.3}}], indirect=True)
def test_a_handler_that_hangs(market: Market, stopwatch: Stopwatch) -> None:
    """A thread can be lost; neither its lane nor any other account may be."""
    release = threading.Event()

    @market.gateway.on(ChatMessage, account=SICK)
    def stuck(event: ChatMessage) -> None:
        if event.text == "hang":
            release.wait(30.0)

    try:
        market.start()
        buyer = market.shops[SICK].buyer("77001")
        stopwatch.start()
        buyer.says("hang")
        market.undisturbed(*WELL)
        buyer.says("next")
        market.log.wait("event.dead_lettered", account=SICK)
        stopwatch.detected(0.3 + 1.0)
        market.ledger.wait(2, SICK)
        stopwatch.recovered(1.0)
        assert market.ledger.texts(SICK)[-1] == "next"
        market.shops[SICK].wait_acked(2)
    finally:
        release.set()


@pytest.mark.peer(18)
@pytest.mark.row("H6", "as if it had raised; nobody else notices")
def test_a_handler_that_calls_sys_exit(market: Market) -> None:
    """A host's slip must not take all accounts down, silently or otherwise."""

    @market.gateway.on(ChatMessage, account=SICK)
    def leave(event: ChatMessage) -> None:
        if event.text == "exit":
            sys.exit(3)

    market.start()
    buyer = market.shops[SICK].buyer("77001")
    buyer.says("exit")
    buyer.says("next")
    (line,) = market.log.wait("event.dead_lettered", account=SICK)
    assert "SystemExit" in line["reason"]
    market.ledger.wait(2, SICK)
    market.undisturbed(*WELL)
    assert len(market.shops[SICK].sessions) == 1


def test_credentials_without_a_token(tmp_path: Path) -> None:
    """Found out only when dialling (a plain mapping skips no check, a provider may)."""
    with Market(tmp_path, WELL[0]) as market:
        market.listen()
        market.start()
        broken = merged(
            account_of(market.shops[WELL[0]]),
            {"id": "broken", "credentials": {"kind": "static", "token": None, "user_id": "1"}},
        )
        config = merged(market.config, {"accounts": [broken], "data_dir": str(tmp_path / "b")})
        try:
            settings = from_mapping(config)
        except Exception as error:  # noqa: BLE001  # refused at once: as good
            assert "token" in str(error)  # noqa: PT017  # either answer must name it
        else:
            with Gateway(settings, log=market.log) as gateway:
                view = gateway.accounts["broken"]
                assert view.wait_for(ConnectionState.FAILED, 10.0)
                assert view.last_error is not None
                assert "credentials.token" in view.last_error.detail
        market.undisturbed(WELL[0])
