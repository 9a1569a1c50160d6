"""The pages of the chats over a real gateway and its reading copy; what is sent arrives."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import control_api
import pytest
from browsing import Browser, Seen, serious
from control_api import Api, Serve
from gallery import gallery
from market import WAIT_S, Market

from actors.state import ConnectionState
from gateway import ChatMessage
from gateway.testing import Behaviour, Rule, faults
from gateway.web.context import Context
from gateway.web.pages import addresses, chat, chats

serve_api = control_api.serve_api

SHOP, OTHER = "2201", "2202"
OWNER, VIEWER = "owner-of-all-of-this", "viewer-of-some-of-this"
EVIL = "\x1b[31m<script>alert(1)</script>\u202egnp.exe مرحبا"
SEND = "/r/MessageSend/*"
HISTORY = "/r/MessageManager/listUserMessages"


class Reader:
    """Looks at a page again, each time the reading copy has something new, until it is right."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.browser = Browser(api)
        self.context: Context = api.served._context
        assert self.context.reading is not None
        self._changed = threading.Condition()
        self._looks = 0
        self.context.reading.heard(self._heard)

    def _heard(self) -> None:
        with self._changed:
            self._looks += 1
            self._changed.notify_all()

    def until(self, path: str, right: Callable[[Seen], bool]) -> Seen:
        """Return the page once it is right."""
        ends = time.monotonic() + WAIT_S
        while True:
            with self._changed:
                seen = self._looks
            page = self.browser.get(path)
            if right(page):
                serious(page)
                return page
            with self._changed:
                left_s = ends - time.monotonic()
                assert left_s > 0, page.text
                self._changed.wait_for(lambda: self._looks > seen, min(left_s, 0.3))  # noqa: B023


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    http = {"listen": "127.0.0.1:0", "token": OWNER, "viewer_token": VIEWER}
    overrides = {SHOP: {"send": {"review_s": 0.3}}}
    behaviour = Behaviour(backlog="push", echo=False)
    with Market(
        tmp_path, SHOP, OTHER, behaviour=behaviour, overrides=overrides, http=http
    ) as market:

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            if event.text and event.text.startswith("ask"):
                event.reply(f"answer to {event.text}")

        market.start()
        yield market


def lane_of(market: Market, buyer: str = "77001", shop: str = SHOP) -> str:
    return market.shops[shop].buyer(buyer).conversation().id


def test_who_waits_is_on_top_and_the_rest_is_by_time(market: Market, serve_api: Serve) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    market.shops[SHOP].buyer("77001", nick="小王").says("ask 1")
    market.shops[SHOP].wait_sent(1)
    market.shops[OTHER].buyer("77002", nick="阿珍").says("有货吗")
    page = reader.until("/chats", lambda page: "有货吗" in page.text and "answer to" in page.text)
    top, _, rest = page.html.partition('id="newest"')
    assert addresses.chat(OTHER, lane_of(market, "77002", OTHER)) in top
    assert "waits" in top
    assert addresses.chat(SHOP, lane_of(market)) in rest
    assert page.html.count("有货吗") == 1, "who is on top is not below, too"
    only = reader.browser.get("/chats?waiting=1")
    assert "阿珍" in only.text
    assert "小王" not in only.text
    mine = reader.browser.get(f"/chats/{OTHER}")
    assert "阿珍" in mine.text
    assert "小王" not in mine.text
    found = reader.until("/chats?" + urlencode({"q": "有货"}), lambda page: "阿珍" in page.text)
    (line,) = [each for each in found.links() if each.startswith("/chats/2202/")]
    there = reader.browser.get(line.partition("#")[0])
    assert "有货吗" in there.text, "a line that was found leads to where it was said"
    assert "No message has" in reader.browser.get("/chats?q=nobody+said+this").text
    chinese = Browser(reader.api, "zh").get(f"/chats/{SHOP}?waiting=1")
    serious(chinese)
    assert "没有人在等回复" in chinese.text


