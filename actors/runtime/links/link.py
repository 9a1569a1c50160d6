"""One open WebSocket: writing from any thread, and the link's state.

Reading, and closing the socket's descriptor, are the poller's alone.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from actors.messages import FramesReceived, LinkEnded, PongReceived
from actors.policy.liveness import SLOWEST_BYTES_PER_S, Traffic
from actors.policy.sharing import Share
from actors.ports import Clock, Dialed, Mailbox
from actors.runtime.links.flow import Flow
from actors.sections import SendSettings
from actors.values import ErrorClass, Failure, Frame

CLOSE_TIMEOUT_S = 1.0
"""How long the peer may take to answer our close frame."""

_LEFT_READS = 16

if sys.platform == "linux":
    import fcntl
    import termios

    def unsent_bytes(sock: socket.socket) -> int:
        """Return how many bytes the kernel holds that the peer has not confirmed."""
        try:
            held = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except (OSError, ValueError):  # closed meanwhile, or a kind that does not tell
            return 0
        return int.from_bytes(held, sys.byteorder, signed=True)
else:

    def unsent_bytes(sock: socket.socket) -> int:  # noqa: ARG001  # as above
        """Return 0: this system does not tell."""
        return 0


_DEFAULTS: Final = SendSettings()


class Link:
    """The socket of one generation. Owned by the connection, read by the poller.

    TLS: OpenSSL's objects are not made for two threads at once, so reading an ``SSLSocket``
    takes the writers' lock too.

    Attributes:
        generation: Which attempt it came from.
        frames_to: Gets what was read, on the thread that reads; must not block.
        ended_to: Hears of the end, exactly once, after the last frames, on the thread that reads.
        flow: Pauses reading when the account has too much in hand.
        last_received: Monotonic seconds of the last byte read; of the making if none was.
        pongs_to: Hears of pongs.
        bytes_in: Bytes read.
        bytes_out: Bytes the kernel took.
        frames_in: Whole messages read.
        kept: Messages that were read and are its next turn, and what comes behind them.
        share: What it takes of the poller's time.
    """

    __slots__ = (
        "_clock",
        "_deadline_s",
        "_limit_bytes",
        "_lock",
        "_out",
        "_room_bytes",
        "_sock",
        "_window",
        "armed",
        "broken",
        "bytes_in",
        "bytes_out",
        "closing_until",
        "ended_to",
        "failure",
        "finished",
        "flow",
        "frames_in",
        "frames_to",
        "generation",
        "is_tls",
        "kept",
        "last_received",
        "mask",
        "pongs_to",
        "share",
        "wake",
        "wire",
        "woken",
    )

    def __init__(
        self,
        dialed: Dialed,
        *,
        generation: int,
        frames_to: Callable[[FramesReceived], object],
        ended_to: Callable[[LinkEnded], object],
        pongs_to: Mailbox[PongReceived],
        flow: Flow,
        clock: Clock,
        send_limit_bytes: int = _DEFAULTS.buffer_bytes,
        send_deadline_s: float = _DEFAULTS.deadline_s,
    ) -> None:
        self.generation = generation
        self.frames_to = frames_to
        self.ended_to = ended_to
        self.pongs_to = pongs_to
        self.flow = flow
        self.wire = dialed.wire
        self.last_received = clock.monotonic()
        self.bytes_in = self.bytes_out = self.frames_in = 0
        self.is_tls = isinstance(dialed.sock, ssl.SSLSocket)
        self._sock = dialed.sock
        self._clock = clock
        self._limit_bytes = send_limit_bytes
        self._deadline_s = send_deadline_s
        self._lock = threading.Lock()
        self._out: bytearray | None = None
        self._room_bytes = 0  # most that may wait, this time
        # While something waits: since when, and how much the peer had taken then.
        self._window: tuple[float, int] = (0.0, 0)
        # For the poller. Written under the lock:
        self.failure: Failure | None = None
        self.broken = False
        self.closing_until: float | None = None
        # Written by the poller alone (``woken``: under the poller's lock):
        self.wake: Callable[[Link], None] | None = None
        self.kept: tuple[list[Frame], Any] | None = None
        self.share = Share()
        self.mask = 0
        self.armed: float | None = None
        self.finished = False
        self.woken = False

    # --- writing: any thread, never blocks -----------------------------------------------

    def write(self, data: bytes) -> bool:
        """Send bytes, or keep what the kernel does not take until it does.

        Returns:
            False if the link is closing or lost, or is lost by this write: the peer does not
            read, and ``send_limit_bytes`` are waiting already behind what it was not able to take.
        """
        with self._lock:
            if self.failure is not None or self.broken or self.closing_until is not None:
                return False
            taken = self._put(data)
            wake = not taken or self._out is not None
        if wake:
            self.wake_up()
        return taken

    def write_frames(self, frames: Sequence[Frame]) -> bool:
        """Send messages in one write; see :meth:`write`."""
        return self.write(self.wire.encode(frames))

    def ping(self, payload: bytes) -> bool:
        """Send a ping of at most 125 bytes; see :meth:`write`."""
        return self.write(self.wire.ping(payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin an orderly end: nothing can be written any more, reading goes on.

        The link is lost when the peer answers, or after :data:`CLOSE_TIMEOUT_S`.
        """
        with self._lock:
            if self.failure is not None or self.broken or self.closing_until is not None:
                return
            self._put(self.wire.close(code, reason))
            self.closing_until = self._clock.monotonic() + CLOSE_TIMEOUT_S
        self.wake_up()

    def shut(self, reason: str) -> None:
        """Abort at once: nothing more is read or written, the poller closes the socket.

        Args:
            reason: Constant in snake_case; the failure's if there is none yet.
        """
        with self._lock:
            self._doom(reason, "We gave the link up.")
        self.wake_up()

    def _put(self, data: bytes) -> bool:
        out = self._out
        if out is None:
            sent = self._send(data)
            if self.broken:
                return False
            if sent == len(data):
                return True
            self._out = bytearray(memoryview(data)[sent:])
            # A large message has its room; what comes behind it must not end it.
            self._room_bytes = self._limit_bytes + len(self._out)
            self._window = (self._clock.monotonic(), self._taken())
        elif len(out) + len(data) <= self._room_bytes:
            out += data
        else:
            self._doom("send_timeout", f"{len(out)} bytes wait for a peer that does not read.")
            return False
        return True

    def _send(self, data: bytes | bytearray) -> int:
        """Return the bytes the kernel took. A partly sent frame stays at the head of the buffer."""
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError:
            # The peer may have said why before it went: the poller reads on before it gives up.
            self.broken = True
            return 0
        self.bytes_out += sent
        return sent

    def _doom(self, reason: str, detail: str) -> None:
        if self.failure is not None or self.finished:
            return
        self.failure = Failure(
            error_class=ErrorClass.UNEXPECTED_CLOSE, reason=reason, detail=detail
        )
        with contextlib.suppress(OSError):
            # Not SSLSocket's: that one drops the TLS layer, and the reader would then
            # take ciphertext for frames.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def wake_up(self) -> None:
        """Have the poller look at this link."""
        if self.wake is not None:
            self.wake(self)

    # --- the poller's side -----------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._sock.fileno()

    def receive(self, size_bytes: int) -> bytes | None:
        """Read once; None if there is nothing now, empty at the end of the stream.

        Raises:
            OSError: The connection is gone.
        """
        try:
            if not self.is_tls:
                return self._sock.recv(size_bytes)
            with self._lock:
                return b"" if self.failure is not None else self._sock.recv(size_bytes)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def flush(self) -> None:
        """Send what waits, as far as the kernel takes it."""
        with self._lock:
            out = self._out
            if out is None or self.failure is not None or self.broken:
                return
            del out[: self._send(out)]
            if not out:
                self._out = None

    def traffic(self) -> Traffic:
        """Return what moves: for the verdict on an answer that does not come."""
        with self._lock:
            taken = self._taken()
            return Traffic(
                received=self.bytes_in,
                arriving=self.wire.arriving,
                taken=taken,
                leaving=self._out is not None or taken < self.bytes_out,
            )

    def _taken(self) -> int:
        """Return how many bytes the peer's side has taken, as far as the system tells."""
        return self.bytes_out - (0 if self.finished else unsent_bytes(self._sock))

    @property
    def wants_write(self) -> bool:
        """Return whether bytes wait for the kernel."""
        return self._out is not None

    def due(self) -> float | None:
        """Return the monotonic second at which the poller must look, if there is one."""
        with self._lock:
            times = [] if self._out is None else [self._window[0] + self._deadline_s]
            if self.closing_until is not None:
                times.append(self.closing_until)
            if self.share.until is not None:
                times.append(self.share.until)
            return min(times, default=None)

    def expire(self, now: float) -> None:
        """Give up if a deadline has passed."""
        with self._lock:
            if self.closing_until is not None and now >= self.closing_until:
                self._doom("close_timeout", "The peer did not answer our close frame.")
            elif self._out is not None and now >= self._window[0] + self._deadline_s:
                taken = self._taken()
                if taken - self._window[1] >= SLOWEST_BYTES_PER_S * (now - self._window[0]):
                    self._window = (now, taken)
                    return
                self._doom("send_timeout", f"The peer did not read for {self._deadline_s:g} s.")

    def finish(self, failure: Failure, last_words: bytes) -> Failure | None:
        """Close the socket; only the thread that reads.

        Args:
            failure: Why, unless another thread gave a reason before.
            last_words: A close frame to try to send; may be empty.

        Returns:
            The failure to tell, or None if it was told before.
        """
        with self._lock:
            if self.finished:
                return None
            self.finished = True
            if self.failure is None:
                self.failure = failure
                if last_words and self._out is None and not self.broken:
                    self._send(last_words)
                    self._empty()
            self._out = None
            self._sock.close()
            return self.failure

    def _empty(self) -> None:
        """Throw away what is left: unread, it would turn our close into a reset.

        A reset overtakes the close frame before it.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            for _ in range(_LEFT_READS):
                # The raw bytes, over TLS too: they are thrown away.
                if not socket.socket.recv(self._sock, 1 << 16):
                    break
