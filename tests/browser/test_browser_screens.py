"""Each screen as people see it: every device, language and colour, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import browsers
import pytest
import stages
from browsers import LOOKS, PHONE, Look
from stages import ODD, Stage

from gateway.web.pages import addresses
from gateway.web.pages.table import PAGES
from scripts.chromium import SIZES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
browser = browsers.browser
stage = stages.stage
no_thread_outlives_the_test = stages.no_thread_outlives_the_test

SCREENS: Final = {
    "/": (
        ("trouble", "/?done=paused"),
        ("well", "/"),
        ("many", "/"),
        ("many", "/?q=shop-14&state=connected&page=1"),
        ("empty", "/"),
    ),
    "/accounts/<account>": (
        ("trouble", "/accounts/shop-b"),
        ("well", "/accounts/shop-a"),
        ("well", addresses.account(ODD)),
        ("trouble", "/accounts/shop-a"),
        ("trouble", "/accounts/shop-c"),
        ("trouble", "/accounts/shop-e"),
    ),
    "/waiting": (("trouble", "/waiting"), ("well", "/waiting")),
    "/waiting/letters/<event_id>": (("trouble", "{letter}"),),
    "/waiting/sends/<outbox_id>": (("trouble", "{send}"),),
    "/chats": (("trouble", "/chats"), ("well", "/chats")),
    "/chats/<account>": (("trouble", "/chats/shop-b"),),
    "/chats/<account>/<conversation>": (("trouble", "{chat}"),),
    "/machine": (("trouble", "/machine"), ("well", "/machine")),
    "/sign-in": (("trouble", "/sign-in"), ("well", "/sign-in"), ("trouble", "/sign-in?code=ab")),
}
"""Where each screen is looked at, where it shows most first; a page that is not here has nobody who
looks at it."""

NO_SCREENS: Final = {
    "/chats/<account>/<conversation>/send": "leads to the conversation",
    "/manifest.webmanifest": "is JSON",
    "/stream": "is for the script",
}

REFUSALS: Final = (
    ("well", "/nothing/here", HTTPStatus.NOT_FOUND),
    ("well", "/accounts/shop-z", HTTPStatus.NOT_FOUND),
    ("well", "/?state=ill", HTTPStatus.BAD_REQUEST),
)


def _looked_at() -> Iterator[object]:
    """Yield each screen in every look, and its other states on a phone in Chinese."""
    for found in SCREENS.values():
        for place, (name, address) in enumerate(found):
            for look in LOOKS if place == 0 else (PHONE,):
                case = f"{name}:{address}-{look}"
                yield pytest.param(name, address, HTTPStatus.OK, look, id=case)
    for name, address, status in REFUSALS:
        yield pytest.param(name, address, status, PHONE, id=f"{name}:{address}")


def test_no_screen_is_forgotten() -> None:
    shown = {path for method, path in PAGES if method == "GET"}
    assert shown == SCREENS.keys() | NO_SCREENS.keys(), "a page without an entry in SCREENS"


@pytest.mark.parametrize(
    ("stage", "address", "status", "look"), [*_looked_at()], indirect=["stage"]
)
def test_a_screen_is_sound_in_light_and_dark(
    browser: Browser, stage: Stage, address: str, status: HTTPStatus, look: Look
) -> None:
    # Who is signed in is led on from there.
    token = None if address.startswith("/sign-in") else stage.token
    with browsers.tab(browser, look, token=token) as tab:
        answer = tab.open(stage.url + address.format_map(stage.paths), status)
        page = tab.page
        fine = status is HTTPStatus.OK
        assert not [each for each in tab.said if fine or str(int(status)) not in each]
        assert not tab.foreign(stage.url)
        assert len(tab.asked) >= 3, "a style and two scripts"
        refused = [each for each in tab.asked if each[1] != HTTPStatus.OK]
        assert refused in ([], [(answer.url, int(status))])
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == look.language
        assert tab.width() <= SIZES[look.device][0], "it must be moved sideways"
        html = tab.html()
        assert [name for name, secret in stage.secrets.items() if secret in html] == []
        if look.language == "zh-CN" and fine:
            assert tab.foreign_words(stages.names_of(stage)) == []
        assert tab.faults() == []


@pytest.mark.parametrize(("stage", "address", "status"), REFUSALS, indirect=["stage"])
def test_a_refusal_is_in_the_language_of_the_visitor(
    browser: Browser, stage: Stage, address: str, status: HTTPStatus
) -> None:
    with browsers.tab(browser, PHONE, token=stage.token) as tab:
        tab.open(stage.url + address, status)
        assert tab.foreign_words(["shop-z"]) == []


@pytest.mark.parametrize("stage", ["trouble", "many"], indirect=True)
def test_a_phone_shows_at_once_what_is_wrong_and_with_whom(browser: Browser, stage: Stage) -> None:
    with browsers.tab(browser, PHONE, token=stage.token) as tab:
        tab.open(stage.url)
        height = SIZES["phone"][1]
        for element in (
            tab.page.locator("h1"),
            tab.page.locator("main").get_by_role("link", name=stage.needs, exact=True).first,
            tab.page.locator(".row button").first,
        ):
            box = element.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, box


@pytest.mark.parametrize("stage", ["well"], indirect=True)
def test_a_phone_shows_at_once_that_all_is_well(browser: Browser, stage: Stage) -> None:
    with browsers.tab(browser, PHONE, token=stage.token) as tab:
        tab.open(stage.url)
        box = tab.page.get_by_role("heading", name="一切正常").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= SIZES["phone"][1]


@pytest.mark.parametrize("stage", ["trouble"], indirect=True)
def test_what_is_planted_is_there_to_be_found(stage: Stage) -> None:
    """Else no page could show it, and the tests above would say nothing."""
    assert len(stage.secrets) >= 5, stage.secrets.keys()
    assert stage.gateway.redact(repr(stage.secrets)).count("***") >= len(stage.secrets)
