"""Each button of the pages does in the gateway what it says, with a script and without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import browsers
import pytest
from browsers import PHONE, WIDE, Tab
from shopkeeper import TOKEN_API
from stages import ODD, Street, reached

from actors.state import ConnectionState
from gateway import Gateway
from gateway.platforms.goofish import passport
from gateway.testing import faults
from gateway.web.pages import addresses
from gateway.web.pages.words import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"]),
]
browser = browsers.browser
SHOP: Final = "shop-a"
ZH: Final = WORDS["zh-CN"]


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    """Yield a platform; two looks at a code are close together."""
    monkeypatch.setattr(passport, "POLL_S", 0.02)
    with ExitStack() as stack:
        yield Street(tmp_path, stack)


def begun(street: Street, *accounts: dict[str, Any]) -> tuple[Gateway, str]:
    """Return a gateway that runs, and where its pages are."""
    gateway = street.gateway(*accounts)
    url = street.serve(gateway)
    gateway.start()
    return gateway, url


def press(tab: Tab, key: str, name: str) -> None:
    """Press the button that says this of an account."""
    tab.press(ZH[key].format(name=name))


def did(tab: Tab, key: str) -> None:
    """See that the page says what was done."""
    assert tab.text(".done") == ZH[f"done.{key}"]


@pytest.mark.parametrize("name", [SHOP, ODD])
def test_pause_and_resume(browser: Browser, street: Street, name: str, *, script: bool) -> None:
    gateway, url = begun(street, street.plain(name, "2201")[1], street.plain("shop-b", "2202")[1])
    reached(gateway, ConnectionState.CONNECTED, name, "shop-b")
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url)
        with tab.page.expect_navigation():
            tab.page.get_by_role("link", name=name, exact=True).click()
        press(tab, "verb.pause", name)
        did(tab, "paused")
        reached(gateway, ConnectionState.DISCONNECTED, name)
        assert gateway.accounts[name].paused
        assert not gateway.accounts["shop-b"].paused
        press(tab, "verb.resume", name)
        did(tab, "resumed")
        reached(gateway, ConnectionState.CONNECTED, name)
        assert not gateway.accounts[name].paused
        assert tab.text("h1") == name


def test_reset_from_the_first_page(browser: Browser, street: Street, *, script: bool) -> None:
    gateway, url = begun(street, street.plain(SHOP, "2201")[1])
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    rules = faults.wrong_user("9999", account="2201")
    street.fake.inject(rules)
    street.fake.cut_all()
    reached(gateway, ConnectionState.FAILED, SHOP)
    street.fake.heal(rules)
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url)
        press(tab, "verb.reset", SHOP)
        did(tab, "reset")
        reached(gateway, ConnectionState.CONNECTED, SHOP)
        assert tab.page.url.removeprefix(url).startswith("/?")


def test_renew(browser: Browser, street: Street, *, script: bool) -> None:
    gateway, url = begun(street, street.seller(SHOP, "2201"))
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    calls = len(street.web.calls(TOKEN_API))
    version = gateway.accounts[SHOP].credentials.version
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url + addresses.account(SHOP))
        press(tab, "verb.renew", SHOP)
        did(tab, "renewed")
    street.web.wait_calls(calls + 1, TOKEN_API)
    assert gateway.accounts[SHOP].credentials.version > version
    street.web.check()


def test_paste_a_cookie(browser: Browser, street: Street, *, script: bool) -> None:
    gateway, url = begun(street, street.seller(SHOP, "2201", None))
    reached(gateway, ConnectionState.FAILED, SHOP)
    cookie = street.web.seller("2201").cookie
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url + addresses.account(SHOP))
        tab.page.get_by_label(ZH["account.paste_label"]).fill("no=cookie")
        press(tab, "account.paste_do", SHOP)
        assert tab.text("h1") == ZH["problem.title"]
        said = tab.text("[role=alert].verdict")
        assert said.partition(ZH["problem.next"])[2].strip(), "it says what to do"
        assert gateway.accounts[SHOP].credentials.lineage == 0
        tab.open(url + addresses.account(SHOP))
        tab.page.get_by_label(ZH["account.paste_label"]).fill(cookie)
        press(tab, "account.paste_do", SHOP)
        did(tab, "cookie")
        assert cookie not in tab.html()
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    assert gateway.accounts[SHOP].credentials.lineage == 1
    street.web.check()


def test_sign_in_by_a_code(browser: Browser, street: Street, *, script: bool) -> None:
    """From the first page to an account that is online; a phone scans what is shown."""
    gateway, url = begun(street, street.seller(SHOP, "2201", None))
    reached(gateway, ConnectionState.FAILED, SHOP)
    scan = street.web.passport.scan("2201")
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url)
        press(tab, "verb.sign_in", SHOP)
        shows(tab, "waiting", script=script)
        assert tab.count(".code svg") == 1
        assert ZH["account.begin"].format(name=SHOP) not in tab.text("main")
        scan.next()
        shows(tab, "scanned", script=script)
        assert tab.count(".code svg") == 0
        scan.next()
        shows(tab, "done", script=script)
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    assert gateway.accounts[SHOP].credentials.lineage == 1
    street.web.check()


def test_cancel_a_sign_in(browser: Browser, street: Street, *, script: bool) -> None:
    gateway, url = begun(street, street.seller(SHOP, "2201", None))
    reached(gateway, ConnectionState.FAILED, SHOP)
    street.web.passport.scan("2201", ("NEW", "CONFIRMED"))
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url + addresses.account(SHOP))
        press(tab, "account.begin", SHOP)
        shows(tab, "waiting", script=script)
        press(tab, "account.cancel", SHOP)
        did(tab, "sign_in_cancelled")
        shows(tab, "cancelled", script=script)
    shown = gateway.credentials.sign_in_status(SHOP)
    assert shown is not None
    assert shown.state == "cancelled"
    assert gateway.accounts[SHOP].credentials.lineage == 0


def shows(tab: Tab, state: str, *, script: bool) -> None:
    """Wait until the sign-in is shown to be there; without a script by loading the page again."""
    words = ZH[f"sign.{state}"]
    if not script:
        for _ in range(200):
            if words in tab.text(".signing"):
                return
            tab.page.reload()
    tab.page.locator(".signing", has_text=words).wait_for()


def test_the_language_changes_and_stays(browser: Browser, street: Street, *, script: bool) -> None:
    gateway, url = begun(street, street.plain(SHOP, "2201")[1])
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    with browsers.tab(browser, WIDE, script=script) as tab:
        tab.open(url + addresses.account(SHOP))
        tab.press("简体中文")
        assert tab.page.url == url + addresses.account(SHOP)
        tab.open(url)
        assert tab.page.locator("html").get_attribute("lang") == "zh-CN"
        assert tab.text("h1") == ZH["verdict.well"]
        tab.press("English")
        assert tab.text("h1") == WORDS["en"]["verdict.well"]
