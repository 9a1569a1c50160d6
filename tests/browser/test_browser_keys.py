"""Whoever has no mouse: the skip link, the order of what Tab reaches, and where the focus stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import browsers
import pytest
import stages
from browsers import WIDE, Tab
from stages import Stage

from gateway.web.pages.words import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("stage", ["trouble"], indirect=True),
]
browser = browsers.browser
stage = stages.stage
no_thread_outlives_the_test = stages.no_thread_outlives_the_test
EN: Final = WORDS["en"]
MOST_TABS: Final = 100

FOCUSED: Final = "document.activeElement"


def focused(tab: Tab, what: str) -> str:
    """Return something of the element that has the focus."""
    return str(tab.page.evaluate(f"{FOCUSED}.{what}"))


def test_the_first_tab_skips_to_the_content(browser: Browser, stage: Stage) -> None:
    with browsers.tab(browser, WIDE, token=stage.token) as tab:
        tab.open(stage.url)
        tab.page.keyboard.press("Tab")
        assert focused(tab, "className") == "skip"
        box = tab.page.locator(".skip").bounding_box()
        assert box is not None
        assert box["x"] >= 0, "it is seen while it has the focus"
        tab.page.keyboard.press("Enter")
        assert focused(tab, "id") == "main"


def test_tab_reaches_the_first_button_of_what_is_wrong(browser: Browser, stage: Stage) -> None:
    """From the content on, over what stands before it, in the order it is read; and it shows."""
    with browsers.tab(browser, WIDE, token=stage.token) as tab:
        tab.open(stage.url)
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        tops = []
        for _ in range(MOST_TABS):
            tab.page.keyboard.press("Tab")
            tops.append(float(tab.page.evaluate(f"{FOCUSED}.getBoundingClientRect().top")))
            if focused(tab, "tagName") == "BUTTON":
                break
        assert focused(tab, "textContent") == EN["verb.sign_in"].format(name=stage.needs)
        assert tops == sorted(tops)
        outline = tab.page.evaluate(f"getComputedStyle({FOCUSED}).outlineStyle")
        assert outline == "solid"


def test_the_focus_stays_where_it_was_when_the_page_is_refreshed(
    browser: Browser, stage: Stage
) -> None:
    with browsers.tab(browser, WIDE, token=stage.token) as tab:
        tab.open(stage.url)
        label = EN["verb.sign_in"].format(name=stage.needs)
        tab.page.get_by_role("button", name=label).focus()
        swapped(tab)
        assert focused(tab, "textContent") == label


def test_what_is_typed_stays_when_the_page_is_refreshed(browser: Browser, stage: Stage) -> None:
    with browsers.tab(browser, WIDE, token=stage.token) as tab:
        tab.open(f"{stage.url}/accounts/{stage.needs}")
        tab.page.get_by_label(EN["account.paste_label"]).fill("unfinished")
        swapped(tab)
        assert tab.page.get_by_label(EN["account.paste_label"]).input_value() == "unfinished"


def swapped(tab: Tab) -> None:
    """Have the page take over what stands now, as after a hint."""
    tab.page.evaluate(
        """() => new Promise(done => {
          document.body.addEventListener("htmx:afterSettle", done, {once: true});
          document.body.dispatchEvent(new CustomEvent("hint-accounts"));
        })"""
    )
