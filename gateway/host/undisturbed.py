"""Runs calls of the main thread on another thread, where no signal handler can interrupt them.

Python runs signal handlers on the main thread, between any two of its instructions. A handler
that calls the gateway while the main thread is in a call of it would wait for a lock of its own
thread; one that raises (Ctrl-C, a time limit) would leave a lock held, or a change half done. So
the main thread takes no lock of ours: its calls run on a thread of their own, and it waits for the
answer. What a signal ends is that wait; the call itself goes on to its end.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import sys
import threading
from _thread import LockType
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar

NAME: Final = "gateway/call"
"""Name of these threads."""

END_S: Final = 1.0
"""Seconds to wait for the end of a busy thread."""

P = ParamSpec("P")
T = TypeVar("T")


def undisturbed(call: Callable[P, T]) -> Callable[P, T]:
    """Decorate a call that takes locks; see :func:`run`."""

    @functools.wraps(call)
    def apart(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(partial(call, *args, **kwargs))

    return apart


def run(
    call: Callable[[], T],
    *,
    interrupted: Callable[[], object] = lambda: None,
    last: bool = False,
) -> T:
    """Return what a call returns, or raise what it raises; apart, if this is the main thread.

    Args:
        call: What to do.
        interrupted: Called if a signal handler raises while the main thread waits.
        last: The end of the process waits for it, and the threads end after it; who still calls
            gets others.
    """
    if threading.current_thread() is not threading.main_thread() or sys.is_finalizing():
        return call()
    try:
        hands = _hands()
    except _NoThreadError:
        return call()
    job = _Job(partial(contextvars.copy_context().run, call))
    try:
        hands.do(job, daemon=not last)
        value, error = job.answers.get()
    except BaseException:
        interrupted()
        raise
    finally:
        if last:
            _leave()
    if error is None:
        answer: T = value
        return answer
    try:
        raise error
    finally:
        del error, job  # they hold this frame, and with it the caller's


def _leave() -> None:
    found = _made[:]  # a signal handler may leave, too, between any two lines
    _made.clear()
    for hands in found:
        hands.end()


class _NoThreadError(Exception):
    """Raised when no thread can be started."""


class _Job:
    """A call and the place of its result."""

    __slots__ = ("_calls", "answers")

    def __init__(self, call: Callable[[], object]) -> None:
        self._calls = [call]
        self.answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()  # reentrant

    def do(self, done: Callable[[], object]) -> None:
        """Do it unless it was begun elsewhere, and tell once ``done`` was called."""
        answer: tuple[object, BaseException | None]
        try:
            call = self._calls.pop()
        except IndexError:
            done()
            return
        try:
            answer = call(), None
        except BaseException as error:  # noqa: BLE001  # raised where it was asked for
            answer = None, error
        done()
        self.answers.put(answer)
        del answer  # an error has this frame


class _Hands:
    """Threads that run calls of the main thread: two, and more while handlers call within calls.

    The main thread only puts into a queue: that a signal cannot cut in two, and the start of a
    thread it can. So the threads start one another, and stay until the last call.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._jobs: SimpleQueue[tuple[_Job, bool] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # never taken on the main thread
        self._idle = 0
        self._ended = False
        try:
            self._hire()
        except RuntimeError as error:
            if "start new thread" not in str(error):  # a signal handler's
                raise
            raise _NoThreadError from error

    def do(self, job: _Job, *, daemon: bool) -> None:
        """Have something done, after the end, too."""
        self._jobs.put((job, daemon))
        if self._ended:  # by a signal handler, perhaps before anybody could take it
            _apart(job, daemon=daemon)

    def _hire(self) -> None:
        thread = threading.Thread(target=self._work, name=NAME, daemon=True)
        thread.start()
        self._threads.append(thread)
        self._idle += 1

    def _work(self) -> None:
        while (asked := self._jobs.get()) is not None:
            job, daemon = asked
            del asked
            with self._lock, contextlib.suppress(RuntimeError):  # none is left: the next waits
                self._idle -= 1
                if not self._idle:
                    self._hire()
            if daemon:
                job.do(self._rest)
            else:
                _apart(job, daemon=False)
                self._rest()
            del job
        self._jobs.put(None)  # for the next

    def end(self) -> None:
        """End the threads, one that is busy when it has done what it is at."""
        self._ended = True
        self._jobs.put(None)
        for thread in self._threads:
            thread.join(END_S)

    def _rest(self) -> None:
        with self._lock:
            self._idle += 1


def _apart(job: _Job, *, daemon: bool) -> None:
    """Do something on a thread of its own; without ``daemon`` the process waits for its end."""
    do = partial(job.do, int)
    try:
        threading.Thread(target=do, name="gateway/stop", daemon=daemon).start()
    except RuntimeError:  # no thread is left
        do()


_made: list[_Hands] = []


def _hands() -> _Hands:
    """Return those of this process: a child has none of its parent's threads."""
    for hands in _made[:]:
        if hands.pid == os.getpid():
            return hands
    hands = _Hands()
    _made[:] = [hands]
    return hands


class Bell:
    """Wakes threads that wait for a change. Ringing takes no lock."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: set[LockType] = set()

    def ring(self) -> None:
        """Wake all waiting threads, so that they check again."""
        for each in tuple(self._waiting):
            with contextlib.suppress(RuntimeError):  # it was rung already
                each.release()

    def wait_for(self, there: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is so; return whether it is."""
        deadline = monotonic() + timeout_s
        rung = threading.Lock()  # of all that waits with a deadline, only this one keeps it
        rung.acquire()  # where a signal handler outlasts it (SimpleQueue.get() never returns)
        self._waiting.add(rung)
        try:
            while not there():
                left_s = deadline - monotonic()
                if left_s <= 0.0:
                    return there()
                rung.acquire(timeout=min(left_s, threading.TIMEOUT_MAX))
            return True
        finally:
            self._waiting.discard(rung)
