"""Runs one sink on a thread of its own, so that it delays no reply.

Events wait here for the sink, in their order. One that works is waited for before an event is
settled, so that a crash loses none; one that fails is not.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from actors.runtime.pool import forks
from actors.values import Event
from gateway import listeners
from gateway.errors import SinkError
from gateway.sinks.base import Sink

MOST_WAITING: Final = 1000
"""Most events that wait for one sink; beyond, new ones are left out (``docs/limits.md``)."""

PATIENCE_S: Final = 1.0
"""Longest time that an event's settlement waits for a working sink."""

ROOM_S: Final = 5.0
"""Longest time that an event waits for room while a working sink is behind."""

HUNG_S: Final = 5.0
"""Time in one delivery after which a sink counts as failing."""

PAUSES_S: Final = (1.0, 5.0, 25.0)
"""Pauses before a failing sink is tried again; the last one repeats."""

TRIES: Final = 4
"""Attempts to deliver an event that the sink refuses while it takes others; then it is left out."""


class Entry:
    """An event on its way to a sink.

    Attributes:
        event: Which.
        over: It was delivered, or given up.
        tries: Deliveries that failed.
        taken_before: Events the sink had taken when this one failed first.
        due: Monotonic seconds before which it is not tried again.
    """

    __slots__ = ("due", "event", "over", "taken_before", "tries")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.over = False
        self.tries = self.taken_before = 0
        self.due = 0.0


class SinkStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a sink.

    Attributes:
        name: Its kind, with its place among the sinks: ``jsonl``, ``jsonl #2``.
        failing: Why it takes nothing just now; None: it works.
        delivered: Events it has taken in this life.
        waiting: Events that wait for it.
        left_out: Events it did not get in this life, and will not.
    """

    name: str
    failing: str | None
    delivered: int
    waiting: int
    left_out: int


class SinkRunner:
    """Hands events to a sink. Any thread.

    Without a thread, before :meth:`start`, :meth:`wait` delivers on the caller's, once.

    Args:
        sink: Where to.
        name: For people.
        log: A structlog logger; None: nothing is logged.
        mask: Masks secrets in what a sink says.
        on_change: Called, on any thread, when it begins to fail, and when it works again.
        pauses_s: See :data:`PAUSES_S`.
        most: See :data:`MOST_WAITING`.
        patience_s: See :data:`PATIENCE_S`.
    """

    def __init__(
        self,
        sink: Sink,
        name: str = "sink",
        *,
        log: Any = None,
        mask: Callable[[str], str] = str,
        on_change: Callable[[], None] | None = None,
        pauses_s: Sequence[float] = PAUSES_S,
        most: int = MOST_WAITING,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._sink = sink
        self.name = name
        self._log = log
        self._mask = mask
        self._on_change = on_change
        self._pauses_s = pauses_s
        self._most = most
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._aside: deque[Entry] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._failing: str | None = None
        self._busy_since: float | None = None
        self._told_hung = False
        self._delivered = self._left_out = self._failures = 0

    # --- any thread -------------------------------------------------------------------

    def start(self) -> None:
        """Start its thread."""
        self._thread = threading.Thread(target=self._run, name=self.thread_name, daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Return whether the calling thread is its own."""
        return self._thread is threading.current_thread()

    def standing(self) -> SinkStanding:
        """Return how it stands."""
        with self._changed:
            return SinkStanding(
                name=self.name,
                failing=self._why(),
                delivered=self._delivered,
                waiting=len(self._waiting) + len(self._aside),
                left_out=self._left_out,
            )

    def take(self, event: Event) -> Entry:
        """Take an event over, to be delivered in its turn."""
        entry = Entry(event)
        if self._thread is None:
            return entry
        with self._changed:
            if self._full():
                self._changed.wait_for(lambda: not self._full() or self._idle(), ROOM_S)
            if self._full() or self._stopping:
                self._leave_out(entry, self._why() or "it is behind")
            else:
                self._waiting.append(entry)
                self._changed.notify_all()
            newly_hung = self._hung() and not self._told_hung
            self._told_hung = self._told_hung or newly_hung
        if newly_hung:
            self._say("error", "sink.failed", reason=self._why(), event_id=event.event_id)
            self._tell()
        return entry

    def wait(self, entry: Entry) -> None:
        """Wait until it is delivered, if the sink works; otherwise for nothing."""
        if self._thread is None:
            if not entry.over:
                self._deliver_once(entry)
            return
        if entry.over:
            return
        with self._changed:
            self._changed.wait_for(lambda: entry.over or self._idle(), self._patience_s)

    @property
    def thread_name(self) -> str:
        """Return the name of its thread."""
        return f"gateway/sink-{self.name}"

    def end(self) -> None:
        """Begin to stop; see :meth:`stop`."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Deliver what waits, close the sink, end. Idempotent.

        What a sink that fails did not take by then is left out.

        Returns:
            Whether it ended in time.
        """
        thread = self._thread
        if thread is None:
            self._close()
            return True
        self.end()
        thread.join(timeout_s)
        if not thread.is_alive():
            return True
        with self._changed:
            left = len(self._waiting) + len(self._aside)
        self._say("error", "sink.left_behind", count=left)
        return False

    # --- its thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            self._try(entry)
        with self._changed:
            rest = [*self._waiting, *self._aside]
            self._waiting.clear()
            self._aside.clear()
            for entry in rest:
                self._leave_out(entry, self._failing or "the gateway stops")
        self._close()

    def _next(self) -> Entry | None:
        """Wait for the next event that may be tried; None: it is to end."""
        with self._changed:
            while True:
                now = time.monotonic()
                ended, works = self._stopping, self._failing is None
                if ended and not (works and (self._waiting or self._aside)):
                    return None
                if self._waiting and (ended or self._waiting[0].due <= now):
                    return self._begin(self._waiting, now)
                if works and self._aside and (ended or self._aside[0].due <= now):
                    return self._begin(self._aside, now)
                dues = [queue[0].due for queue in (self._waiting, self._aside) if queue]
                self._changed.wait(max(0.0, min(dues) - now) if dues else None)

    def _begin(self, queue: deque[Entry], now: float) -> Entry:
        self._busy_since = now
        return queue.popleft()

    def _try(self, entry: Entry) -> None:
        why = self._deliver(entry)
        forks.end_copy()  # before the lock: its holder may not be in this process
        with self._changed:
            hung, self._told_hung, self._busy_since = self._told_hung, False, None
            before = self._failing
            if why is None:
                entry.over = True
                self._delivered += 1
                self._failures, self._failing = 0, None
            else:
                self._put_back(entry, why)
            changed = hung or (before is None) is not (self._failing is None)
            failing, left_out = self._failing, self._left_out
            self._changed.notify_all()
        if before is None and failing is not None:
            self._say("error", "sink.failed", reason=why, event_id=entry.event.event_id)
        elif (before is not None or hung) and failing is None:
            self._say("info", "sink.recovered", left_out=left_out)
        if changed:
            self._tell()

    def _put_back(self, entry: Entry, why: str) -> None:
        """Decide about what failed: is it this event, or the sink? The next one tells."""
        entry.tries += 1
        if entry.tries == 1:
            entry.taken_before = self._delivered
        suspect = entry.tries >= TRIES
        if self._stopping or (suspect and self._delivered > entry.taken_before):
            self._leave_out(entry, why)
            return
        now = time.monotonic()
        if self._failing is None and self._failures == 0 and self._waiting:
            self._failures = 1
            entry.due = now + self._pause_s(entry.tries)
            self._aside.append(entry)
            return
        self._failures += 1
        self._failing = why
        self._waiting.extendleft([entry, *reversed(self._aside)])  # it was not their fault
        self._aside.clear()
        if suspect and len(self._waiting) > 1:
            self._waiting[0], self._waiting[1] = self._waiting[1], self._waiting[0]
        self._waiting[0].due = now + self._pause_s(self._failures)

    def _pause_s(self, failures: int) -> float:
        return self._pauses_s[min(max(failures, 1), len(self._pauses_s)) - 1]

    def _deliver(self, entry: Entry) -> str | None:
        """Deliver one; return why not, in words safe to log."""
        try:
            self._sink.deliver(entry.event)
        except SinkError as error:
            return self._mask(str(error))
        except BaseException as error:  # noqa: BLE001  # a stranger's code
            if self.is_here:
                forks.end_copy(error)
            return listeners.told(error, self._mask)
        return None

    def _deliver_once(self, entry: Entry) -> None:
        why = self._deliver(entry)
        entry.over = True
        if why is None:
            self._delivered += 1
        else:
            self._leave_out(entry, why)

    def _close(self) -> None:
        try:
            self._sink.close()
        except BaseException as error:  # noqa: BLE001  # a stranger's code
            self._say("error", "sink.close_failed", reason=listeners.told(error, self._mask))

    # --- with the lock --------------------------------------------------------------------

    def _full(self) -> bool:
        return len(self._waiting) + len(self._aside) >= self._most

    def _idle(self) -> bool:
        """Return whether settlements should not wait for the sink."""
        return self._stopping or self._why() is not None

    def _hung(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since >= HUNG_S

    def _why(self) -> str | None:
        if self._failing is None and self._hung():
            return f"a delivery has lasted for more than {HUNG_S:g} s"
        return self._failing

    def _leave_out(self, entry: Entry, why: str) -> None:
        entry.over = True
        self._left_out += 1
        if self._left_out & (self._left_out - 1) == 0:  # 1, 2, 4, 8, …: told, but not each
            fields = {"account": entry.event.account, "event_id": entry.event.event_id}
            self._say("error", "sink.left_out", reason=why, count=self._left_out, **fields)

    def _say(self, level: str, event: str, **fields: Any) -> None:
        if self._log is not None:
            getattr(self._log, level)(event, sink=self.name, **fields)

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change()
