"""The mailbox of a pooled actor: bounded, control messages first, no lost wake-up.

It is also its address (``actor_ref``), pykka's flag that the actor is stopped
(``actor_stopped``), and what tells the pool that its actor has something to do: four objects
in one, because 60,000 of them are alive, and because whoever tells is at the mailbox at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from pykka import ActorDeadError, ActorRef
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)

_LOCKS: Final = tuple(threading.Lock() for _ in range(64))
"""Inboxes share them: each is held for less than a microsecond and costs 90 bytes."""

_numbers = count(1)

NOTHING: Final[deque[Any]] = deque()
"""Stands in for a lane that is not there; stays empty."""


class MailboxFullError(Exception):
    """The inbox of an actor holds as many ordinary messages as it may.

    Attributes:
        actor_class: Name of the receiver's class.
        limit: Its bound.
    """

    def __init__(self, actor_class: str, limit: int) -> None:
        super().__init__(f"{actor_class} has {limit} messages waiting and takes no more")
        self.actor_class = actor_class
        self.limit = limit


class Receiver(Protocol[M_contra]):
    """Anything that takes messages, for one a pykka ``ActorRef``; its ``tell`` may raise."""

    def tell(self, message: M_contra) -> object:
        """Take a message."""


def post(receiver: Receiver[M], message: M) -> bool:
    """Leave a message; False if the receiver is dead or its inbox full, and it is lost."""
    try:
        receiver.tell(message)
    except (ActorDeadError, MailboxFullError):
        return False
    return True


class Incarnation(Generic[M]):
    """The mailbox of one life of an actor: messages after its end are lost.

    Implements :class:`actors.ports.Mailbox`.
    """

    __slots__ = ("ref",)

    def __init__(self, ref: Receiver[M]) -> None:
        self.ref = ref

    def tell(self, message: M) -> bool:
        """Leave a message; False if it is lost."""
        return post(self.ref, message)


class InboxWorker(Protocol):
    """A worker, as far as an inbox knows it."""

    lost: bool


class InboxActor(Protocol):
    """An actor, as far as its inbox, a worker and the pool know it."""

    inbox_limit: ClassVar[int]
    actor_inbox: Inbox

    def take_turn(self, worker: Any) -> None:
        """Run some messages."""

    def tear_down(self) -> None:
        """Answer whoever waits for an answer."""

    def died(self, error: str) -> None:
        """Hear that it was given up."""


class Inbox(ActorRef[Any]):
    """Two lanes of mail, and whether the actor is scheduled. Any thread may tell.

    ``scheduled`` is the one slot that makes pooling safe: whoever sets it puts the inbox on
    the run queue, and only a worker that found both lanes empty, under the lock, clears it.
    So an inbox is on the queue or in the hands of one worker at most once.

    An item is the bare message if it was told and an ``Envelope`` if it was asked.
    """

    __slots__ = (
        "_lock",
        "_schedule",
        "_scheduled",
        "actor",
        "actor_class",
        "asked",
        "mail",
        "number",
        "stopped",
        "urgent",
        "worker",
    )

    actor_class: type[InboxActor]

    def __init__(
        self, owner: type[InboxActor], schedule: Callable[[Inbox], None]
    ) -> None:  # not super's: it wants an actor that is whole
        self.actor_class = owner
        self.number = next(_numbers)
        self.actor: InboxActor | None = None
        self.stopped = False
        self.worker: InboxWorker | None = None
        self.asked: Envelope[Any] | None = None
        # An empty deque costs 624 bytes: an idle actor has none.
        self.mail: deque[Any] | None = None
        self.urgent: deque[Any] | None = None
        self._lock = _LOCKS[self.number % len(_LOCKS)]
        self._schedule = schedule
        # Mail that comes before the actor is started must not run it.
        self._scheduled = True

    def put(self, envelope: Envelope[Any], /) -> None:
        """Leave an envelope (pykka's way in). What is refused is answered in its future."""
        reply_to = envelope.reply_to
        if reply_to is None:
            self.tell(envelope.message)
            return
        try:
            self.tell(envelope, type(envelope.message))
        except (ActorDeadError, MailboxFullError) as error:
            reply_to.set_exception((type(error), error, None))

    def tell(self, message: Any, kind: type | None = None) -> None:
        """Leave a message.

        Args:
            message: Of any type; or an ``Envelope`` with somebody who waits for the answer.
            kind: The type of the message, if it is not the one of ``message``.

        Raises:
            ActorDeadError: The actor is stopped.
            MailboxFullError: The message is ordinary mail and there is no room.
        """
        if kind is None:
            kind = type(message)
        urgent = kind is _ActorStop or getattr(kind, "control", False)
        with self._lock:
            if self.stopped:
                raise ActorDeadError(f"{self} not found")
            if urgent:
                if self.urgent is None:
                    self.urgent = deque()
                self.urgent.append(message)
            elif self.mail is None:
                self.mail = deque((message,))
            elif len(self.mail) < self.actor_class.inbox_limit:
                self.mail.append(message)
            else:
                raise MailboxFullError(self.actor_class.__name__, self.actor_class.inbox_limit)
            if self._scheduled:
                return
            self._scheduled = True
        self._schedule(self)

    def take(self) -> Any:
        """Take the next item, control first.

        Raises:
            IndexError: There is none, or the actor was abandoned at this moment.
        """
        return (self.urgent or self.mail or NOTHING).popleft()

    def get(self) -> Envelope[Any]:
        """Take the next envelope (pykka's way out; never blocks)."""
        item = self.take()
        return item if type(item) is Envelope else Envelope(item)

    def empty(self) -> bool:
        """Return whether both lanes are empty."""
        return not self.urgent and not self.mail

    # --- pykka's reference -------------------------------------------------------------

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's is set, ours is made
        """The name of this one incarnation."""
        return f"urn:pooled:{self.number:x}"

    @property
    def actor_inbox(self) -> Inbox:  # type: ignore[override]  # pykka's is set, ours is
        """The mailbox of whom this refers to."""
        return self

    @property
    def actor_stopped(self) -> Inbox:  # type: ignore[override]  # it has what is asked of it
        """The flag that the actor is stopped."""
        return self

    @property
    def _actor_weakref(self) -> Callable[[], InboxActor | None]:  # type: ignore[override]
        return lambda: self.actor

    # --- pykka's actor_stopped ---------------------------------------------------------

    def is_set(self) -> bool:
        """Return whether the actor is stopped."""
        return self.stopped

    def set(self) -> None:
        """Stop taking mail; see :meth:`kill`."""
        self.kill()

    def kill(self) -> bool:
        """Stop taking mail. True for the one caller that did it."""
        with self._lock:
            first = not self.stopped
            self.stopped = True
        return first

    # --- the pool's side ---------------------------------------------------------------

    def enter(self, worker: InboxWorker) -> bool:
        """Put the actor into the hands of a worker; False if there is nothing to run."""
        with self._lock:
            if self.actor is None:
                return False
            self.worker = worker
            return True

    def leave(self, worker: InboxWorker) -> bool:
        """Take it out again; True if it must go to the back of the run queue."""
        with self._lock:
            if worker.lost:
                return False
            self.worker = None
            if self.stopped:
                return False
            if self.urgent or self.mail:
                return True
            self.mail = self.urgent = None
            self._scheduled = False
            return False

    def abandon(self) -> tuple[bool, InboxWorker | None]:
        """Stop taking mail and give up the worker that runs the actor, if one does.

        Returns:
            Whether this call ended the actor's life, and the worker that is lost.
        """
        with self._lock:
            first = not self.stopped
            self.stopped = True
            worker = self.worker
            if worker is not None:
                worker.lost = True
                self.worker = None
            return first, worker

    def drain(self) -> list[Envelope[Any]]:
        """Throw the mail of a stopped actor away; gives the asks, which want an answer."""
        with self._lock:
            lanes = (self.urgent, self.mail)
            self.mail = self.urgent = None
            self.actor = None
        items = [lane.popleft() for lane in lanes if lane for _ in range(len(lane))]
        return [item for item in items if type(item) is Envelope]
