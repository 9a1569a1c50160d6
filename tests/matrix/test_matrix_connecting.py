"""Rows C1 to C16: everything that can go wrong before an account is registered."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from market import WAIT_S, Market
from rows import row
from stage import SICK, WELL, Open, S, at_dial, back, delays, given_up, lost, port_of, untouched
from watch import Stopwatch
from wire import FullPort

from actors.ports import Dialed
from actors.state import Cause
from actors.values import ErrorClass, Failure, Phase
from gateway.host import assembly
from gateway.testing import FakePlatform, Rule, faults
from gateway.testing.faults.actions import AnyAction
from gateway.transport.dialer import WebSocketDialer

STEADY = {"jitter": 0.0, "unexpected_close_step_s": 0.05, "network_step_s": 0.05}
"""Waits without dice."""


@row("C1", "class network, waits grow up to their cap; back when the port opens")
def test_connection_refused(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage(defaults={"reconnect": {**STEADY, "network_cap_s": 0.15}})
    market.start()
    market.fake.stop_accepting()
    market.shops[SICK].cut()
    stopwatch.start()
    assert lost(market, ErrorClass.NETWORK).failure is not None
    stopwatch.detected(1.0)
    market.log.wait("reconnect.scheduled", 4, account=SICK)
    assert delays(market)[:4] == [0.05, 0.1, 0.15, 0.15]
    market.fake.resume()
    stopwatch.start()
    back(market, 2)
    stopwatch.recovered(0.15 + 1.0)
    untouched(market)


@pytest.mark.peer(3)
@row("C2", "the phase's deadline ends it, class network; no dial thread is left")
def test_syns_are_swallowed(stage: Open, stopwatch: Stopwatch) -> None:
    full = FullPort()
    with full:
        market = stage(
            {"url": f"ws://127.0.0.1:{full.port}/?account={SICK}", "deadlines": {"tcp_s": 0.3}}
        )
        stopwatch.start()
        market.start(*WELL)
        change = lost(market, ErrorClass.NETWORK)
        stopwatch.detected(0.3 + 1.0)
        assert change.failure is not None
        assert (change.failure.phase, change.failure.timed_out) == (Phase.TCP, True)
        dials = [t for t in threading.enumerate() if t.name.startswith("gateway/dial/")]
        assert len(dials) <= 1
    with FakePlatform(port=full.port) as late:
        stopwatch.start()
        late.account(SICK).wait_registered(WAIT_S)
        stopwatch.recovered(2.0)
        market.connected(SICK)
        untouched(market)
        market.gateway.stop(5.0)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return every dialer of the gateway another resolver."""

    def use(resolve: Any) -> None:
        monkeypatch.setattr(assembly, "WebSocketDialer", partial(WebSocketDialer, resolve=resolve))

    return use


def named(market: Market) -> dict[str, Any]:
    """Return the sick account a URL with a name."""
    return {"url": f"ws://shop.example:{port_of(market.fake.url)}/?account={SICK}"}


@pytest.mark.peer(3)
@row("C3", "class network in the DNS phase; a resolver that hangs holds up nobody")
@pytest.mark.parametrize("hangs", [False, True])
def test_name_can_not_be_resolved(
    stage: Open,
    stopwatch: Stopwatch,
    resolver: Callable[[Any], None],
    *,
    hangs: bool,
) -> None:
    release, healed = threading.Event(), threading.Event()

    def resolve(host: str, port: int, **more: Any) -> Any:
        if host != "shop.example":
            return socket.getaddrinfo(host, port, **more)
        if hangs and not healed.is_set():
            release.wait(30.0)
        if not healed.is_set():
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return socket.getaddrinfo("127.0.0.1", port, **more)

    resolver(resolve)
    with FakePlatform() as other:
        url = f"ws://shop.example:{port_of(other.url)}/?account={SICK}"
        try:
            dns_s = 0.3 if hangs else 5.0  # whoever answers at once may be late on a busy machine
            market = stage({"url": url, "deadlines": {"dns_s": dns_s}})
            stopwatch.start()
            market.start(*WELL)
            change = lost(market, ErrorClass.NETWORK)
            stopwatch.detected(1.3)
            assert change.failure is not None
            assert change.failure.phase is Phase.DNS
            assert change.failure.timed_out is hangs
        finally:
            healed.set()
            release.set()
        shop = other.account(SICK)
        stopwatch.start()
        shop.wait_registered()
        stopwatch.recovered(2.0)
        market.connected(SICK)
        untouched(market)


