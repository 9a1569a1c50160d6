"""Takes the pictures of the page for its documentation and the READMEs.

``python scripts/draw_page.py`` runs the demo's three shops in a fixed state and photographs each
screen in both languages; a screen that is not there yet is left out, with a word. Needs the extras
``[http,browser]`` and Debian's ``chromium``. ``--check`` only looks whether each picture that a
page names is there and small.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.runtime.log import SILENT
from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.cli import demo
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform, FakeWeb, faults
from gateway.web import serving
from gateway.web.pages.table import PAGES
from gateway.web.pages.words import WORDS
from gateway.words import LANGUAGES, Language
from scripts.chromium import ARGUMENTS, SIZES, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
MOST_BYTES: Final = 120 << 10
WAIT_S: Final = 20.0
_NAMED: Final = re.compile(r"[\w./-]*\bpage-[\w.-]+\.png")

SHOP, BROKEN, SHAKY = demo.ACCOUNTS
TALKS: Final = (
    (SHOP, "小王", ("还在吗？", "包邮吗？", "好，我拍了")),
    (SHOP, "阿芳", ("能便宜点吗？", "什么时候发货？")),
    (SHAKY, "老李", ("有发票吗？", "我要退款！")),
    (BROKEN, "Mia", ("成色怎么样？",)),
)
FAILS: Final = "我要退款！"
"""A question the bot fails on, so that something waits for a person."""


class Picture(NamedTuple):
    """A screen to photograph.

    Attributes:
        route: Of :data:`gateway.web.pages.table.PAGES`.
        path: How to get there; a link is followed if it ends with ``→``.
        calm: Before anything goes wrong.
    """

    name: str
    device: str
    route: str
    path: str
    calm: bool = False


PICTURES: Final = (
    Picture("page-home-wide", "wide", "/", "/", calm=True),
    Picture("page-home-phone", "phone", "/", "/"),
    Picture("page-account-phone", "phone", "/accounts/<account>", f"/accounts/{BROKEN}"),
    Picture("page-chat-phone", "phone", "/chats/<account>/<conversation>", f"/chats/{SHOP}→"),
    Picture("page-waiting-phone", "phone", "/waiting", "/waiting"),
)


class Scene:
    """The demo's shops; first all is well, then one needs a person."""

    def __init__(self, fake: FakePlatform, gateway: Gateway, url: str) -> None:
        self.fake, self.gateway, self.url = fake, gateway, url
        self.asked = 0

    def begin(self) -> None:
        """Connect, and let buyers ask; return when all is answered."""
        self.gateway.start()
        for name in demo.ACCOUNTS:
            self._reaches(name, ConnectionState.CONNECTED)
        for name, nick, questions in TALKS:
            shop = self.fake.account(demo.ACCOUNTS[name])
            buyer = shop.buyer(f"33{self.asked:02}", nick=nick)
            for question in questions:
                self.asked += 1
                buyer.says(question)
        for name in demo.ACCOUNTS:
            answers = sum(
                question != FAILS for each, _, talk in TALKS if each == name for question in talk
            )
            self.fake.account(demo.ACCOUNTS[name]).wait_sent(answers)

    def spoil(self) -> None:
        """Have the platform ask a shop for a person; return when that is known."""
        self.fake.inject(faults.captcha(demo.ACCOUNTS[BROKEN]))
        self.fake.account(demo.ACCOUNTS[BROKEN]).drop()
        self._reaches(BROKEN, ConnectionState.FAILED)
        _wait(lambda: self.gateway.accounts[SHAKY].dead_letters, "a dead letter")

    def _reaches(self, name: str, state: ConnectionState) -> None:
        view = self.gateway.accounts[name]
        if not view.wait_for(state, WAIT_S):
            raise SystemExit(f"draw_page.py: {view!r} is not {state.value}: {view.last_error}")


