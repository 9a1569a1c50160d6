"""pykka's promises, asked of pykka's own actor and of ours; then where ours differs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar

import pykka
import pytest
from pykka import ActorDeadError, ActorRegistry

from actors.messages import Control, Message
from actors.runtime.pool.actor import PooledActor
from actors.runtime.pool.inbox import MailboxFullError
from actors.runtime.pool.pool import Pool
from tests.runtime.doubles import Kept

WAIT_S = 10.0


class _BoomError(Exception):
    """What a handler raises."""


class _Recipe:
    """Behaviour shared by both kinds of actor."""

    field = "a field"

    def prepare(
        self, *, start: BaseException | None = None, stop: BaseException | None = None
    ) -> None:
        self.log: list[Any] = []
        self.over = threading.Event()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.start_error, self.stop_error = start, stop

    def on_start(self) -> None:
        self.log.append("start")
        if self.start_error is not None:
            raise self.start_error

    def on_stop(self) -> None:
        self.log.append("stop")
        self.over.set()
        if self.stop_error is not None:
            raise self.stop_error

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.log.append(("failure", exception_type, str(exception_value), traceback is not None))
        self.over.set()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if message == "wait":
            self.entered.set()
            self.gate.wait(WAIT_S)
        self.log.append(message)
        return message

    def double(self, number: int) -> int:
        return 2 * number

    def fail(self) -> None:
        raise _BoomError("proxied")


class _Threaded(_Recipe, pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, _pool: Pool, **kwargs: Any) -> None:
        super().__init__()
        self.prepare(**kwargs)


class _Pooled(_Recipe, PooledActor):
    inbox_limit: ClassVar[int] = 8

    def __init__(self, pool: Pool, **kwargs: Any) -> None:
        super().__init__(pool)
        self.prepare(**kwargs)


Kind = type[Any]


KINDS: list[Any] = [_Threaded, _Pooled]


@pytest.fixture(params=KINDS, ids=["pykka", "ours"])
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


def body(ref: pykka.ActorRef[Any]) -> Any:
    actor = ref._actor_weakref()
    assert actor is not None
    return actor


# --- the same for both -------------------------------------------------------------------


def test_life_in_order(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    assert ref.is_alive()
    for number in range(5):
        ref.tell(number)
    assert ref.ask("last") == "last"
    assert ref.stop() is True
    assert actor.log == ["start", 0, 1, 2, 3, 4, "last", "stop"]
    assert not ref.is_alive()
    assert actor.actor_stopped.is_set()


def test_constructor_arguments_reach_it(kind: Kind, pool: Pool) -> None:
    error = _BoomError("start")
    ref = kind.start(pool, start=error)
    with pytest.raises(ActorDeadError):
        ref.ask("anything", timeout=WAIT_S)


def test_ask_answers_and_future_can_wait(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    future = ref.ask(41, block=False)
    assert future.get(timeout=WAIT_S) == 41
    ref.stop()


def test_ask_times_out(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    with pytest.raises(pykka.Timeout):
        ref.ask("wait", timeout=0.01)
    actor.gate.set()
    ref.stop()


def test_exception_of_an_ask_is_the_callers(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    with pytest.raises(_BoomError, match="asked") as caught:
        ref.ask(_BoomError("asked"), timeout=WAIT_S)
    assert caught.traceback[-1].name == "on_receive", "where it was raised is lost"
    assert ref.ask("alive") == "alive"
    ref.stop()


def test_exception_of_a_tell_kills(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    ref.tell(_BoomError("told"))
    assert actor.over.wait(WAIT_S)
    assert not ref.is_alive()
    assert actor.log == ["start", ("failure", _BoomError, "told", True)]
    with pytest.raises(ActorDeadError):
        ref.tell("late")


def test_failing_start_kills_without_on_failure(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool, start=_BoomError("start"))
    actor = ref._actor_weakref()
    with pytest.raises(ActorDeadError):
        ref.ask("x", timeout=WAIT_S)
    assert actor is None or actor.log == ["start"]


def test_failing_on_stop_still_answers_the_stop(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool, stop=_BoomError("stop"))
    assert ref.stop(timeout=WAIT_S) is True
    assert not ref.is_alive()


def test_stop_from_inside(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    actor.stop()
    assert actor.over.wait(WAIT_S)
    assert ref.stop(timeout=WAIT_S) is False or not ref.is_alive()


def test_stop_of_a_dead_actor_says_so(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    assert ref.stop() is True
    assert ref.stop() is False
    assert ref.stop(block=False).get(timeout=WAIT_S) is False


def test_two_stops_at_once_both_return(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    busy = ref.ask("wait", block=False)
    actor.entered.wait(WAIT_S)
    stops = [ref.stop(block=False) for _ in range(3)]
    actor.gate.set()
    assert [stop.get(timeout=WAIT_S) for stop in stops] == [True, True, True]
    assert busy.get(timeout=WAIT_S) == "wait"


def test_unanswered_asks_behind_a_stop_are_answered(kind: Kind, pool: Pool) -> None:
    """A façade that asked must not wait for ever because the actor was stopped."""
    ref = kind.start(pool)
    actor = body(ref)
    ref.tell("wait")
    actor.entered.wait(WAIT_S)
    stop = ref.stop(block=False)
    late = ref.ask("late", block=False)
    actor.gate.set()
    assert stop.get(timeout=WAIT_S) is True
    with pytest.raises(ActorDeadError):
        late.get(timeout=WAIT_S)


def test_dead_refs(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    ref.stop()
    with pytest.raises(ActorDeadError, match=kind.__name__):
        ref.tell("x")
    with pytest.raises(ActorDeadError):
        ref.ask("x")
    with pytest.raises(ActorDeadError):
        ref.ask("x", block=False).get(timeout=WAIT_S)


def test_proxy(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    proxy: Any = ref.proxy()
    assert proxy.double(21).get(timeout=WAIT_S) == 42
    assert proxy.field.get(timeout=WAIT_S) == "a field"
    proxy.field = "another"
    assert proxy.field.get(timeout=WAIT_S) == "another"
    with pytest.raises(_BoomError):
        proxy.fail().get(timeout=WAIT_S)
    proxy.double.defer(1)
    ref.stop()
    with pytest.raises(ActorDeadError):
        ref.proxy()


def test_tell_from_the_constructor_waits_for_the_start(pool: Pool, kind: Kind) -> None:
    base: Any = kind

    class Early(base):  # type: ignore[misc]
        def __init__(self, pool: Pool) -> None:
            super().__init__(pool)
            self.actor_ref.tell("early")

    ref = Early.start(pool)
    actor = body(ref)
    ref.ask("then")
    assert actor.log == ["start", "early", "then"]
    ref.stop()


def test_it_can_tell_itself(kind: Kind, pool: Pool) -> None:
    ref = kind.start(pool)
    actor = body(ref)
    proxy: Any = actor.actor_ref.proxy()
    proxy.on_receive.defer("to myself")
    assert ref.ask("x", timeout=WAIT_S) == "x"
    assert actor.log == ["start", "to myself", "x"]
    ref.stop()


def test_names(kind: Kind, pool: Pool) -> None:
    one, two = kind.start(pool), kind.start(pool)
    assert one.actor_urn != two.actor_urn
    assert str(one) == f"{kind.__name__} ({one.actor_urn})"
    assert one.actor_class is kind
    one.stop()
    two.stop()


# --- where ours differs ------------------------------------------------------------------


class _Urgent(Control, frozen=True, kw_only=True, gc=False):
    """Overtakes."""


class _Plain(Message, frozen=True, kw_only=True, gc=False):
    """Does not."""


def test_control_overtakes_and_stop_overtakes_all_mail(pool: Pool) -> None:
    """A stop must not wait behind 1,000 frames, nor a verdict behind them."""
    ref = _Pooled.start(pool)
    actor = body(ref)
    ref.tell("wait")
    actor.entered.wait(WAIT_S)
    ref.tell(_Plain())
    ref.tell(_Urgent())
    stop = ref.stop(block=False)
    actor.gate.set()
    assert stop.get(timeout=WAIT_S)
    assert actor.log == ["start", "wait", _Urgent(), "stop"]


def test_the_inbox_is_bounded_but_control_is_not(pool: Pool) -> None:
    ref = _Pooled.start(pool)
    actor = body(ref)
    ref.tell("wait")
    actor.entered.wait(WAIT_S)
    for _ in range(_Pooled.inbox_limit - 1):
        ref.tell(_Plain())
    last = ref.ask("last", block=False)
    with pytest.raises(MailboxFullError) as caught:
        ref.tell(_Plain())
    assert (caught.value.actor_class, caught.value.limit) == ("_Pooled", 8)
    with pytest.raises(MailboxFullError):
        ref.ask(_Plain(), timeout=WAIT_S)
    for _ in range(100):
        ref.tell(_Urgent())
    actor.gate.set()
    assert last.get(timeout=WAIT_S) == "last"
    assert actor.log.count(_Urgent()) == 100
    assert actor.log.count(_Plain()) == _Pooled.inbox_limit - 1
    ref.stop()


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), RecursionError()]
)
def test_no_exception_stops_anybody_else(pool: Pool, error: BaseException) -> None:
    """Pykka stops every actor of the process for a SystemExit in one."""
    bystander, host = _Pooled.start(pool), _Threaded.start(pool)
    ref = _Pooled.start(pool)
    actor = body(ref)
    ref.tell(error)
    assert actor.over.wait(WAIT_S)
    assert actor.log[1][1] is type(error)
    assert not ref.is_alive()
    assert bystander.ask("x") == "x"
    assert host.ask("x") == "x"
    bystander.stop()
    host.stop()


def test_system_exit_under_ask_kills_the_actor_not_the_caller(pool: Pool) -> None:
    """Pykka leaves that caller waiting for ever."""
    ref = _Pooled.start(pool)
    with pytest.raises(ActorDeadError):
        ref.ask(SystemExit(3), timeout=WAIT_S)
    assert not ref.is_alive()


@pytest.mark.parametrize("where", ["start", "stop"])
def test_system_exit_in_a_hook(pool: Pool, where: str) -> None:
    ref = _Pooled.start(pool, **{where: SystemExit(1)})
    ref.stop(timeout=WAIT_S)
    assert not ref.is_alive()
    assert ref not in [actor.actor_inbox for actor in pool.live.values()]


def test_the_hosts_registry_does_not_know_ours(pool: Pool) -> None:
    ref = _Pooled.start(pool)
    assert ref not in ActorRegistry.get_all()
    assert ActorRegistry.get_by_urn(ref.actor_urn) is None
    ActorRegistry.stop_all(timeout=WAIT_S)
    assert ref.ask("alive") == "alive"
    assert [actor.actor_inbox for actor in pool.live.values()] == [ref]
    ref.stop()
    assert pool.live == {}


def test_death_is_logged_without_its_words(pool: Pool, kept: Kept) -> None:
    """An exception's text may hold a cookie."""
    ref = _Pooled.start(pool)
    actor = body(ref)
    ref.tell(_BoomError("cookie2=secret"))
    assert actor.over.wait(WAIT_S)
    assert "_BoomError at runtime/test_pykka_contract.py:" in kept.text
    assert "secret" not in kept.text


