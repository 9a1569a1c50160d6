"""Take over: the shop's owner answers himself, and the bot is quiet in that conversation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import pytest
from market import WAIT_S, Ledger, Market, account_of

from actors.account import attribution
from actors.messages import OwnSendsRead
from actors.runtime import takeovers
from actors.runtime.clock import SystemClock
from actors.runtime.takeovers import TakeOvers
from actors.values import SendOutcome
from gateway import ChatMessage
from gateway.errors import ShuttingDownError, UnknownAccountError
from gateway.testing import Behaviour, FakePlatform, Rule, faults
from gateway.testing.platform.shapes import text_content

SHOP, OTHER = "2201", "2202"
SEND = "/r/MessageSend/sendByReceiverScope"
MESSAGES = "/r/MessageManager/listUserMessages"
MINUTE_MS = 60_000
TAKEN = "conversation.taken_over"


def bot(market: Market) -> Ledger:
    """Add a handler that answers every message of a buyer; return what it got."""
    got = Ledger()

    def handle(event: ChatMessage) -> None:
        got(event)
        event.reply(f"bot: {event.text}")

    market.gateway.on(ChatMessage)(handle)
    return got


def watched(market: Market) -> Ledger:
    """Add a handler that gets everything, whoever answers."""
    seen = Ledger()
    market.gateway.on(ChatMessage, own=True, taken_over=True)(seen)
    return seen


class Wall(SystemClock):
    """Time whose wall clock the test sets forward; nothing else notices."""

    ahead_ms = 0

    def unix_ms(self) -> int:
        """Return what the wall shows."""
        return super().unix_ms() + self.ahead_ms


def not_taken(market: Market) -> None:
    """Check that nothing began a take-over."""
    assert not market.log.found(TAKEN)
    assert not any(market.gateway.accounts.taken_over(name) for name in market.shops)


def caught_up(market: Market) -> None:
    """Start, and wait until history was read."""
    read = threading.Semaphore(0)
    market.gateway.on_recovery(lambda _: read.release())
    market.start()
    assert read.acquire(timeout=WAIT_S)


def flags(ledger: Ledger) -> list[tuple[str, bool, bool]]:
    """Return text, ``own`` and ``taken_over`` of what was seen."""
    return [(getattr(each, "text", ""), each.own, each.taken_over) for each in ledger.events]


def test_who_writes_on_his_phone_takes_that_conversation_over(tmp_path: Path) -> None:
    """The bot is quiet there, and nowhere else; all is stored, counted and shown."""
    with Market(tmp_path, SHOP, OTHER) as market:
        got, seen, shown = bot(market), watched(market), Ledger()
        market.gateway.tap(shown)
        market.start()
        shop = market.shops[SHOP]
        buyer, neighbour = shop.buyer("77001"), shop.buyer("77002")
        buyer.says("在吗")
        got.wait(1)
        said = buyer.hears("我自己来")
        (line,) = market.log.wait(TAKEN, account=SHOP)
        lane = said.conversation_id
        assert (line["conversation"], line["by"]) == (lane, "own_message")
        taken = market.gateway.accounts.taken_over(SHOP)
        seen.until(lambda texts: "我自己来" in texts)
        (own,) = [each for each in seen.events if each.own]
        assert own.occurred_at_ms is not None
        assert taken.keys() == {lane}
        assert abs(taken[lane] - own.occurred_at_ms - 30 * MINUTE_MS) < WAIT_S * 1000
        buyer.says("便宜点")
        seen.until(lambda texts: "便宜点" in texts)
        neighbour.says("还有吗")
        market.shops[OTHER].buyer("77001").says("你好", conversation=lane)
        got.wait(3)
        assert sorted(got.texts()) == sorted(["在吗", "还有吗", "你好"])
        assert flags(seen)[-3:].count(("便宜点", False, True)) == 1
        assert [each.taken_over for each in shown.events if each.own is False].count(True) == 1
        shop.wait_acked(4)
        market.gateway.stop(5.0)
        counters = market.gateway.accounts[SHOP].counters
        assert counters.balanced
        assert (counters.dead, counters.pending) == (0, 0)


def test_what_no_handler_gets_is_handled_once(tmp_path: Path) -> None:
    """Not dead, not ignored, not again after the end."""
    with Market(tmp_path, SHOP) as market:
        got, shown = bot(market), Ledger()
        market.gateway.tap(shown)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        lane = buyer.conversation().id
        until_ms = market.gateway.accounts.take_over(SHOP, lane, 1)
        assert market.gateway.accounts.taken_over(SHOP) == {lane: until_ms}
        buyer.says("one")
        shown.wait(1)
        assert market.gateway.accounts.take_over(SHOP, lane, 0) is None
        assert market.gateway.accounts.taken_over(SHOP) == {}
        (line,) = market.log.found("conversation.handed_back")
        assert line == {"account": SHOP, "conversation": lane}
        buyer.says("two")
        assert got.wait(1) == ["two"]
        market.shops[SHOP].wait_sent(1)
        market.gateway.stop(5.0)
        counters = market.gateway.accounts[SHOP].counters
        assert (counters.done, counters.ignored, counters.dead, counters.pending) == (2, 0, 0, 0)
        assert shown.texts() == ["one", "two"]


@pytest.mark.parametrize("echo", [True, "others"])
def test_replies_of_the_bot_never_begin_it(
    tmp_path: Path, *, echo: Literal["others"] | bool
) -> None:
    """The platform shows them to us, at once or out of history, as the account's own."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=echo)) as market:
        got, seen = bot(market), watched(market)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        for number in range(5):
            buyer.says(str(number))
        got.wait(5)
        market.shops[SHOP].wait_sent(5)
        market.shops[SHOP].drop()  # what was not pushed is read out of history
        seen.until(lambda texts: len([each for each in texts if each.startswith("bot: ")]) == 5)
        buyer.says("last")
        assert got.wait(6)[-1] == "last"
        not_taken(market)


