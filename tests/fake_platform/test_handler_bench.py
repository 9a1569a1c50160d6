"""Handlers on the bench, recorded gateways, time by hand, and the plugin as a user has it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gateway.testing
from actors.values import Delivery, Event, SendOutcome, SendResult, SendState
from gateway import ChatMessage, ConnectionState, Gateway, OrderStatusChanged
from gateway.errors import UnknownAccountError
from gateway.testing import FakePlatform, HandlerBench, chat, events
from gateway.testing.kit.bench import bench_settings

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "goofish"


def echo(event: ChatMessage) -> None:
    event.reply(f"收到：{event.text}")


@pytest.mark.peer(20)
def test_a_reply_is_there_at_once() -> None:
    bench = HandlerBench()
    bench.on(ChatMessage)(echo)
    began = time.monotonic()
    handled = bench.chat("还在吗？", sender_id="3302", conversation_id="51")
    assert time.monotonic() - began < 5.0, "it waited for a timer"
    assert (handled.outcome, handled.reply, handled.attempts) == ("done", "收到：还在吗？", 1)
    (said,) = handled.replies
    assert (said.to, said.conversation_id, said.account) == ("3302", "51", "shop-a")
    assert bench.replies == [said]
    assert bench.history == [handled]


def test_what_nobody_wants_is_ignored() -> None:
    bench = HandlerBench()
    bench.on(ChatMessage)(echo)
    for event in (events.order(), events.interaction(), events.notification(), chat(own=True)):
        handled = bench.feed(event)
        assert (handled.outcome, handled.attempts, handled.texts) == ("ignored", 0, [])
    with pytest.raises(AssertionError, match="ignored, 0 replies"):
        assert bench.feed(events.order()).reply
    assert bench.feed(events.picture(text=None)).outcome == "done"
    with pytest.raises(TypeError):
        chat("x", sender="3301")


def test_a_failure_is_tried_again_without_waiting() -> None:
    bench = HandlerBench()
    tries = []

    @bench.on(OrderStatusChanged)
    def remind(event: OrderStatusChanged) -> None:
        tries.append(event)
        event.reply("谢谢")
        if len(tries) < 3:
            raise ConnectionError("the shop's own API is away")

    handled = bench.feed(events.order("paid"))
    assert (handled.outcome, handled.attempts, handled.retries) == ("done", 3, 2)
    assert handled.waits_s == (1.0, 5.0)
    assert [type(failure) for failure in handled.failures] == [ConnectionError] * 2
    assert handled.texts == ["谢谢"]  # replies of failed tries leave with nothing
    assert len(bench.failures) == 2


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
def test_the_last_failure_makes_a_dead_letter(error: BaseException) -> None:
    bench = HandlerBench()

    @bench.on(ChatMessage)
    def broken(event: ChatMessage) -> None:
        event.reply("never leaves")
        raise error

    handled = bench.chat()
    assert (handled.outcome, handled.attempts, handled.texts) == ("dead", 4, [])
    assert handled.waits_s == (1.0, 5.0, 25.0)


def test_control_c_ends_the_test() -> None:
    bench = HandlerBench()

    @bench.on(ChatMessage)
    def interrupted(event: ChatMessage) -> None:
        raise KeyboardInterrupt(event.text)

    with pytest.raises(KeyboardInterrupt):
        bench.chat()
    assert bench.gateway._system is None


def test_sends_have_the_result_the_test_wants() -> None:
    bench = HandlerBench()
    results: list[SendResult] = []

    @bench.on(ChatMessage)
    def tell_the_boss(event: ChatMessage) -> None:
        ticket = bench.gateway.send(event.account, "99", f"{event.text}!", to="1")
        results.append(ticket.result(0.0))

    assert [said.text for said in bench.chat("help").sent] == ["help!"]
    assert results[-1].outcome is SendOutcome.ACCEPTED

    def refuse(delivery: Delivery) -> SendResult:
        return SendResult(outcome=SendOutcome.REFUSED, reason=f"not to {delivery.to}")

    bench.sends = refuse
    bench.chat("again")
    assert results[-1] == SendResult(outcome=SendOutcome.REFUSED, reason="not to 1")


def test_a_handler_may_ask_what_it_may_ask_a_gateway() -> None:
    """Notes, sends, dead letters and alerts raised AttributeError on the bench."""
    bench = HandlerBench()
    asked: list[Any] = []

    @bench.on(ChatMessage)
    def remember(event: ChatMessage) -> None:
        gateway = bench.gateway
        asked.append(gateway.note(event.account, event.conversation_id, "times"))
        event.note("times", str(int(asked[-1] or 0) + 1))
        ticket = gateway.send(event.account, "99", "one more", to="1")
        view = gateway.sends.get(ticket.outbox_id)
        assert view is not None
        asked.append(view.state)
        asked.append([each.event_id for each in gateway.dead_letters.list()])
        asked.append([each.name for each in gateway.alerts])
        if event.text == "poison":
            raise LookupError("no such item")

    bench.chat("hello", conversation_id="51")
    assert asked == [None, SendState.ACCEPTED, [], []]
    bench.chat("poison", conversation_id="52")
    (letter,) = bench.letters
    assert letter.reason is not None
    assert "no such item (in test_handler_bench." in letter.reason
    asked.clear()
    bench.chat("again", conversation_id="51")

    assert asked == ["1", SendState.ACCEPTED, [letter.event_id], ["letters.waiting"]]
    assert [alert.name for alert in bench.alerts] == ["letters.waiting"]
    assert (bench.note("51", "times"), bench.note("52", "times")) == ("2", None)
    assert [note.value for note in bench.notes] == ["1", "2"]
    assert [said.text for said in bench.sent] == ["one more"] * 6


def test_the_reply_of_one_handler_leaves_with_the_dead_letter_of_another() -> None:
    bench = HandlerBench()
    bench.on(ChatMessage)(echo)

    @bench.on(ChatMessage)
    def broken(event: ChatMessage) -> None:
        raise LookupError(event.text)

    handled = bench.chat("x")
    assert (handled.outcome, handled.attempts, handled.texts) == ("dead", 4, ["收到：x"])
    assert handled.waits_s == (1.0, 5.0, 25.0)


def test_captured_frames_are_fed_in_their_order() -> None:
    bench = HandlerBench()
    seen: list[Event] = []
    bench.on(Event, own=True)(seen.append)
    frame = (DATA / "real_frame_sync_two_entries.json").read_text(encoding="utf-8")
    handled = bench.frame(frame)
    assert len(handled) == len(seen) == 2
    assert all(event.account == "shop-a" for event in seen)
    with pytest.raises(ValueError, match="carries no event"):
        bench.frame((DATA / "real_frame_reg_ok.json").read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="carries no event"):
        bench.frame("{")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda _: HandlerBench("gateway.yaml"), TypeError, r"Gateway, not str.*from_config"),  # type: ignore[arg-type]
        (lambda bench: bench.feed("hello"), TypeError, r"an Event, not str.*chat\(\)"),
        (lambda bench: bench.feed(ChatMessage), TypeError, "an Event, not StructMeta"),
        (lambda bench: bench.feed(Event(account="nobody")), UnknownAccountError, "nobody"),
        (lambda bench: bench.chat(4), TypeError, "text must be str, not int"),
        (lambda bench: bench.chat("x", colour="red"), TypeError, "colour"),
        (lambda bench: bench.frame({"lwp": "/s/sync"}), TypeError, "frame must be str or bytes"),
        (lambda bench: bench.frame("{}", account="nobody"), UnknownAccountError, "nobody"),
        (lambda bench: bench.frame("{}", account=4), TypeError, "account must be str, not int"),
        (lambda bench: bench.note("c", 4), TypeError, "key must be str, not int"),
        (lambda bench: bench.note(4, "k"), TypeError, "conversation must be str, not int"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(
    call: Callable[[HandlerBench], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(HandlerBench())


def test_a_send_with_a_result_that_is_none_fails_its_handler() -> None:
    bench = HandlerBench()
    bench.sends = lambda _: True  # type: ignore[assignment, return-value]

    @bench.on(ChatMessage)
    def answer(event: ChatMessage) -> None:
        bench.gateway.send(event.account, "c", "x", to="b")

    assert str(bench.chat().failures[0]) == "bench.sends must return SendResult, not bool"


def test_a_gateway_with_accounts_of_its_own(tmp_path: Path) -> None:
    bench = HandlerBench(Gateway(bench_settings("left", "right")))
    bench.gateway.on(ChatMessage, account="right")(echo)
    assert bench.chat("x").outcome == "ignored"
    assert bench.chat("x", account="right").replies[0].account == "right"
    assert bench.feed(chat("x")).event.account == "left"
    with pytest.raises(LookupError, match="no account"):
        HandlerBench(Gateway(bench_settings().__class__())).chat()
    path = tmp_path / "gateway.yaml"
    path.write_text("accounts: [{id: only, url: 'ws://127.0.0.1:9/', credentials: {user_id: '1',"
                    " device_id: d, token: '${T}'}}]", encoding="utf-8")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("T", "x")
        assert HandlerBench.from_config(path).account == "only"


def test_a_running_gateway_is_none_for_the_bench() -> None:
    running: Any = Gateway(bench_settings())
    running._system = object()
    bench = HandlerBench(running)
    with pytest.raises(RuntimeError, match="running"):
        bench.chat()


# --- the plugin -------------------------------------------------------------------------

USERS_TEST = """
from gateway import ChatMessage