def test_a_failing_on_failure_is_survived(pool: Pool) -> None:
    class Worse(_Pooled):
        def on_failure(self, *args: Any) -> None:
            super().on_failure(*args)
            raise SystemExit(4)

    ref = Worse.start(pool)
    actor = body(ref)
    ref.tell(_BoomError("x"))
    assert actor.over.wait(WAIT_S)
    other = _Pooled.start(pool)
    assert other.ask("x") == "x"
    other.stop()


def test_unused_ways_of_pykka_still_fit(pool: Pool) -> None:
    """Pykka's own face of the inbox works too: put, get, empty."""
    actor = _Pooled(pool)
    inbox = actor.actor_inbox
    assert inbox.empty()
    assert actor._create_future() is not None
    with pytest.raises(NotImplementedError):
        actor._create_actor_inbox()
    actor.actor_ref.tell("one")
    assert inbox.get().message == "one"
    assert inbox.empty()
    pending = actor.actor_ref.ask("two", block=False)
    assert inbox.get().reply_to is pending
    inbox.set()
    assert not actor.actor_ref.is_alive()


def _assert_collected(make: Callable[[], Any]) -> None:
    import gc
    import weakref

    ref = weakref.ref(make())
    gc.collect()
    assert ref() is None


def test_a_stopped_actor_is_forgotten(pool: Pool) -> None:
    """10,000 restarts must not keep 10,000 dead actors."""

    def make() -> Any:
        ref = _Pooled.start(pool)
        actor = body(ref)
        ref.ask("x")
        ref.stop()
        return actor

    _assert_collected(make)