def test_a_transcript_tells_who_said_what_and_what_became_of_it(
    market: Market, serve_api: Serve
) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    lane, shop = lane_of(market), market.shops[SHOP]
    buyer = shop.buyer("77001")
    path = addresses.chat(SHOP, lane)
    buyer.says("ask 1")
    shop.wait_sent(1)
    buyer.says(EVIL)
    buyer.shows("https://example.com/picture.jpg")
    buyer.hears("I wrote this on my phone")
    buyer.orders()
    market.fake.inject(faults.forbid_sends(SHOP, times=1))
    market.gateway.send(SHOP, lane, "forbidden", to="77001").result(WAIT_S)
    market.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
    market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
    lost = market.gateway.send(SHOP, lane, "lost", to="77001")
    lost.result(WAIT_S)
    page = reader.until(
        path,
        lambda page: "CSI_FORBID" in page.text and "only a person can tell" in page.text
        and "my phone" in page.text and 'class="note"' in page.html,
    )  # fmt: skip
    said = bubbles(page)
    assert ("theirs", "ask 1") in said
    assert "Bot" in said["mine", "answer to ask 1"]
    assert "Arrived" in said["mine", "answer to ask 1"]
    assert "Written on a device" in said["mine", "I wrote this on my phone"]
    assert "Sent by hand or by a program" in said["mine", "forbidden"]
    assert "Not sent" in said["mine", "forbidden"]
    assert "Outcome unknown" in said["mine", "lost"]
    assert addresses.send(lost.outbox_id) in page.links(), "there it is decided"
    assert "alert(1)" in page.text
    assert "<script>alert" not in page.html
    assert "[图片]" in page.text
    assert "picture.jpg" not in page.html, "no picture of a third party is loaded"
    assert page.html.count("<img") == 1, "our own"
    assert 'role="log"' in page.html
    assert "Today" in page.text
    order = [text for _, text in said]
    assert order.index("ask 1") < order.index("answer to ask 1") < order.index("forbidden")


def test_an_echo_does_not_make_a_person_a_bot(tmp_path: Path, serve_api: Serve) -> None:
    http = {"listen": "127.0.0.1:0"}
    behaviour = Behaviour(backlog="push", echo=True)
    with Market(tmp_path, SHOP, behaviour=behaviour, http=http) as market:

        @market.gateway.on(ChatMessage, own=True)
        def answer(event: ChatMessage) -> None:
            market.ledger(event)
            if event.text == "ask":
                event.reply("answer")

        market.start()
        reader = Reader(serve_api(market.gateway, log=market.log))
        lane = lane_of(market)
        market.shops[SHOP].buyer("77001").says("ask")
        market.gateway.send(SHOP, lane, "by hand", to="77001").result(WAIT_S)
        market.ledger.wait(3)  # the echoes are in the journal
        path = addresses.chat(SHOP, lane)
        page = reader.until(
            path,
            lambda page: (
                page.text.count("Arrived") == 2 and echoed(reader, lane) == {"by hand", "answer"}
            ),
        )
        said = bubbles(page)
        assert "Sent by hand or by a program" in said["mine", "by hand"]
        assert "Bot" in said["mine", "answer"]
        assert page.html.count("bubble mine") == 2


def test_an_account_that_is_known_by_its_login_knows_its_own_words(
    tmp_path: Path, serve_api: Serve
) -> None:
    """The settings name no user: what the owner writes on a phone is no question of a buyer."""
    http = {"listen": "127.0.0.1:0"}
    with gallery(tmp_path, http=http) as market:
        market.listen()
        market.start()
        assert market.gateway.settings.accounts[0].credentials.user_id is None
        reader = Reader(serve_api(market.gateway, log=market.log))
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("还在吗")
        buyer.hears("on my phone")
        page = reader.until(
            addresses.chat(SHOP, lane_of(market)), lambda page: "on my phone" in page.text
        )
        assert "Written on a device" in bubbles(page)["mine", "on my phone"]
        assert "Nobody waits" in reader.browser.get("/chats?waiting=1").text


def echoed(reader: Reader, lane: str) -> set[str | None]:
    """Return the own messages that the copy has from the platform."""
    assert reader.context.reading is not None
    lines = reader.context.reading.queries.transcript(SHOP, lane)
    return {line.text for line in lines if line.own and line.key % 2 == 0}


