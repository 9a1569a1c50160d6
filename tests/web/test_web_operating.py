"""Accounts that join and leave, the stop, and a process that hangs: over HTTP and the command."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import control_api
import pytest
from commands import call
from control_api import WAIT_S, Serve
from market import Market

from actors.state import ConnectionState
from gateway.cli import health, whom

serve_api = control_api.serve_api

SHOP, OTHER = "2201", "2202"


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no gateway of the environment."""
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.delenv("XIANYU_GATEWAY_TOKEN", raising=False)


def entry(market: Market, user_id: str = OTHER) -> dict[str, Any]:
    shop = market.fake.account(user_id)
    return {"id": user_id, "url": market.fake.url, "credentials": shop.credentials}


def test_an_account_joins_and_leaves(tmp_path: Path, serve_api: Serve) -> None:
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        body = entry(market)
        status, told, _ = api.ask("POST", "/v1/accounts", body)
        assert (status, told["done"], told["account"]["id"]) == (201, "added", OTHER)
        view = market.gateway.accounts[OTHER]
        assert view.wait_for(ConnectionState.CONNECTED, WAIT_S)
        assert api.ask("POST", "/v1/accounts", body)[0] == 409
        assert body["credentials"]["token"] not in str(told)

        assert api.ask("DELETE", f"/v1/accounts/{OTHER}")[1]["done"] == "removed"
        market.fake.account(OTHER).wait_gone(WAIT_S)
        assert api.ask("DELETE", f"/v1/accounts/{OTHER}")[0] == 404
        assert len(market.shops[SHOP].sessions) == 1


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"credentials": {"kind": "python", "call": "os:getcwd"}}, "of_a_file"),
        ({"credentials": {"kind": "file", "path": "/etc/passwd"}}, "of_a_file"),
        ({"credentials": {"kind": "env", "variables": {"token": "HOME"}}}, "of_a_file"),
        ({"tls": {"ca_file": "/etc/passwd"}}, "of_a_file"),
        ({"user_agent": "${HOME}"}, "config"),
        ({"user_agent": "${file:/etc/hostname}"}, "config"),
        ({"url": "ftp://x"}, "config"),
        ({"colour": "red"}, "config"),
        ({"id": 7}, "config"),
    ],
)
def test_what_a_caller_may_not_name(
    tmp_path: Path, serve_api: Serve, more: dict[str, Any], error: str
) -> None:
    """No caller reads a file or a variable of this machine, or runs code on it."""
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        status, answer, _ = api.ask("POST", "/v1/accounts", entry(market) | more)
        assert (status, answer["error"]) == (422, error), answer
        assert os.environ["HOME"] not in str(answer)
        assert list(market.gateway.accounts) == [SHOP]


def test_the_commands_add_resolve_and_stop(
    tmp_path: Path, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        shop = market.fake.account(OTHER)
        monkeypatch.setenv("SHOP_B", str(shop.token))
        file = tmp_path / "b.yaml"
        device = shop.credentials["device_id"]
        file.write_text(
            f"id: shop-b\nurl: {market.fake.url}\ncredentials:\n  user_id: '{OTHER}'\n"
            f"  device_id: '{device}'\n  token: '${{SHOP_B}}'\n",
            "utf-8",
        )
        code, out, err = call("accounts", "add", str(file), "--url", api.served.url)
        assert (code, out.split()[:2]) == (0, ["shop-b", "added,"]), err
        shop.wait_registered(WAIT_S)
        file.write_text("- 7\n", "utf-8")
        code, _, err = call("accounts", "add", str(file), "--url", api.served.url)
        assert (code, "is no account" in err) == (2, True)
        file.write_text("token: ${NOT_SET_ANYWHERE}\n", "utf-8")
        code, _, err = call("accounts", "add", str(file), "--url", api.served.url)
        assert (code, "NOT_SET_ANYWHERE" in err) == (2, True)
        assert call("accounts", "remove", "shop-b", "--url", api.served.url)[0] == 0

        assert call("health", "--url", api.served.url)[:2] == (0, "alive\n")
        assert call("health", "--json", "--url", api.served.url)[:2] == (0, '{"alive": true}\n')
        assert call("health", "--url", "nonsense")[:2] == (2, "")
        code, out, _ = call("stop", "--url", api.served.url, "--wait", "30")
        assert (code, out) == (0, "stopped; all is stored\n")
        assert not market.gateway.running
        shop.wait_gone(WAIT_S)
        market.shops[SHOP].wait_gone(WAIT_S)


def test_a_stop_that_nobody_waits_for(tmp_path: Path, serve_api: Serve) -> None:
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        assert api.ask("POST", "/v1/stop")[:2] == (202, {"done": "stopping"})
        market.shops[SHOP].wait_gone(WAIT_S)


def test_a_poller_that_hangs_is_told(tmp_path: Path, serve_api: Serve) -> None:
    """Its thread is held by a message; the timers go on and see it."""
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        assert api.get("/livez") == {"status": "ok"}
        system = market.gateway._system
        assert system is not None
        held, free = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            assert free.wait(WAIT_S)

        system.services.poller._pace = hold
        market.shops[SHOP].buyer("77001").says("hello")
        assert held.wait(WAIT_S)
        system.watch._pulse._turned_at -= 60.0  # as if it had been held for a minute
        try:
            status, answer, _ = api.ask("GET", "/livez")
            assert (status, answer["error"]) == (503, "hung")
            assert "poller" in answer["detail"]
            code, out, _ = call("health", "--url", api.served.url)
            assert (code, out.startswith("not alive: ")) == (1, True)
        finally:
            free.set()


def test_health_without_a_gateway() -> None:
    code, out, err = call("health", "--url", "http://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert "no answer at http://127.0.0.1:9" in err


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    del capsys
    code, out, _ = call("--version")
    assert code == 0
    assert out.startswith(f"xianyu-gateway 0.1.0 (Python {sys.version_info[0]}.")


def test_the_two_default_addresses_are_one() -> None:
    """``health`` reads no configuration, so it has its own."""
    assert health.DEFAULT_URL == whom.DEFAULT_URL
