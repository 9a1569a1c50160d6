"""A whole gateway tells of its alerts: the host's listeners, a target, a dead man's switch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from market import WAIT_S, Market
from receiver import Receiver, receiving

from gateway import AlertChanged, ChatMessage, ConfigError, Gateway
from gateway.config import from_mapping
from gateway.host import announcing, telling

SHOP, OTHER = "2201", "2202"
AT_ONCE = {"at_once": ["letters.*"], "group_s": 0, "language": "en"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Heard:
    """What a listener of alerts was told."""

    def __init__(self) -> None:
        self.changes: list[AlertChanged] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, change: AlertChanged) -> None:
        with self._changed:
            self.changes.append(change)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def wait(self, there: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(there, WAIT_S), self.changes

    def named(self) -> list[tuple[str, bool]]:
        return [(each.alert.name, each.over) for each in self.changes]


def poisoned(market: Market) -> None:
    """Have handlers fail at every message that says so."""

    @market.gateway.on(ChatMessage)
    def poison(event: ChatMessage) -> None:
        if event.text == "poison":
            raise ValueError


def dead_letter(market: Market, account: str) -> None:
    market.shops[account].buyer("78001").says("poison")


def test_a_customer_who_was_never_answered_is_told_of_until_no_letter_is_left(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The event failed at every try: nobody would notice."""
    heard = Heard()
    notify = {"to": [receiver.target], **AT_ONCE}
    with Market(tmp_path, SHOP, durability="normal", notify=notify) as market:
        poisoned(market)
        market.gateway.on_alert(heard)
        market.start()
        dead_letter(market, SHOP)
        receiver.wait(lambda: receiver.messages)
        (body,) = receiver.bodies()
        assert f"{SHOP}: Messages were not handled, so that customers may wait" in body
        assert "poison" not in body
        (letter,) = market.gateway.dead_letters.list()
        market.gateway.dead_letters.drop(letter.event_id)
        heard.wait(lambda: ("letters.waiting", True) in heard.named())
        assert heard.named() == [("letters.waiting", False), ("letters.waiting", True)]
        assert heard.changes[0].alert.account == SHOP
        assert 0 < heard.changes[0].alert.since_ms <= heard.changes[1].at_ms
        assert heard.threads == {announcing.THREAD}


def test_a_restart_does_not_ring_again(tmp_path: Path, receiver: Receiver) -> None:
    """The letter is still there, and its alert begins anew; who was told knows."""
    notify = {"to": [receiver.target], **AT_ONCE}
    with Market(tmp_path, SHOP, OTHER, notify=notify) as market:
        poisoned(market)
        market.start()
        dead_letter(market, SHOP)
        receiver.wait(lambda: receiver.messages)
        assert market.gateway.stop(10.0)
        market.gateway = market.make()
        poisoned(market)
        market.start()
        market.log.wait("letters.waiting", 2, account=SHOP)
        dead_letter(market, OTHER)
        receiver.wait(lambda: len(receiver.messages) == 2)
        assert SHOP in receiver.bodies()[0]
        assert OTHER in receiver.bodies()[1]
        assert SHOP not in receiver.bodies()[1]


def test_a_listener_that_raises_costs_its_call_only(tmp_path: Path) -> None:
    """And one that stops the gateway is not waited for."""
    heard = Heard()
    stopped: list[bool] = []
    with Market(tmp_path, SHOP) as market:
        poisoned(market)

        @market.gateway.on_alert
        def broken(change: AlertChanged) -> None:
            raise RuntimeError(change.alert.name)

        market.gateway.on_alert(heard)
        market.start()
        dead_letter(market, SHOP)
        heard.wait(lambda: heard.changes)
        market.log.wait("listener.failed")
        assert "letters.waiting" in market.log.found("listener.failed")[0]["reason"]

        @market.gateway.on_alert
        def stops(_: AlertChanged) -> None:
            stopped.append(market.gateway.stop(10.0))

        market.gateway.dead_letters.drop(market.gateway.dead_letters.list()[0].event_id)
        market.log.wait("gateway.stopped")
        assert stopped == [False]