def bubbles(page: Seen) -> dict[tuple[str, str], str]:
    """Return what stands beneath each bubble, by whose it is and its text."""
    found = {}
    for whose, inner in re.findall(
        r'<div class="bubble (mine|theirs)">(.*?)\n</div>', page.html, re.DOTALL
    ):
        parts = [Seen(200, each, "").text for each in re.findall(r"<p\b.*?</p>", inner, re.DOTALL)]
        found[whose, parts[0]] = " ".join(parts[1:])
    return found


def test_what_is_written_arrives_and_its_outcome_shows(market: Market, serve_api: Serve) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    lane, shop = lane_of(market), market.shops[SHOP]
    path = addresses.chat(SHOP, lane)
    shop.buyer("77001").says("还在吗")
    page = reader.until(path, lambda page: "还在吗" in page.text)
    assert path in [each.removesuffix("/send#latest") for each in page.forms()]
    key = page.field("key")
    text = f"line one\r\nline two {EVIL}"
    after = reader.browser.post(f"{path}/send", {"text": text, "key": key})
    assert after.status == 200
    serious(after)
    assert after.at.startswith(f"{path}?sent=")
    (own,) = shop.wait_sent(1)
    assert (own.conversation_id, own.text) == (lane, text.replace("\r\n", "\n"))
    (outcome,) = [told for (whose, _), told in bubbles(after).items() if whose == "mine"]
    assert "Arrived" in outcome, "it is awaited, and shown before the copy has it"
    again = reader.browser.post(f"{path}/send", {"text": text, "key": key})
    assert again.status == 200
    other = reader.browser.post(f"{path}/send", {"text": "another text", "key": key})
    assert other.status == 409
    assert "has sent another message already" in other.text
    assert ">another text</textarea>" in other.html, "what was written is not lost"
    assert other.field("key") != key
    assert len(shop.sent) == 1, "twice pressed is sent once"
    later = reader.until(path, lambda page: "line two" in page.text)
    assert later.html.count("line two") == 1
    with_sent = reader.browser.get(after.at)
    assert with_sent.html.count("line two") == 1, "once, when the copy has it, too"


def test_what_cannot_be_sent_is_refused_and_stays_in_the_box(
    market: Market, serve_api: Serve
) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    lane = lane_of(market)
    path = addresses.chat(SHOP, lane)
    market.shops[SHOP].buyer("77001").says("还在吗")
    reader.until(path, lambda page: "还在吗" in page.text)
    send, key = f"{path}/send", "a key"
    market.gateway.accounts.pause(SHOP)
    market.reached(SHOP, ConnectionState.DISCONNECTED)
    for fields, status, told in (
        ({"text": "hello <b>", "key": key}, 409, "is not online"),
        ({"text": " \r\n ", "key": key}, 400, "nothing is written"),
        ({"text": "hello"}, 400, "lacks its key"),
        ({"text": "x" * 10_001, "key": key}, 400, "at most 10000"),
        ({"text": "hello", "key": "k" * 4_000}, 409, "is not online"),
    ):
        answer = reader.browser.post(send, fields)
        serious(answer)
        assert (answer.status, told in answer.text) == (status, True), answer.text
    refused = reader.browser.post(send, {"text": "hello <b>", "key": key})
    assert ">hello &lt;b&gt;</textarea>" in refused.html
    assert refused.field("key") == key
    assert addresses.account(SHOP) in refused.links(), "there is what helps"
    market.gateway.accounts.resume(SHOP)
    market.connected(SHOP)
    long = reader.browser.post(send, {"text": "hello", "key": "k" * 4_000})
    assert long.status == 400, "no such key"
    gone = reader.browser.post("/chats/never-was/c1/send", {"text": "hello", "key": key})
    assert (gone.status, "never-was" in gone.text) == (404, True)
    assert reader.browser.get(send).at == path, "the box is no page of its own"
    assert market.shops[SHOP].sent == []
    assert market.gateway.sends.list() == []


