"""The poller: reads every socket of the process, on the leading thread of the pool.

It reads in large gulps, cuts frames, answers pings at once and hands the rest over; after each
link the actors have their turn. It runs no stranger's code, and one link's trouble is that
link's alone.
"""

from __future__ import annotations

import contextlib
import heapq
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from itertools import count

from actors.messages import FramesReceived, LinkEnded
from actors.ports import Clock
from actors.runtime.links.link import Link
from actors.runtime.links.reading import ending, read_turn, unexpected_close
from actors.runtime.log import SILENT, Log
from actors.runtime.pool.error_location import error_location
from actors.values import ErrorClass, Failure

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def _go_on() -> None:
    """Wait for nobody."""


class Poller:
    """Reads, and closes, the sockets of links; links come from any thread.

    An idle link costs nothing: no turn looks at a link without bytes or a deadline.

    Args:
        clock: For deadlines and stamps.
        pace: Called between two links; may wait a moment until more can be taken.
        log: Never raises.

    Attributes:
        asleep: The leading thread waits, or is about to, and does not see the run queue.
        closed: It reads no more; every link is lost and every socket closed.
        turns: Grows with each turn.
        frames: Whole messages it read.
        read_bytes: Bytes it read.
    """

    def __init__(
        self, clock: Clock, *, pace: Callable[[], None] = _go_on, log: Log = SILENT
    ) -> None:
        self._clock = clock
        self._log = log
        self._pace = pace
        self._selector = selectors.DefaultSelector()
        self._hearing, self._bell = socket.socketpair()
        self._hearing.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._hearing, _READ, None)
        self._links: set[Link] = set()
        self._unread: dict[Link, None] = {}
        self._deadlines: list[tuple[float, int, Link]] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._woken: deque[Link] = deque()
        self._rung = False
        self._stopping = False
        self._led = False
        self._ended = threading.Event()
        self.asleep = False
        self.closed = False
        self.turns = self.frames = self.read_bytes = self._written_bytes = 0

    # --- any thread ------------------------------------------------------------------------

    @property
    def written_bytes(self) -> int:
        """Return the bytes the kernel took; a link that ends meanwhile may be missing once."""
        ended = self._written_bytes
        return ended + sum([link.bytes_out for link in self._links.copy()])

    def stop(self, timeout_s: float) -> list[str]:
        """End: every link is lost and every socket closed. Idempotent.

        Returns:
            What it is called, if the leading thread did not come to it within ``timeout_s``.
        """
        with self._lock:
            self._stopping = True
            led = self._led
            self._ring()
        if not led:
            self._close()
        return [] if self._ended.wait(timeout_s) else ["poller"]

    def rouse(self) -> None:
        """Have the leading thread look at the run queue."""
        with self._lock:
            self._ring()

    def add(self, link: Link) -> None:
        """Begin to read a link; it owns its socket from now on, and the poller closes it."""
        link.wake = self.wake
        link.flow.on_low = link.wake_up
        with self._lock:
            if not self.closed:
                self._links.add(link)
        self.wake(link)

    def look(self) -> None:
        """Read the clock again, which was moved by hand."""
        self.rouse()

    def wake(self, link: Link) -> None:
        """Have the poller look at a link: it can be read again, wants to write, or is done."""
        with self._lock:
            if link.woken:
                return
            if not self.closed:
                link.woken = True
                self._woken.append(link)
                self._ring()
                return
        self._lose(link, unexpected_close("poller_stopped", "The gateway is stopping."))

    def _ring(self) -> None:
        """End the wait, if somebody waits; the lock is held."""
        if self.asleep and not self._rung and not self.closed:
            self._rung = True
            self._bell.send(b"\0")

    # --- the leading thread ----------------------------------------------------------------

    def turn(self, between: Callable[[], bool], hurried: Callable[[], bool]) -> None:
        """Wait for something to do, unless ``hurried``, and read every link that has something.

        Args:
            between: Called after each link; False: another thread has the lead by now, or the
                thread is to end, and nothing more may be touched.
            hurried: Says whether actors wait.
        """
        try:
            if self._stopping:
                self._close()
            else:
                self._led = True
                self._turn(between, hurried)
        except Exception as error:  # noqa: BLE001  # without a reader the process is deaf
            self._log.error("poller.ended", reason=error_location(error))
            self._close()

    def _turn(self, between: Callable[[], bool], hurried: Callable[[], bool]) -> None:
        unread = dict(self._unread)
        found = self._selector.select(self._wait(hurried))
        self.asleep = False
        self.turns += 1
        for key, events in found:
            link: Link | None = key.data
            if link is None:
                self._hear()
                continue
            if events & _READ:
                unread.pop(link, None)
            if not self._serve(link, events, between):
                return
        for link in unread:
            if not self._serve(link, _READ, between):
                return
        while self._woken:
            with self._lock:
                link = self._woken.popleft()
                link.woken = False
            self._guard(link, 0)
        self._expire()

    def _serve(self, link: Link, events: int, between: Callable[[], bool]) -> bool:
        """Read a link and have the actors work; False: nothing more may be touched."""
        link.share.begin(self._clock.monotonic())
        if events & _READ:
            self._unread.pop(link, None)
        self._guard(link, events)
        if not between():
            return False
        if len(self._links) > 1 and link.share.end(self._clock.monotonic()):
            self._guard(link, 0)
        self._pace()
        return True

    def _wait(self, hurried: Callable[[], bool]) -> float | None:
        """Return how long to wait, and be asleep if that is not 0."""
        with self._lock:
            wait_s = self._wait_s()
            self.asleep = wait_s != 0.0
        if self.asleep and hurried():  # asked last: what comes now rings
            self.asleep = False
            return 0.0
        return wait_s

    def _wait_s(self) -> float | None:
        if self._unread or self._woken or self._stopping:
            return 0.0
        if not self._deadlines:
            return None
        return max(0.0, self._deadlines[0][0] - self._clock.monotonic())

    def _hear(self) -> None:
        # In this order: a ring that comes in between is heard by this turn, and its byte
        # must not be eaten while it counts as pending.
        with contextlib.suppress(BlockingIOError):
            self._hearing.recv(64)
        with self._lock:
            self._rung = False

    def _expire(self) -> None:
        if not self._deadlines:
            return
        now = self._clock.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            due, _, link = heapq.heappop(self._deadlines)
            if due == link.armed:
                link.armed = None
            link.expire(now)
            self._guard(link, 0)

    def _guard(self, link: Link, events: int) -> None:
        """Attend to a link; whatever is raised is its own end."""
        if link.finished:
            return
        try:
            self._attend(link, events)
        except Exception as error:  # noqa: BLE001  # one link must not end the others
            self._lose(
                link,
                Failure(
                    error_class=ErrorClass.OTHER,
                    reason="poller_error",
                    detail=f"Reading the link failed: {error_location(error)}. Please report it.",
                ),
            )

    def _attend(self, link: Link, events: int) -> None:
        if link.failure is not None:
            self._lose(link, link.failure)
            return
        if events & _WRITE:
            link.flush()
        if link.broken:
            self._read(link)
            self._lose(link, unexpected_close("reset", "The connection broke while we wrote."))
            return
        if link.mask == 0 and link.bytes_in == 0:  # new, or stopped before its first byte
            self._read(link, first=True)
        elif events & _READ and not link.flow.full:
            self._read(link)
        if not link.finished:
            self._watch(link)

    def _watch(self, link: Link) -> None:
        """Wait for what the link wants now, and no longer than its next deadline."""
        rests = link.share.until is not None and link.share.rests(self._clock.monotonic())
        mask = 0 if link.flow.full or rests else _READ
        if link.wants_write:
            mask |= _WRITE
        if mask != link.mask:
            if not mask:
                self._selector.unregister(link)
            elif link.mask:
                self._selector.modify(link, mask, link)
            else:
                self._selector.register(link, mask, link)
            if link.is_tls and mask & ~link.mask & _READ:
                self._unread[link] = None  # OpenSSL may hold what came before the pause
            link.mask = mask
        if not mask & _READ:
            self._unread.pop(link, None)
        elif link.kept is not None or link.wire.uncut:
            self._unread[link] = None  # no selector knows of it
        due = link.due()
        if due is not None and (link.armed is None or due < link.armed):
            link.armed = due
            heapq.heappush(self._deadlines, (due, next(self._numbers), link))

    def _read(self, link: Link, *, first: bool = False) -> None:
        """Read one turn's worth and hand it over; what ends the link comes last."""
        before = link.bytes_in
        turn = read_turn(link, self._clock, first=first)
        self.read_bytes += link.bytes_in - before
        if turn.more:
            self._unread[link] = None
        if turn.frames and link.failure is None:
            link.frames_in += len(turn.frames)
            self.frames += len(turn.frames)
            size_bytes = sum(map(len, turn.frames))
            link.flow.taken(len(turn.frames), size_bytes)
            link.frames_to(
                FramesReceived(
                    generation=link.generation,
                    frames=turn.frames,
                    received_at_ms=self._clock.unix_ms(),
                    size_bytes=size_bytes,
                )
            )
        if turn.end is not None:
            self._lose(link, *ending(turn.end, link.wire))

    def _lose(self, link: Link, failure: Failure, last_words: bytes = b"") -> None:
        if link.mask and not self.closed:
            self._selector.unregister(link)
            link.mask = 0
        self._unread.pop(link, None)
        self._links.discard(link)
        if link.closing_until is not None:  # whatever came of it, we wanted it
            failure, last_words = unexpected_close("closed", "We closed the link."), b""
        told = link.finish(failure, last_words)
        if told is None:
            return
        self._written_bytes += link.bytes_out
        try:
            link.ended_to(LinkEnded(generation=link.generation, failure=told))
        except Exception as error:  # noqa: BLE001  # one account must not end the others' links
            self._log.error("callback.failed", what="a lost link", reason=error_location(error))

    def _close(self) -> None:
        with self._lock:
            if self.closed:
                return
            self.closed = True
        for link in list(self._links):
            self._lose(link, unexpected_close("poller_stopped", "The gateway is stopping."))
        self._selector.close()
        self._hearing.close()
        self._bell.close()
        self._ended.set()
