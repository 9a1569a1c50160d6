"""Signing in to the pages: the token once, then a cookie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import browsers
import pytest
from browsers import PHONE
from stages import TOKEN, Street, reached

from actors.state import ConnectionState
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
def url(tmp_path: Path) -> Iterator[str]:
    """Yield where the pages of a gateway are that wants a token."""
    with ExitStack() as stack:
        street = Street(tmp_path, stack)
        gateway = street.gateway(street.plain(SHOP, "2201")[1], token=TOKEN)
        found = street.serve(gateway)
        gateway.start()
        reached(gateway, ConnectionState.CONNECTED, SHOP)
        yield found


def test_a_token_signs_in_and_a_button_signs_out(
    browser: Browser, url: str, *, script: bool
) -> None:
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(f"{url}/accounts/{SHOP}")
        assert tab.page.url.startswith(f"{url}/sign-in?to=")
        tab.page.get_by_label(ZH["signin.token"]).fill(TOKEN)
        tab.press(ZH["signin.do"])
        assert tab.page.url == f"{url}/accounts/{SHOP}", "where the visitor wanted to go"
        assert tab.text("h1") == SHOP
        (cookie,) = [each for each in tab.page.context.cookies() if each["name"] == "gw"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert not cookie["secure"], "this is plain HTTP"
        assert TOKEN not in cookie["value"]
        assert TOKEN not in tab.html()
        tab.press(ZH["verb.pause"].format(name=SHOP))
        assert tab.text(".done") == ZH["done.paused"]
        tab.press(ZH["sign_out"])
        assert not [each for each in tab.page.context.cookies() if each["name"] == "gw"]
        tab.open(url)
        assert tab.page.url.startswith(f"{url}/sign-in")


def test_a_wrong_token_opens_nothing(browser: Browser, url: str, *, script: bool) -> None:
    with browsers.tab(browser, PHONE, script=script) as tab:
        tab.open(url)
        tab.page.get_by_label(ZH["signin.token"]).fill("not-the-token-0123456789")
        tab.press(ZH["signin.do"])
        assert not [each for each in tab.page.context.cookies() if each["name"] == "gw"]
        assert SHOP not in tab.html()
        assert tab.foreign_words([]) == []
