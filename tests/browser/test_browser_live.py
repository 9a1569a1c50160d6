"""A page that is open stays true: by hints, by looking again, and past the end of the gateway."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import browsers
import pytest
from browsers import PHONE, Tab
from market import WAIT_S
from stages import Street, reached, status

from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.web import serve
from gateway.web.pages import addresses, hints, site
from gateway.web.pages.words import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
browser = browsers.browser
SHOP: Final = "shop-a"
ZH: Final = WORDS["zh-CN"]
SOON_S: Final = 10.0
"""Far below the 30 s after which a page looks again by itself."""

LOST_S: Final = 5.0


class Streams(hints.Hints):
    """Counts the streams that are open, and tells when that changes."""

    all: ClassVar[list[Streams]] = []

    def __init__(self, closing: threading.Event) -> None:
        super().__init__(closing)
        self._moved = threading.Condition()
        self.all.append(self)

    def stream(self, gone: Callable[[], bool]) -> Iterator[bytes] | None:
        found = super().stream(gone)
        self._tell()
        return found

    def _close(self, key: object) -> None:
        super()._close(key)
        self._tell()

    def _tell(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def wait(self, count: int) -> None:
        """Wait until so many are open."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.streams == count, WAIT_S), self.streams


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Streams]:
    """Return the streams of each gateway that is served."""
    monkeypatch.setattr(Streams, "all", [])
    monkeypatch.setattr(site, "Hints", Streams)
    return Streams.all


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(tmp_path, stack)


def begun(street: Street) -> tuple[Gateway, str]:
    """Return a gateway that runs with one account, and where its pages are."""
    gateway = street.gateway(street.plain(SHOP, "2201")[1])
    url = street.serve(gateway)
    gateway.start()
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    return gateway, url


def opened(tab: Tab, url: str) -> None:
    """Open the first page, and mark it, so that a page loaded anew is not taken for it."""
    tab.open(url)
    shows(tab, "connected")
    tab.page.evaluate("window.marked = true")


def shows(tab: Tab, state: str, within_s: float = WAIT_S) -> None:
    """Wait until the card of the account says where it stands."""
    chip = "t => document.querySelector('.card .chip').textContent === t"
    tab.until(chip, ZH[f"state.{state}"], within_s)


def is_the_same(tab: Tab) -> None:
    """See that it was not loaded anew."""
    assert tab.page.evaluate("window.marked") is True


