"""The page of what waits: letters and sends over a real gateway, each button to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import control_api
import pytest
from browsing import Browser, Seen, serious
from control_api import Serve
from market import WAIT_S, Market

from actors.values import SendOutcome, SendState
from gateway import ChatMessage
from gateway.testing import Behaviour, Rule, faults
from gateway.web.pages import addresses, waiting

serve_api = control_api.serve_api

SHOP, OTHER = "2201", "2202"
OWNER, VIEWER = "owner-of-all-of-this", "viewer-of-some-of-this"
EVIL = "\x1b[31m<script>alert(1)</script>\u202egnp.exe & 'quoted' \"twice\""
SEND = "/r/MessageSend/*"
HISTORY = "/r/MessageManager/listUserMessages"


class Counter:
    """A handler that fails while it is told to."""

    def __init__(self, market: Market) -> None:
        self.fails = True
        self._ledger = market.ledger

    def __call__(self, event: ChatMessage) -> None:
        if self.fails:
            raise ValueError("no answer for it")
        self._ledger(event)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    behaviour = Behaviour(backlog="push", echo=False)
    http = {"listen": "127.0.0.1:0", "token": OWNER, "viewer_token": VIEWER}
    overrides = {SHOP: {"send": {"review_s": 0.3}}}
    with Market(
        tmp_path, SHOP, OTHER, behaviour=behaviour, overrides=overrides, http=http
    ) as market:
        yield market


def with_letters(market: Market, *texts: str, of: str = SHOP) -> Counter:
    """Start with a handler that fails for what a buyer says."""
    counter = Counter(market)

    @market.gateway.on(ChatMessage)
    def handle(event: ChatMessage) -> None:
        counter(event)

    market.start()
    buyer = market.shops[of].buyer("77001")
    for text in texts:
        buyer.says(text)
    market.log.wait("event.dead_lettered", len(texts))
    return counter


def letters(market: Market) -> list[str]:
    return [each.event_id for each in market.gateway.dead_letters.list()]


def unknown_send(market: Market, text: str) -> str:
    """Return the id of a send of which nobody knows whether it arrived."""
    market.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
    market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
    ticket = market.gateway.send(SHOP, "c1", text, to="77001")
    result = ticket.result(WAIT_S)
    assert (result.outcome, result.reason) == (SendOutcome.UNKNOWN, "needs_review")
    return ticket.outbox_id


def test_a_letter_is_replayed_and_handled(market: Market, serve_api: Serve) -> None:
    counter = with_letters(market, "还在吗", EVIL)
    browser = Browser(serve_api(market.gateway, log=market.log))
    page = browser.get("/waiting")
    serious(page)
    assert page.status == 200
    assert "还在吗" in page.text
    assert "<script>alert" not in page.html
    assert "alert(1)" in page.text, "what a buyer says is shown, and does nothing"
    assert "Messages not handled: 2" in page.text
    assert "ValueError" in page.text, "a reason without words is shown as it is"
    newest, oldest = letters(market)
    looked = browser.get(addresses.letter(oldest))
    serious(looked)
    assert "还在吗" in looked.text
    counter.fails = False
    after = browser.post(addresses.letter(oldest, "replay"), {"to": "/waiting"})
    assert (after.status, after.at) == (200, "/waiting?done=replayed")
    assert "Replayed" in after.text
    assert market.ledger.wait(1) == ["还在吗"]
    assert letters(market) == [newest]
    market.log.wait("control.performed", verb="replay", event_id=oldest)
    assert len(market.log.found("control.performed")) == 1, "said once"


def test_a_letter_is_dropped(market: Market, serve_api: Serve) -> None:
    counter = with_letters(market, "one", "two")
    browser = Browser(serve_api(market.gateway, log=market.log), "zh-CN,zh;q=0.9")
    newest, oldest = letters(market)
    page = browser.get("/waiting")
    assert addresses.letter(newest, "drop") in page.forms()
    assert page.html.count("data-ask=") >= 3, "what cannot be undone is asked for"
    counter.fails = False
    after = browser.post(addresses.letter(newest, "drop"), {"to": f"/waiting?account={SHOP}"})
    assert after.at == f"/waiting?account={SHOP}&done=dropped"
    assert "已丢弃" in after.text
    assert letters(market) == [oldest]
    assert "未处理成功的消息：1" in after.text
    assert market.gateway.accounts[SHOP].dead_letters == 1
    again = browser.post(addresses.letter(newest, "drop"))
    assert again.status == 404, "another browser was first"
    serious(again)
    assert market.ledger.events == []


def test_what_waits_is_counted_after_a_restart_too(market: Market, serve_api: Serve) -> None:
    with_letters(market, "one", "two")
    market.gateway.stop()
    market.gateway = market.make()
    market.gateway.start()
    assert market.gateway.accounts[SHOP].dead_letters == 2
    page = Browser(serve_api(market.gateway, log=market.log)).get("/")
    assert "2 messages were not handled." in page.text
    assert "2 wait for a person" in page.text


def test_several_are_replayed_at_once_and_it_says_what_was_not(
    market: Market, serve_api: Serve
) -> None:
    counter = with_letters(market, "one", "two", "three")
    browser = Browser(serve_api(market.gateway, log=market.log))
    page = browser.get("/waiting")
    values = re.findall(r'type="checkbox" name="letter" value="([^"]*)"', page.html)
    assert [addresses.name_of(each) for each in values] == letters(market)
    counter.fails = False
    chosen = [*values[:2], values[0], addresses.segment("2201/never was"), "~.."]
    after = browser.post("/waiting", {"letter": chosen, "verb": "replayed", "to": "/waiting"})
    assert after.status == 200
    assert "Replayed: 2." in after.text
    assert "Not among them any more: 2." in after.text
    assert sorted(market.ledger.wait(2)) == ["three", "two"]
    (left,) = letters(market)
    dropped = browser.post("/waiting", {"letter": addresses.segment(left), "verb": "dropped"})
    assert "Dropped: 1." in dropped.text
    assert "Nothing waits." in dropped.text
    assert letters(market) == []


def test_a_form_that_makes_no_sense_does_nothing(market: Market, serve_api: Serve) -> None:
    with_letters(market, "one")
    browser = Browser(serve_api(market.gateway, log=market.log))
    (letter,) = letters(market)
    chosen = addresses.segment(letter)
    for fields, told in (
        ({"verb": "replayed"}, "no message is chosen"),
        ({"verb": "resolved", "letter": chosen}, "verb must be one of"),
        ({"verb": "dropped", "letter": [chosen] * 1_001}, "at most 1000"),
        ({"verb": "dropped", "letter": [chosen, "%ff"]}, "no such id"),
    ):
        answer = browser.post("/waiting", fields)
        assert answer.status == 400
        assert told in answer.text
        serious(answer)
    assert letters(market) == [letter]
    for path, status in (
        ("/waiting?before=x", 400),
        ("/waiting?before=1.2.3", 400),
        (f"/waiting?before={'9' * 19}.1", 400),
        (f"/waiting?send={'x' * 600}", 400),
        ("/waiting?send=%07", 400),
        ("/waiting?account=%00", 200),
        ("/waiting/letters/%ed%a0%80", 400),
        ("/waiting/sends/%ed%a0%80", 400),
        ("/waiting/letters/%ff", 400),
        ("/waiting/letters/nothing", 404),
        ("/waiting/sends/nothing", 404),
        ("/waiting/nothing", 404),
        ("/waiting?send=nothing&before=1.1", 200),
        ("/waiting?did=replayed&count=%3Cb%3E&gone=99999&failed=-1", 200),
        ("/waiting?did=%3Cscript%3E", 200),
        ("/waiting?account=never-was", 200),
    ):
        page = browser.get(path)
        assert page.status == status, path
        serious(page)
    for path in ("/waiting/sends/nothing/arrived", "/waiting/letters/nothing/replay"):
        assert browser.post(path).status == 404
        assert browser.get(path).status == 405


def test_what_is_left_when_the_time_is_over_is_told(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_letters(market, "one", "two")
    monkeypatch.setattr(waiting, "LONGEST_S", -1.0)
    browser = Browser(serve_api(market.gateway, log=market.log))
    chosen = list(map(addresses.segment, letters(market)))
    after = browser.post("/waiting", {"letter": chosen, "verb": "dropped"})
    assert "Dropped: 0." in after.text
    assert "Not tried: 2. Press the button again." in after.text
    assert len(letters(market)) == 2


def test_a_secret_in_what_is_shown_is_masked_before_it_is_cut(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_CHARS", 400)
    monkeypatch.setattr(waiting, "_REDACTED", 20_000)
    token = market.shops[SHOP].token
    with_letters(market, "w" * (200 - len(token) // 2) + f" {token}", f"mine is {token}")
    browser = Browser(serve_api(market.gateway, log=market.log))
    pages = [browser.get(path) for path in ("/waiting", *map(addresses.letter, letters(market)))]
    for page in pages:
        assert page.status == 200
        assert token[: len(token) // 2 - 1] not in page.html, "nor a part of it"
    assert "mine is" in pages[0].text
    assert "more characters are not shown" in pages[1].text


@pytest.mark.parametrize(
    ("verb", "state"), [("arrived", SendState.ACCEPTED), ("missing", SendState.REFUSED)]
)
def test_what_nobody_can_tell_is_told_by_a_person(
    market: Market, serve_api: Serve, verb: str, state: SendState
) -> None:
    market.start()
    outbox_id = unknown_send(market, EVIL)
    browser = Browser(serve_api(market.gateway, log=market.log))
    page = browser.get("/waiting")
    serious(page)
    assert "alert(1)" in page.text
    assert "only a person can tell" in page.text
    assert "Sends of unknown outcome: 1" in page.text
    looked = browser.get(addresses.send(outbox_id))
    serious(looked)
    assert {addresses.send(outbox_id, each) for each in ("arrived", "missing")} <= set(
        looked.forms()
    )
    after = browser.post(addresses.send(outbox_id, verb), {"to": "/waiting"})
    assert "Noted." in after.text
    found = market.gateway.sends.get(outbox_id)
    assert found is not None
    assert (found.state, found.reason) == (state, "by_hand")
    assert browser.post(addresses.send(outbox_id, verb)).status == 409, "it has ended"
    ended = browser.get(addresses.send(outbox_id))
    assert "decided it" in ended.text
    assert addresses.send(outbox_id, "arrived") not in ended.forms()


def test_who_may_look_sees_no_words(market: Market, serve_api: Serve) -> None:
    with_letters(market, "my address is 5 Elm Road")
    outbox_id = unknown_send(market, "the code is 4711")
    browser = Browser(serve_api(market.gateway, log=market.log), token=VIEWER)
    (letter,) = letters(market)
    for path in ("/waiting", addresses.letter(letter), addresses.send(outbox_id)):
        page = browser.get(path)
        assert page.status == 200
        assert "Elm Road" not in page.html
        assert "4711" not in page.html
        assert "77001" not in page.text, "nor who it was"
        assert not [each for each in page.forms() if each.startswith("/waiting")]
    assert "Messages not handled: 1" in browser.get("/waiting").text
    assert browser.post(addresses.letter(letter, "drop")).status == 403
    assert browser.post("/waiting", {"verb": "dropped", "letter": letter}).status == 403
    assert letters(market) == [letter]


def test_pages_show_each_once(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PART", 2)
    texts = [f"number {number}" for number in range(5)]
    with_letters(market, *texts)
    outbox_id = unknown_send(market, "number 5")
    browser = Browser(serve_api(market.gateway, log=market.log))
    shown: list[str] = []
    page: Seen | None = browser.get("/waiting")
    while page is not None:
        serious(page)
        shown += re.findall(r"number \d", page.text)
        older = [each for each in page.links() if "before=" in each or "send=" in each]
        page = browser.get(older[-1]) if older else None
    assert sorted(shown) == [*texts, "number 5"]
    assert [each for each in shown if each in texts] == texts[::-1]
    past_all = browser.get(f"/waiting?before=1.1&send={outbox_id}")
    assert "Nothing older waits." in past_all.text


def test_names_of_any_letters(tmp_path: Path, serve_api: Serve) -> None:
    name = "../x?y#z店"
    keys: dict[str, Any] = {"http": {"listen": "127.0.0.1:0"}}
    with Market(tmp_path, SHOP, behaviour=Behaviour(backlog="push"), **keys) as market:
        market.config["accounts"][0]["id"] = name
        market.gateway = market.make()

        @market.gateway.on(ChatMessage)
        def fail(_: ChatMessage) -> None:
            raise ValueError("no")

        market.gateway.start()
        market.connected(name)
        market.shops[SHOP].buyer("77001").says("hello")
        market.log.wait("event.dead_lettered", 1)
        browser = Browser(serve_api(market.gateway, log=market.log))
        page = browser.get(f"/waiting?account={quote(name)}")
        serious(page)
        assert "hello" in page.text
        assert addresses.account(name) in page.links()
        (letter,) = letters(market)
        assert letter.startswith(name), "so the address of the letter has it, too"
        looked = browser.get(addresses.letter(letter))
        assert (looked.status, "hello" in looked.text) == (200, True)
        (back,) = [each for each in looked.links() if each.startswith("/waiting?")]
        after = browser.post(addresses.letter(letter, "drop"), {"to": back})
        assert after.status == 200
        assert "What waits for ../x?y#z店" in after.text
        assert letters(market) == []
