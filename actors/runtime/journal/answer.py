"""One answer that a thread waits for, given by any other thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from actors.ports.journal import CommandRefusedError

T = TypeVar("T")


class Answer(Generic[T]):
    """What became of a command of the journal. It is given once and taken once.

    Args:
        then: Called with it before the thread goes on, and though it waits no more.
        refused: Called with a reason in place of ``then``.
    """

    __slots__ = ("_given", "_reason", "_refused", "_then", "_value")

    def __init__(
        self,
        then: Callable[[T], object] | None = None,
        refused: Callable[[str], object] | None = None,
    ) -> None:
        self._then = then
        self._refused = refused
        self._given = threading.Lock()  # held until it is given; who gives it waits for nobody
        self._given.acquire()
        self._value: T
        self._reason: str | None = None

    def give(self, value: T) -> None:
        """Give it."""
        if self._then is not None:
            self._then(value)
        self._value = value
        self._given.release()

    def refuse(self, reason: str) -> None:
        """Say that there will be none."""
        if self._refused is not None:
            self._refused(reason)
        self._reason = reason
        self._given.release()

    def take(self, timeout_s: float) -> T:
        """Wait for it, and return it.

        Raises:
            TimeoutError: It was not given in time.
            CommandRefusedError: There is none.
        """
        if not self._given.acquire(timeout=timeout_s):
            raise TimeoutError(f"the journal did not answer within {timeout_s:g} s")
        if self._reason is not None:
            raise CommandRefusedError(self._reason)
        return self._value
