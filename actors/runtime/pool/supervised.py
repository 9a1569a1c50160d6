"""Actors whose end is always reported, however they die."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, Never, NoReturn, TypeVar

from actors.messages import ActorDied
from actors.ports import Mailbox
from actors.runtime.pool.actor import PooledActor
from actors.runtime.pool.inbox import Incarnation
from actors.runtime.pool.pool import Pool

M = TypeVar("M")


class SupervisedActor(PooledActor, Generic[M]):
    """Base of the kernel's actors: write :meth:`receive`, perhaps the two hooks.

    ``M`` is the closed union of what it receives.

    Whatever ends it other than a stop is told to the supervisor as exactly one
    :class:`~actors.messages.ActorDied`: an exception in a hook or on a told message, also
    ``SystemExit`` and its like, and being abandoned as hung. An exception on an asked message
    goes to the asker and ends nothing.
    """

    def __init__(self, pool: Pool, *, name: str, supervisor: Mailbox[ActorDied] | None) -> None:
        super().__init__(pool)
        self._name = name
        self._supervisor = supervisor
        self._reported = False

    def receive(self, message: M) -> None:
        """Handle one message."""
        raise NotImplementedError(f"{type(self).__name__} must say what it does with a message")

    def refuse(self, message: Never) -> NoReturn:
        """Die of a message that is in no case: the last case of :meth:`receive`.

        A message of the union without a case of its own is a type error here.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{self._name} cannot receive {type(message).__name__}")

    def incarnation(self) -> Incarnation[M]:
        """Return the mailbox of this life alone: the next one does not hear what is told there."""
        return Incarnation(self.actor_ref)

    def started(self) -> None:
        """Run before the first message."""

    def stopped(self) -> None:
        """Run at an orderly stop, after the last message."""

    def died(self, error: str) -> None:
        """Tell the supervisor, the first time."""
        if self._reported:
            return
        self._reported = True
        if self._supervisor is not None:
            self._supervisor.tell(ActorDied(name=self._name, urn=self.actor_urn, error=error))

    def on_receive(self, message: Any) -> Any:
        """Pass pykka's message on."""
        return self.receive(message)

    def on_start(self) -> None:
        """Pass pykka's hook on."""
        self.started()

    def on_stop(self) -> None:
        """Pass pykka's hook on."""
        self.stopped()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: :meth:`died` was called."""
