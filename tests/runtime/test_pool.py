"""Many actors on few threads: nothing lost, nothing twice, nobody starved, nobody stuck."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pykka
import pytest
from pykka import ActorDeadError

from actors.messages import Control, Message
from actors.runtime.clock import SystemClock
from actors.runtime.pool.actor import SLICE, PooledActor
from actors.runtime.pool.inbox import InboxActor, MailboxFullError
from actors.runtime.pool.poller import Poller
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.worker import Worker
from tests.runtime.doubles import WAIT_S


class _Numbered(Message, frozen=True, kw_only=True, gc=False):
    sender: int
    number: int


class _Verdict(Control, frozen=True, kw_only=True, gc=False):
    sender: int
    number: int


class _Counter(PooledActor):
    inbox_limit: ClassVar[int] = 64

    def __init__(self, pool: Pool, expected: int) -> None:
        super().__init__(pool)
        self.seen: list[tuple[type, int, int]] = []
        self.expected = expected
        self.complete = threading.Event()
        self.inside = threading.Lock()
        self.overlaps = 0

    def on_receive(self, message: Any) -> None:
        if not self.inside.acquire(blocking=False):
            self.overlaps += 1
            return
        self.seen.append((type(message), message.sender, message.number))
        if len(self.seen) == self.expected:
            self.complete.set()
        self.inside.release()


class _Gated(PooledActor):
    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.log: list[Any] = []
        self.deaths: list[str] = []
        self.stopped = threading.Event()

    def on_receive(self, message: Any) -> Any:
        if message == "wait":
            self.entered.set()
            self.gate.wait(WAIT_S)
        self.log.append(message)
        return message

    def on_stop(self) -> None:
        self.stopped.set()

    def died(self, error: str) -> None:
        self.deaths.append(error)


def _body(ref: pykka.ActorRef[Any]) -> Any:
    actor = ref._actor_weakref()
    assert actor is not None
    return actor


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_reordered_or_overlaps(seed: int) -> None:
    """The scheduled flag is the whole safety of pooling; many threads try to break it."""
    dice = random.Random(seed)
    pool = Pool(threads=dice.randint(1, 4), name=f"seed-{seed}")
    pool.start()
    senders, each = 6, 400
    refs = [_Counter.start(pool, senders * each) for _ in range(5)]

    def send(sender: int, own: random.Random) -> None:
        for number in range(each):
            kind = _Verdict if own.random() < 0.1 else _Numbered
            for ref in refs:
                message = kind(sender=sender, number=number)
                while True:
                    try:
                        ref.tell(message)
                        break
                    except MailboxFullError:
                        threading.Event().wait(0.0005)

    threads = [
        threading.Thread(target=send, args=(sender, random.Random(seed * 100 + sender)))
        for sender in range(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    for ref in refs:
        actor = _body(ref)
        assert actor.complete.wait(WAIT_S), f"seed {seed}: {len(actor.seen)} of {actor.expected}"
        assert actor.overlaps == 0
        for sender in range(senders):
            for kind in (_Verdict, _Numbered):
                numbers = [n for k, s, n in actor.seen if s == sender and k is kind]
                assert numbers == sorted(numbers), f"seed {seed}: order of a sender broken"
            assert sorted(n for _, s, n in actor.seen if s == sender) == list(range(each))
        ref.stop()
    assert pool.stop(WAIT_S) == []


def test_a_quiet_actor_is_not_starved_by_a_flooded_one() -> None:
    """Without a slice, a hop beside 10 flooded actors takes 0.2 s (docs/performance.md)."""
    pool = Pool(threads=1, name="fair")
    order: list[str] = []

    class Named(PooledActor):
        inbox_limit: ClassVar[int] = 100_000

        def on_receive(self, message: Any) -> None:
            order.append(message)

    flooded, quiet = Named.start(pool), Named.start(pool)
    for _ in range(20 * SLICE):
        flooded.tell("flood")
    quiet.tell("quiet")
    pool.start()
    assert flooded.ask("end", timeout=WAIT_S) is None
    assert order.index("quiet") <= SLICE
    flooded.stop()
    quiet.stop()
    assert pool.stop(WAIT_S) == []


def test_actors_share_the_threads(pool: Pool) -> None:
    before = threading.active_count()
    refs = [_Gated.start(pool) for _ in range(500)]
    assert [ref.ask(1) for ref in refs] == [1] * 500
    assert threading.active_count() == before
    for ref in refs:
        ref.stop(block=False)
    for ref in refs:
        ref.stop()
    assert pool.live == {}


def test_stuck_and_abandoned(pool: Pool) -> None:
    """A hung actor costs one thread, not the pool; whoever waits for it is told."""
    ref = _Gated.start(pool)
    actor = _body(ref)
    asked = ref.ask("wait", block=False)
    queued = ref.ask("queued", block=False)
    assert actor.entered.wait(WAIT_S)
    stop = ref.stop(block=False)
    now = time.monotonic()
    assert pool.stuck(now, 60.0) == []
    assert pool.stuck(now + 5.0, 5.0) == [actor]

    lost = _lost_thread(pool, actor)
    pool.abandon(actor)
    assert pool.leaked == 1
    assert actor.deaths == ["hung"]
    assert pool.stuck(now + 1000.0, 5.0) == []
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT_S)
    with pytest.raises(ActorDeadError):
        queued.get(timeout=WAIT_S)
    assert stop.get(timeout=WAIT_S) is True
    with pytest.raises(ActorDeadError):
        ref.tell("late")

    others = [_Gated.start(pool) for _ in range(2)]
    for other in others:  # two workers again: one blocks, the other one answers
        other.tell("wait")
        assert _body(other).entered.wait(WAIT_S)
    for other in others:
        _body(other).gate.set()
        other.stop()

    assert lost.is_alive()
    actor.gate.set()
    lost.join(WAIT_S)
    assert not lost.is_alive()
    assert actor.log == ["wait"], "a lost worker touched the inbox again"
    assert not actor.stopped.is_set()
    assert actor.deaths == ["hung"]


def _lost_thread(pool: Pool, actor: PooledActor) -> threading.Thread:
    (worker,) = [worker for worker in pool._workers if worker.actor is actor]
    return worker.thread


def test_a_lost_worker_that_fails_later_is_not_reported_again(pool: Pool) -> None:
    class Late(_Gated):
        def on_receive(self, message: Any) -> Any:
            super().on_receive(message)
            raise ValueError(message)

    ref = Late.start(pool)
    actor = _body(ref)
    ref.tell("wait")
    assert actor.entered.wait(WAIT_S)
    lost = _lost_thread(pool, actor)
    pool.abandon(actor)
    pool.abandon(actor)
    actor.gate.set()
    lost.join(WAIT_S)
    assert actor.deaths == ["hung"]
    assert pool.leaked == 1


def test_an_idle_actor_can_be_abandoned_too(pool: Pool) -> None:
    ref = _Gated.start(pool)
    actor = _body(ref)
    ref.ask("x")
    pool.abandon(actor)
    assert (pool.leaked, actor.deaths) == (0, ["hung"])
    assert not ref.is_alive()


def test_abandoned_before_its_first_turn_never_starts() -> None:
    pool = Pool(threads=1)
    started = []

    class Eager(PooledActor):
        def on_start(self) -> None:
            started.append(self)

    actor = _body(Eager.start(pool))
    pool.abandon(actor)
    pool.start()
    assert pool.stop(WAIT_S) == []
    assert started == []


def test_a_stop_that_hangs_in_its_hook_is_no_second_death(pool: Pool) -> None:
    class Stubborn(_Gated):
        def on_stop(self) -> None:
            self.entered.set()
            self.gate.wait(WAIT_S)

    ref = Stubborn.start(pool)
    actor = _body(ref)
    stop = ref.stop(block=False)
    assert actor.entered.wait(WAIT_S)
    pool.abandon(actor)
    assert (pool.leaked, actor.deaths) == (1, [])
    assert stop.get(timeout=WAIT_S) is True
    actor.gate.set()


def test_stop_names_the_survivors_and_answers_their_callers() -> None:
    pool = Pool(threads=1, name="stubborn")
    pool.start()
    ref = _Gated.start(pool)
    actor = _body(ref)
    asked = ref.ask("wait", block=False)
    assert actor.entered.wait(WAIT_S)
    assert pool.stop(0.01) == ["stubborn/pool-0"]
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT_S)
    actor.gate.set()
    assert pool.stop(WAIT_S) == []
    with pytest.raises(RuntimeError, match="pool stubborn is stopped"):
        _Gated.start(pool)


def test_what_was_told_before_the_stop_had_its_turn() -> None:
    """Stop hints told just before the pool stops are not lost."""
    pool = Pool(threads=2)
    pool.start()
    refs = [_Gated.start(pool) for _ in range(50)]
    actors = [_body(ref) for ref in refs]
    for ref in refs:
        ref.stop(block=False)
    assert pool.stop(WAIT_S) == []
    assert all(actor.stopped.is_set() for actor in actors)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        Pool(threads=0)
    pool = Pool(threads=1, name="twice")
    pool.start()
    with pytest.raises(RuntimeError, match="started before"):
        pool.start()
    assert pool.stop(WAIT_S) == []


def test_an_idle_worker_keeps_no_dead_actor(pool: Pool) -> None:
    import gc
    import weakref

    refs = []
    for _ in range(10):
        ref = _Gated.start(pool)
        refs.append(weakref.ref(_body(ref)))
        ref.ask("x")
        ref.stop()
    # Each worker takes one more turn, so that what it last held is not the dead one's.
    probes = [_Gated.start(pool) for _ in range(2)]
    for probe in probes:
        probe.ask("x")
        probe.stop()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 10


def test_many_tells_are_one_wakeup() -> None:
    """Why a tell is cheap: it queues its actor only when nobody has (``scripts/bench_tell.py``)."""
    pool = Pool(threads=1, name="woken")
    ref = _Counter.start(pool, _Counter.inbox_limit)
    for number in range(_Counter.inbox_limit):
        ref.tell(_Numbered(sender=1, number=number))
    assert pool._queue.qsize() == 1
    pool.start()
    assert _body(ref).complete.wait(WAIT_S)
    ref.stop()
    assert pool.stop(WAIT_S) == []


class _Hasty(Pool):
    """Runs an actor's first turn before ``start`` returns, as another worker may."""

    def adopt(self, actor: InboxActor) -> None:
        super().adopt(actor)
        inbox = self._queue.get_nowait()
        assert inbox is not None
        worker = Worker(self._queue, name="by hand", monotonic=time.monotonic)
        assert inbox.enter(worker)
        actor.take_turn(worker)
        inbox.leave(worker)


