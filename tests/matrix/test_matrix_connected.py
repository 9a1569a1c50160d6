"""Rows N1 to N20: everything that can go wrong with a link that is registered."""

from __future__ import annotations

import itertools
import ssl
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme
from market import SILENT_S, Market
from rows import row
from stage import SICK, WELL, Open, S, back, delays, given_up, lost, untouched
from watch import Stopwatch

from actors.messages import LinkCondemned
from actors.policy import failures
from actors.policy.backoff import Delays
from actors.policy.retries import Retries, Retry
from actors.state import Cause
from actors.values import ErrorClass, SendOutcome
from gateway.testing import Behaviour, ConnectionLog, FakePlatform, FaultProxy, Rule, faults
from gateway.testing.faults.actions import AnyAction
from gateway.testing.platform.handshake import frame

FOUND_S = SILENT_S + 1.0
"""With a second for a busy machine."""


def end(stopwatch: Stopwatch, deed: Callable[[], object]) -> None:
    """Let the fault happen now."""
    stopwatch.start()
    deed()


@row("N1", "RECONNECTING, not CLOSED: class unexpected_close")
@row("N2", "class unexpected_close")
@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_server_closes(stage: Open, stopwatch: Stopwatch, code: int) -> None:
    market = stage()
    market.start()
    stopwatch.only("N1" if code == 1000 else "N2")
    end(stopwatch, lambda: market.shops[SICK].close(code))
    change = lost(market, ErrorClass.UNEXPECTED_CLOSE)
    stopwatch.detected(1.0)
    assert change.failure is not None
    assert change.failure.close_code == code
    back(market, 2)
    stopwatch.recovered(1.0)
    assert S.CLOSED not in [c.new for c in market.states.of(SICK)]
    untouched(market)


@row("N3", "right after the registration class auth, later class other")
@pytest.mark.parametrize(
    ("window_s", "error_class"), [(60.0, ErrorClass.AUTH), (0.0, ErrorClass.OTHER)]
)
def test_server_closes_by_policy(
    stage: Open,
    stopwatch: Stopwatch,
    monkeypatch: pytest.MonkeyPatch,
    window_s: float,
    error_class: ErrorClass,
) -> None:
    monkeypatch.setattr(failures, "AUTH_WINDOW_S", window_s)
    market = stage()
    market.start()
    end(stopwatch, lambda: market.shops[SICK].close(1008))
    lost(market, error_class)
    stopwatch.detected(1.0)
    back(market, 2)
    stopwatch.recovered(1.0)
    untouched(market)


