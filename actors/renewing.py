"""Which renewal begins next, and the threads they run on.

A renewal needs a free worker and a token of its egress: the address its calls leave by. Who waits
for a link goes before who renews ahead of time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from actors.policy.rates import TokenBucket
from actors.sections import CredentialSettings
from actors.values import AccountId

SLOW_FOR_S: Final = 600.0
"""Seconds an egress is slow after the platform throttled one of its accounts."""

SLOW_PER_S: Final = 0.1
"""Renewals a second through such an egress."""


class Egress:
    """The accounts that wait for one egress, and its rate."""

    __slots__ = ("_bucket", "_early", "_settings", "_slow_until", "_urgent")

    def __init__(self, settings: CredentialSettings) -> None:
        self._settings = settings
        self._urgent: deque[AccountId] = deque()
        self._early: deque[AccountId] = deque()
        self._slow_until: float | None = None
        self._bucket = self._usual()

    def join(self, account: AccountId, *, urgent: bool) -> None:
        """Wait for a turn; ``urgent``: an attempt waits for the grant."""
        (self._urgent if urgent else self._early).append(account)

    def first(self) -> AccountId | None:
        """Return who is next; None: nobody waits."""
        line = self._urgent or self._early
        return line[0] if line else None

    def leave(self) -> None:
        """Let who is next leave."""
        (self._urgent or self._early).popleft()

    def wait_s(self, now_s: float) -> float:
        """Take a token and return 0.0, or return the seconds until there is one."""
        if self._slow_until is not None and now_s >= self._slow_until:
            self._slow_until, self._bucket = None, self._usual()
        return self._bucket.take(now_s)

    def slow_down(self, now_s: float) -> None:
        """Renew seldom for a while: the platform throttled one of the accounts."""
        if self._slow_until is None:
            self._bucket = TokenBucket(rate_per_s=SLOW_PER_S, burst=1)
            self._bucket.take(now_s)
        self._slow_until = now_s + SLOW_FOR_S

    def _usual(self) -> TokenBucket:
        return TokenBucket(rate_per_s=self._settings.rate_per_s, burst=self._settings.burst)


class Threads:
    """The threads of all jobs, whichever actor began them: what they bring is worth a wait."""

    __slots__ = ("_changed", "_live", "_numbers")

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._live: dict[int, str] = {}
        self._numbers = count(1)

    def start(self, name: str, job: Callable[[int], object]) -> int | None:
        """Run a job, which is handed its number, on a thread; None: the system has none.

        Returns:
            The number; no other job has it.
        """
        with self._changed:
            number = next(self._numbers)
            self._live[number] = name
        thread = threading.Thread(target=self._run, args=(number, job), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self.forget(number)
            return None
        return number

    def _run(self, number: int, job: Callable[[int], object]) -> None:
        try:
            job(number)
        finally:
            self.forget(number)

    def forget(self, number: int) -> None:
        """Wait no more for a thread: it has ended, or it hangs."""
        with self._changed:
            self._live.pop(number, None)
            self._changed.notify_all()

    def wait_ended(self, timeout_s: float) -> list[str]:
        """Wait until no thread is at work; return the names of those that are."""
        with self._changed:
            self._changed.wait_for(lambda: not self._live, timeout_s)
            return sorted(self._live.values())


class Workers:
    """Short-lived jobs, so many at a time. A job that hangs is given up with its thread.

    Args:
        limit: Jobs at a time.
        threads: Runs them.
        leak_limit: Threads that may hang at a time; with so many no further job begins.
    """

    __slots__ = ("_hung", "_jobs", "_leak_limit", "_limit", "_threads")

    def __init__(self, limit: int, threads: Threads, *, leak_limit: int = 64) -> None:
        self._limit = limit
        self._threads = threads
        self._leak_limit = leak_limit
        self._jobs: dict[int, float] = {}
        self._hung: set[int] = set()

    @property
    def free(self) -> bool:
        """Return whether a job may begin."""
        return len(self._jobs) < self._limit and len(self._hung) < self._leak_limit

    @property
    def hung(self) -> int:
        """Return how many threads were given up and still run."""
        return len(self._hung)

    def start(self, name: str, job: Callable[[int], None], *, until_s: float) -> int | None:
        """Run a job, which is handed its number, on a thread; None: the system has none.

        Args:
            name: Of the thread.
            job: Reports by itself when it is done.
            until_s: Monotonic seconds after which :meth:`overdue` tells of it.
        """
        number = self._threads.start(name, job)
        if number is not None:
            self._jobs[number] = until_s
        return number

    def runs(self, number: int | None) -> bool:
        """Return whether a job has begun, has not ended and was not given up."""
        return number in self._jobs

    def knows(self, number: int) -> bool:
        """Return whether a job was begun here and is not done; False: by a former self."""
        return number in self._jobs or number in self._hung

    def done(self, number: int) -> bool:
        """Hear that a job is done; False: it was given up, or begun by a former self."""
        self._hung.discard(number)
        return self._jobs.pop(number, None) is not None

    def give_up(self, number: int) -> None:
        """Wait no longer for a job; its thread is counted until it ends."""
        if self._jobs.pop(number, None) is not None:
            self._hung.add(number)
            self._threads.forget(number)

    def overdue(self, now_s: float) -> list[int]:
        """Return the jobs whose time is over."""
        return [number for number, until_s in self._jobs.items() if until_s <= now_s]

    def next_at(self) -> float | None:
        """Return the monotonic seconds at which the next job is overdue."""
        return min(self._jobs.values(), default=None)