def test_an_echo_before_the_answer_waits_for_the_answer(tmp_path: Path) -> None:
    """Nobody knows the id of the message yet: who decided now, would take the bot for a person."""
    late = Rule(on="reply", lwp=SEND, do=faults.Delay(by_s=0.2))
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=True)) as market:
        market.fake.inject(late)
        seen = watched(market)
        market.start()
        lane = market.shops[SHOP].buyer("77001").conversation().id
        ticket = market.gateway.send(SHOP, lane, "在的", to="77001")
        seen.wait(1)
        assert not ticket.done
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        market.serves_sends(SHOP)
        not_taken(market)
        assert flags(seen)[0] == ("在的", True, False)


def test_equal_words_of_a_person_are_told_apart_by_the_answer(tmp_path: Path) -> None:
    """Bot and owner say the same at the same time; two messages, and one of them is his."""
    lost = Rule(on="request", lwp=SEND, do=faults.Delay(by_s=0.2), times=1)
    with Market(tmp_path, SHOP) as market:
        market.fake.inject(lost)
        seen = watched(market)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        lane = buyer.conversation().id
        ticket = market.gateway.send(SHOP, lane, "在的", to="77001")
        buyer.hears("在的")
        seen.wait(1)
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        market.log.wait(TAKEN, account=SHOP, conversation=lane)


def test_a_send_that_only_a_person_can_tell_never_begins_it(tmp_path: Path) -> None:
    """Its answer and the history were lost; when it shows up at last, it still is the bot's."""
    answers = Rule(on="reply", lwp=SEND, do=faults.Lose())
    pages = Rule(on="request", lwp=MESSAGES, do=faults.Lose())
    behaviour = Behaviour(echo=False)
    send = {"reply_s": 0.1, "review_s": 0.2}
    with Market(tmp_path, SHOP, behaviour=behaviour, defaults={"send": send}) as market:
        seen = watched(market)
        market.start()
        market.fake.inject(answers, pages)
        lane = market.shops[SHOP].buyer("77001").conversation().id
        result = market.gateway.send(SHOP, lane, "在的", to="77001").result(WAIT_S)
        assert (result.outcome, result.reason) == (SendOutcome.UNKNOWN, "needs_review")
        market.fake.heal(answers, pages)
        market.shops[SHOP].drop()
        seen.wait(1)
        assert flags(seen) == [("在的", True, False)]
        market.serves_sends(SHOP)
        not_taken(market)