@row("C4", "the second address is taken in the same attempt")
def test_first_address_is_dead(
    stage: Open, stopwatch: Stopwatch, resolver: Callable[[Any], None]
) -> None:
    with FakePlatform() as other:
        shop = other.account(SICK)
        port = port_of(other.url)

        def resolve(host: str, port: int, **more: Any) -> Any:
            if host != "shop.example":
                return socket.getaddrinfo(host, port, **more)
            return [
                entry
                for address in ("127.0.0.2", "127.0.0.1")
                for entry in socket.getaddrinfo(address, port, **more)
            ]

        resolver(resolve)
        with FullPort("127.0.0.2", port):
            market = stage(
                {
                    "url": f"ws://shop.example:{port}/?account={SICK}",
                    "deadlines": {"tcp_s": 0.3},
                }
            )
            stopwatch.start()
            market.start(*WELL)
            shop.wait_registered()
            stopwatch.recovered(0.3 + 1.0)
            market.connected(SICK)
            assert market.gateway.accounts[SICK].generation == 1
            assert not delays(market)
        untouched(market)


@pytest.fixture
def authority() -> trustme.CA:
    """Return somebody to vouch for servers."""
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a platform over TLS; gives it and the keys of an account on it."""
    open_ones: list[FakePlatform] = []

    def start(*names: str, **options: Any) -> tuple[FakePlatform, dict[str, Any]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*(names or ("127.0.0.1",)), **options).configure_cert(context)
        fake = FakePlatform(tls=context)
        fake.start()
        open_ones.append(fake)
        ca_file = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        return fake, {"url": fake.account(SICK).url, "tls": {"ca_file": str(ca_file)}}

    yield start
    for fake in open_ones:
        fake.stop()


@row("C5", "class network; back as soon as the server speaks TLS")
# A reset inside the ssl module's own wrap leaves it a half-made socket, which it closes as garbage.
@pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("deed", [faults.Reset(), faults.SendBytes(data=b"HTTP/1.0 400 no\r\n")])
def test_tls_handshake_is_broken(
    stage: Open, stopwatch: Stopwatch, secure: Callable[..., Any], deed: AnyAction
) -> None:
    fake, keys = secure()
    fake.inject(broken := Rule(on="accept", do=deed))
    market = stage(keys)
    stopwatch.start()
    market.start(*WELL)
    change = lost(market, ErrorClass.NETWORK)
    stopwatch.detected(1.0)
    assert change.failure is not None
    assert change.failure.phase in (Phase.TCP, Phase.TLS)  # a reset may be that quick
    fake.heal(broken)
    stopwatch.start()
    fake.account(SICK).wait_registered()
    stopwatch.recovered(1.5)
    market.connected(SICK)
    untouched(market)


YESTERDAY = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)


@row("C6", "class tls_trust; not a byte of HTTP is said, there is no fallback")
@pytest.mark.parametrize(
    ("names", "options"),
    [(("other.example",), {}), (("127.0.0.1",), {"not_after": YESTERDAY})],
    ids=["name", "expired"],
)
def test_certificate_is_not_to_be_trusted(
    stage: Open,
    stopwatch: Stopwatch,
    secure: Callable[..., Any],
    names: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    fake, keys = secure(*names, **options)
    market = stage(keys)
    stopwatch.start()
    market.start(*WELL)
    assert lost(market, ErrorClass.TLS_TRUST).failure is not None
    stopwatch.detected(1.0)
    market.log.wait("reconnect.scheduled", 3, account=SICK)
    untouched(market)
    assert all(not log.path for log in fake.logs)
    assert not [log for log in market.fake.logs if log.account == SICK]


@pytest.mark.peer(3)
@row("C7", "the phase's deadline holds, however often a byte comes")
def test_handshake_drips(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage({"deadlines": {"upgrade_s": 0.3}})
    rule = at_dial(faults.Drip(size_bytes=1, every_s=0.02))
    market.fake.inject(rule)
    stopwatch.start()
    market.start(*WELL)
    change = lost(market, ErrorClass.NETWORK)
    stopwatch.detected(0.3 + 1.0)
    assert change.failure is not None
    assert (change.failure.phase, change.failure.timed_out) == (Phase.UPGRADE, True)
    market.fake.heal(rule)
    stopwatch.start()
    back(market)
    stopwatch.recovered(2.0)
    untouched(market)


@row("C8", "once more at once, then after a wait; the third ends in FAILED(auth), until reset")
@pytest.mark.parametrize("status", [401, 403])
def test_upgrade_is_unauthorized(stage: Open, stopwatch: Stopwatch, status: int) -> None:
    market = stage()
    rules = faults.refuse(status, account=SICK)
    market.fake.inject(rules)
    stopwatch.start()
    market.start(*WELL)
    lost(market, ErrorClass.AUTH)
    stopwatch.detected(1.0)
    assert given_up(market, "auth").http_status == status
    assert delays(market)[0] == 0.0
    assert len(delays(market)) == 2
    assert market.fake.fired(rules[0]) == 3
    market.fake.heal()
    market.gateway.accounts.reset(SICK)
    stopwatch.start()
    back(market)
    stopwatch.recovered(1.0)
    untouched(market)


@pytest.mark.peer(4)
@row("C9", "class server_overload; Retry-After is a floor")
@pytest.mark.parametrize("status", [429, 503])
def test_server_is_overloaded(stage: Open, stopwatch: Stopwatch, status: int) -> None:
    market = stage(defaults={"reconnect": {"overload_base_s": 0.05, "overload_cap_s": 0.05}})
    market.fake.inject(faults.refuse(status, retry_after_s=1, account=SICK, times=1))
    began = time.monotonic()
    stopwatch.start()
    market.start(*WELL)
    assert lost(market, ErrorClass.SERVER_OVERLOAD).failure is not None
    stopwatch.detected(1.0)
    back(market)
    stopwatch.recovered(2.0)
    assert time.monotonic() - began >= 1.0
    assert delays(market) == [1.0]
    untouched(market)


@row("C10", "not followed: no byte reaches the other host; class config, FAILED after five")
def test_redirect_is_not_followed(stage: Open, stopwatch: Stopwatch) -> None:
    with FakePlatform() as elsewhere:
        market = stage()
        market.fake.inject(faults.redirect(elsewhere.url, account=SICK))
        stopwatch.start()
        market.start(*WELL)
        lost(market, ErrorClass.CONFIG)
        stopwatch.detected(1.0)
        assert given_up(market, "config").http_status == 302
        untouched(market)
        assert not elsewhere.dials


@row("C11", "class other; tried again")
@pytest.mark.parametrize("deed", [faults.BadAccept(), faults.Refuse(status=200)])
def test_upgrade_is_none(stage: Open, stopwatch: Stopwatch, deed: AnyAction) -> None:
    market = stage()
    market.fake.inject(at_dial(deed, times=1))
    stopwatch.start()
    market.start(*WELL)
    lost(market, ErrorClass.OTHER)
    stopwatch.detected(1.0)
    back(market)
    stopwatch.recovered(1.0)
    untouched(market)


@pytest.mark.peer(3)
@pytest.mark.peer(4)
@row("C12", "class other at the deadline: the endpoint itself is well")
def test_registration_is_never_answered(stage: Open, stopwatch: Stopwatch) -> None:
    market = stage({"deadlines": {"register_s": 0.3}})
    market.fake.inject(Rule(on="request", lwp="/reg", do=faults.Lose(), account=SICK, times=1))
    stopwatch.start()
    market.start(*WELL)
    change = lost(market, ErrorClass.OTHER)
    assert stopwatch.detected(0.3 + 1.0) >= 0.3
    assert change.cause is Cause.ATTEMPT_TIMED_OUT
    back(market)
    stopwatch.recovered(1.0)
    untouched(market)


@row("C14", "class network in the proxy phase; never directly")
@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n"])
def test_proxy_can_not_be_used(stage: Open, stopwatch: Stopwatch, answer: bytes | None) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while not over.is_set():
                try:
                    sock, _ = server.accept()
                except OSError:
                    return
                with sock:
                    sock.recv(4096)
                    sock.sendall(answer or b"")

        thread = threading.Thread(target=serve, daemon=True)
        if answer is None:
            server.close()
        else:
            thread.start()
        market = stage({"proxy": f"http://127.0.0.1:{port}"})
        stopwatch.start()
        market.start(*WELL)
        change = lost(market, ErrorClass.NETWORK)
        stopwatch.detected(1.0)
        assert change.failure is not None
        assert change.failure.phase is Phase.PROXY
        market.log.wait("reconnect.scheduled", 3, account=SICK)
        untouched(market)
        assert not [log for log in market.fake.logs if log.account == SICK]
        over.set()
        if answer is not None:
            server.shutdown(socket.SHUT_RDWR)
            market.gateway.stop(5.0)
            thread.join(WAIT_S)


@row("C15", "each handshake bears its own account's cookie and nothing else")
def test_cookies_do_not_travel(stage: Open) -> None:
    market = stage({"credentials": {"cookie": "of=sick"}})
    planted = faults.Headers(headers={"Set-Cookie": "planted=sick; Path=/"})
    market.fake.inject(Rule(on="upgrade", do=planted))
    market.start()
    for name in (SICK, WELL[0]):
        market.shops[name].cut()
    for name in (SICK, WELL[0]):
        market.shops[name].wait_registered(WAIT_S, sessions=2)
    for log in market.fake.logs:
        assert log.headers.get("cookie") == ("of=sick" if log.account == SICK else None)


@row("C16", "the late link closes itself; there never are two sessions")
def test_dial_that_succeeds_too_late(
    stage: Open, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, held = threading.Event(), threading.Event()

    class Late(WebSocketDialer):
        """Keeps its first link back until it is released."""

        def dial(self, *args: Any, **options: Any) -> Dialed | Failure:
            result = super().dial(*args, **options)
            if not held.is_set():
                held.set()
                release.wait(30.0)
            return result

    def dialer(**options: Any) -> WebSocketDialer:
        return (Late if SICK in options["url"] else WebSocketDialer)(**options)

    monkeypatch.setattr(assembly, "WebSocketDialer", dialer)
    market = stage(connect={"rate_per_s": 1000, "burst": 1000, "deadline_s": 0.5})
    try:
        market.start(*WELL)
        change = lost(market, ErrorClass.NETWORK)
        assert change.cause is Cause.ATTEMPT_TIMED_OUT
        back(market)
        stopwatch.start()
    finally:
        release.set()
    late = next(log for log in market.fake.logs if log.account == SICK)
    market.fake.wait(lambda: log_ended(late), WAIT_S, "the late link to be closed")
    stopwatch.detected(1.0)
    assert late.registered_at is None
    assert [c.new for c in market.states.of(SICK)][-1] is S.CONNECTED
    untouched(market)


def log_ended(log: Any) -> bool:
    """Return whether a connection is gone."""
    return log.ended_at is not None