def test_a_role_is_played_before_the_first_turn() -> None:
    """What an actor asks for when it starts may be answered before ``start`` returns."""

    class Role:
        ref: Any = None

    class Asking(PooledActor):
        def on_start(self) -> None:
            told.append(role.ref)

    role, told, pool = Role(), list[Any](), _Hasty(threads=1)
    ref = Asking.play(role, pool)
    assert told == [ref]
    assert pool.stop(WAIT_S) == []


def test_the_lead_passes_on_while_an_actor_holds_it_up(clock: SystemClock) -> None:
    """Sockets are read, pings answered and other actors run beside one that does not return."""
    poller = Poller(clock)
    pool = Pool(threads=1, name="lead", poller=poller)
    pool.start()
    actor = _body(_Gated.start(pool))
    actor.actor_ref.tell("wait")
    assert actor.entered.wait(WAIT_S)
    (held_up,) = pool._workers
    pool.reinforce(2)
    other = _Gated.start(pool)
    assert other.ask("x", timeout=WAIT_S) == "x"
    assert pool._leader is not held_up
    actor.gate.set()
    actor.actor_ref.stop()
    assert poller.stop(WAIT_S) == []
    assert pool.stop(WAIT_S) == []


def test_at_the_limit_a_follower_takes_the_lead(clock: SystemClock) -> None:
    poller = Poller(clock)
    pool = Pool(threads=2, name="limit", poller=poller)
    pool.start()
    actor = _body(_Gated.start(pool))
    actor.actor_ref.tell("wait")
    assert actor.entered.wait(WAIT_S)
    pool.reinforce(2)
    pool.reinforce(2)
    other = _Gated.start(pool)
    assert other.ask("x", timeout=WAIT_S) == "x"
    actor.gate.set()
    assert poller.stop(WAIT_S) == []
    assert pool.stop(WAIT_S) == []


