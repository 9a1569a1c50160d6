"""The bell with real targets and real apprise; its time is moved by hand, step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from market import Log
from receiver import WAIT_S, Receiver, receiving

from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.pool.manual import ManualClock
from gateway.notify import courier as couriers
from gateway.notify.bell import FAILING, Bell
from gateway.notify.courier import Courier
from gateway.notify.deliveries import MOST_WAITING
from gateway.notify.message import Message, trial
from gateway.notify.rules import Rules

RULES = Rules(at_once=("account.failed", "journal.unavailable"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Ward:
    """A bell without its thread, and what it is made of."""

    def __init__(
        self,
        *urls: str,
        rules: Rules = RULES,
        chosen: Mapping[str, Sequence[str]] | None = None,
        kept: str | None = None,
        clock: ManualClock | None = None,
        deadline_s: float = 20.0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.log = Log()
        self.alerts = AlertRegistry(self.clock, self.log)
        self.kept: list[str] = []
        self.courier = Courier(
            {f"t[{at}]": url for at, url in enumerate(urls)},
            mask=lambda text: text.replace("hunter2", "***"),
            deadline_s=deadline_s,
        )
        self.bell = Bell(
            rules,
            self.courier,
            chosen=chosen or {},
            alerts=self.alerts,
            language="en",
            clock=self.clock,
            log=self.log,
            mask=lambda text: text.replace("hunter2", "***"),
            keep=self.kept.append,
            kept=kept,
            link="https://gw.example",
        )

    def fails(self, account: str = "shop-a") -> None:
        """Begin an alert."""
        self.alerts.say(
            "account.failed", account=account, detail="hunter2: 在吗", next_step="reset it"
        )

    def until(self, seconds: float) -> None:
        """Let time pass; the bell does all that is due meanwhile."""
        end_ms = self.clock.wall_ms + round(seconds * 1000)
        while (due_ms := self.bell.step()) is not None and due_ms <= end_ms:
            self.clock.advance(max(0.0, (due_ms - self.clock.wall_ms) / 1000))
        self.clock.advance((end_ms - self.clock.wall_ms) / 1000)
        self.bell.step()


def closed_port() -> str:
    with receiving() as made:
        return made.target


def test_a_message_arrives_and_so_does_the_end(receiver: Receiver) -> None:
    ward = Ward(receiver.target)
    ward.fails()
    ward.until(0)
    (told,) = receiver.messages
    assert told["title"] == "shop-a: needs you"
    assert told["type"] == "warning"
    assert "The account gave up" in told["message"]
    assert told["message"].endswith("https://gw.example")
    ward.clock.advance(60)
    ward.alerts.end("account.failed", account="shop-a")
    ward.until(600)
    assert receiver.messages[1]["type"] == "success"
    assert "is over, took 1 min" in receiver.messages[1]["message"]


def test_nothing_that_an_alert_quotes_is_in_a_message(receiver: Receiver) -> None:
    """O5: its detail may repeat a token of a server, or a buyer."""
    ward = Ward(receiver.target)
    ward.fails("hunter2")
    ward.until(0)
    whole = str(receiver.messages)
    assert "hunter2" not in whole
    assert "在吗" not in whole


def test_each_target_gets_what_it_asked_for(receiver: Receiver) -> None:
    with receiving() as other:
        ward = Ward(receiver.target, other.target, chosen={"t[1]": ("journal.*",)})
        ward.fails()
        ward.alerts.say("journal.unavailable", detail="", next_step="")
        ward.until(60)
        assert "shop-a" in receiver.bodies()[0]
        assert "the gateway: The journal cannot store" in receiver.bodies()[0]
        assert "shop-a" not in str(other.messages)
        assert len(other.messages) == 1
        ward.fails("shop-b")
        ward.until(60)
        assert len(receiver.messages) == 2
        assert len(other.messages) == 1


def test_a_target_that_is_down_fails_after_three_tries_and_until_it_takes_one(
    receiver: Receiver,
) -> None:
    """Four minutes; nothing is lost, and the alert is over with the first delivery."""
    receiver.status = 500
    ward = Ward(receiver.target)
    ward.fails()
    ward.until(239)
    assert receiver.tries == 2
    assert FAILING not in ward.alerts
    ward.until(10)
    assert receiver.tries == 3
    (alert,) = [each for each in ward.alerts.on() if each.name == FAILING]
    assert alert.detail.startswith("t[0] (json): ")
    assert "1 messages wait" in alert.detail
    assert len(ward.log.found("notify.failing")) == 1
    assert len(ward.log.found("notify.delivery_failed", target="t[0]")) == 3
    assert (ward.bell.counts["failed"], ward.bell.counts["left_out"]) == (3, 0)
    receiver.status = 200
    ward.until(300)
    assert "shop-a" in receiver.bodies()[0]
    assert FAILING not in ward.alerts
    assert ward.log.found("alert.ended", alert=FAILING)


def test_a_target_that_is_down_keeps_nothing_from_another(receiver: Receiver) -> None:
    """Which is told of it, too, once it lasts."""
    ward = Ward(closed_port(), receiver.target)
    ward.fails()
    ward.until(0)
    assert len(receiver.messages) == 1
    ward.until(500)
    assert "A target of these messages takes none" in receiver.bodies()[1]


def test_one_target_of_two_that_comes_back_does_not_end_the_alert(receiver: Receiver) -> None:
    receiver.status = 500
    ward = Ward(closed_port(), receiver.target)
    ward.fails()
    ward.until(250)
    receiver.status = 200
    ward.until(300)
    assert receiver.messages
    (alert,) = [each for each in ward.alerts.on() if each.name == FAILING]
    assert "t[0]" in alert.detail
    assert "t[1]" not in alert.detail


def test_a_full_queue_leaves_out_the_oldest() -> None:
    rules = Rules(at_once=("*",), group_ms=0, per_hour=3600, over=False)
    ward = Ward(closed_port(), rules=rules)
    for number in range(MOST_WAITING + 2):
        ward.fails(f"a{number}")
        ward.bell.step()
        ward.clock.advance(0.001)
    assert [line["count"] for line in ward.log.found("notify.left_out")] == [1, 2]


def test_a_target_that_hangs_costs_its_deadline(receiver: Receiver) -> None:
    """And no second call while the first one hangs."""
    receiver.held.clear()
    ward = Ward(receiver.target, deadline_s=0.05)
    assert ward.courier.send("t[0]", trial("en")) == "no answer within 0.05 s"
    assert ward.courier.send("t[0]", trial("en")) == "the delivery before still hangs"
    receiver.held.set()
    receiver.wait(lambda: receiver.messages)
    for thread in threading.enumerate():
        if thread.name == couriers.THREAD:
            thread.join(WAIT_S)
    patient = Ward(receiver.target)
    assert patient.courier.send("t[0]", trial("en")) is None


def test_a_url_that_apprise_cannot_read_is_a_target_that_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The library would tell it to whatever logging there is, in full."""
    ward = Ward("nonsense://hunter2")
    ward.fails()
    ward.until(300)
    (alert,) = [each for each in ward.alerts.on() if each.name == FAILING]
    assert "apprise does not understand this URL of nonsense://" in alert.detail
    told = [line for line in ward.log.lines if line[1].startswith("notify.")]
    assert told
    assert "hunter2" not in str(told)
    assert "hunter2" not in caplog.text


