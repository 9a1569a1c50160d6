"""One thread and one heap for every delay of the process."""

from __future__ import annotations

import heapq
import logging
import math
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, TypeVar

from actors.ports import Clock, Mailbox
from actors.runtime.place import place
from actors.runtime.supervised import post

M = TypeVar("M")

_log = logging.getLogger(__name__)

_COMPACT_FROM = 64
"""Below this many entries the cancelled ones may lie around."""


class Timer:
    """Something that will happen once, unless it is cancelled."""

    __slots__ = ("_timers", "due", "fire", "mailbox", "message")

    def __init__(self, timers: Timers, due: float) -> None:
        self._timers = timers
        self.due = due
        self.fire: Callable[[], Any] | None = None
        self.mailbox: Mailbox[Any] | None = None
        self.message: Any = None

    def cancel(self) -> None:
        """Make sure that it does not fire later; idempotent. It may be firing right now."""
        self._timers.cancel(self)

    def clear(self) -> Callable[[], Any] | None:
        """Let go of everything it holds; gives what it would have done, if anything."""
        fire, self.fire, self.mailbox, self.message = self.fire, None, None, None
        return fire


class Timers:
    """Tells messages and calls small functions when they are due.

    Timers that are due at one moment fire in the order they were made. What fires must not
    block: it holds up every other timer. Its exceptions are logged and end nothing.
    """

    def __init__(self, clock: Clock, *, name: str = "gateway/timers") -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._numbers = count()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> list[str]:
        """End the thread; what has not fired never will. Idempotent.

        Returns:
            The thread's name if it is still alive after ``timeout_s``.
        """
        with self._changed:
            self._stopping = True
            self._heap.clear()
            self._cancelled = 0
            self._changed.notify()
        thread = self._thread
        if thread.ident is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        return [thread.name] if thread.is_alive() else []

    def after(
        self, delay_s: float, mailbox: Mailbox[M], message: M, *, slack_s: float = 0.0
    ) -> Timer:
        """Tell a message in ``delay_s`` seconds; a receiver that is dead by then is no error.

        Args:
            delay_s: How long to wait at least.
            mailbox: Whom to tell.
            message: What.
            slack_s: How much later it may be. All timers of one slack that are due within it
                fire at one moment: a wake-up costs more than what most of them do.
        """
        due = self._clock.monotonic() + delay_s
        timer = Timer(self, math.ceil(due / slack_s) * slack_s if slack_s else due)
        timer.fire = partial(post, mailbox, message)
        timer.mailbox, timer.message = mailbox, message
        return self._add(timer)

    def call_after(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call a trivial function on the timer thread in ``delay_s`` seconds."""
        timer = Timer(self, self._clock.monotonic() + delay_s)
        timer.fire = fn
        return self._add(timer)

    def _add(self, timer: Timer) -> Timer:
        with self._changed:
            if self._stopping:
                timer.clear()
                return timer
            heapq.heappush(self._heap, (timer.due, next(self._numbers), timer))
            if self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def look(self) -> None:
        """Read the clock again, which was moved by hand."""
        with self._changed:
            self._changed.notify()

    def cancel(self, timer: Timer) -> None:
        """Take a timer back; :meth:`Timer.cancel` says what that means."""
        with self._changed:
            if timer.clear() is None:
                return
            self._cancelled += 1
            if self._cancelled * 2 > len(self._heap) >= _COMPACT_FROM:
                self._heap = [entry for entry in self._heap if entry[2].fire is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _take_due(self, now: float) -> list[Callable[[], Any]]:
        """Take off the heap what is due, and cancelled entries in front of it. Locked."""
        heap, due = self._heap, []
        while heap and (heap[0][0] <= now or heap[0][2].fire is None):
            fire = heapq.heappop(heap)[2].clear()
            if fire is None:
                self._cancelled -= 1
            else:
                due.append(fire)
        return due

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                now = self._clock.monotonic()
                due = self._take_due(now)
                if not due:
                    heap = self._heap
                    self._changed.wait(
                        min(heap[0][0] - now, threading.TIMEOUT_MAX) if heap else None
                    )
                    continue
            for fire in due:
                _fire(fire)
            del due, fire  # a sleeping thread must not keep a message alive


def _fire(fire: Callable[[], Any]) -> None:
    try:
        fire()
    except BaseException as error:  # noqa: BLE001  # one bad callback must not stop time
        _log.error("a timer failed: %s", place(error))