def test_the_lead_is_not_taken_from_one_that_reads() -> None:
    """Two that read one socket would tear its frames apart."""

    class Sockets:
        """In place of the poller; sees what becomes of the lead at each step of a turn."""

        asleep = closed = False

        def turn(self, between: Callable[[], bool], hurried: Callable[[], bool]) -> None:
            del hurried
            pool.reinforce(0)
            seen.append(pool._leader is leader)  # it is at the sockets
            seen.append(between())

        def rouse(self) -> None:
            """Nobody sleeps."""

    seen: list[bool] = []
    calls: list[int] = []
    pool = Pool(threads=1, name="lead", poller=Sockets())  # type: ignore[arg-type]  # its form
    leader = Worker(pool._queue, name="leads", monotonic=time.monotonic)
    other = Worker(pool._queue, name="follows", monotonic=time.monotonic)
    assert pool._lead(leader)
    assert seen == [True, True]
    assert not pool._lead(other)

    class Usurped(_Gated):
        def on_receive(self, message: Any) -> Any:
            pool.reinforce(0)  # as the sweep does while this does not return
            calls.append(pool._queue.qsize())
            return super().on_receive(message)

    Usurped.start(pool).tell("x")
    seen.clear()
    assert pool._lead(leader)
    assert seen == [True, False], "it would read on beside the next leader"
    assert calls == [1], "a follower that waits for mail would not hear that the lead is free"
    assert pool._lead(other)


def test_a_thread_that_died_is_replaced_whoever_has_its_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dead worker in the books would be mended for ever, and take another one's place."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    pool = Pool(threads=1, name="mended")
    pool.start()
    actor = _body(_Gated.start(pool))

    class Fatal:
        """Ends the thread with an actor at hand that is in nobody's hands any more."""

        actor = None

        def enter(self, worker: Worker) -> bool:
            worker.actor = actor
            raise SystemExit

    (dead,) = pool._workers
    pool._queue.put(Fatal())  # type: ignore[arg-type]  # that is the sabotage
    dead.thread.join(WAIT_S)
    for each in pool.mend():
        pool.abandon(each)
    assert actor.deaths == ["hung"]
    assert pool.mend() == []
    assert [worker.thread.is_alive() for worker in pool._workers] == [True]
    assert pool.stop(WAIT_S) == []
