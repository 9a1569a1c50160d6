"""The journal writer: one thread, one transaction for everything that waits.

It decides when to commit and what to do when that fails. What a commit means is the
journal's (:class:`actors.ports.journal.Journal`); what follows from an answer is the caller's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeVar

import msgspec

from actors.policy.histogram import Histogram
from actors.ports import Clock
from actors.ports.commands import CLOSED, JournalAnswer, JournalCommand, StoreDelivery
from actors.ports.errors import OverloadedError
from actors.ports.journal import Journal, JournalError, Standing
from actors.ports.storable import flaw
from actors.runtime.journal.answer import Answer
from actors.runtime.journal.commits import Commits, reason_of
from actors.runtime.journal.waiting import Refused, Then, Waiting, Waitlist, presses, rows_of
from actors.runtime.log import SILENT, Log
from actors.values import AccountId

T = TypeVar("T")


IDLE_S: Final = 1.0
"""If the writer had no work for this long, it tells the journal that it is idle."""
UPKEEP_S: Final = 60.0
"""The idle journal is told again after this long, or sooner while it has upkeep left to do."""

LINGER_S: Final = 0.002
"""Time after a commit for which commands without a waiting caller wait for others to join them."""

PATIENCE_S: Final = 0.05
"""Longest time the poller waits for room in the waitlist; a ping must be answered within 0.1 s."""

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
        slow: Commits that took longer than :data:`~actors.runtime.journal.commits.SLOW_COMMIT_S`.
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

    **When it fails.** A :class:`~actors.ports.journal.JournalError` is the disk's fault: nothing is
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
        self._queue_limit = queue_limit
        self._list = Waitlist(batch_rows)
        self._commits = Commits(self._list, journal, clock=clock, on_health=on_health, log=log)
        self._thread: threading.Thread | None = None
        self._patient = True
        self._closed = False
        self._line: deque[Callable[[], None]] = deque()
        self._carrying = False

    # --- any thread ---

    def numbers(self) -> Iterator[int]:
        """Return the journal's source of ``lane_seq``; safe to draw from any thread."""
        return self._journal.numbers()

    @property
    def durable(self) -> bool:
        """Return whether the journal keeps messages on a disk, so that memory need not."""
        return self._journal.durable

    @property
    def stopping(self) -> bool:
        """Return whether :meth:`stop` was called: commands are refused from then on."""
        return self._list.stopping

    @property
    def took(self) -> Histogram:
        """Return how long commits took; of a journal that is not durable none is timed."""
        return self._commits.took

    @property
    def counters(self) -> WriterCounters:
        """The counters as they are now."""
        return WriterCounters(
            commits=self._commits.commits,
            rows=self._commits.rows,
            failures=self._commits.failures,
            refused=self._commits.refused,
            waiting=len(self._list.items) + self._list.taken,
            last_commit_s=self._commits.last_commit_s,
            slow=self._commits.slow,
        )

    def standings(self) -> Mapping[AccountId, Standing]:
        """Return what waits in the journal, by account; no commit waits for it."""
        return self._journal.standings()

    def oldest_ms(self) -> int | None:
        """Return our Unix time when the oldest pending event came, as the journal last looked."""
        return self._journal.oldest_ms()

    def stalled_s(self, now: float) -> float:
        """Return the seconds since the first try of the commit that does not hold; 0: none."""
        since = self._commits.stalled_since
        return 0.0 if since is None else max(0.0, now - since)

    def revive(self) -> bool:
        """Start another thread if this one died; what it held is stored again, in order.

        Nothing of it was answered, and the journal knows its own rows again. A thread that
        hangs is not replaced: it holds the write lock of the file.

        Returns:
            Whether that was needed.
        """
        with self._list.wake:
            if (
                self._thread is None
                or self._thread.is_alive()
                or self._closed
                or self._list.stopping
            ):
                return False
            self._list.put_back()
            self._thread = None
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
        with self._list.wake:
            self._list.give_up_at = self._clock.monotonic() + timeout_s * 0.9
            self._list.stopping = True
            self._list.wake.notify()
        if thread is None:
            with self._list.wake:
                self._close()
        else:
            thread.join(timeout_s)
            if thread.is_alive():
                return [thread.name]
        left = len(self._list.items) + self._list.taken
        return [f"journal-writer: {left} commands were not stored"] if left else []

    def submit(
        self,
        command: JournalCommand,
        then: Then,
        *,
        refused: Refused | None = None,
        rows: int | None = None,
    ) -> None:
        """Hand over a command. Never blocks on a disk.

        Args:
            command: What to store.
            then: Called with the answer after the commit returned, on the writer's thread
                (on some submitting thread if the journal is not durable), in the order of
                submission. May only tell.
            refused: Called in place of ``then`` with a reason if the command can never be
                stored (at once if :mod:`actors.ports.storable` sees it), or came after :meth:`stop`
                (:data:`~actors.ports.commands.CLOSED`).
            rows: Events in it, from a caller that has counted them; None: they are counted.

        Raises:
            OverloadedError: A send, while ``queue_limit`` commands wait. It is not accepted.
        """
        wrong = flaw(command)
        if wrong is not None:
            self._commits.refuse(Waiting(command, then, refused, 0, presses=False), wrong)
            return
        if not self._journal.durable:
            self._inline(Waiting(command, then, refused, rows or 0, presses=False))
            return
        rows = rows_of(command) if rows is None else rows
        waiting = Waiting(command, then, refused, rows, presses(command))
        line = self._list
        with line.wake:
            late = line.stopping
            if not late:
                if type(command) is StoreDelivery and len(line.items) >= self._queue_limit:
                    raise OverloadedError(
                        "the journal's queue",
                        self._queue_limit,
                        f"{len(line.items)} commands wait for the journal; "
                        "look at the disk, and send again later",
                    )
                line.items.append(waiting)
                line.rows += waiting.rows
                line.pressing += waiting.presses
                if line.sleeping or (line.lingering and line.presses):
                    line.wake.notify()
        if late:
            self._commits.refuse(waiting, CLOSED)

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
        if self._list.rows <= self._list.batch_rows:
            self._patient = True
        elif self._patient:
            with self._list.wake:
                self._patient = self._list.room.wait_for(self._list.has_room, PATIENCE_S)

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
        with self._list.wake:
            if self._closed or self._list.stopping:
                raise JournalError("the journal is closed; it can be read until the stop")
            if self._thread is None:
                return fn(self._journal)
            self._list.reads.append(lambda: _resolve(future, fn, self._journal))
            self._list.wake.notify()
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
        with self._list.wake:
            if self._closed or self._list.stopping:
                return
            if self._thread is not None:
                self._list.reads.append(partial(self._fetch_now, fn, then))
                self._list.wake.notify()
                return
            self._line.append(self._fetch(fn, then))
        self._carry()

    def _fetch(self, fn: Callable[[Journal], T], then: Callable[[T], object]) -> Callable[[], None]:
        """Read now; give what hands the value over."""
        try:
            value = fn(self._journal)
        except Exception as error:  # noqa: BLE001  # strangers' code on the only writer thread
            self._log.error("journal.read_failed", reason=reason_of(error))
            return lambda: None
        return partial(self._commits.tell, then, value)

    def _fetch_now(self, fn: Callable[[Journal], T], then: Callable[[T], object]) -> None:
        self._fetch(fn, then)()

    # --- without a thread ---

    def _inline(self, waiting: Waiting) -> None:
        """Commit here and now; answers leave in order, whichever thread carries them."""
        with self._list.wake:
            answer, reason = self._commits.commit_one(waiting)
            if reason is None:
                self._line.append(partial(self._commits.tell, waiting.then, answer))
            else:
                self._line.append(partial(self._commits.refuse, waiting, reason))
        self._carry()

    def _carry(self) -> None:
        """Carry answers out in order; if another thread (or a caller above) does, leave it."""
        with self._list.wake:
            if self._carrying:
                return
            self._carrying = True
        while True:
            with self._list.wake:
                if not self._line:
                    self._carrying = False
                    return
                deliver = self._line.popleft()
            deliver()

    # --- the thread ---

    def _run(self) -> None:
        idle_at = self._clock.monotonic() + UPKEEP_S
        batch: Sequence[Waiting] = ()
        while self._wait(max(0.0, idle_at - self._clock.monotonic()), linger=bool(batch)):
            self._commits.answer_reads()
            batch = self._list.take()
            if batch:
                self._commits.store(batch)
                idle_at = self._clock.monotonic() + IDLE_S
            elif self._clock.monotonic() >= idle_at:
                pause_s = IDLE_S if self._tell_idle() else UPKEEP_S
                idle_at = self._clock.monotonic() + pause_s
        self._commits.answer_reads()
        with self._list.wake:
            self._close()

    def _wait(self, timeout_s: float | None, *, linger: bool) -> bool:
        """Wait for work, or for ``timeout_s``; False: stopped, and nothing is left to try.

        Events that were just stored are done a moment later, and nobody waits for that to be
        noted: it goes with what is stored next, or after :data:`LINGER_S`.
        """
        with self._list.wake:
            if linger and not (self._list.presses or self._list.reads or self._list.stopping):
                self._list.lingering = True
                self._list.wake.wait(LINGER_S)
                self._list.lingering = False
            if not (self._list.items or self._list.reads or self._list.stopping):
                self._list.sleeping = True
                self._list.wake.wait(timeout_s)
                self._list.sleeping = False
            if not self._list.stopping:
                return True
            return bool(self._list.items) and self._clock.monotonic() < self._list.give_up_at

    def _tell_idle(self) -> bool:
        """Let the journal keep house; True: it has more to do."""
        try:
            return bool(self._journal.commit(()))
        except Exception as error:  # noqa: BLE001  # house-keeping may fail; the next commit says
            self._commits.failures += 1
            self._log.warning("journal.idle_failed", reason=reason_of(error))
            return False

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._journal.close()
        except Exception as error:  # noqa: BLE001  # the thread's last line
            self._log.error("journal.close_failed", reason=reason_of(error))


def _resolve(future: Future[T], fn: Callable[[Journal], T], journal: Journal) -> None:
    """Run a read that is still wanted, whatever it raises."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn(journal))
    except BaseException as error:  # noqa: BLE001  # handed to the thread that asked
        future.set_exception(error)
