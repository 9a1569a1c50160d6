"""How a batch is committed: retried, or divided if one command is to blame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from actors.policy.histogram import Histogram
from actors.ports import Clock
from actors.ports.commands import CLOSED, JournalAnswer
from actors.ports.journal import Journal, JournalError, JournalFullError
from actors.runtime.journal.waiting import Waiting, Waitlist, closes, rows_of
from actors.runtime.log import Log

T = TypeVar("T")

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0

SLOW_COMMIT_S: Final = 2.0
"""A commit should hold within this (``contract.md`` I3)."""


class Commits:
    """Commits what was taken off the waitlist, and answers it. For one thread at a time.

    Args:
        waitlist: Where the batch comes from; a full journal lets what is behind go first.
        journal: What is committed to.
        clock: Measures commits.
        on_health: Called when commits begin to fail, and when they hold again.
        log: Never raises.

    Attributes:
        stalled_since: Monotonic seconds of the first try of the commit that does not hold.
        took: How long commits took that held.
    """

    __slots__ = (
        "_clock", "_healthy", "_journal", "_list", "_log", "_on_health", "commits", "failures",
        "last_commit_s", "refused", "rows", "slow", "stalled_since", "took",
    )  # fmt: skip

    def __init__(
        self,
        waitlist: Waitlist,
        journal: Journal,
        *,
        clock: Clock,
        on_health: Callable[[bool, str], None] | None,
        log: Log,
    ) -> None:
        self._list = waitlist
        self._journal = journal
        self._clock = clock
        self._on_health = on_health
        self._log = log
        self._healthy = True
        self.stalled_since: float | None = None
        self.commits = self.rows = self.failures = self.refused = self.slow = 0
        self.last_commit_s = 0.0
        self.took = Histogram()

    def store(self, batch: Sequence[Waiting]) -> None:
        """Commit, answer, and forget a batch; come back only then, or when giving up."""
        pause_s = FIRST_PAUSE_S
        while True:
            begun = self._clock.monotonic()
            if self.stalled_since is None:
                self.stalled_since = begun
            try:
                answers = self._journal.commit([waiting.command for waiting in batch])
            except (JournalError, MemoryError) as error:
                self.failures += 1
                self._report(healthy=False, reason=str(error) or type(error).__name__)
                if isinstance(error, JournalFullError):
                    batch = self._relieve(batch)
                    if not batch:
                        return
                if not self._rest(pause_s):
                    return
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001  # one bad command must not stop the rest
                self.failures += 1
                self.stalled_since = None
                self._isolate(batch, error)
                return
            else:
                self.last_commit_s = self._clock.monotonic() - begun
                self.slow += self.last_commit_s > SLOW_COMMIT_S
                self.took.add(self.last_commit_s)
                self.stalled_since = None
                self._answer(batch, answers)
                return

    def _answer(self, batch: Sequence[Waiting], answers: Sequence[JournalAnswer]) -> None:
        self.commits += 1
        self._report(healthy=True, reason="")
        for waiting, answer in zip(batch, answers, strict=True):
            self.rows += waiting.rows
            self._list.taken -= 1
            self.tell(waiting.then, answer)

    def _relieve(self, batch: Sequence[Waiting]) -> Sequence[Waiting]:
        """Store what adds no message, from behind too: only settling can make room again.

        None of it concerns what has to wait: that was never answered. Gives what is left.
        """
        with self._list.wake:
            behind = list(self._list.items)
        closing = [waiting for waiting in (*batch, *behind) if closes(waiting.command)]
        closing = closing[: self._list.batch_rows]
        if not closing:
            return batch
        try:
            answers = self._journal.commit([waiting.command for waiting in closing])
        except Exception:  # noqa: BLE001  # it stays in line; its own turn will tell
            return batch
        stored = set(map(id, closing))
        with self._list.wake:
            kept = [waiting for waiting in self._list.items if id(waiting) not in stored]
            self._list.taken += len(self._list.items) - len(kept)
            self._list.items.clear()
            self._list.items.extend(kept)
            self._list.count()
        self._list.batch = [waiting for waiting in self._list.batch if id(waiting) not in stored]
        for waiting, answer in zip(closing, answers, strict=True):
            self.rows += waiting.rows
            self._list.taken -= 1
            self.tell(waiting.then, answer)
        self.commits += 1
        return [waiting for waiting in batch if id(waiting) not in stored]

    def _isolate(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Find the command that cannot be stored, and store the others in order."""
        if len(batch) == 1:
            self._list.taken -= 1
            self.refuse(batch[0], reason_of(error))
            return
        middle = len(batch) // 2
        left = self._list.taken - middle
        self.store(batch[:middle])
        if self._list.taken == left:
            self.store(batch[middle:])

    def _rest(self, pause_s: float) -> bool:
        """Wait before the next try; reads go on. False: give up, the stop is due."""
        with self._list.wake:
            if not self._list.reads:
                self._list.wake.wait(min(pause_s, self._list.give_up_at - self._clock.monotonic()))
        self.answer_reads()
        return self._clock.monotonic() < self._list.give_up_at

    def answer_reads(self) -> None:
        """Make the calls on the journal that wait."""
        while self._list.reads:
            self._list.reads.popleft()()

    def commit_one(self, waiting: Waiting) -> tuple[JournalAnswer, str | None]:
        """Commit a command at once; return its answer, or why it was refused."""
        if self._list.stopping:
            return None, CLOSED
        try:
            answer = self._journal.commit((waiting.command,))[0]
        except Exception as error:  # noqa: BLE001  # one bad command must not hurt its actor
            return None, reason_of(error)
        self.commits += 1
        self.rows += waiting.rows or rows_of(waiting.command)
        return answer, None

    def tell(self, then: Callable[[T], object], answer: T) -> None:
        """Hand an answer over; what that raises is logged."""
        try:
            then(answer)
        except Exception as error:  # noqa: BLE001  # strangers' code on the only writer thread
            self._log.error("journal.answer_failed", reason=reason_of(error))

    def refuse(self, waiting: Waiting, reason: str) -> None:
        """Count and log a command that is given up, and tell who waits for it."""
        self.refused += 1
        command = type(waiting.command).__name__
        self._log.error("journal.command_refused", command=command, reason=reason)
        if waiting.refused is not None:
            refused = waiting.refused
            self.tell(lambda _: refused(reason), None)

    def _report(self, *, healthy: bool, reason: str) -> None:
        """Tell a change of health, once."""
        if healthy is self._healthy:
            return
        self._healthy = healthy
        on_health = self._on_health
        if on_health is not None:
            self.tell(lambda _: on_health(healthy, reason), None)


def reason_of(error: Exception) -> str:
    """Return type and first line of an error; journals keep payloads out of their texts."""
    line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
