"""A pykka actor without a thread of its own.

Everything pykka promises about an actor holds: order by sender, one message at a time, ask
and its exceptions, proxies, hooks, answers to the unanswered when it stops. What differs, on
purpose, and is pinned by ``tests/runtime/test_pykka_contract.py``:

* Control messages and stops overtake ordinary mail; ordinary mail is bounded.
* A tell to a stopped actor always raises; pykka may lose one that races with the stop.
* ``SystemExit`` and ``KeyboardInterrupt`` end this actor as any exception would. pykka stops
  every actor of the process.
* A failing ``on_start`` or ``on_stop``, whatever it raises, is a death like any other.
* It is not in the process-wide ``ActorRegistry``: that is a list (stopping is O(n)), and the
  host's ``ActorRegistry.stop_all`` would kill actors it knows nothing about.
* The log line of a death names type and place, never the exception's text.
"""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

import pykka
from pykka import ActorDeadError, Future
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.runtime.pool.error_location import error_location
from actors.runtime.pool.inbox import NOTHING, Inbox
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.worker import Worker

SLICE = 64
"""Messages one actor runs before the next gets its turn: a quiet actor's hop stays below
0.3 ms beside flooded ones (``docs/performance.md``)."""


class RoleHolder(Protocol):
    """Anything that holds the reference of the actor in a role."""

    ref: Any


class PooledActor(pykka.Actor):
    """Base of actors that share the threads of a :class:`~actors.runtime.pool.pool.Pool`.

    The pool is the first argument of ``start`` and of the constructor.
    """

    inbox_limit: ClassVar[int] = 1024
    """Ordinary messages that may wait; control messages are not counted."""

    actor_inbox: Inbox

    def __init__(self, pool: Pool) -> None:  # not super's: an Event and a UUID cost 1 KB
        self._pool = pool
        self.actor_inbox = Inbox(type(self), pool.schedule)
        self._begun = False

    @property
    def actor_ref(self) -> pykka.ActorRef[Any]:
        """The address of the actor: its inbox."""
        return self.actor_inbox

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's is set, ours is made
        """The name of this one incarnation."""
        return self.actor_inbox.actor_urn

    @property
    def actor_stopped(self) -> Inbox:  # type: ignore[override]  # it has what is asked of it
        """The flag that the actor is stopped: its inbox."""
        return self.actor_inbox

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Make the actor and let it run; the arguments are the constructor's.

        Raises:
            RuntimeError: The pool is stopped.
        """
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    @classmethod
    def play(cls, role: RoleHolder, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start the actor in a role; the other arguments are the constructor's.

        The role is its own before its first turn: what it asks for there may be answered,
        on another thread, before ``start`` would have returned, and must find it.

        Raises:
            RuntimeError: The pool is stopped.
        """
        actor = cls(*args, **kwargs)
        role.ref = actor.actor_ref
        actor._start_actor_loop()
        return actor.actor_ref

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        raise NotImplementedError("a pooled actor's inbox is made with its pool")

    @staticmethod
    def _create_future() -> Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._pool.adopt(self)

    # --- on a worker ---------------------------------------------------------------------

    def take_turn(self, worker: Worker) -> None:
        """Run up to :data:`SLICE` messages. The worker only; never raises."""
        inbox = self.actor_inbox
        if not self._begun and not inbox.stopped:
            self._begun = True
            try:
                self.on_start()
            except BaseException as error:  # noqa: BLE001  # a stranger's code
                self._fail(worker, error, tell=False)
        monotonic, on_receive = worker.monotonic, self.on_receive
        for _ in range(SLICE):
            if inbox.stopped:
                break
            try:
                item = (inbox.urgent or inbox.mail or NOTHING).popleft()  # Inbox.take(), inlined
            except IndexError:
                break
            if type(item) is Envelope:
                self._answer(worker, item)
            else:
                try:
                    if isinstance(item, tuple):  # pykka's own messages are
                        self._handle_receive(item)
                    else:
                        on_receive(item)
                except BaseException as error:  # noqa: BLE001  # a stranger's code
                    self._fail(worker, error, tell=True)
            worker.since = monotonic()
        if inbox.stopped and not worker.lost:
            self.tear_down()

    def _answer(self, worker: Worker, envelope: Envelope[Any]) -> None:
        inbox, reply_to = self.actor_inbox, envelope.reply_to
        assert reply_to is not None
        inbox.asked = envelope
        answer: Any = None
        outcome: Any = None
        try:
            answer = self._handle_receive(envelope.message)
        except Exception as error:  # noqa: BLE001  # belongs to the caller
            outcome = (type(error), error, error.__traceback__)
        except BaseException as error:  # noqa: BLE001  # must not reach the caller's thread
            self._fail(worker, error, tell=True)
            dead = ActorDeadError(f"{self.actor_ref} died of the message")
            outcome = (ActorDeadError, dead, None)
        inbox.asked = None
        try:
            if outcome is None:
                reply_to.set(answer)
            else:
                reply_to.set_exception(outcome)
        except queue.Full:  # it was abandoned, and answered by whoever did
            pass

    def _fail(self, worker: Worker, error: BaseException, *, tell: bool) -> None:
        if worker.lost:
            return
        trouble = (type(error), error, error.__traceback__)
        self._handle_failure(*trouble)
        if tell:
            try:
                self.on_failure(*trouble)
            except BaseException as second:  # noqa: BLE001  # a stranger's code
                self._handle_failure(type(second), second, second.__traceback__)

    # --- the end -------------------------------------------------------------------------

    def _stop(self) -> None:
        self._end()
        try:
            self.on_stop()
        except BaseException as error:  # noqa: BLE001  # a stranger's code
            self._handle_failure(type(error), error, error.__traceback__)

    def _end(self) -> bool:
        first = self.actor_inbox.kill()
        self._pool.forget(self)
        return first

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002  # pykka's signature
        exception_value: BaseException | None,
        traceback: TracebackType | None,  # noqa: ARG002  # pykka's signature
    ) -> None:
        assert exception_value is not None
        where = error_location(exception_value)
        if self._end():
            self.died(where)
        else:
            self._pool.log.error("actor.hook_failed", actor=str(self), reason=where)

    def died(self, error: str) -> None:
        """Hear of the actor's own death, other than by a stop; once.

        Args:
            error: Type and place of the exception, or ``hung``.
        """
        self._pool.log.error("actor.died", actor=str(self), error=error)

    def tear_down(self) -> None:
        """Answer whoever asked and got no answer. The actor is stopped."""
        inbox = self.actor_inbox
        waiting = inbox.drain()
        if inbox.asked is not None:
            waiting.append(inbox.asked)
            inbox.asked = None
        for envelope in waiting:
            reply_to = envelope.reply_to
            assert reply_to is not None
            dead = ActorDeadError(f"{self.actor_ref} stopped before handling the message")
            try:
                if isinstance(envelope.message, _ActorStop):
                    reply_to.set(None)
                else:
                    reply_to.set_exception((ActorDeadError, dead, None))
            except queue.Full:  # the answer came at this very moment
                pass