def test_a_listener_that_hangs_holds_up_nobody_and_hears_the_newest(tmp_path: Path) -> None:
    """Its queue is bounded; the oldest are left out, and that is said."""
    entered, release, heard = threading.Event(), threading.Event(), Heard()
    with Market(tmp_path, SHOP) as market:

        @market.gateway.on_alert
        def hangs(change: AlertChanged) -> None:
            entered.set()
            release.wait(60.0)
            heard(change)

        market.listen()
        market.start()
        system = market.gateway._system
        assert system is not None
        try:
            for number in range(announcing.MOST_WAITING + 3):
                system.services.alerts.say(f"test.a{number}", detail="", next_step="")
                assert entered.wait(WAIT_S)
            market.serves(SHOP)
        finally:
            release.set()
        heard.wait(lambda: len(heard.changes) > announcing.MOST_WAITING)
        assert market.log.wait("listener.left_out")[0]["count"] == 2
        assert heard.named()[:2] == [("test.a0", False), ("test.a3", False)]


@pytest.mark.parametrize("odd", [None, 3, lambda: None, lambda _a, _b: None])
def test_on_alert_takes_functions_of_one_argument_only(odd: Any) -> None:
    gateway = Gateway(from_mapping({"durability": "memory"}))
    with pytest.raises(TypeError, match="the listener"):
        gateway.on_alert(odd)

    async def later(_: AlertChanged) -> None: ...

    with pytest.raises(TypeError, match="would never run"):
        gateway.on_alert(later)  # type: ignore[arg-type]  # that is the point


def test_without_apprise_it_runs_and_says_how_to_get_it(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of customers matter more than the bell."""
    monkeypatch.setattr(telling, "missing", lambda: "apprise is not installed; run: …")
    with Market(tmp_path, SHOP, notify={"to": [receiver.target]}) as market:
        market.listen()
        market.start()
        market.serves(SHOP)
        (line,) = market.log.found("notify.unavailable")
        assert "run: …" in line["detail"]
    assert not [each for each in threading.enumerate() if each.name == "gateway/bell"]


def test_a_gateway_that_is_alive_says_so_elsewhere(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two counts, and nothing else of any account."""
    url = f"http://127.0.0.1:{receiver.port}/push/hunter2hunter2"
    notify = {"heartbeat": {"url": url, "every_s": 10}}
    with Market(tmp_path, SHOP, notify=notify) as market:
        market.start()
        receiver.wait(lambda: receiver.asked)
        path, query = receiver.asked[0]
        assert path == "/push/hunter2hunter2"
        assert query["status"] == ["up"]
        assert query["msg"][0] in {"0/1 online", "1/1 online"}
        beat = market.gateway._telling._heartbeat
        assert beat is not None
        assert beat.beat()
        assert receiver.asked[-1][1] == {"status": ["up"], "msg": ["1/1 online"]}
        system = market.gateway._system
        assert system is not None
        monkeypatch.setattr(system.watch, "hung", lambda: "a thread")
        before = len(receiver.asked)
        assert not beat.beat()
        assert len(receiver.asked) == before
    assert "hunter2" not in str(market.log.lines)


def test_a_delivery_that_outlasts_the_stop_is_left_and_disturbs_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    """A slow service must not make a good stop a bad one."""
    notify = {"to": [receiver.target], **AT_ONCE}
    receiver.held.clear()
    with Market(tmp_path, SHOP, notify=notify) as market:
        poisoned(market)
        market.start()
        dead_letter(market, SHOP)
        receiver.wait(lambda: receiver.arrived)
        assert market.gateway.stop(3.0)
        market.log.wait("notify.left_behind")
        receiver.held.set()
        for thread in threading.enumerate():
            if thread.name == "gateway/bell":
                thread.join(WAIT_S)
        assert market.log.found("journal.command_refused") == []


def test_an_address_that_cannot_be_used_here_is_a_matter_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything runs."""

    def unusable(*_: object, **__: object) -> None:
        raise ValueError("no authorities; install ca-certificates")

    monkeypatch.setattr("gateway.notify.heartbeat.HttpsClient", unusable)
    settings = from_mapping({"notify": {"heartbeat": {"url": "https://h/hunter2"}}})
    with pytest.raises(ConfigError, match=r"notify.heartbeat.url: no authorities"):
        Gateway(settings)
