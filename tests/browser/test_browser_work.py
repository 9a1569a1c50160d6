"""Buttons of chats, of what waits and of the machine: each does in the gateway what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import browsers
import pytest
from browsers import PHONE, Tab
from market import WAIT_S
from stages import HISTORY, SEND, TOKEN, Street, reached, status

from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.testing import Shop, faults
from gateway.testing.faults import Rule
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
BUYER: Final = "77001"
ZH: Final = WORDS["zh-CN"]


class Counter:
    """A shop with a bot that answers what begins with "ask", and fails on what begins with "no"."""

    def __init__(self, street: Street) -> None:
        self.shop: Shop
        self.shop, account = street.plain(SHOP, "2201")
        self.street = street
        self.gateway: Gateway = street.gateway(account, token=TOKEN)
        self.url = street.serve(self.gateway)
        self.mended = False
        self.gateway.on(ChatMessage)(self._answer)
        self.gateway.start()
        reached(self.gateway, ConnectionState.CONNECTED, SHOP)
        self.buyer = self.shop.buyer(BUYER, nick="小王")
        self.chat = addresses.chat(SHOP, self.buyer.conversation().id)

    def _answer(self, event: ChatMessage) -> None:
        text = event.text or ""
        if text.startswith("no") and not self.mended:
            raise LookupError("nothing is known of that")
        if text.startswith(("ask", "no")):
            event.reply(f"answer to {text}")

    def until(self, right: Callable[[], bool]) -> None:
        """Ask until something is so; each question waits for the journal or the server."""
        ends_s = time.monotonic() + WAIT_S
        while not right():
            assert time.monotonic() < ends_s

    def in_chat(self, text: str) -> None:
        """Have the buyer say something, and wait until the chat's page is there."""
        self.buyer.says(text)
        self.until(lambda: status(self.url + self.chat, TOKEN) == 200)

    def letters(self, count: int) -> list[str]:
        """Wait for so many dead letters; return their ids."""
        self.until(lambda: len(self.gateway.dead_letters.list()) == count)
        return [each.event_id for each in self.gateway.dead_letters.list()]


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with ExitStack() as stack:
        yield Counter(Street(tmp_path, stack))


def press(tab: Tab, form: str) -> None:
    """Press the button of a form, say yes where it asks, and see where that leads."""
    with tab.page.expect_navigation(wait_until="load"):
        tab.page.locator(f'form[action^="{form}"] button').first.click()


def opened(tab: Tab, counter: Counter, path: str) -> None:
    tab.page.on("dialog", lambda dialog: dialog.accept())
    tab.open(counter.url + path)


def test_write_take_over_and_hand_back(browser: Browser, counter: Counter, *, script: bool) -> None:
    counter.in_chat("在吗")
    with browsers.tab(browser, PHONE, script=script, token=TOKEN) as tab:
        opened(tab, counter, counter.chat)
        press(tab, f"{counter.chat}/take-over")
        lane = counter.buyer.conversation().id
        assert counter.gateway.accounts.taken_over(SHOP).keys() == {lane}
        assert ZH["chat.silent"] in tab.text()
        counter.buyer.says("ask 1")
        tab.page.get_by_label(ZH["chat.write"].format(name="小王")).fill("我来回答")
        press(tab, f"{counter.chat}/send")
        assert [each.text for each in counter.shop.wait_sent(1)] == ["我来回答"]
        assert "我来回答" in tab.text()
        press(tab, f"{counter.chat}/hand-back")
        assert counter.gateway.accounts.taken_over(SHOP) == {}
    counter.buyer.says("ask 2")
    assert counter.shop.wait_sent(2)[-1].text == "answer to ask 2"


def test_replay_and_drop_one_and_several(
    browser: Browser, counter: Counter, *, script: bool
) -> None:
    for number in range(4):
        counter.buyer.says(f"no {number}")
        counter.letters(number + 1)
    newest, *others = counter.letters(4)
    counter.mended = True
    with browsers.tab(browser, PHONE, script=script, token=TOKEN) as tab:
        opened(tab, counter, "/waiting")
        press(tab, addresses.letter(newest, "replay"))
        assert counter.shop.wait_sent(1)[-1].text == "answer to no 3"
        press(tab, addresses.letter(others[0], "drop"))
        assert [each.event_id for each in counter.gateway.dead_letters.list()] == others[1:]
        tab.open(f"{counter.url}/waiting")
        for box in tab.page.get_by_role("checkbox").all():
            box.check()
        tab.press(ZH["waiting.replay_many"])
        assert ZH["waiting.did.replayed"].format(count=2) in tab.text()
    assert {each.text for each in counter.shop.wait_sent(3)[1:]} == {
        "answer to no 0", "answer to no 1",
    }  # fmt: skip
    assert counter.gateway.dead_letters.list() == []


@pytest.mark.parametrize(("verb", "state"), [("arrived", "accepted"), ("missing", "refused")])
def test_say_what_became_of_a_send(
    browser: Browser, tmp_path: Path, verb: str, state: str, *, script: bool
) -> None:
    with ExitStack() as stack:
        street = Street(tmp_path, stack)
        _, account = street.plain(SHOP, "2201")
        account["send"] = {"review_s": 0.3, "reply_s": 0.5, "recheck_s": 0.1}
        gateway = street.gateway(account)
        url = street.serve(gateway)
        gateway.start()
        reached(gateway, ConnectionState.CONNECTED, SHOP)
        street.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
        street.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
        ticket = gateway.send(SHOP, "c1", "到了吗", to=BUYER)
        ticket.result(WAIT_S)
        with browsers.tab(browser, PHONE, script=script) as tab:
            tab.page.on("dialog", lambda dialog: dialog.accept())
            tab.open(f"{url}/waiting")
            press(tab, addresses.send(ticket.outbox_id, verb))
        found = gateway.sends.get(ticket.outbox_id)
        assert found is not None
        assert found.state.value == state


def test_back_up_pause_all_and_resume_all(
    browser: Browser, counter: Counter, tmp_path: Path, *, script: bool
) -> None:
    with browsers.tab(browser, PHONE, script=script, token=TOKEN) as tab:
        opened(tab, counter, "/machine")
        press(tab, "/machine/backup")
        (made,) = (tmp_path / "data" / "backups").iterdir()
        assert made.name in tab.text()
        press(tab, "/accounts/pause-all")
        reached(counter.gateway, ConnectionState.DISCONNECTED, SHOP)
        assert counter.gateway.accounts[SHOP].paused
        press(tab, "/accounts/resume-all")
        reached(counter.gateway, ConnectionState.CONNECTED, SHOP)


def test_a_link_of_the_machine_signs_a_phone_in(
    browser: Browser, counter: Counter, *, script: bool
) -> None:
    with browsers.tab(browser, PHONE, script=script, token=TOKEN) as tab:
        opened(tab, counter, "/machine")
        press(tab, "/machine/sign-in-link")
        link = tab.page.locator("#link").inner_text()
        colour = "each => getComputedStyle(each).fill + getComputedStyle(each).stroke"
        fills = f"paths => new Set(paths.map({colour})).size"
        assert tab.page.locator("main .code svg path").evaluate_all(fills) == 2, "dark on light"
    with browsers.tab(browser, PHONE, script=script) as phone:
        phone.open(link)
        phone.press(ZH["signin.link_do"])
        assert phone.page.url == f"{counter.url}/"
        assert phone.text("h1") == ZH["verdict.well"]