@row("N4", "class server_restart; 200 accounts spread evenly over 5 to 30 s")
def test_server_restarts(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage({"reconnect": {"server_restart_min_s": 0.1, "server_restart_max_s": 0.3}})
    market.start()
    end(stopwatch, lambda: market.shops[SICK].close(1012))
    change = lost(market, ErrorClass.SERVER_RESTART)
    stopwatch.detected(1.0)
    back(market, 2)
    stopwatch.recovered(0.3 + 1.0)
    assert 0.1 <= delays(market)[0] <= 0.3
    untouched(market)
    assert change.failure is not None
    waits: list[float] = []
    for number in range(200):
        verdict = Retries(Delays()).failed(change.failure, 0.0, number / 200)
        assert isinstance(verdict, Retry)
        waits.append(verdict.delay_s)
    assert min(waits) == 5.0
    assert max(waits) == pytest.approx(30.0, abs=0.2)
    for low in range(5, 30, 5):  # five fifths of the accounts in five fifths of the time
        assert sum(low <= wait < low + 5 for wait in waits) == pytest.approx(40, abs=1)


@row("N5", "class server_overload; told to the circuit of the endpoint")
def test_server_is_too_busy(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage(defaults={"reconnect": {"overload_base_s": 0.1, "overload_cap_s": 0.1}})
    market.start()
    end(stopwatch, lambda: market.shops[SICK].close(1013))
    lost(market, ErrorClass.SERVER_OVERLOAD)
    stopwatch.detected(1.0)
    back(market, 2)
    stopwatch.recovered(0.1 + 1.0)
    (circuit,) = market.actor("DialingActor")._circuits.values()
    assert len(circuit._overloads.ages_s(0.0)) == 1
    untouched(market)


def says(market: Market, text: str) -> None:
    """Let a buyer write to the sick account."""
    market.shops[SICK].buyer("77001").says(text)


@row("N6", "class unexpected_close; half a frame is neither handed on nor acknowledged")
@row("N7", "class unexpected_close when connected, network before")
@pytest.mark.parametrize(
    "deed", [faults.Drop(), faults.Cut(reset=False), faults.Cut(reset=True), faults.Reset()]
)
def test_stream_ends(stage: Open, stopwatch: Stopwatch, deed: AnyAction) -> None:
    market = stage(behaviour=Behaviour(backlog="push", redeliver_on_reconnect=True))
    market.start()
    market.fake.inject(Rule(on="push", do=deed, account=SICK, times=1))
    end(stopwatch, lambda: says(market, "torn"))
    lost(market, ErrorClass.UNEXPECTED_CLOSE)
    stopwatch.detected(1.0)
    back(market, 2)
    stopwatch.recovered(1.0)
    assert market.ledger.texts(SICK).count("torn") == 1
    assert not market.log.found("frame.rejected")
    untouched(market)


@row("N7", "class unexpected_close when connected, network before")
def test_reset_in_the_handshake(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage()
    market.fake.inject(Rule(on="upgrade", do=faults.Reset(), account=SICK, times=1))
    stopwatch.start()
    market.start(*WELL)
    lost(market, ErrorClass.NETWORK)
    stopwatch.detected(1.0)
    back(market)
    stopwatch.recovered(1.0)
    untouched(market)


@row("N8", "class protocol; the link is replaced, nothing crashes")
@pytest.mark.parametrize(
    "payload",
    [struct.pack(">H", code) for code in (1005, 1006, 1015)]
    + [b"\x03", struct.pack(">H", 1000) + b"\xff"],
    ids=["1005", "1006", "1015", "one byte", "bad utf-8"],
)
def test_close_frame_is_forbidden(stage: Open, stopwatch: Stopwatch, payload: bytes) -> None:
    market = stage()
    market.start()
    deed = faults.SendBytes(data=frame(0x8, payload))
    market.fake.inject(Rule(on="push", do=deed, account=SICK, times=1))
    end(stopwatch, lambda: says(market, "swan song"))
    lost(market, ErrorClass.PROTOCOL)
    stopwatch.detected(1.0)
    back(market, 2)
    stopwatch.recovered(1.0)
    assert not market.log.found("actor.died")
    untouched(market)


@pytest.mark.peer(2)
@row("N9", "heartbeat_dead within interval, answer and probe, though no end says a word")
def test_peer_vanishes(stage: Open, stopwatch: Stopwatch) -> None:
    with FakePlatform(Behaviour(second_session="allow")) as far, FaultProxy(far.url) as proxy:
        shop = far.account(SICK)
        market = stage({"url": proxy.url(shop.url)})
        market.start()
        end(stopwatch, proxy.black_hole)
        change = lost(market, ErrorClass.UNEXPECTED_CLOSE)
        stopwatch.detected(FOUND_S)
        assert change.cause is Cause.HEARTBEAT_DEAD
        proxy.heal()
        shop.wait_registered(sessions=2)
        stopwatch.recovered(2.0)  # what was dialled into the hole is given up first
        market.connected(SICK)
        untouched(market)
        market.gateway.stop(5.0)


@row("N12", "left after two missing answers; the send under way is UNKNOWN, not sent twice")
def test_what_we_send_vanishes(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage()
    market.start()
    market.fake.inject(Rule(on="request", do=faults.Lose(), account=SICK, connection=1))
    stopwatch.start()
    ticket = market.gateway.send(SICK, "c9", "into the void", to="77001")
    for number in itertools.count():
        says(market, str(number))
        market.ledger.wait(number + 1, SICK)
        if any(c.cause is Cause.HEARTBEAT_DEAD for c in market.states.of(SICK)):
            break
    stopwatch.detected(0.2 * 3 + FOUND_S)
    change = lost(market, ErrorClass.UNEXPECTED_CLOSE)
    # Its history cannot be asked for either, so live events wait, and with them what is pushed.
    assert change.failure in (failures.HEARTBEAT_UNANSWERED, failures.HEARTBEAT_DEAD)
    back(market, 2)
    stopwatch.recovered(2.0)
    assert ticket.result(10.0).outcome is SendOutcome.ACCEPTED  # history has proved it absent
    assert [sent.text for sent in market.shops[SICK].sent].count("into the void") == 1
    untouched(market)


@row("N17", "stays CONNECTED (scaled by 10)")
def test_slow_line(stage: Open) -> None:
    with FakePlatform() as far, FaultProxy(far.url, seed=17) as proxy:
        shop = far.account(SICK)
        proxy.latency(0.1, jitter_s=0.1)
        proxy.bandwidth(64_000 / 8)
        beat = {"interval_s": 0.5, "reply_timeout_s": 1.0, "probe_timeout_s": 0.5}
        market = stage({"url": proxy.url(shop.url), "heartbeat": beat})
        market.start()
        for number in range(3):
            shop.buyer("77001").says(str(number))
        assert market.ledger.wait(3, SICK) == list("012")
        log = shop.session
        assert log is not None
        far.wait(lambda: log.beats >= 2, what="two heartbeats")
        assert len(shop.sessions) == 1
        untouched(market)
        market.gateway.stop(5.0)


@row("N18", "every frame whole, nothing rejected")
def test_segments_of_one_byte(stage: Open) -> None:
    with FakePlatform() as far, FaultProxy(far.url) as proxy:
        shop = far.account(SICK)
        proxy.slice(1)
        beat = {"interval_s": 5.0, "reply_timeout_s": 5.0, "probe_timeout_s": 5.0}
        phases = dict.fromkeys(("register_s", "upgrade_s", "tcp_s"), 20.0)
        market = stage(
            {"url": proxy.url(shop.url)},
            {"heartbeat": beat, "deadlines": phases, "recovery": {"reply_s": 20.0}},
            connect={"rate_per_s": 1000, "burst": 1000, "deadline_s": 20.0},
        )
        market.start()
        for number in range(20):
            shop.buyer("77001").says(f"片段 {number}")
        assert market.ledger.wait(20, SICK) == [f"片段 {n}" for n in range(20)]
        shop.wait_acked(20)
        assert len(shop.sessions) == 1
        assert not market.log.found("frame.rejected")
        untouched(market)
        market.gateway.stop(5.0)


@row("N19", "failures are not forgotten; after the fifth short link a long rest and an alert")
def test_link_flaps(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage({"reconnect": {"flapping_wait_s": 0.5, "flapping_spread": 0.0}})
    market.start()
    stopwatch.start()
    for session in range(1, 6):
        market.shops[SICK].wait_registered(sessions=session)
        market.connected(SICK)
        market.shops[SICK].drop()
    (alert,) = market.log.wait("link.flapping", account=SICK)
    stopwatch.detected(5.0)
    assert alert["delay_s"] == 0.5
    lines = market.log.wait("reconnect.scheduled", 5, account=SICK)
    assert [line["attempt"] for line in lines] == [1, 2, 3, 4, 5]
    back(market, 6)
    assert stopwatch.recovered(0.5 + 1.0) >= 0.4
    untouched(market)


def gone(log: ConnectionLog) -> bool:
    """Return whether a connection has ended."""
    return log.ended_at is not None


@row("N20", "not one bogus frame; every message once and in order")
def test_abort_in_the_middle_of_tls(stage: Open, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    behaviour = Behaviour(backlog="push", echo=False, redeliver_after_s=None)
    with FakePlatform(behaviour, tls=context, beat_limit_s=None) as far:
        shop = far.account(SICK)
        market = stage({"url": shop.url, "tls": {"ca_file": str(tmp_path / "ca.pem")}})
        market.start()
        rounds = 40
        for number in range(rounds):
            log = shop.wait_registered(sessions=number + 1)
            shop.flood(100)
            market.ledger.wait(100 * number + 1, SICK)  # some of it came, the rest is under way
            view = market.gateway.accounts[SICK]
            market.actor("ConnectionActor", SICK).actor_ref.tell(
                LinkCondemned(generation=view.generation, failure=failures.ZOMBIE)
            )
            far.wait(partial(gone, log), 1.0, "the reader to end")
        market.ledger.wait(100 * rounds, SICK, 20.0)
        assert market.ledger.texts(SICK) == [f"flood {n}" for n in range(100)] * rounds
        assert not market.log.found("frame.rejected")
        assert not [c for c in market.states.of(SICK) if c.cause is Cause.PROTOCOL_ERRORS]
        untouched(market)
        market.gateway.stop(5.0)


@row("N15", "reclaimed once; the second kick ends in FAILED(kicked)")
@row("N16", "FAILED(session_removed) at once")
@pytest.mark.parametrize("removed", [False, True])
def test_verdict_outlives_the_process(stage: Open, *, removed: bool) -> None:
    """A restart must neither reclaim a session that was lost in a fight nor ask again."""
    market = stage()
    market.start()
    if removed:
        market.shops[SICK].remove_session()
    else:
        market.shops[SICK].kick()
        market.shops[SICK].wait_registered(sessions=2)
        market.shops[SICK].kick()
    why = "session_removed" if removed else "kicked"
    given_up(market, why)
    sessions = len(market.shops[SICK].sessions)
    market.gateway.stop(5.0)
    market.gateway = market.make()
    market.listen()
    market.gateway.start()
    for name in WELL:
        market.shops[name].wait_registered(sessions=2)
    market.reached(SICK, S.FAILED)
    assert len(market.shops[SICK].sessions) == sessions
    market.gateway.accounts.reset(SICK)
    back(market, sessions + 1)
