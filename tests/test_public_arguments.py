"""Every argument of the public calls names itself when it is of the wrong kind.

One row an argument; the gateway is not even started, so the check comes before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import ChatMessage, Gateway, SendTicket, WebSocketClient
from gateway.config import from_mapping
from gateway.testing import HandlerBench

Call = Callable[[Any], object]


class Odd:
    """What no argument can be."""


ODD: Any = Odd()
CLASS: Any = Odd

GATEWAY: dict[str, Call] = {
    "path: from_config": lambda _: Gateway.from_config(ODD),
    "log: Gateway": lambda gw: Gateway(gw.settings, log=ODD),
    "clock: Gateway": lambda gw: Gateway(gw.settings, clock=ODD),
    "clock: Gateway, its class": lambda gw: Gateway(gw.settings, clock=CLASS),
    "journal: Gateway": lambda gw: Gateway(gw.settings, journal=ODD),
    "timeout: stop": lambda gw: gw.stop(ODD),
    "account: send": lambda gw: gw.send(ODD, "c", "x"),
    "conversation: send": lambda gw: gw.send("a", ODD, "x"),
    "text: send": lambda gw: gw.send("a", "c", ODD),
    "to: send": lambda gw: gw.send("a", "c", "x", to=ODD),
    "image_url: send": lambda gw: gw.send("a", "c", image_url=ODD),
    "width: send": lambda gw: gw.send("a", "c", image_url="https://h/x", width=ODD),
    "height: send": lambda gw: gw.send("a", "c", image_url="https://h/x", height=ODD),
    "expires_s: send": lambda gw: gw.send("a", "c", "x", expires_s=ODD),
    "account: send_image": lambda gw: gw.send_image(ODD, "c", "x.png"),
    "conversation: send_image": lambda gw: gw.send_image("a", ODD, "x.png"),
    "path: send_image": lambda gw: gw.send_image("a", "c", ODD),
    "to: send_image": lambda gw: gw.send_image("a", "c", "x.png", to=ODD),
    "expires_s: send_image": lambda gw: gw.send_image("a", "c", "x.png", expires_s=ODD),
    "outbox_id: ticket": lambda gw: gw.ticket(ODD),
    "account: note": lambda gw: gw.note(ODD, "c", "k"),
    "conversation: note": lambda gw: gw.note("a", ODD, "k"),
    "key: note": lambda gw: gw.note("a", "c", ODD),
    "account: accounts[]": lambda gw: gw.accounts[ODD],
    "account: remove": lambda gw: gw.accounts.remove(ODD),
    "account: pause": lambda gw: gw.accounts.pause(ODD),
    "account: resume": lambda gw: gw.accounts.resume(ODD),
    "account: reset": lambda gw: gw.accounts.reset(ODD),
    "timeout: wait_for": lambda gw: gw.accounts["a"].wait_for(gw.accounts["a"].state, ODD),
    "state: wait_for": lambda gw: gw.accounts["a"].wait_for(ODD, 1.0),
    "account: sends.list": lambda gw: gw.sends.list(ODD),
    "state: sends.list": lambda gw: gw.sends.list(state=ODD),
    "limit: sends.list": lambda gw: gw.sends.list(limit=ODD),
    "outbox_id: sends.get": lambda gw: gw.sends.get(ODD),
    "outbox_id: cancel": lambda gw: gw.sends.cancel(ODD),
    "outbox_id: resolve": lambda gw: gw.sends.resolve(ODD, "accepted"),
    "outcome: resolve": lambda gw: gw.sends.resolve("o", ODD),
    "message_id: resolve": lambda gw: gw.sends.resolve("o", "accepted", ODD),
    "account: dead_letters.list": lambda gw: gw.dead_letters.list(ODD),
    "limit: dead_letters.list": lambda gw: gw.dead_letters.list(limit=ODD),
    "event_id: show": lambda gw: gw.dead_letters.show(ODD),
    "event_id: replay": lambda gw: gw.dead_letters.replay(ODD),
    "event_id: drop": lambda gw: gw.dead_letters.drop(ODD),
    "account: on": lambda gw: gw.on(ChatMessage, account=ODD),
    "own: on": lambda gw: gw.on(ChatMessage, own=ODD),
    "on_crash: on": lambda gw: gw.on(ChatMessage, on_crash=ODD),
    "sessions: on": lambda gw: gw.on(ChatMessage, sessions=ODD),
    "sessions: on, within": lambda gw: gw.on(ChatMessage, sessions=(ODD,)),
    "timeout: result": lambda _: SendTicket("o").result(ODD),
}
EVENT: dict[str, Call] = {
    "text: reply": lambda event: event.reply(ODD),
    "url: reply_image": lambda event: event.reply_image(ODD, 1, 1),
    "width: reply_image": lambda event: event.reply_image("https://h/x", ODD, 1),
    "height: reply_image": lambda event: event.reply_image("https://h/x", 1, ODD),
    "path: reply_image": lambda event: event.reply_image(ODD),
    "key: event.note": lambda event: event.note(ODD, "v"),
    "value: event.note": lambda event: event.note("k", ODD),
    "account_wide: event.note": lambda event: event.note("k", "v", account_wide=ODD),
}
OPTIONS = (
    *(
        "headers",
        "log",
        "on_message",
        "connect_timeout_s",
        "heartbeat_interval_s",
        "heartbeat_reply_s",
    ),
    *("proxy", "ca_file", "verify", "max_message_bytes", "max_fragments", "queue_limit", "delays"),
)
URL = "ws://127.0.0.1:9/"


def named(name: str, call: Callable[[], object]) -> None:
    word = re.escape(name.partition(":")[0])
    with pytest.raises(TypeError, match=rf"^{word}\b.* not (the class )?Odd"):
        call()


@pytest.fixture
def idle(tmp_path: Path) -> Gateway:
    account = {"id": "a", "platform": "plain", "url": "ws://127.0.0.1:9/"}
    return Gateway(from_mapping({"data_dir": str(tmp_path), "accounts": [account]}))


@pytest.mark.parametrize("name", GATEWAY)
def test_an_argument_of_the_gateway(idle: Gateway, name: str) -> None:
    named(name, lambda: GATEWAY[name](idle))


@pytest.mark.parametrize("name", EVENT)
def test_an_argument_of_an_event(name: str) -> None:
    bench = HandlerBench()
    bench.on(ChatMessage)(lambda event: named(name, lambda: EVENT[name](event)))
    handled = bench.chat()
    assert handled.outcome == "done", handled.failures


@pytest.mark.parametrize("name", OPTIONS)
def test_an_argument_of_a_client(name: str) -> None:
    options = {name: ODD}
    named(name, lambda: WebSocketClient(URL, **options))


def test_how_a_benchs_sends_end() -> None:
    """Any value was taken, and every send of a handler failed later."""
    bench = HandlerBench()
    with pytest.raises(TypeError, match=r"^bench\.sends must be a function, not Odd"):
        bench.sends = ODD
    with pytest.raises(TypeError, match=r"^bench\.sends must take one argument"):
        bench.sends = lambda: None  # type: ignore[assignment, misc]
    with pytest.raises(TypeError, match=r"^journal must take 2 arguments"):
        Gateway(bench.gateway.settings, journal=lambda: None)  # type: ignore[arg-type, misc]


def test_the_first_argument_of_a_client_and_a_wait() -> None:
    named("url", lambda: WebSocketClient(ODD))
    named("timeout", lambda: WebSocketClient(URL).receive(ODD))