def test_what_an_earlier_life_sent_is_not_a_persons(tmp_path: Path) -> None:
    """Nothing of it is in memory; the journal knows its id."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(echo=False)) as market:
        caught_up(market)  # else this life finds it yet
        lane = market.shops[SHOP].buyer("77001").conversation().id
        market.gateway.send(SHOP, lane, "在的", to="77001").result(WAIT_S)
        market.gateway.stop(5.0)
        market.gateway = market.make()
        seen = watched(market)
        market.start()
        seen.wait(1)
        assert flags(seen) == [("在的", True, False)]
        not_taken(market)


def test_what_was_said_while_nobody_was_connected_counts(tmp_path: Path) -> None:
    """The owner answered meanwhile: the bot does not answer all that again."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(backlog="history")) as market:
        market.start()
        market.gateway.stop(5.0)
        market.gateway = market.make()
        buyer = market.shops[SHOP].buyer("77001")
        neighbour = market.shops[SHOP].buyer("77002")
        buyer.hears("我在")
        for number in range(20):
            buyer.says(str(number))
        neighbour.says("还有吗")
        got, seen = bot(market), watched(market)
        market.start()
        seen.wait(22)
        assert got.wait(1) == ["还有吗"]
        assert all(
            each.taken_over
            for each in seen.events
            if each.conversation_id != got.events[0].conversation_id
        )


def test_what_was_said_behind_it_waits_for_who_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All came in one gulp: nothing is handled before it is known whether he took over."""
    waits = threading.Event()
    wait_clear, read_sends = TakeOvers._wait_clear, attribution._read_sends

    def waited(theirs: TakeOvers, key: tuple[str, str]) -> None:
        waits.set()
        wait_clear(theirs, key)

    def read(*asked: Any) -> OwnSendsRead:
        waits.wait(5.0)
        return read_sends(*asked)

    monkeypatch.setattr(takeovers, "PATIENCE_S", WAIT_S)
    monkeypatch.setattr(TakeOvers, "_wait_clear", waited)
    monkeypatch.setattr(attribution, "_read_sends", read)
    with Market(tmp_path, SHOP) as market:
        got, seen = bot(market), watched(market)
        caught_up(market)
        buyer = market.shops[SHOP].buyer("77001")
        own = buyer._keep(text_content("我在"), "我在", kind=1, conversation=None, sender=SHOP)
        market.shops[SHOP].push([own, buyer.writes("便宜点")])
        seen.wait(2)
        assert flags(seen) == [("我在", True, True), ("便宜点", False, True)]
        assert waits.is_set()
        assert not got.texts()


def test_what_was_said_long_ago_begins_nothing(tmp_path: Path) -> None:
    """By the platform's clock, whatever ours shows."""
    clock = Wall()
    with Market(
        tmp_path,
        SHOP,
        behaviour=Behaviour(backlog="history"),
        takeover={"auto_minutes": 5},
        their_ms=clock.unix_ms,
    ) as market:
        market.start()
        market.gateway.stop(5.0)
        market.gateway = market.make()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.hears("昨天")
        clock.ahead_ms = 6 * MINUTE_MS
        buyer.says("今天")
        got = bot(market)
        market.start()
        assert got.wait(1) == ["今天"]
        not_taken(market)
        buyer.hears("现在")
        market.log.wait(TAKEN, account=SHOP)


def test_it_ends_by_itself(tmp_path: Path) -> None:
    """And a later message of the owner prolongs it."""
    clock = Wall()
    with Market(tmp_path, SHOP, clock=clock, takeover={"auto_minutes": 1}) as market:
        got, seen = bot(market), watched(market)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.hears("一")
        market.log.wait(TAKEN)
        clock.ahead_ms += MINUTE_MS - 20_000
        buyer.hears("二")
        seen.wait(2)
        clock.ahead_ms += 25_000
        buyer.says("still")
        seen.until(lambda texts: "still" in texts)
        assert not got.texts()
        clock.ahead_ms += MINUTE_MS
        buyer.says("over")
        assert got.wait(1) == ["over"]
        assert flags(seen)[-1] == ("over", False, False)
        assert len(market.log.found(TAKEN)) == 1