@contextmanager
def scene() -> Iterator[Scene]:
    """Yield a scene that has not begun; nothing of it is left."""
    with (
        FakePlatform(Behaviour(backlog="history")) as fake,
        FakeWeb(fake) as side,
        tempfile.TemporaryDirectory(prefix="xianyu-page-") as folder,
    ):
        config: dict[str, Any] = demo.settings(fake, side, folder, f"{demo.HOST}:0")
        config["defaults"]["handlers"] = {"retry_delays_s": [0.01]}
        gateway = Gateway(from_mapping(config), log=SILENT)

        @gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            if event.text == FAILS:
                raise LookupError("no order of this buyer is open")
            event.reply(f"收到：{event.text}")

        try:
            with serving(gateway) as served:
                assert served is not None, "the settings say where"
                yield Scene(fake, gateway, served.url)
        finally:
            gateway.stop()


def _wait(there: Callable[[], object], what: str) -> None:
    """Look until it is there; what is looked at waits by itself or costs some milliseconds.

    Raises:
        SystemExit: It did not come in time.
    """
    ends_s = time.monotonic() + WAIT_S
    while not there():
        if time.monotonic() >= ends_s:
            raise SystemExit(f"draw_page.py: waited {WAIT_S:g} s in vain for {what}")


def draw() -> int:
    """Take the pictures; return the exit code."""
    found, why = program()
    if found is None:
        print(f"draw_page.py: {why}", file=sys.stderr)
        return 2
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # it may not be installed

    good = True
    with scene() as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        stage.begin()
        for calm in (True, False):
            if not calm:
                stage.spoil()
            for picture in PICTURES:
                if picture.calm is calm:
                    for language in LANGUAGES:
                        good &= _taken(browser, stage, picture, language)
        browser.close()
    return 0 if good else 1


def _taken(browser: Browser, stage: Scene, picture: Picture, language: Language) -> bool:
    """Take a picture in a language; return False if it is too large."""
    name = f"{picture.name}.{language.partition('-')[0]}.png"
    if ("GET", picture.route) not in PAGES:
        print(f"{name}: left out, there is no page {picture.route} yet")
        return True
    width, height = SIZES[picture.device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        locale=language,
        color_scheme="light",
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        page.goto(stage.url)
        _copied(page, stage, WORDS[language])
        page.goto(stage.url + picture.path.removesuffix("→"))
        if picture.path.endswith("→"):
            link = page.locator(f"main a[href^='{picture.path.removesuffix('→')}/']").first
            with page.expect_navigation(wait_until="load"):
                link.click()
        body = page.screenshot()
    finally:
        context.close()
    (DOCS / name).write_bytes(body)
    print(f"{name}: {len(body) / 1024:.0f} KiB")
    return len(body) <= MOST_BYTES


def _copied(page: Page, stage: Scene, words: Mapping[str, str]) -> None:
    """Wait until the reading copy has what was asked."""
    told = words["count.received"].format(count=stage.asked)

    def there() -> bool:
        page.reload()
        return told in page.locator(".counts").inner_text()

    _wait(there, told)


def check(pages: Sequence[Path] | None = None) -> int:
    """Look at the pictures that pages name; return the exit code.

    Args:
        pages: Which; None: the READMEs and all of ``docs``.
    """
    wrong = False
    for page in pages or [*ROOT.glob("README*.md"), *DOCS.glob("*.md")]:
        for name in sorted(set(_NAMED.findall(page.read_text(encoding="utf-8")))):
            picture = page.parent / name
            size = picture.stat().st_size if picture.exists() else None
            if size is None or size > MOST_BYTES:
                told = "is not there" if size is None else f"has {size} bytes of {MOST_BYTES}"
                print(f"{page.name} names {name}, which {told}: run scripts/draw_page.py")
                wrong = True
    return int(wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the page.")
    parser.add_argument("--check", action="store_true", help="look only; exit 1 if one is missing")
    return check() if parser.parse_args(arguments).check else draw()


if __name__ == "__main__":
    sys.exit(main())
