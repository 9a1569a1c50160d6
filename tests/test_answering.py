"""Whom a reply goes to; one that can reach nobody is refused in the call, not an hour later."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from actors.ports import Identity
from actors.values import Content, Delivery
from gateway import (
    AccountSettings,
    ChatMessage,
    Event,
    Gateway,
    NoAddresseeError,
    OrderStatusChanged,
    PlatformEvent,
    Settings,
)
from gateway.platforms import get, names
from gateway.platforms.goofish import decode_entry
from gateway.testing import Behaviour, FakePlatform, HandlerBench, chat, events

DATA = Path(__file__).parent / "data" / "goofish"
WAIT_S = 20.0


def refused(event: Event, bench: HandlerBench | None = None) -> str:
    """Return the words of the error with which ``reply`` refuses an event, in the call."""
    bench = bench or HandlerBench()
    told: list[str] = []

    def answer(event: PlatformEvent) -> None:
        for number in range(2):
            with pytest.raises(NoAddresseeError) as caught:
                event.reply_image("http://x/y.png", 1, 1) if number else event.reply("x")
            assert caught.value.event_id == event.event_id
            assert isinstance(caught.value, ValueError)
            told.append(str(caught.value))
        event.note("key", "a note needs nobody")

    bench.on(Event, own=True, sessions=("private", "group", "system"))(answer)  # type: ignore[arg-type]
    handled = bench.feed(event)
    assert (handled.outcome, handled.replies, len(handled.notes)) == ("done", (), 1)
    assert told[0] == told[1]
    return told[0]


def test_an_own_message_names_nobody_who_could_be_answered() -> None:
    """The answer went to the account itself, and was called accepted."""
    told = refused(chat("on its way", own=True, sender_id="2201"))
    assert "it is your own message and names no other user" in told
    assert "gw.send(account, conversation, text, to=…)" in told


@pytest.mark.parametrize(
    "name", ["real_red_reminder_waiting_payment", "syn_order_context", "real_read_receipt_single"]
)
def test_an_event_without_a_sender_can_not_be_answered(name: str) -> None:
    """It was accepted, and refused when it should leave, with advice that reply cannot follow."""
    event = decode_entry((DATA / f"{name}.b64").read_text().strip())
    assert event.sender_id is None
    told = refused(event)
    assert f"it ({event.subtype}) does not tell who sent it; use send()" in told


def test_an_event_of_no_conversation_can_not_be_answered() -> None:
    assert "it belongs to no conversation" in refused(chat(conversation_id=None))
    unknown = events.notification(conversation_id=None, sender_id=None)
    assert "it belongs to no conversation" in refused(unknown)


@pytest.mark.parametrize(
    ("event", "to"), [(chat(sender_id=None), None), (chat(sender_id="u", own=True), None)]
)
def test_where_nobody_is_named_everything_is_answered(event: ChatMessage, to: str | None) -> None:
    """A plain link has no users: whoever is at its other end gets the answer."""
    plain = AccountSettings(id="shop-a", platform="plain", url="ws://127.0.0.1:9/")
    bench = HandlerBench(Gateway(Settings(durability="memory", accounts=(plain,))))
    bench.on(ChatMessage, own=True)(lambda event: event.reply("x"))
    handled = bench.feed(event)
    assert handled.reply == "x"
    assert handled.replies[0].to == to


def test_an_order_that_names_its_buyer_is_answered() -> None:
    bench = HandlerBench()
    bench.on(OrderStatusChanged)(lambda event: event.reply("thanks"))
    entry = (DATA / "real_trade_card_waiting_payment.b64").read_text().strip()
    (said,) = bench.feed(decode_entry(entry)).replies
    assert (said.text, said.to) == ("thanks", "3391398693")


@pytest.mark.parametrize("name", names())
def test_a_platform_says_whether_it_wants_somebody_named(name: str) -> None:
    """What it says of itself and what its sends do are one."""
    platform = get(name)
    session = platform.session(Identity(account="a", user_id="2201", token="t"))
    nobody = Delivery(
        outbox_id="o",
        uuid="u",
        account="a",
        conversation_id="c",
        to=None,
        content=Content(text="x"),
        expires_at_ms=1,
    )
    if platform.addressed:
        with pytest.raises(ValueError, match="the other user's id"):
            session.send("m", nobody)
    else:
        assert session.send("m", nobody)


def test_nothing_leaves_for_ourselves(tmp_path: Path) -> None:
    """What was written on the phone comes as an own message; its answer is said by send()."""
    with FakePlatform(Behaviour(backlog="push", echo=True)) as fake:
        shop = fake.account("2201")
        gateway = Gateway.from_config(fake.config_file(tmp_path, durability="memory"))
        words: list[str] = []
        done = threading.Event()

        @gateway.on(ChatMessage, own=True)
        def answer(event: ChatMessage) -> None:
            if not event.own:
                event.reply("hello")
                return
            if event.text == "hello":
                try:
                    event.reply("to myself?")
                except NoAddresseeError as error:
                    words.append(str(error))
                gateway.send(event.account, event.conversation_id or "", "bye", to="3301")
            else:
                done.set()

        with gateway:
            shop.wait_registered()
            shop.buyer("3301").says("hi")
            assert done.wait(WAIT_S)
            assert [sent.text for sent in shop.sent] == ["hello", "bye"]
        assert "your own message" in words[0]
        fake.check()
