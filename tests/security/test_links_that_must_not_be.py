"""What a link must never do: share a cookie, skip a check, go around a proxy, follow a redirect."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from market import HASTE, Log, States, account_of

from gateway import ErrorClass, Gateway
from gateway.config import from_mapping
from gateway.testing import FakePlatform, Shop
from gateway.testing.faults import Rule, redirect
from gateway.testing.faults.actions import Headers

ONE, OTHER = "2201", "2202"
TRIES = 4
"""Attempts that must fail the same way; a fallback would show by then."""


class Bystander:
    """A port that nobody may come to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.came: list[Any] = []

    def asked(self) -> list[Any]:
        """Return who came; what waits in the backlog counts."""
        self._listener.setblocking(False)
        try:
            while True:
                sock, address = self._listener.accept()
                self.came.append(address)
                sock.close()
        except BlockingIOError:
            return self.came

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def bystander() -> Iterator[Bystander]:
    made = Bystander()
    yield made
    made.close()


def settings_of(*shops: Shop, **keys: Any) -> Any:
    accounts = [{**account_of(shop), **keys} for shop in shops]
    return from_mapping(
        {
            "durability": "memory",
            "connect": {"rate_per_s": 1000, "burst": 1000, "deadline_s": 2.0},
            "defaults": HASTE,
            "accounts": accounts,
        }
    )


def failures(gateway: Gateway, account: str = ONE) -> list[tuple[ErrorClass, str]]:
    """Run until an account failed some times; give class and reason of each."""
    states = States()
    enough = threading.Event()

    @gateway.on_state
    def count(change: Any) -> None:
        states(change)
        if len([each for each in states.of(account) if each.failure]) >= TRIES:
            enough.set()

    with gateway:
        assert enough.wait(10), states.of(account)
    failed = [change.failure for change in states.of(account) if change.failure is not None]
    return [(failure.error_class, failure.reason) for failure in failed]


def test_a_cookie_set_on_one_account_reaches_no_other(tmp_path: Path) -> None:
    """Two accounts, one host; the platform sets a cookie on every upgrade, for any path."""
    del tmp_path
    with FakePlatform() as fake:
        shops = [fake.account(name, cookie=f"who={name}") for name in (ONE, OTHER)]
        for name in (ONE, OTHER):
            cookie = f"leak={name}; Domain=127.0.0.1; Path=/; Max-Age=9999"
            fake.inject(
                Rule(on="upgrade", do=Headers(headers={"Set-Cookie": cookie}), account=name)
            )
        with Gateway(settings_of(*shops)):
            for turn in range(1, 4):
                for shop in shops:
                    shop.wait_registered(sessions=turn)
                    shop.cut()
            for shop in shops:
                shop.wait_registered(sessions=4)
        for shop in shops:
            assert [each.cookies for each in shop.sessions] == [{"who": shop.user_id}] * 4
        fake.check(allow=["two_sessions"])


@pytest.mark.parametrize("way", ["unknown authority", "wrong name", "plain server"])
def test_a_failed_check_never_downgrades(bystander: Bystander, way: str) -> None:
    """However often it fails, nothing is said to the server, in the clear or without the check."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    keys: dict[str, Any] = {"tls": {"server_name": "shop.example"}} if way == "wrong name" else {}
    with FakePlatform(tls=None if way == "plain server" else context) as fake:
        shop = fake.account(ONE, cookie=f"who={ONE}")
        keys["deadlines"] = {"tls_s": 0.1 if way == "plain server" else 5.0}
        settings = settings_of(shop, **keys, url=shop.url.replace("ws://", "wss://"))
        failed = failures(Gateway(settings))
        kinds = {kind for kind, _ in failed}
        assert kinds == {ErrorClass.NETWORK if way == "plain server" else ErrorClass.TLS_TRUST}
        assert shop.sessions == []
        assert [log for log in fake.logs if log.headers] == [], "an upgrade was sent"
    assert bystander.asked() == []


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("down", ["refuses", "hangs up", "speaks nonsense"])
def test_a_proxy_that_fails_is_never_bypassed(
    bystander: Bystander, monkeypatch: pytest.MonkeyPatch, scheme: str, down: str
) -> None:
    """The server itself must see nobody, whatever the proxy does and the environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*" if "no_" in name.lower() else "http://127.0.0.1:9")
    with proxy_that(down) as port, FakePlatform() as fake:
        shop = fake.account(ONE)
        url = f"ws://127.0.0.1:{bystander.port}/?account={ONE}"
        settings = settings_of(shop, proxy=f"{scheme}://u:pw@127.0.0.1:{port}", url=url)
        failed = failures(Gateway(settings))
        assert {kind for kind, _ in failed} == {ErrorClass.NETWORK}
        assert all(reason.startswith("proxy_") for _, reason in failed), failed
    assert bystander.asked() == [], "the proxy was bypassed"


def test_a_redirect_is_never_followed(bystander: Bystander) -> None:
    with FakePlatform() as fake:
        shop = fake.account(ONE, cookie=f"who={ONE}")
        fake.inject(redirect(f"ws://127.0.0.1:{bystander.port}/"))
        failed = failures(Gateway(settings_of(shop)))
        assert set(failed) == {(ErrorClass.CONFIG, "redirect_refused")}
    assert bystander.asked() == [], "credentials went where the redirect pointed"


def test_an_unverified_link_warns_each_time_it_is_set_up(tmp_path: Path) -> None:
    """Made from a file, in Python, or added later: nobody can overlook it."""
    with FakePlatform() as fake:
        settings = settings_of(fake.account(ONE), enabled=False, tls={"verify": False})
        late = settings_of(fake.account(OTHER), enabled=False, tls={"verify": False})
        for given in (settings, type(settings)(accounts=settings.accounts, durability="memory")):
            log = Log()
            with Gateway(given, log=log) as gateway:
                gateway.accounts.add(late.accounts[0])
            told = [line["detail"] for line in log.found("config.noted")]
            assert len(told) == 2, told
            assert all("tls.verify is off: anybody on the way can read" in each for each in told)
    del tmp_path


class proxy_that:  # noqa: N801  # reads as a phrase
    """A proxy that is no good; use as a context manager, gives its port."""

    def __init__(self, down: str) -> None:
        self._answer = {"hangs up": b"", "speaks nonsense": b"\x00\xffHTTP?\r\n\r\n"}.get(down)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> int:
        port: int = self._listener.getsockname()[1]
        if self._answer is None:
            self._listener.close()
        else:
            self._thread.start()
        return port

    def __exit__(self, *_: object) -> None:
        if self._answer is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
            self._listener.close()

    def _serve(self) -> None:
        assert self._answer is not None
        try:
            while True:
                sock, _ = self._listener.accept()
                with sock:
                    sock.settimeout(1)
                    _answered(sock.recv, sock.sendall, self._answer)
        except OSError:
            return


def _answered(hear: Callable[[int], bytes], say: Callable[[bytes], None], answer: bytes) -> None:
    try:
        hear(4096)
        say(answer)
    except OSError:
        return