def answer(event):
    event.reply("收到：" + event.text)

def test_bench(handler_bench):
    bench = handler_bench()
    bench.on(ChatMessage)(answer)
    assert bench.chat("在吗").reply == "收到：在吗"

def test_whole(fake_platform, gateway_factory):
    shop = fake_platform.account("2201")
    gw = gateway_factory()
    gw.on(ChatMessage)(answer)
    gw.start()
    shop.wait_registered()
    shop.buyer("3301").says("在吗")
    assert shop.wait_sent(1)[0].text == "收到：在吗"
    gateway_factory.recorder.check(all_handled=True)

def test_file(handler_bench, tmp_path):
    path = tmp_path / "g.yaml"
    path.write_text("accounts: [{id: a, url: 'ws://127.0.0.1:9/', platform: plain}]")
    assert handler_bench(path).account == "a"
"""


def test_the_plugin_works_where_it_is_loaded_and_loads_little(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(USERS_TEST, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_configure():\n"
        "    assert 'gateway.host.gateway' not in sys.modules\n"
        "    assert 'pykka' not in sys.modules\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "gateway.testing.pytest_plugin",
         "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, timeout=50, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_plugin_is_registered_under_its_own_module_name() -> None:
    """Else a conftest that names it too would register it twice."""
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    name = "gateway.testing.pytest_plugin"
    assert f"pytest11 =\n    {name} = {name}" in text


def test_every_public_name_loads() -> None:
    for name in gateway.testing.__all__:
        assert getattr(gateway.testing, name) is not None
    assert sorted(gateway.testing.__all__) == dir(gateway.testing)
    with pytest.raises(AttributeError, match="nonsense"):
        gateway.testing.__getattr__("nonsense")


def test_a_factory_gateway_is_stopped_even_if_the_test_forgets(tmp_path: Path) -> None:
    from gateway.testing import GatewayFactory

    with FakePlatform() as fake:
        shop = fake.account("2201")
        factory = GatewayFactory(fake, tmp_path)
        running = factory()
        running.start()
        shop.wait_registered()
        factory.stop()
        factory.stop()
        assert running.accounts["shop-2201"].state is ConnectionState.CLOSED
