"""Drives Debian's Chromium, and notes what a page says, asks for and shows.

A test module says ``browser = browsers.browser``. The browser is a module's: between modules
nothing of it is left, for its driver keeps an event loop on the thread of the tests.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import pytest

from scripts.chromium import ARGUMENTS, SIZES, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Response

WAIT_MS: Final = 20_000
_LEAST_AXE: Final = (4, 10)

RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS: Final = ("color-contrast", "link-in-text-block")


class Look(NamedTuple):
    """How somebody looks at a page, in light and in dark."""

    device: str
    language: str

    def __str__(self) -> str:
        return "-".join(self)


SCHEMES: Final[tuple[Literal["light"], Literal["dark"]]] = ("light", "dark")
LOOKS: Final = tuple(Look(*each) for each in product(SIZES, ("zh-CN", "en")))
PHONE: Final = Look("phone", "zh-CN")
WIDE: Final = Look("wide", "en")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser, or skip the test; where ``CI`` is set, a missing one is a failure."""
    found, why = program()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright  # it may not be installed

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield launched
        launched.close()


@cache
def axe() -> str:
    """Return the script of axe-core."""
    script = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    version = re.match(r"/\*! axe v(\d+)\.(\d+)", script)
    assert version is not None
    assert tuple(map(int, version.groups())) >= _LEAST_AXE, "too old; take a newer one"
    return script


class Tab:
    """A page in a browser, and what happened in it.

    Attributes:
        said: Messages of its console, and errors nobody caught.
        asked: What it asked for: address and status, None if there was no answer.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[tuple[str, int | None]] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("response", lambda answer: self.asked.append((answer.url, answer.status)))
        page.on("requestfailed", lambda asked: self.asked.append((asked.url, None)))

    def open(self, url: str, status: int = 200) -> Response:
        """Go to an address, and wait until all it needs is there."""
        answer = self.page.goto(url, wait_until="load")
        assert answer is not None
        assert answer.status == status, (url, answer.status)
        return answer

    def press(self, label: str) -> None:
        """Press the first button of this label, and wait for the page it leads to."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.get_by_role("button", name=label, exact=True).first.click()

    def text(self, selector: str = "main") -> str:
        """Return what stands in an element."""
        return self.page.locator(selector).first.inner_text()

    def count(self, selector: str) -> int:
        """Return how many elements there are."""
        return self.page.locator(selector).count()

    def html(self) -> str:
        """Return all of it, as it stands now."""
        return self.page.content()

    def until(self, expression: str, argument: object = None, timeout_s: float = 20.0) -> None:
        """Wait until an expression of the page is true."""
        self.page.wait_for_function(expression, arg=argument, timeout=timeout_s * 1000)

    def foreign(self, url: str) -> list[str]:
        """Return what it asked of others than the server of this address."""
        ours = urlsplit(url).netloc
        return [asked for asked, _ in self.asked if urlsplit(asked).netloc != ours]

    def faults(self) -> list[str]:
        """Return what axe finds, a line each; in the dark only what colours can do wrong."""
        self.page.evaluate(axe())
        found: list[Any] = []
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            only = {"type": "tag", "values": RULES}
            if scheme == "dark":
                only = {"type": "rule", "values": COLOURS}
            told: Any = self.page.evaluate("only => axe.run(document, {runOnly: only})", only)
            found += [(scheme, each) for each in told["violations"]]
        return [
            f"{scheme}: {each['id']}: {each['help']}: {json.dumps(node['html'][:200])}: "
            f"{node.get('failureSummary', '')[:300]}"
            for scheme, each in found
            for node in each["nodes"]
        ]

    def width(self) -> int:
        """Return how wide its content is, in CSS pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def foreign_words(self, names: Sequence[str]) -> list[str]:
        """Return texts of a Chinese page that are English sentences.

        Names, codes and keys of settings are none, nor is what a handler itself raised.
        """
        found: Any = self.page.evaluate(_TEXTS)
        for name in names:
            found = [each.replace(name, "") for each in found]
        found = [re.sub(r"`[^`]*`|\w+Error at .*|\b[a-z_]+\.[a-z_]+\b", "", each) for each in found]
        return [each for each in found if re.search(r"[A-Za-z]{2,}[ ,.]+[A-Za-z]{2,}", each)]


_TEXTS = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [document.title];
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    if (!at.closest("code, pre, script, [lang=en]")) found.push(walk.currentNode.data.trim());
  }
  for (const each of document.querySelectorAll("[aria-label]")) found.push(each.ariaLabel);
  return found;
}"""


@contextmanager
def tab(
    browser: Browser, look: Look = PHONE, *, script: bool = True, token: str | None = None
) -> Iterator[Tab]:
    """Open a page of a visitor of its own: no cookie, no cache of another.

    Args:
        browser: Where.
        look: Device, language and colours.
        script: Whether scripts run.
        token: Of a gateway that wants one.
    """
    context = _context(browser, look, script=script)
    try:
        if token is not None:
            context.set_extra_http_headers({"Authorization": f"Bearer {token}"})
        yield Tab(context.new_page())
    finally:
        context.close()


def _context(browser: Browser, look: Look, *, script: bool) -> BrowserContext:
    width, height = SIZES[look.device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        is_mobile=look.device == "phone",
        has_touch=look.device == "phone",
        locale=look.language,
        color_scheme="light",
        reduced_motion="reduce",
        java_script_enabled=script,
    )
    context.set_default_timeout(WAIT_MS)
    return context