def test_a_lost_link_is_seen_by_a_hint(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    _, url = begun(street)
    with browsers.tab(browser, PHONE) as tab:
        opened(tab, url)
        streams[0].wait(1)
        street.fake.stop()
        shows(tab, "reconnecting", SOON_S)
        is_the_same(tab)
        assert tab.text("h1") == ZH["verdict.works_one"].format(account=SHOP)


def test_without_a_place_for_its_stream_a_page_looks_by_itself(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    _, url = begun(street)
    address = url.removeprefix("http://")
    with ExitStack() as stack:
        for _ in range(hints.MOST_STREAMS):
            held = stack.enter_context(closing(HTTPConnection(address, timeout=WAIT_S)))
            held.request("GET", "/stream")
            assert stack.enter_context(held.getresponse()).status == 200
        with browsers.tab(browser, PHONE) as tab:
            with tab.page.expect_response("**/stream") as refused:
                opened(tab, url)
            assert refused.value.status == 503
            street.fake.stop()
            shows(tab, "reconnecting", SOON_S)
            is_the_same(tab)
            assert tab.page.locator("#lost").is_hidden()
            assert streams[0].streams == hints.MOST_STREAMS


def test_a_page_that_nobody_sees_holds_no_place(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    _, url = begun(street)
    with browsers.tab(browser, PHONE) as tab:
        opened(tab, url)
        streams[0].wait(1)
        tab.page.evaluate(_HIDDEN, True)
        streams[0].wait(0)
        street.fake.stop()
        tab.page.evaluate(_HIDDEN, False)
        streams[0].wait(1)
        shows(tab, "reconnecting", SOON_S)
        is_the_same(tab)
    streams[0].wait(0)


_HIDDEN: Final = """hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""A headless browser shows all its pages."""


def test_a_gateway_that_stops_is_missed_and_found_again(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    first = street.gateway(street.plain(SHOP, "2201")[1])
    served = serve(first)
    assert served is not None
    first.start()
    reached(first, ConnectionState.CONNECTED, SHOP)
    with browsers.tab(browser, PHONE) as tab:
        opened(tab, served.url)
        streams[0].wait(1)
        assert served.stop()
        tab.page.locator("#lost").wait_for(timeout=LOST_S * 1000)
        assert tab.text("#lost") == ZH["lost"]
        assert first.stop(10.0)
        port = served.url.rpartition(":")[2]
        more = street.plain("shop-b", "2202")[1]
        second = street.gateway(street.plain(SHOP, "2201")[1], more, listen=f"127.0.0.1:{port}")
        assert street.serve(second) == served.url
        second.start()
        reached(second, ConnectionState.CONNECTED, SHOP, "shop-b")
        tab.page.locator("#lost").wait_for(state="hidden")
        tab.page.locator(".card", has_text="shop-b").wait_for()
        tab.until("document.querySelectorAll('.card .is-connected').length === 2")
        is_the_same(tab)
        streams[1].wait(1)


def test_a_gateway_that_hangs_is_missed_though_its_stream_is_open(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    _, url = begun(street)
    with browsers.tab(browser, PHONE) as tab:
        opened(tab, url)
        streams[0].wait(1)
        tab.page.route("**/livez", lambda _route: None)  # asked, and never answered
        tab.until("() => !document.getElementById('lost').hidden", timeout_s=2 * LOST_S)
        assert streams[0].streams == 1
        tab.page.unroute("**/livez")
        tab.until("() => document.getElementById('lost').hidden", timeout_s=SOON_S)
        is_the_same(tab)


def test_a_press_is_not_lost_to_a_refresh(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    gateway, url = begun(street)
    with browsers.tab(browser, PHONE) as tab:
        tab.open(url + addresses.account(SHOP))
        streams[0].wait(1)
        button = tab.page.get_by_role("button", name=ZH["verb.pause"].format(name=SHOP))
        button.hover()
        tab.page.mouse.down()
        with tab.page.expect_response("**/accounts/shop-a"):
            streams[0].hint("accounts")
        with tab.page.expect_navigation():
            tab.page.mouse.up()
    reached(gateway, ConnectionState.DISCONNECTED, SHOP)
    assert gateway.accounts[SHOP].paused


def test_what_is_unfolded_and_the_count_of_what_waits_outlive_a_refresh(
    browser: Browser, street: Street, streams: list[Streams]
) -> None:
    shop, account = street.plain(SHOP, "2201")
    gateway = street.gateway(account)
    url = street.serve(gateway)

    @gateway.on(ChatMessage)
    def fail(event: ChatMessage) -> None:
        if event.text == "no":
            raise LookupError("nothing is known of that")

    gateway.start()
    reached(gateway, ConnectionState.CONNECTED, SHOP)
    buyer = shop.buyer("77001")
    buyer.says("长" * 5_000)
    chat = url + addresses.chat(SHOP, buyer.conversation().id)
    with browsers.tab(browser, PHONE) as tab:
        tab.open(url)
        streams[0].wait(1)
        ends_s = time.monotonic() + WAIT_S
        while status(chat, "") != HTTPStatus.OK:  # until the copy has it
            assert time.monotonic() < ends_s
        tab.open(chat)
        tab.page.locator("details summary").click()
        assert tab.text("#waiting-badge") == ""
        buyer.says("no")
        tab.until("() => document.querySelector('#waiting-badge').textContent === '1'")
        tab.until("() => document.querySelectorAll('.bubble').length === 2")
        assert tab.page.locator("details").evaluate("each => each.open") is True