def test_zero_minutes_leave_it_to_the_button(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP, takeover={"auto_minutes": 0}) as market:
        got, seen = bot(market), watched(market)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.hears("我在")
        buyer.says("a")
        seen.wait(2)
        assert got.wait(1) == ["a"]
        not_taken(market)
        market.gateway.accounts.take_over(SHOP, buyer.conversation().id, 5)
        buyer.says("b")
        seen.wait(3)
        assert got.texts() == ["a"]


def test_sinks_get_it_with_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Market(tmp_path / "data", SHOP, sinks=[{"kind": "jsonl", "path": str(path)}]) as market:
        shown = Ledger()
        market.gateway.tap(shown)
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        market.gateway.accounts.take_over(SHOP, buyer.conversation().id, 5)
        buyer.says("a")
        market.shops[SHOP].buyer("77002").says("b")
        shown.wait(2)
        market.gateway.stop(5.0)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert {line["text"]: line["taken_over"] for line in lines} == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("account", "conversation", "minutes", "wrong"),
    [
        (SHOP, "", 1, ValueError),
        (SHOP, 7, 1, TypeError),
        (SHOP, None, 1, TypeError),
        (SHOP, "c1", -1, ValueError),
        (SHOP, "c1", 10_081, ValueError),
        (SHOP, "c1", 1.5, TypeError),
        (SHOP, "c1", True, TypeError),
        ("nobody", "c1", 1, UnknownAccountError),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_call(
    tmp_path: Path, account: Any, conversation: Any, minutes: Any, wrong: type[Exception]
) -> None:
    with Market(tmp_path, SHOP) as market:
        market.gateway.start()
        with pytest.raises(wrong):
            market.gateway.accounts.take_over(account, conversation, minutes)
        assert market.gateway.accounts.taken_over(SHOP) == {}


def test_nobody_takes_over_what_does_not_run(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        accounts = market.gateway.accounts
        with pytest.raises(ShuttingDownError):
            accounts.take_over(SHOP, "c1", 1)
        market.gateway.start()
        market.gateway.stop(5.0)
        with pytest.raises(ShuttingDownError):
            accounts.take_over(SHOP, "c1", 1)
        with pytest.raises(ShuttingDownError):
            accounts.taken_over(SHOP)
        wish: Any = "yes"
        with pytest.raises(TypeError, match="taken_over"):
            market.gateway.on(ChatMessage, taken_over=wish)


CHILD = """
import sys, threading
from gateway import ChatMessage, Gateway
gateway = Gateway.from_config(sys.argv[1])
@gateway.on(ChatMessage, own=True, taken_over=True)
def handle(event):
    print(event.text, event.taken_over, flush=True)
gateway.start()
threading.Event().wait()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_leaves_it_taken_over(tmp_path: Path) -> None:
    with FakePlatform(Behaviour(backlog="push")) as fake:
        shop = fake.account(SHOP)
        config = fake.config_file(tmp_path, durability="full")
        command = [sys.executable, "-W", "error", "-c", CHILD, str(config)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(  # ourselves
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            try:
                assert child.stdout is not None
                shop.wait_registered(20.0)
                buyer = shop.buyer("77001")
                buyer.hears("mine")
                assert child.stdout.readline() == "mine True\n"
                buyer.says("quiet")  # stored after it, and so acknowledged after it is kept
                assert child.stdout.readline() == "quiet True\n"
                shop.wait_acked(2)
            finally:
                child.kill()
        shop.wait_gone()
        name = f"shop-{SHOP}"
        with Market(tmp_path / "unused", SHOP) as market:
            market.config["data_dir"] = str(tmp_path / "data")
            market.config["accounts"] = [account_of(shop) | {"id": name}]
            market.gateway = market.make()
            got, seen = bot(market), watched(market)
            market.gateway.start()
            shop.wait_registered(sessions=2)
            buyer.says("after")
            seen.until(lambda texts: "after" in texts)
            assert market.gateway.accounts.taken_over(name).keys() == {buyer.conversation().id}
            shop.buyer("77002").says("hello")
            assert got.wait(1) == ["hello"]
            assert ("after", False, True) in flags(seen)