def test_older_lines_are_loaded_each_once(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "PART", 3)
    reader = Reader(serve_api(market.gateway, log=market.log))
    path = addresses.chat(SHOP, lane_of(market))
    buyer = market.shops[SHOP].buyer("77001")
    for number in range(8):
        buyer.says(f"number {number}")
    page = reader.until(path, lambda page: "number 7" in page.text)
    shown: list[str] = []
    while True:
        serious(page)
        shown = [*re.findall(r"number \d", page.text), *shown]
        older = [each for each in page.links() if each.startswith(f"{path}?before=")]
        if not older:
            break
        page = reader.browser.get(older[0].partition("#")[0])
        assert "hint-chats" not in page.html, "what is past does not change"
        assert "<textarea" not in page.html
    assert shown == [f"number {number}" for number in range(8)]


def test_conversations_are_paged_each_once(
    market: Market, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "PART", 2)
    reader = Reader(serve_api(market.gateway, log=market.log))
    for number in range(5):
        buyer = market.shops[SHOP].buyer(f"7700{number}", nick=f"buyer {number}")
        buyer.says(f"ask {number}")
    market.shops[SHOP].wait_sent(5)
    for number in range(5):
        lane = addresses.chat(SHOP, lane_of(market, f"7700{number}"))
        reader.until(lane, lambda page: "Arrived" in page.text)
    assert "Nobody waits" in reader.browser.get("/chats?waiting=1").text
    page, shown = reader.browser.get("/chats"), []
    while True:
        serious(page)
        shown += re.findall(r"buyer \d", page.text)
        older = [each for each in page.links() if "before=" in each]
        if not older:
            break
        page = reader.browser.get(older[0])
    assert sorted(shown) == [f"buyer {number}" for number in range(5)]


def test_a_very_long_text_is_cut_and_unfolds(market: Market, serve_api: Serve) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    path = addresses.chat(SHOP, lane_of(market))
    market.shops[SHOP].buyer("77001").says("字" * 20_000)
    page = reader.until(path, lambda page: "字字" in page.text)
    begin, _, rest = page.html.partition("<details id=")
    assert begin.count("字") == 2_000
    assert 0 < rest.count("字") <= 20_000
    assert len(page.html.encode()) < 200_000


def test_addresses_that_make_no_sense(market: Market, serve_api: Serve) -> None:
    browser = Browser(serve_api(market.gateway, log=market.log))
    odd = quote("../x?y#z 店", safe="")
    for path, status in (
        ("/chats?q=" + "x" * 201, 400),
        ("/chats?q=%22%22%22", 200),
        ("/chats?q=%25", 200),
        ("/chats?q=%00", 200),
        ("/chats?before=x", 400),
        ("/chats?before=1", 400),
        ("/chats?before=1&a=a&c=c", 200),
        (f"/chats?before={'9' * 16}&a=a", 400),
        ("/chats/never-was", 404),
        (f"/chats/{odd}", 404),
        (f"/chats/{odd}/{odd}", 404),
        (f"/chats/{SHOP}/%ed%a0%80", 404),
        ("/chats/%ed%a0%80", 400),
        ("/chats/%ed%a0%80/c", 400),
        ("/accounts/%ed%a0%80", 400),
        (f"/chats/{SHOP}/%ff", 400),
        (f"/chats/{SHOP}/%00", 404),
        (f"/chats/{SHOP}/nothing", 404),
        (f"/chats/{SHOP}/nothing?before=1", 400),
        (f"/chats/{SHOP}/nothing?before=1.2", 404),
        (f"/chats/{SHOP}/nothing?sent=%07", 404),
        (f"/chats/{SHOP}/nothing?sent={'x' * 600}", 404),
        (f"/chats/{SHOP}/nothing/else", 404),
        (f"/chats/{SHOP}/a/b/c", 404),
    ):
        page = browser.get(path)
        assert page.status == status, (path, page.text)
        serious(page)
    assert browser.post("/chats/never-was/c/take-over").status == 404


