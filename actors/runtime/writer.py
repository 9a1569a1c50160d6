"""The journal writer: one thread, one transaction for whatever waits.

It decides when to commit and what to do when that fails. What a commit means is the
journal's (:class:`actors.storage.Journal`); what follows from an answer is the caller's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeVar

import msgspec

from actors.ports import Clock
from actors.runtime.answer import Answer
from actors.runtime.log import SILENT, Log
from actors.runtime.waiting import Refused, Then, Waiting, closes, presses, rows_of
from actors.storable import flaw
from actors.storage import (
    CLOSED,
    Journal,
    JournalAnswer,
    JournalCommand,
    JournalError,
    JournalFullError,
    OverloadedError,
    StoreDelivery,
)

T = TypeVar("T")


FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
IDLE_S: Final = 1.0
"""After so long without work the journal is told that it is idle."""
UPKEEP_S: Final = 60.0
"""It is told again after so long; sooner while it says that there is more to keep."""

LINGER_S: Final = 0.002
"""So long after a commit the writer waits for more before it stores what nobody waits for."""

PATIENCE_S: Final = 0.05
"""Longest time the reader of the sockets waits for room; a server's ping has 0.1 s."""

SLOW_COMMIT_S: Final = 2.0
"""A commit should hold within this (``contract.md`` I3)."""

__all__ = ["JournalWriter", "OverloadedError", "WriterCounters"]


class WriterCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What the writer did since it was made.

    Attributes:
        commits: Transactions that held.
        rows: Events, settlements and sends in them.
        failures: Transactions that did not hold; each was tried again.
        refused: Commands given up because no journal could ever store them.
        waiting: Commands not stored yet.
        last_commit_s: Seconds the last commit took.
        slow: Commits that took longer than :data:`SLOW_COMMIT_S`.
    """

    commits: int
    rows: int
    failures: int
    refused: int
    waiting: int
    last_commit_s: float
    slow: int


class JournalWriter:
    """Gives every command to the journal, in the order of :meth:`submit`.

    A durable journal gets a thread of its own, so that no fsync is on anybody else's; it
    commits whatever waits, at once, and a batch forms by itself while the disk is busy. A
    journal that is not durable is called on the submitting thread.

    **When it fails.** A :class:`~actors.storage.JournalError` is the disk's fault: nothing is
    answered, everything stays in line and is tried again after 0.05 s, growing to 1 s, for as
    long as it takes. Any other exception is the fault of some command in the batch: halves
    are tried until it is alone; that one is given up, counted and logged, and its ``refused``
    is called *in place of* ``then`` (so nobody acknowledges it), in its turn. The rest is
    stored and answered in order.

    Args:
        journal: Owned from here on; closed by :meth:`stop`.
        clock: Measures commits.
        batch_rows: Rows a transaction takes at most; a single larger command goes alone.
        queue_limit: Commands waiting, from which on sends are refused. What comes in is
            never refused: its source stops reading (flow control) long before.
        on_health: Called with (False, reason) when commits begin to fail and (True, "") when
            they hold again. On the writer's thread; may only tell.
        log: Never raises.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Clock,
        batch_rows: int = 256,
        queue_limit: int = 20_000,
        on_health: Callable[[bool, str], None] | None = None,
        log: Log = SILENT,
    ) -> None:
        self._log = log
        self._journal = journal
        self._clock = clock
        self._batch_rows = batch_rows
        self._queue_limit = queue_limit
        self._on_health = on_health
        self._thread: threading.Thread | None = None
        lock = threading.RLock()
        self._wake = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._queue: deque[Waiting] = deque()
        self._queued_rows = 0
        self._patient = True
        self._batch: list[Waiting] = []
        self._taken = 0
        self._stalled_since: float | None = None
        self._reads: deque[Callable[[], None]] = deque()
        self._pressing = 0
        self._sleeping = self._lingering = False
        self._stopping = False
        self._closed = False
        self._give_up_at = float("inf")
        self._healthy = True
        self._line: deque[Callable[[], None]] = deque()
        self._carrying = False
        self._commits = self._rows = self._failures = self._refused = 0
        self._last_commit_s = 0.0
        self._slow = 0

    # --- any thread ---

    def numbers(self) -> Iterator[int]:
        """Give the journal's source of ``lane_seq``; safe to draw from any thread."""
        return self._journal.numbers()

    @property
    def durable(self) -> bool:
        """Tell whether the journal keeps messages on a disk, so that memory need not."""
        return self._journal.durable

    @property
    def counters(self) -> WriterCounters:
        """The counters as they are now."""
        return WriterCounters(
            commits=self._commits,
            rows=self._rows,
            failures=self._failures,
            refused=self._refused,
            waiting=len(self._queue) + self._taken,
            last_commit_s=self._last_commit_s,
            slow=self._slow,
        )

    def stalled_s(self, now: float) -> float:
        """Give the seconds since the first try of the commit that does not hold; 0: none."""
        since = self._stalled_since
        return 0.0 if since is None else max(0.0, now - since)

    def revive(self) -> bool:
        """Start another thread if this one died; what it held is stored again, in order.

        Nothing of it was answered, and the journal knows its own rows again. A thread that
        hangs is not replaced: it holds the write lock of the file.

        Returns:
            Whether that was needed.
        """
        with self._wake:
            if self._thread is None or self._thread.is_alive() or self._closed or self._stopping:
                return False
            self._queue.extendleft(reversed(self._batch[len(self._batch) - self._taken :]))
            self._count_queue()
            self._taken, self._sleeping, self._lingering, self._thread = 0, False, False, None
        self.start()
        return True

    def start(self) -> None:
        """Start the thread, if the journal wants one."""
        if self._journal.durable and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float) -> list[str]:
        """Store what waits, then close the journal. Idempotent.

        Returns:
            What went wrong: the thread's name if it did not end, or what was not stored.
        """
        thread = self._thread
        with self._wake:
            self._give_up_at = self._clock.monotonic() + timeout_s * 0.9
            self._stopping = True
            self._wake.notify()
        if thread is None:
            with self._wake:
                self._close()
        else:
            thread.join(timeout_s)
            if thread.is_alive():
                return [thread.name]
        left = len(self._queue) + self._taken
        return [f"journal-writer: {left} commands were not stored"] if left else []

    def submit(
        self, command: JournalCommand, then: Then, *, refused: Refused | None = None
    ) -> None:
        """Hand over a command. Never blocks on a disk.

        Args:
            command: What to store.
            then: Called with the answer after the commit returned, on the writer's thread
                (on some submitting thread if the journal is not durable), in the order of
                submission. May only tell.
            refused: Called in place of ``then`` with a reason if the command can never be
                stored (at once if :mod:`actors.storable` sees it), or came after :meth:`stop`
                (:data:`~actors.storage.CLOSED`).

        Raises:
            OverloadedError: A send, while ``queue_limit`` commands wait. It is not accepted.
        """
        wrong = flaw(command)
        if wrong is not None:
            self._refuse(Waiting(command, then, refused, 0, presses=False), wrong)
            return
        if not self._journal.durable:
            self._inline(Waiting(command, then, refused, 0, presses=False))
            return
        waiting = Waiting(command, then, refused, rows_of(command), presses(command))
        with self._wake:
            late = self._stopping
            if not late:
                if type(command) is StoreDelivery and len(self._queue) >= self._queue_limit:
                    raise OverloadedError(
                        "the journal's queue",
                        self._queue_limit,
                        f"{len(self._queue)} commands wait for the journal; "
                        "look at the disk, and send again later",
                    )
                self._queue.append(waiting)
                self._queued_rows += waiting.rows
                self._pressing += waiting.presses
                if self._sleeping or (self._lingering and self._presses):
                    self._wake.notify()
        if late:
            self._refuse(waiting, CLOSED)

    def call(
        self,
        command: JournalCommand,
        timeout_s: float,
        then: Then | None = None,
        refused: Refused | None = None,
    ) -> JournalAnswer:
        """Hand over a command as :meth:`submit` does, and return its answer.

        Raises:
            OverloadedError: As in :meth:`submit`.
            CommandRefusedError: It was refused.
            TimeoutError: There is no answer in time; it stays in line.
        """
        answer = Answer[JournalAnswer](then, refused)
        self.submit(command, answer.give, refused=answer.refuse)
        return answer.take(timeout_s)

    def wait_for_room(self) -> None:
        """Wait while more waits to be stored than the next commit takes.

        Who reads sockets does so between two links: what is read faster than it is stored fills
        memory, and is out of the processor's caches when its turn comes. Nobody waits for a
        disk that does not answer: after :data:`PATIENCE_S` not again until there is room.
        """
        if self._queued_rows <= self._batch_rows:
            self._patient = True
        elif self._patient:
            with self._wake:
                self._patient = self._room.wait_for(self._has_room, PATIENCE_S)

    @property
    def _presses(self) -> bool:
        """Whether somebody waits for the next commit, or it would be full."""
        return self._pressing > 0 or self._queued_rows > self._batch_rows

    def _count_queue(self) -> None:
        self._queued_rows = sum(waiting.rows for waiting in self._queue)
        self._pressing = sum(waiting.presses for waiting in self._queue)

    def _has_room(self) -> bool:
        return self._queued_rows <= self._batch_rows or self._stopping

    def read(self, fn: Callable[[Journal], T], timeout_s: float) -> T:
        """Run ``fn`` on the journal between two commits and give what it returns.

        On the writer's thread, except before :meth:`start` and without a thread.

        Raises:
            TimeoutError: Not done in time; what ``fn`` gives is dropped.
            JournalError: The journal is closed, or ``fn`` raised it.
        """
        if self._thread is threading.current_thread():
            return fn(self._journal)
        future: Future[T] = Future()
        with self._wake:
            if self._closed or self._stopping:
                raise JournalError("the journal is closed; it can be read until the stop")
            if self._thread is None:
                return fn(self._journal)
            self._reads.append(lambda: _resolve(future, fn, self._journal))
            self._wake.notify()
        try:
            return future.result(timeout_s)
        except TimeoutError:
            if future.cancel() or not future.done():
                raise TimeoutError(f"the journal did not answer within {timeout_s:g} s") from None
            raise

    def fetch(self, fn: Callable[[Journal], T], then: Callable[[T], object]) -> None:
        """Run ``fn`` on the journal between two commits, then hand over what it gave.

        Any thread, never blocks on a disk. Both run on the writer's thread; ``then`` may only
        tell. What was answered before is in what ``fn`` sees, nothing later is. If ``fn`` fails
        that is logged and ``then`` is not called; after the stop nothing is called.
        """
        with self._wake:
            if self._closed or self._stopping:
                return
            if self._thread is not None:
                self._reads.append(partial(self._fetch_now, fn, then))
                self._wake.notify()
                return
            self._line.append(self._fetch(fn, then))
        self._carry()

    def _fetch(self, fn: Callable[[Journal], T], then: Callable[[T], object]) -> Callable[[], None]:
        """Read now; give what hands the value over."""
        try:
            value = fn(self._journal)
        except Exception as error:  # noqa: BLE001  # strangers' code on the only writer thread
            self._log.error("journal.read_failed", reason=_reason(error))
            return lambda: None
        return partial(self._tell, then, value)

    def _fetch_now(self, fn: Callable[[Journal], T], then: Callable[[T], object]) -> None:
        self._fetch(fn, then)()

    # --- without a thread ---

    def _inline(self, waiting: Waiting) -> None:
        """Commit here and now; answers leave in order, whichever thread carries them."""
        with self._wake:
            answer, reason = self._commit_one(waiting.command)
            if reason is None:
                self._line.append(partial(self._tell, waiting.then, answer))
            else:
                self._line.append(partial(self._refuse, waiting, reason))
        self._carry()

    def _carry(self) -> None:
        """Carry answers out in order; if another thread (or a caller above) does, leave it."""
        with self._wake:
            if self._carrying:
                return
            self._carrying = True
        while True:
            with self._wake:
                if not self._line:
                    self._carrying = False
                    return
                deliver = self._line.popleft()
            deliver()

    def _commit_one(self, command: JournalCommand) -> tuple[JournalAnswer, str | None]:
        if self._stopping:
            return None, CLOSED
        try:
            answer = self._journal.commit((command,))[0]
        except Exception as error:  # noqa: BLE001  # one bad command must not hurt its actor
            return None, _reason(error)
        self._commits += 1
        self._rows += rows_of(command)
        return answer, None

    # --- the thread ---

    def _run(self) -> None:
        idle_at = self._clock.monotonic() + UPKEEP_S
        batch: Sequence[Waiting] = ()
        while self._wait(max(0.0, idle_at - self._clock.monotonic()), linger=bool(batch)):
            self._answer_reads()
            batch = self._take()
            if batch:
                self._store(batch)
                idle_at = self._clock.monotonic() + IDLE_S
            elif self._clock.monotonic() >= idle_at:
                pause_s = IDLE_S if self._tell_idle() else UPKEEP_S
                idle_at = self._clock.monotonic() + pause_s
        self._answer_reads()
        with self._wake:
            self._close()

    def _wait(self, timeout_s: float | None, *, linger: bool) -> bool:
        """Wait for work, or for ``timeout_s``; False: stopped, and nothing is left to try.

        Events that were just stored are done a moment later, and nobody waits for that to be
        noted: it goes with what is stored next, or after :data:`LINGER_S`.
        """
        with self._wake:
            if linger and not (self._presses or self._reads or self._stopping):
                self._lingering = True
                self._wake.wait(LINGER_S)
                self._lingering = False
            if not (self._queue or self._reads or self._stopping):
                self._sleeping = True
                self._wake.wait(timeout_s)
                self._sleeping = False
            if not self._stopping:
                return True
            return bool(self._queue) and self._clock.monotonic() < self._give_up_at

    def _take(self) -> list[Waiting]:
        """Take what waits, up to ``batch_rows``, and at least one command."""
        batch: list[Waiting] = []
        queue, room = self._queue, self._batch_rows
        with self._wake:
            while queue and (not batch or room >= queue[0].rows):
                room -= queue[0].rows
                self._queued_rows -= queue[0].rows
                self._pressing -= queue[0].presses
                batch.append(queue.popleft())
            self._room.notify_all()
        self._batch, self._taken = batch, len(batch)
        return batch

    def _store(self, batch: Sequence[Waiting]) -> None:
        """Commit, answer, and forget a batch; come back only then, or when giving up."""
        pause_s = FIRST_PAUSE_S
        while True:
            begun = self._clock.monotonic()
            if self._stalled_since is None:
                self._stalled_since = begun
            try:
                answers = self._journal.commit([waiting.command for waiting in batch])
            except (JournalError, MemoryError) as error:
                self._failures += 1
                self._report(healthy=False, reason=str(error) or type(error).__name__)
                if isinstance(error, JournalFullError):
                    batch = self._relieve(batch)
                    if not batch:
                        return
                if not self._rest(pause_s):
                    return
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001  # one bad command must not stop the rest
                self._failures += 1
                self._stalled_since = None
                self._isolate(batch, error)
                return
            else:
                self._last_commit_s = self._clock.monotonic() - begun
                self._slow += self._last_commit_s > SLOW_COMMIT_S
                self._stalled_since = None
                self._answer(batch, answers)
                return

    def _answer(self, batch: Sequence[Waiting], answers: Sequence[JournalAnswer]) -> None:
        self._commits += 1
        self._report(healthy=True, reason="")
        for waiting, answer in zip(batch, answers, strict=True):
            self._rows += waiting.rows
            self._taken -= 1
            self._tell(waiting.then, answer)

    def _relieve(self, batch: Sequence[Waiting]) -> Sequence[Waiting]:
        """Store what adds no message, from behind too: only settling can make room again.

        None of it concerns what has to wait: that was never answered. Gives what is left.
        """
        with self._wake:
            behind = list(self._queue)
        closing = [waiting for waiting in (*batch, *behind) if closes(waiting.command)]
        closing = closing[: self._batch_rows]
        if not closing:
            return batch
        try:
            answers = self._journal.commit([waiting.command for waiting in closing])
        except Exception:  # noqa: BLE001  # it stays in line; its own turn will tell
            return batch
        stored = set(map(id, closing))
        with self._wake:
            kept = [waiting for waiting in self._queue if id(waiting) not in stored]
            self._taken += len(self._queue) - len(kept)
            self._queue.clear()
            self._queue.extend(kept)
            self._count_queue()
        self._batch = [waiting for waiting in self._batch if id(waiting) not in stored]
        for waiting, answer in zip(closing, answers, strict=True):
            self._rows += waiting.rows
            self._taken -= 1
            self._tell(waiting.then, answer)
        self._commits += 1
        return [waiting for waiting in batch if id(waiting) not in stored]

    def _isolate(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Find the command that cannot be stored, and store the others in order."""
        if len(batch) == 1:
            self._taken -= 1
            self._refuse(batch[0], _reason(error))
            return
        middle = len(batch) // 2
        left = self._taken - middle
        self._store(batch[:middle])
        if self._taken == left:
            self._store(batch[middle:])

    def _rest(self, pause_s: float) -> bool:
        """Wait before the next try; reads go on. False: give up, the stop is due."""
        with self._wake:
            if not self._reads:
                self._wake.wait(min(pause_s, self._give_up_at - self._clock.monotonic()))
        self._answer_reads()
        return self._clock.monotonic() < self._give_up_at

    def _answer_reads(self) -> None:
        while self._reads:
            self._reads.popleft()()

    def _tell_idle(self) -> bool:
        """Let the journal keep house; True: it has more to do."""
        try:
            return bool(self._journal.commit(()))
        except Exception as error:  # noqa: BLE001  # house-keeping may fail; the next commit says
            self._failures += 1
            self._log.warning("journal.idle_failed", reason=_reason(error))
            return False

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._journal.close()
        except Exception as error:  # noqa: BLE001  # the thread's last line
            self._log.error("journal.close_failed", reason=_reason(error))

    # --- small things ---

    def _tell(self, then: Callable[[T], object], answer: T) -> None:
        try:
            then(answer)
        except Exception as error:  # noqa: BLE001  # strangers' code on the only writer thread
            self._log.error("journal.answer_failed", reason=_reason(error))

    def _refuse(self, waiting: Waiting, reason: str) -> None:
        self._refused += 1
        command = type(waiting.command).__name__
        self._log.error("journal.command_refused", command=command, reason=reason)
        if waiting.refused is not None:
            refused = waiting.refused
            self._tell(lambda _: refused(reason), None)

    def _report(self, *, healthy: bool, reason: str) -> None:
        """Tell a change of health, once."""
        if healthy is self._healthy:
            return
        self._healthy = healthy
        on_health = self._on_health
        if on_health is not None:
            self._tell(lambda _: on_health(healthy, reason), None)


def _reason(error: Exception) -> str:
    """Say what it was: type and first line; journals keep payloads out of their texts."""
    line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _resolve(future: Future[T], fn: Callable[[Journal], T], journal: Journal) -> None:
    """Run a read that is still wanted, whatever it raises."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn(journal))
    except BaseException as error:  # noqa: BLE001  # handed to the thread that asked
        future.set_exception(error)
