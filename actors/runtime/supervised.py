"""Actors whose every kind of death is heard of."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from actors.messages import ActorDied
from actors.ports import Mailbox
from actors.runtime.actor import PooledActor
from actors.runtime.inbox import post
from actors.runtime.pool import Pool


class SupervisedActor(PooledActor):
    """Base of the kernel's actors: write :meth:`receive`, perhaps the two hooks.

    Whatever ends it other than a stop is told to the supervisor as exactly one
    :class:`~actors.messages.ActorDied`: an exception in a hook or on a told message, also
    ``SystemExit`` and its like, and being abandoned as hung. An exception on an asked message
    goes to the asker and ends nothing.
    """

    def __init__(self, pool: Pool, *, name: str, supervisor: Mailbox[Any] | None) -> None:
        super().__init__(pool)
        self._name = name
        self._supervisor = supervisor
        self._reported = False

    def receive(self, message: Any) -> Any:
        """Handle one message; what it gives is the answer to an ask."""
        raise NotImplementedError(f"{type(self).__name__} must say what it does with a message")

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
            post(self._supervisor, ActorDied(name=self._name, urn=self.actor_urn, error=error))

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