def test_a_service_whose_code_raises_is_one_that_did_not_take_it(receiver: Receiver) -> None:
    ward = Ward(receiver.target)
    assert ward.courier.problem("t[0]") is None
    broken: Any = ward.courier._service("t[0]")
    broken.notify = {}  # not even callable
    why = ward.courier.send("t[0]", trial("en"))
    assert why is not None
    assert "TypeError" in why


def test_a_restart_does_not_ring_again(receiver: Receiver) -> None:
    """What was delivered is kept; what was not is told by the next life."""
    ward = Ward(receiver.target)
    ward.fails("shop-a")
    ward.until(0)
    receiver.status = 500
    ward.fails("shop-b")
    ward.until(60)
    assert len(receiver.messages) == 1
    receiver.status = 200

    again = Ward(receiver.target, kept=ward.kept[-1], clock=ward.clock)
    again.fails("shop-a")
    again.fails("shop-b")
    again.until(300)
    assert len(receiver.messages) == 2
    assert "shop-b" in receiver.bodies()[1]
    assert "shop-a" not in receiver.bodies()[1]


def test_what_another_version_kept_is_nothing(receiver: Receiver) -> None:
    ward = Ward(receiver.target, kept='{"of": "tomorrow"}')
    ward.fails()
    ward.until(0)
    assert len(receiver.messages) == 1


def test_sixty_flaps_of_an_account_in_an_hour_ring_twice_at_most(receiver: Receiver) -> None:
    """O4, through the registry, the rules and apprise."""
    ward = Ward(receiver.target)
    for _ in range(60):
        ward.fails()
        ward.until(30)
        ward.alerts.end("account.failed", account="shop-a")
        ward.until(30)
    assert 1 <= len(receiver.messages) <= 2
    ward.until(7200)
    assert "is over" in receiver.bodies()[-1]


class Slow:
    """A postman that is held up at its first delivery."""

    places = ("t[0]",)

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.sent: list[str] = []

    def kind(self, place: str) -> str:
        return place

    def send(self, place: str, message: Message) -> str | None:
        self.sent.append(f"{place} {message.title}")
        self.entered.set()
        assert self.release.wait(WAIT_S)
        return None


def test_the_thread_rings_by_itself_and_tells_the_last_at_its_end() -> None:
    """An alert that ends the process must be told before that."""
    clock, log, postman = ManualClock(), Log(), Slow()
    alerts = AlertRegistry(clock, log)
    bell = Bell(
        Rules(at_once=("*",), group_ms=0),
        postman,
        chosen={},
        alerts=alerts,
        language="en",
        clock=clock,
        log=log,
        mask=str,
        keep=lambda _: None,
    )
    alerts.hear(bell.look)
    bell.start()
    alerts.say("account.failed", account="a", detail="", next_step="")
    assert postman.entered.wait(WAIT_S)
    bell.stop(0.01)
    assert log.found("notify.left_behind", count=1)
    clock.advance(1)
    alerts.say("gateway.crashing", detail="", next_step="")
    postman.release.set()
    bell.stop(WAIT_S)
    assert postman.sent == ["t[0] a: needs you", "t[0] the gateway: needs you"]
