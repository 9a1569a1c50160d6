"""Timers: one thread and one heap for every delay of the process."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable
from itertools import count
from typing import Final, Never, TypeAlias, TypeVar, cast

from actors.ports import Clock, Mailbox
from actors.runtime.log import SILENT, Log
from actors.runtime.pool.error_location import error_location

M = TypeVar("M")

OVER: Final = object()
"""What a timer holds once it will not fire any more."""

Due: TypeAlias = tuple["Mailbox[Never] | None", object]
"""A mailbox and the message for it; without a mailbox, a function to call."""

_COMPACT_FROM = 64
"""With fewer entries than this, cancelled ones stay in the heap."""


class Timer:
    """Something that will happen once, unless it is cancelled.

    Attributes:
        due: Monotonic seconds.
        number: In the order they were made.
        mailbox: Whom to tell ``what``; None: ``what`` is a function to call.
        what: :data:`OVER` once it has fired or was cancelled.
    """

    __slots__ = ("_timers", "due", "mailbox", "number", "what")

    def __init__(
        self, timers: Timers, due: float, mailbox: Mailbox[Never] | None, what: object
    ) -> None:
        self._timers = timers
        self.due = due
        self.number = 0
        self.mailbox = mailbox
        self.what = what

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due or (self.due == other.due and self.number < other.number)

    def cancel(self) -> None:
        """Make sure that it does not fire later; idempotent. It may be firing right now."""
        self._timers.cancel(self)

    def clear(self) -> Due:
        """Let go of everything it holds; gives that."""
        held = self.mailbox, self.what
        self.mailbox, self.what = None, OVER
        return held


class Timers:
    """Tells messages and calls small functions when they are due.

    Timers that are due at one moment fire in the order they were made. What fires must not
    block: it holds up every other timer. Its exceptions are logged and end nothing.
    """

    def __init__(self, clock: Clock, *, name: str = "gateway/timers", log: Log = SILENT) -> None:
        self._clock = clock
        self._log = log
        self._heap: list[Timer] = []
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
        due = math.ceil(due / slack_s) * slack_s if slack_s else due
        return self._add(Timer(self, due, mailbox, message))

    def call_after(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call a trivial function on the timer thread in ``delay_s`` seconds."""
        return self._add(Timer(self, self._clock.monotonic() + delay_s, None, fn))

    def _add(self, timer: Timer) -> Timer:
        with self._changed:
            if self._stopping:
                timer.clear()
                return timer
            timer.number = next(self._numbers)
            heapq.heappush(self._heap, timer)
            if self._heap[0] is timer:
                self._changed.notify()
        return timer

    def look(self) -> None:
        """Read the clock again, which was moved by hand."""
        with self._changed:
            self._changed.notify()

    def cancel(self, timer: Timer) -> None:
        """Take a timer back; :meth:`Timer.cancel` says what that means."""
        with self._changed:
            if timer.clear()[1] is OVER:
                return
            self._cancelled += 1
            if self._cancelled * 2 > len(self._heap) >= _COMPACT_FROM:
                self._heap = [timer for timer in self._heap if timer.what is not OVER]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _take_due(self, now: float) -> list[Due]:
        """Take off the heap what is due, and cancelled entries in front of it. Locked."""
        heap, due = self._heap, []
        while heap and (heap[0].due <= now or heap[0].what is OVER):
            held = heapq.heappop(heap).clear()
            if held[1] is OVER:
                self._cancelled -= 1
            else:
                due.append(held)
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
                        min(heap[0].due - now, threading.TIMEOUT_MAX) if heap else None
                    )
                    continue
            for held in due:
                _fire_guarded(held, self._log)
            del due, held  # a sleeping thread must not keep a message alive


def fire(held: Due) -> None:
    """Do what a timer held."""
    mailbox, what = held
    if mailbox is None:
        cast("Callable[[], object]", what)()
    else:  # of the type that was given with it: see Timers.after
        cast("Mailbox[object]", mailbox).tell(what)


def _fire_guarded(held: Due, log: Log) -> None:
    try:
        fire(held)
    except BaseException as error:  # noqa: BLE001  # one bad callback must not stop time
        log.error(  # noqa: TRY400  # the text of an exception may hold a secret
            "callback.failed", what="a timer", reason=error_location(error)
        )
