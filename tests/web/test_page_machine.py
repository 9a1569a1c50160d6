"""The page of the machine over a real gateway: what it says, and its buttons to their end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import control_api
import pytest
from browsing import Browser, serious
from control_api import Serve
from market import Market

from actors.state import ConnectionState
from gateway import Gateway
from gateway.config import from_mapping
from gateway.journal import care
from gateway.web.pages import machine

serve_api = control_api.serve_api

SHOP, OTHER = "2201", "2202"
TOKEN = "token-of-the-door-that-nobody-may-see"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    http = {"listen": "127.0.0.1:0", "token": TOKEN}
    with Market(tmp_path, SHOP, OTHER, http=http) as market:
        market.start()
        yield market


def test_it_says_how_the_machine_stands(market: Market, serve_api: Serve) -> None:
    browser = Browser(serve_api(market.gateway, log=market.log))
    page = browser.get("/machine")
    assert page.status == 200
    serious(page)
    for told in ("The gateway works", "survives a crash", "none yet", "MiB", "GiB", "python"):
        assert told in page.text, told
    assert "reads frames" in page.text or "frames are read by" in page.text
    assert "review_s" in page.html, "the settings in effect, every default filled in"
    assert TOKEN not in page.html
    cookie = str(market.config["accounts"][0]["credentials"]["cookie"])
    assert cookie not in page.html
    chinese = Browser(serve_api(market.gateway, log=market.log), "zh-CN").get("/machine")
    serious(chinese)
    assert "本机" in chinese.text


def test_a_backup_is_made_and_is_sound(market: Market, serve_api: Serve) -> None:
    browser = Browser(serve_api(market.gateway, log=market.log))
    after = browser.post("/machine/backup")
    assert after.status == 200
    (made,) = (Path(market.gateway.settings.data_dir) / "backups").iterdir()
    assert str(made) in after.text, "it tells the path"
    assert care.check(made) == []
    assert "none yet" not in after.text
    (line,) = market.log.found("control.performed", verb="backup")
    assert line["path"] == str(made)
    for name in ("..", "../journal.sqlite3", "no-such.sqlite3", "%3Cscript%3E"):
        page = browser.get(f"/machine?made={name}")
        serious(page)
        assert "was copied to" not in page.text


def test_all_are_paused_and_resumed(market: Market, serve_api: Serve) -> None:
    browser = Browser(serve_api(market.gateway, log=market.log))
    assert "Pause all 2 accounts" in browser.get("/machine").text
    after = browser.post("/accounts/pause-all")
    assert "Paused: 2." in after.text
    for name in (SHOP, OTHER):
        market.reached(name, ConnectionState.DISCONNECTED)
        assert market.gateway.accounts[name].paused
    assert "/accounts/pause-all" not in after.forms()
    resumed = browser.post("/accounts/resume-all")
    assert "Resumed: 2." in resumed.text
    for name in (SHOP, OTHER):
        market.connected(name)
        assert not market.gateway.accounts[name].paused
    verbs = [each["verb"] for each in market.log.found("control.performed", accounts=2)]
    assert verbs == ["pause_all", "resume_all"], "said once each"


def test_what_is_left_when_the_time_is_over_is_told(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LONGEST_S", -1.0)
    browser = Browser(serve_api(market.gateway, log=market.log))
    after = browser.post("/accounts/pause-all")
    assert "Not tried: 2." in after.text
    assert not market.gateway.accounts[SHOP].paused


def test_a_gateway_in_memory_has_nothing_to_back_up(serve_api: Serve) -> None:
    gateway = Gateway(
        from_mapping({"durability": "memory", "http": {"listen": "127.0.0.1:0"}, "accounts": []})
    )
    with gateway:
        browser = Browser(serve_api(gateway))
        page = browser.get("/machine")
        assert page.status == 200
        serious(page)
        assert "off, as nothing is stored" in page.text
        assert "/machine/backup" not in page.forms()
        assert browser.post("/machine/backup").status == 409


def test_only_the_first_accounts_have_their_settings_shown(tmp_path: Path) -> None:
    accounts = [{"id": f"shop-{number}", "platform": "plain", "url": "ws://127.0.0.1:9/"}
                for number in range(30)]  # fmt: skip
    settings = from_mapping({"data_dir": str(tmp_path), "accounts": accounts})
    told = machine._settings(settings)
    assert "shop-19" in told
    assert "shop-20" not in told