def test_names_and_ids_of_any_letters(tmp_path: Path, serve_api: Serve) -> None:
    name, lane = "../x?y#z店", "~a/b?c#d %41店"
    with Market(
        tmp_path, SHOP, behaviour=Behaviour(backlog="push"), http={"listen": "127.0.0.1:0"}
    ) as market:
        market.config["accounts"][0]["id"] = name
        market.gateway = market.make()
        market.listen()
        market.gateway.start()
        market.connected(name)
        reader = Reader(serve_api(market.gateway, log=market.log))
        market.shops[SHOP].buyer("77001").says("first", conversation=lane)
        path = addresses.chat(name, lane)
        page = reader.until(path, lambda page: "first" in page.text)
        after = reader.browser.post(f"{path}/send", {"text": "second", "key": page.field("key")})
        assert after.status == 200
        sent = market.shops[SHOP].wait_sent(1)
        assert [each.conversation_id for each in sent] == [lane]
        listed = reader.browser.get(f"/chats/{addresses.segment(name)}")
        assert f"{path}#latest" in listed.links()


def test_without_a_copy_it_says_why(tmp_path: Path, serve_api: Serve) -> None:
    with Market(tmp_path, SHOP, durability="memory", http={"listen": "127.0.0.1:0"}) as market:
        market.start()
        browser = Browser(serve_api(market.gateway, log=market.log))
        for path, status in (("/chats", 200), ("/chats?q=word", 200), (f"/chats/{SHOP}/c", 404)):
            page = browser.get(path)
            assert page.status == status
            assert "Nothing is stored (durability: memory)" in page.text
            serious(page)


def test_who_may_not_read_chats_gets_none(market: Market, serve_api: Serve) -> None:
    browser = Browser(serve_api(market.gateway, log=market.log), token=VIEWER)
    for path in ("/chats", f"/chats/{SHOP}", f"/chats/{SHOP}/c", "/chats?q=x"):
        assert browser.get(path).status == 403
    assert browser.post(f"/chats/{SHOP}/c/send", {"text": "x", "key": "k"}).status == 403


def test_a_person_takes_over_and_hands_back(market: Market, serve_api: Serve) -> None:
    reader = Reader(serve_api(market.gateway, log=market.log))
    path, shop = addresses.chat(SHOP, lane_of(market)), market.shops[SHOP]
    shop.buyer("77001").says("还在吗")
    reader.until(path, lambda page: "还在吗" in page.text)
    after = reader.browser.post(f"{path}/take-over")
    assert market.gateway.accounts.taken_over(SHOP).keys() == {lane_of(market)}
    assert "The bot is silent here until" in after.text
    shop.buyer("77001").says("ask 1")
    reader.until(path, lambda page: "ask 1" in page.text)
    again = reader.browser.post(f"{path}/hand-back")
    assert market.gateway.accounts.taken_over(SHOP) == {}
    assert "silent here" not in again.text
    shop.buyer("77001").says("ask 2")
    # Of one conversation all is handled in order: nothing of ask 1 comes later.
    assert [each.text for each in shop.wait_sent(1)] == ["answer to ask 2"]
    assert len(market.log.found("control.performed", verb="takeover", account=SHOP)) == 2


def test_a_viewer_may_be_let_read_and_writes_nothing(tmp_path: Path, serve_api: Serve) -> None:
    http = {
        "listen": "127.0.0.1:0", "token": OWNER, "viewer_token": VIEWER, "viewer_chats": True,
    }  # fmt: skip
    with Market(tmp_path, SHOP, behaviour=Behaviour(backlog="push"), http=http) as market:
        market.listen()
        market.start()
        reader = Reader(serve_api(market.gateway, log=market.log))
        path = addresses.chat(SHOP, lane_of(market))
        market.shops[SHOP].buyer("77001").says("还在吗")
        reader.until(path, lambda page: "还在吗" in page.text)
        viewer = Browser(reader.api, token=VIEWER)
        page = viewer.get(path)
        serious(page)
        assert "还在吗" in page.text
        assert f"{path}/send#latest" not in page.forms()
        assert viewer.post(f"{path}/send", {"text": "x", "key": "k"}).status == 403
        assert market.shops[SHOP].sent == []
