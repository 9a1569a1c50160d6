"""What the recorder finds, that it finds nothing else, and time that a test moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from actors.messages import StateChanged
from actors.ports.commands import SettleEvents, StoreFrames
from actors.ports.journal import Journal
from actors.state import Cause
from actors.values import Decoded, ErrorClass, Event, Failure
from gateway import ChatMessage, ConnectionState, Gateway
from gateway.journal.memory.journal import MemoryJournal
from gateway.settings import ReconnectSettings
from gateway.testing import (
    Behaviour,
    FakePlatform,
    GatewayFactory,
    ManualClock,
    ManualTimers,
    Recorder,
    faults,
)
from gateway.testing.kit.bench import bench_settings
from gateway.testing.kit.watching import WatchedJournal

if TYPE_CHECKING:
    from pathlib import Path

    from actors.ports import Clock
    from gateway.settings import Settings

WAIT_S = 10.0
DELAYS = ReconnectSettings()


@pytest.fixture
def fake() -> Iterator[FakePlatform]:
    with FakePlatform(Behaviour(backlog="push")) as platform:
        platform.account("2201")
        yield platform


@pytest.fixture
def factory(fake: FakePlatform, tmp_path: Path) -> Iterator[GatewayFactory]:
    made = GatewayFactory(fake, tmp_path)
    yield made
    made.stop()


def event(number: int, lane: str = "c1", **fields: Any) -> Event:
    return Event(
        account="a", event_id=f"{lane}-{number}", conversation_id=lane, lane_seq=number, **fields
    )


def run(recorder: Recorder, what: Event, *, good: bool = True) -> None:
    with recorder.handling(what) as succeeded:
        if good:
            succeeded()


def rules(recorder: Recorder) -> list[str]:
    return [rule for rule, _ in recorder.problems()]


def failure(error_class: ErrorClass, **fields: Any) -> Failure:
    return Failure(error_class=error_class, reason="made_up", **fields)


# --- each invariant, broken by hand ---------------------------------------------------


def test_a_message_handled_twice() -> None:
    recorder = Recorder()
    run(recorder, event(1), good=False)
    run(recorder, event(1))  # a retry is none
    recorder.check()
    assert recorder.handled == 1
    run(recorder, event(1, redelivered=True))  # nor is what a crash lets one see again
    recorder.check()
    run(recorder, event(1))
    with pytest.raises(AssertionError, match="c1-1 of account a was handled 3 times"):
        recorder.check()
    recorder.check(allow={"handled_again"})


def test_a_lane_out_of_order() -> None:
    recorder = Recorder()
    for one in (event(2), event(1, lane="c2"), event(3), event(2, lane="c2"), event(1, late=True)):
        run(recorder, one)
    recorder.check()
    run(recorder, event(1, redelivered=True))
    recorder.check()
    run(recorder, event(1, lane="c1"))
    assert "lane_order" in rules(recorder)


def test_two_at_once_in_a_lane() -> None:
    recorder = Recorder()
    with recorder.handling(event(1)), recorder.handling(event(2, lane="c2")):
        assert rules(recorder) == []
        run(recorder, event(2))
    assert rules(recorder) == ["lane_overlap"]


@pytest.mark.parametrize(
    ("delay_s", "why", "broken"),
    [
        (15.0, failure(ErrorClass.UNEXPECTED_CLOSE), False),
        (15.1, failure(ErrorClass.UNEXPECTED_CLOSE), True),
        (30.0, failure(ErrorClass.SERVER_RESTART), False),
        (60.1, failure(ErrorClass.NETWORK), True),
        (250.0, failure(ErrorClass.SERVER_OVERLOAD, retry_after_s=250.0), False),
        (301.0, failure(ErrorClass.SERVER_OVERLOAD, retry_after_s=900.0), False),
        (361.0, failure(ErrorClass.SERVER_OVERLOAD, retry_after_s=900.0), True),
        (300.0, failure(ErrorClass.UNEXPECTED_CLOSE), False),  # its links die young
        (0.1, failure(ErrorClass.NEEDS_HUMAN), True),
        (-1.0, failure(ErrorClass.OTHER), True),
        (0.5, None, True),
    ],
)
def test_a_wait_beyond_its_cap(
    delay_s: float,
    why: Failure | None,
    broken: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    recorder = Recorder()
    recorder.delayed("a", delay_s, why, DELAYS)
    assert rules(recorder) == (["delay"] if broken else [])


def test_a_move_the_table_does_not_know() -> None:
    recorder = Recorder()
    states = ConnectionState

    def moved(old: ConnectionState, new: ConnectionState, cause: Cause) -> None:
        recorder.moved(StateChanged(account="a", old=old, new=new, cause=cause, generation=1))

    moved(states.DISCONNECTED, states.CONNECTING, Cause.START)
    moved(states.CONNECTING, states.CONNECTED, Cause.REGISTERED)
    recorder.check()
    moved(states.CONNECTED, states.CONNECTING, Cause.START)
    assert rules(recorder) == ["transition"]
    moved(states.RECONNECTING, states.CONNECTING, Cause.RETRY)  # legal, but it was not there
    assert rules(recorder) == ["transition", "transition"]


def test_a_watched_journal_tells_after_the_commit_and_only_then() -> None:
    told: list[object] = []
    inner = MemoryJournal()
    journal: Journal = WatchedJournal(inner, told.append)
    command = SettleEvents(account="a", settlements=())
    assert journal.commit([command]) == [[]]
    assert told == [command]
    assert journal.numbers() is inner.numbers()
    journal.close()
    recorder = Recorder()
    for ack in ("no json", None, b'{"headers":{"mid":"1","sid":"s"}}'):
        frames = (Decoded(raw="x", ack=ack),)
        recorder.committed(StoreFrames(account="a", generation=1, received_at_ms=0, frames=frames))
    recorder.committed(command)
    assert recorder._committed == {("s", "1")}


# --- a gateway that keeps them, and one that does not ---------------------------------


def test_a_recorder_leaves_the_tap_where_it_is(factory: GatewayFactory, fake: FakePlatform) -> None:
    """It stands between the kernel and the handlers, and not in their place."""
    shop, gateway = fake.account("2201"), factory()
    tapped: list[Event] = []
    gateway.tap(tapped.append)

    @gateway.on(ChatMessage)
    def answer(chat: ChatMessage) -> None:
        chat.reply("yes")

    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("x")
        shop.wait_sent(1)
    assert [getattr(each, "text", None) for each in tapped][:1] == ["x"]


@pytest.mark.peer(20)
def test_a_whole_gateway_breaks_nothing(factory: GatewayFactory, fake: FakePlatform) -> None:
    """Faults on every side; what the recorder must not do is cry wolf."""
    shop = fake.account("2201")
    gateway = factory(
        durability="normal",
        defaults={
            "handlers": {"retry_delays_s": [0.01, 0.01]},
            "reconnect": {"unexpected_close_step_s": 0.05, "unexpected_close_cap_s": 0.05},
            "send": {"rate_per_s": 1000, "burst": 1000},
        },
    )
    failed: set[str] = set()

    @gateway.on(ChatMessage)
    def echo(chat: ChatMessage) -> None:
        if chat.event_id not in failed:
            failed.add(chat.event_id)
            raise ValueError(chat.text)
        chat.reply(f"to {chat.text}")

    fake.inject(faults.cut(after=6, times=1), faults.redeliver(0.02, times=5))
    fake.inject(faults.duplicate(2, new_mid=True))
    with gateway:
        shop.wait_registered()
        for number in range(10):
            shop.buyer(f"33{number % 3}").says(f"#{number}")
        shop.wait_registered(sessions=2)
        shop.wait_sent(10)
        factory.recorder.check(all_handled=True)
    second = factory(durability="normal")
    second.on(ChatMessage)(lambda _: None)
    with second:
        shop.wait_registered(sessions=3)
        shop.buyer("339").says("after the restart")
        shop.wait_acked(11)
        factory.recorder.check(all_handled=True)


def test_acks_before_the_commit_are_found(fake: FakePlatform, tmp_path: Path) -> None:
    """A journal that answers and commits nothing is what an early ack looks like."""
    del tmp_path
    recorder = Recorder(fake)

    class Forgetful(WatchedJournal):
        def commit(self, commands: Any) -> Any:
            return self._inner.commit(commands)  # and tells nobody

    def open_journal(settings: Settings, clock: Clock) -> Journal:
        inner = recorder.journal(settings, clock)
        assert isinstance(inner, WatchedJournal)
        return Forgetful(inner._inner, recorder.committed)

    shop = fake.account("2201")
    settings = bench_settings("shop")
    account = settings.accounts[0].__class__(
        id="shop", url=shop.url, credentials=_credentials(shop.credentials)
    )
    settings = settings.__class__(durability="memory", accounts=(account,))
    gateway = recorder.attach(Gateway(settings, journal=open_journal))
    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("x")
        shop.wait_acked(1)
    with pytest.raises(AssertionError, match="was acknowledged before it was committed"):
        recorder.check()


def _credentials(keys: dict[str, Any]) -> Any:
    from gateway.settings import Credentials

    return Credentials(**keys)


def test_what_is_never_handled_is_found(factory: GatewayFactory, fake: FakePlatform) -> None:
    shop = fake.account("2201")
    gateway = factory()
    held = threading.Event()

    @gateway.on(ChatMessage)
    def wait(_: ChatMessage) -> None:
        held.wait(WAIT_S)

    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("x")
        shop.wait_acked(1)
        assert [account for _, account in factory.recorder._unhandled(0.05)] == ["2201"]
        held.set()
        factory.recorder.check(all_handled=True)


def test_a_dead_letter_is_not_lost(factory: GatewayFactory, fake: FakePlatform) -> None:
    shop = fake.account("2201")
    gateway = factory(defaults={"handlers": {"retry_delays_s": []}})

    @gateway.on(ChatMessage)
    def broken(chat: ChatMessage) -> None:
        raise ValueError(chat.text)

    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("x")
        shop.wait_acked(1)
        factory.recorder.check(all_handled=True)
    assert factory.recorder.handled == 0


def test_the_platforms_breaches_are_the_recorders(fake: FakePlatform) -> None:
    recorder = Recorder(fake)
    with fake.lock:
        log = fake.engine.recorder
        from gateway.testing import ConnectionLog

        log.breach(ConnectionLog(1, 0.0), "two_sessions", "connection 2 is registered as well")
    with pytest.raises(AssertionError, match="two_sessions"):
        recorder.check()
    recorder.check(allow={"two_sessions"})


# --- time by hand -----------------------------------------------------------------------


def test_a_gateway_waits_by_the_tests_clock(factory: GatewayFactory, fake: FakePlatform) -> None:
    """An outage of minutes at the real delays, in no time."""
    clock = ManualClock()
    shop = fake.account("2201")
    gateway = factory(clock=clock)
    view = gateway.accounts["shop-2201"]
    with gateway:
        shop.wait_registered()
        fake.stop_accepting()
        shop.cut()
        assert view.wait_for(ConnectionState.RECONNECTING, WAIT_S)
        passed_s = clock.advance_until(lambda: view.attempt >= 5)
        assert passed_s > 30.0  # 3, then 20, 30, 40 … s, of which the dice take half at most
        fake.resume()
        clock.advance_until(lambda: len(shop.sessions) == 2)
        factory.recorder.check()


def test_heartbeats_follow_the_clock(factory: GatewayFactory, fake: FakePlatform) -> None:
    clock = ManualClock()
    shop = fake.account("2201")
    with factory(clock=clock):
        log = shop.wait_registered()
        clock.advance_until(lambda: log.beats >= 3)
        assert clock.monotonic() >= 15.0  # a clock that leaps may make an answer late: a probe


def test_a_hung_handler_is_given_up_by_the_clock(
    factory: GatewayFactory, fake: FakePlatform
) -> None:
    clock = ManualClock()
    shop = fake.account("2201")
    gateway = factory(clock=clock)
    free = threading.Event()

    @gateway.on(ChatMessage)
    def hang(_: ChatMessage) -> None:
        free.wait(WAIT_S)

    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("x")
        shop.wait_acked(1)
        assert gateway._system is not None
        pool = gateway._system.services.handlers
        clock.advance_until(lambda: pool.leaked, limit_s=120.0)
        assert clock.monotonic() >= 60.0
        free.set()


def test_time_that_never_suffices_is_an_error() -> None:
    clock = ManualClock()
    with pytest.raises(TimeoutError, match="2 s of manual time"):
        clock.advance_until(lambda: False, limit_s=2.0)
    assert clock.monotonic() == 2.0


def test_a_released_clock_goes_by_itself() -> None:
    clock = ManualClock(now=100.0)
    assert clock.monotonic() == 100.0
    wall_ms = clock.unix_ms()
    looked: list[float] = []
    clock.on_move(lambda: looked.append(clock.monotonic()))
    clock.release()
    clock.release()
    assert len(looked) == 1
    pause = threading.Event()
    pause.wait(0.01)
    assert clock.monotonic() > 100.0
    assert clock.unix_ms() >= wall_ms + 5


def test_actors_by_hand_need_no_thread() -> None:
    clock = ManualClock()
    timers = ManualTimers(clock)
    fired: list[str] = []
    timers.call_after(15.0, lambda: fired.append("beat"))
    clock.advance(14.9)
    assert timers.fire_due() == 0
    clock.advance(0.1)
    assert timers.fire_due() == 1
    assert fired == ["beat"]
